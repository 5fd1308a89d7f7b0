"""The verdict table. For each need, the first row whose conditions all hold gives the approach for that need;
`COMBINE` then makes one verdict of them. Conditions are names from `facts.FACTS`.

The order of attempts behind it: a prompt, examples in the prompt, structured output, retrieval, and only then training.
How far "nothing tried yet" pushes back to a prompt is the one judgement in it:

- A need that a prompt can meet (style, terms, accuracy, general preference) goes back to the prompt, whatever the data.
  An hour with a prompt costs less than the first training run, and often ends the matter.
- A need that no prompt can meet does not go back: facts the model never saw (retrieval), a format that a parser must
  read (constrained decoding), a language it hardly knows, a prompt that is itself the cost. Without data these go back
  too: nobody should collect 500 examples before having looked at what a better model does with a prompt.
- Preference pairs and rated answers are themselves the product of attempts, so they count as one.
- Attempts that were not mentioned at all are taken as made; only "nothing yet", said outright, pushes back.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Approach = Literal[
    "prompting",
    "few_shot",
    "structured_output",
    "rag",
    "fine_tuning",
    "fine_tuning_and_rag",
    "preference_tuning",
    "collect_data",
]
Technique = Literal["sft", "sft_then_dpo", "dpo", "kto", "reward_rlhf", "distillation"]
Cost = Literal["low", "medium", "high"]


class Row(NamedTuple):
    """When every fact in `when` holds, each of `needs` is met by `approach`, because of `reason`.

    heads_to: for collect_data, what the data is collected for.
    """

    id: str
    needs: tuple[str, ...]
    when: frozenset[str]
    approach: Approach
    reason: str
    source: str
    technique: Technique | None = None
    heads_to: Approach | None = None


OPENAI_ACCURACY = "OpenAI, Optimizing LLM accuracy (developer guide)"
OPENAI_TUNING = "OpenAI, Fine-tuning best practices (developer guide)"
RAG_OR_TUNING = "Ovadia et al. 2023, Fine-tuning or retrieval? arXiv:2312.05934"
NEW_FACTS = "Gekhman et al. 2024, Fine-tuning on new knowledge encourages hallucinations, arXiv:2405.05904"
RAFT = "Zhang et al. 2024, RAFT, arXiv:2403.10131"
CONSTRAINED = "Willard and Louf 2023, Efficient guided generation, arXiv:2307.09702"
FEW_SHOT = "Brown et al. 2020, Language models are few-shot learners, arXiv:2005.14165"
LIMA = "Zhou et al. 2023, LIMA: less is more for alignment, arXiv:2305.11206"
LORA = "Hu et al. 2021, LoRA, arXiv:2106.09685"
LANGUAGE = "Yong et al. 2022, BLOOM+1: adding language support, arXiv:2212.09535"
DISTIL = "Hsieh et al. 2023, Distilling step-by-step, arXiv:2305.02301"
CONTEXT_DISTIL = "Snell et al. 2022, Learning by distilling context, arXiv:2209.15189"
DPO = "Rafailov et al. 2023, Direct preference optimization, arXiv:2305.18290"
KTO = "Ethayarajh et al. 2024, KTO, arXiv:2402.01306"
RLHF = "Ouyang et al. 2022, InstructGPT, arXiv:2203.02155"
GRPO = "Shao et al. 2024, DeepSeekMath (GRPO), arXiv:2402.03300"
PROMPT_SURVEY = "Schulhoff et al. 2024, The prompt report, arXiv:2406.06608"


def _row(
    id: str,
    needs: str,
    when: str,
    approach: Approach,
    reason: str,
    source: str,
    technique: Technique | None = None,
    heads_to: Approach | None = None,
) -> Row:
    return Row(id, tuple(needs.split()), frozenset(when.split()), approach, reason, source, technique, heads_to)


# Sentences may use {examples} and {pairs}, which become "1,200 examples" and "300 preference pairs".
ROWS: tuple[Row, ...] = (
    # Facts: looked up, not trained in.
    _row("current-facts", "fresh_knowledge", "", "rag",
         "Facts that must be current are looked up when the question is asked: training would freeze them on the day "
         "of the run, and every change would be another run.", RAG_OR_TUNING),
    _row("grounded-answers", "private_knowledge", "rag_tried data_ready facts_settled", "fine_tuning_and_rag",
         "Retrieval is in place and was not enough, and {examples} are there: keep retrieval for the facts and train "
         "the model to answer from the retrieved passages.", RAFT, "sft"),
    _row("better-retrieval", "private_knowledge", "rag_tried", "rag",
         "The facts still belong in retrieval: when RAG falls short, the passage was usually not found, and training "
         "on the facts teaches the model to state what it half knows.", NEW_FACTS),
    _row("private-facts", "private_knowledge", "", "rag",
         "The model has never seen these facts. Retrieval puts the right passage into the prompt, can cite it, and a "
         "changed document is right at the next question; training on facts is dear and makes them up when unsure.",
         RAG_OR_TUNING),

    # A fixed format: let the decoder hold it before the weights do.
    _row("format-first", "output_format", "structured_untried", "structured_output",
         "A fixed format is what structured output is for: the decoder cannot leave the schema, so the parser never "
         "meets a stray sentence around the JSON. It is a parameter of the request, not a training run.", CONSTRAINED),
    _row("format-tuned", "output_format", "data_ready", "fine_tuning",
         "Structured output was tried and was not enough. {examples} teach the model to give the format by itself, "
         "without talk around it, also where no schema can be enforced.", OPENAI_ACCURACY, "sft"),

    # Voice and vocabulary: a prompt shows the direction, weights hold it.
    _row("terms-change", "terminology", "no_knowledge_need changes_fast rag_untried", "rag",
         "The terms change faster than a model can be retrained: look the current ones up and put them into the "
         "prompt.", RAG_OR_TUNING),
    _row("prompt-first", "style_tone terminology", "nothing_tried", "prompting",
         "Nothing has been tried yet, and voice and vocabulary are what instructions and a short glossary often get "
         "right in an hour. What they leave wrong is what training would be for.", PROMPT_SURVEY),
    _row("terms-moving-tuned", "terminology", "no_knowledge_need changes_fast data_ready", "fine_tuning_and_rag",
         "{examples} can teach how the field writes; the terms that change weekly or daily stay in retrieval, or "
         "each change would be a retraining.", RAG_OR_TUNING, "sft"),
    _row("voice-tuned", "style_tone", "data_ready", "fine_tuning",
         "A voice that must hold over long conversations is behaviour, and behaviour is what training changes; a "
         "prompt drifts back to the model's own manner. {examples} can show it.", LIMA, "sft"),
    _row("terms-tuned", "terminology", "data_ready", "fine_tuning",
         "The field's own language, used right throughout, is a habit of the model, and {examples} can form it; a "
         "glossary in the prompt covers only the words that are in it.", OPENAI_ACCURACY, "sft"),
    _row("voice-unknown", "style_tone terminology", "nothing_known", "prompting",
         "Neither attempts nor examples were named. A prompt with the voice or the terms described is where everyone "
         "starts: it takes an hour and shows what is missing.", PROMPT_SURVEY),

    # Accuracy: make sure that it is not the prompt, the format or missing facts.
    _row("accuracy-facts", "task_accuracy", "needs_knowledge rag_untried", "rag",
         "Answers cannot be right while the facts for them are missing: bring in retrieval first, then measure what "
         "is still wrong.", OPENAI_ACCURACY),
    _row("accuracy-prompt", "task_accuracy", "nothing_tried", "prompting",
         "Nothing has been tried yet: a clear instruction with the criteria spelled out comes before everything "
         "else, and gives the figure that any later step has to beat.", OPENAI_ACCURACY),
    _row("accuracy-format", "task_accuracy", "needs_format structured_untried", "structured_output",
         "An answer that does not parse counts as wrong: fix the format first, then measure what accuracy is left to "
         "gain.", CONSTRAINED),
    _row("accuracy-few-shot", "task_accuracy", "few_shot_untried", "few_shot",
         "Three to eight worked examples in the prompt are the cheapest way to more accuracy, above all hard and "
         "borderline ones; they are the same rows that training would start from.", FEW_SHOT),
    _row("accuracy-moving", "task_accuracy", "no_knowledge_need changes_fast rag_untried", "rag",
         "What counts as right changes weekly or daily: retrieve the current rules or the nearest past cases into the "
         "prompt, where a change costs nothing.", RAG_OR_TUNING),
    _row("accuracy-moving-tuned", "task_accuracy", "no_knowledge_need changes_fast data_ready",
         "fine_tuning_and_rag",
         "{examples} can teach the task itself; the part that changes weekly or daily stays in retrieval.",
         RAFT, "sft"),
    _row("accuracy-tuned", "task_accuracy", "data_ready", "fine_tuning",
         "Examples in the prompt were tried and were not enough; {examples} are many more than a prompt can hold.",
         OPENAI_ACCURACY, "sft"),

    # A weak language: no prompt teaches one.
    _row("language-tuned", "language", "data_ready", "fine_tuning",
         "No prompt teaches a language: what the model can hardly write has to be trained, and {examples} are a "
         "start. Take the base model that already knows the language best.", LANGUAGE, "sft"),
    _row("language-look", "language", "nothing_tried data_few", "prompting",
         "Nothing has been tried and there is nothing to train on: first see what models that claim this language do "
         "with a plain prompt; they differ more than any small training could gain.", LANGUAGE),
    _row("language-unknown", "language", "nothing_known", "prompting",
         "Neither attempts nor examples were named: first see what models that claim this language do with a plain "
         "prompt; they differ more than any small training could gain.", LANGUAGE),

    # Cost and latency: move a long prompt, or a large model's behaviour, into a small one.
    _row("distil", "token_cost latency", "data_ready", "fine_tuning",
         "A long prompt, or a large model's behaviour, can be moved into the weights of a small model: it then "
         "answers from a short prompt, faster and for a fraction of the price. {examples} are there to learn from.",
         CONTEXT_DISTIL, "distillation"),
    _row("distil-raw", "token_cost latency", "data_raw only_dear_or_slow", "fine_tuning",
         "A long prompt, or a large model's behaviour, can be moved into a small model. The {examples} are "
         "unreviewed, but nothing but cost or speed is wrong with the answers you get today, so as the large model's "
         "answers they are what you accept: filter them and check a sample.", DISTIL, "distillation"),
    _row("cheaper-prompt", "token_cost latency", "nothing_tried data_few", "prompting",
         "Nothing has been tried: a smaller model with the same prompt, a shorter prompt and prompt caching cost an "
         "hour and often give most of the gain.", OPENAI_ACCURACY),
    _row("cheaper-unknown", "token_cost latency", "nothing_known", "prompting",
         "Neither attempts nor examples were named: a smaller model with the same prompt, a shorter prompt and "
         "prompt caching cost an hour and often give most of the gain.", OPENAI_ACCURACY),

    # Preference between answers.
    _row("sft-then-dpo", "preference_alignment", "pairs_ready data_ready", "preference_tuning",
         "{pairs} say which of two answers is better: DPO learns from them directly. With {examples} to imitate, "
         "SFT goes first, so that DPO starts from answers of the right kind.", DPO, "sft_then_dpo"),
    _row("dpo", "preference_alignment", "pairs_ready", "preference_tuning",
         "{pairs} say which of two answers is better: DPO learns from them directly, without a reward model and "
         "without sampling during training.", DPO, "dpo"),
    _row("kto", "preference_alignment", "thumbs", "preference_tuning",
         "There are no pairs, only single answers marked good or bad: that is what KTO learns from, and thumbs from "
         "users are enough.", KTO, "kto"),
    _row("reward", "preference_alignment", "scored", "preference_tuning",
         "Any answer can be scored, so the model can try, be scored, and learn from its own attempts (online RL with "
         "a reward); usually after SFT, and only where ready-made pairs for DPO are missing.", GRPO, "reward_rlhf"),
    _row("preference-prompt", "preference_alignment", "nothing_tried", "prompting",
         "Nothing has been tried and there are no judgements to learn from: write the rules for a good answer into "
         "the system prompt; they are also the guide for the people who will compare answers later.", RLHF),
    _row("preference-unknown", "preference_alignment", "nothing_known", "prompting",
         "Neither attempts nor judgements were named: write the rules for a good answer into the system prompt; they "
         "are also the guide for the people who will compare answers later.", RLHF),
    _row("preference-sft", "preference_alignment", "no_feedback data_ready", "fine_tuning",
         "Nobody compares or marks answers yet, but {examples} show what a good one looks like: imitate those first "
         "(SFT), then let people compare the tuned model's answers to make pairs.", RLHF, "sft"),
    _row("preference-collect", "preference_alignment", "", "collect_data",
         "Preference tuning needs judgements, and there are too few: 50 pairs at the very least, 500 to 1,000 to rely "
         "on, or thumbs on some hundreds of single answers.", DPO, heads_to="preference_tuning"),

    # Where training would be right, but the data is not.
    _row("review-first", "output_format style_tone terminology task_accuracy language token_cost latency", "data_raw",
         "collect_data",
         "Training is the right tool, but nobody has reviewed the {examples}: the model would learn their mistakes as "
         "faithfully as the rest. A hundred excellent rows beat ten thousand mediocre ones.", LIMA,
         heads_to="fine_tuning"),
    _row("collect-first", "output_format style_tone terminology task_accuracy language token_cost latency", "",
         "collect_data",
         "Training is the right tool, but there are too few usable examples ({examples}): 50 to 100 good ones are the "
         "least for a LoRA, 500 to 5,000 the range to aim for.", OPENAI_TUNING, heads_to="fine_tuning"),
)  # fmt: skip


# One verdict out of several: the first line whose approaches are all among those of the needs.
# Training comes with retrieval wherever both are called for. Among the rest the most powerful tool that has not been
# tried goes first, since it serves the weaker needs as well; collecting data is the verdict only where nothing can be
# done today, and retrieval that is already there is no news.
class Combination(NamedTuple):
    """Where all of `approaches` are called for by some need, and `unless` is not a fact, the verdict is `verdict`."""

    approaches: frozenset[str]
    verdict: Approach
    unless: str = ""


COMBINE: tuple[Combination, ...] = (
    Combination(frozenset({"fine_tuning_and_rag"}), "fine_tuning_and_rag"),
    Combination(frozenset({"fine_tuning", "rag"}), "fine_tuning_and_rag"),
    Combination(frozenset({"preference_tuning", "rag"}), "fine_tuning_and_rag"),
    Combination(frozenset({"preference_tuning"}), "preference_tuning"),
    Combination(frozenset({"fine_tuning"}), "fine_tuning"),
    Combination(frozenset({"rag"}), "rag", unless="rag_tried"),
    Combination(frozenset({"structured_output"}), "structured_output"),
    Combination(frozenset({"few_shot"}), "few_shot"),
    Combination(frozenset({"prompting"}), "prompting"),
    Combination(frozenset({"collect_data"}), "collect_data"),
    Combination(frozenset({"rag"}), "rag"),
)

COST: dict[Approach, Cost] = {
    "prompting": "low",
    "few_shot": "low",
    "structured_output": "low",
    "rag": "medium",
    "collect_data": "medium",
    "fine_tuning": "high",
    "fine_tuning_and_rag": "high",
    "preference_tuning": "high",
}

COST_REASONS: dict[Cost, str] = {
    "low": "hours of one person's time, no hardware",
    "medium": "days to weeks of work, no GPU",
    "high": "data work, GPU time, and a retraining for every later change",
}
