"""What goes wrong with each approach, and what is done about it."""

from __future__ import annotations

from typing import NamedTuple

TUNING = ("fine_tuning", "fine_tuning_and_rag", "preference_tuning")
RETRIEVAL = ("rag", "fine_tuning_and_rag")
IN_THE_PROMPT = ("prompting", "few_shot", "structured_output")


class Risk(NamedTuple):
    """approaches and techniques: where it applies; no techniques means whatever the technique.

    evaluated: whether it is one even with an evaluation set.
    """

    name: str
    what: str
    remedy: str
    approaches: tuple[str, ...]
    techniques: tuple[str, ...] = ()
    evaluated: bool = True


RISKS: tuple[Risk, ...] = (
    Risk("no evaluation", "Without held-out inputs nobody can tell better from different.",
         "Make an evaluation set first, and score the untouched model on it before anything else.",
         (*TUNING, *IN_THE_PROMPT, "rag", "collect_data"), evaluated=False),
    Risk("overfitting", "The model learns the rows by heart: training loss falls while evaluation loss rises.",
         "Fewer epochs (1 to 3), more varied data, early stopping on the evaluation loss.", TUNING),
    Risk("catastrophic forgetting", "Abilities that the data does not exercise get worse.",
         "LoRA instead of all weights, a low learning rate, 5 to 20 % general data mixed in; score general questions "
         "before and after.", TUNING),
    Risk("bad data", "Wrong, contradictory or duplicate rows are learned as faithfully as good ones.",
         "Lint the file, have a person read a sample of 50 rows, keep the hundred best over ten thousand mediocre "
         "ones.", (*TUNING, "collect_data")),
    Risk("maintenance", "Each change in what the model should know or do is another training run, and so is each new "
         "base model.", "Keep data, plan and evaluation set under version control; leave what changes to the prompt "
         "or to retrieval.", TUNING),
    Risk("longer, not better", "Preference data often prefers the longer answer, and the model learns just that.",
         "Compare the lengths of preferred and rejected answers; balance them, and watch the answer length in "
         "evaluation.", ("preference_tuning", "fine_tuning_and_rag"), ("dpo", "sft_then_dpo", "kto")),
    Risk("reward hacking", "The model finds answers that score well and are no good.",
         "Make the scorer hard to please by form alone, keep the KL penalty, read samples at each evaluation.",
         TUNING, ("reward_rlhf",)),
    Risk("a teacher's faults and terms", "The small model copies the large one's mistakes, and some providers forbid "
         "training on their answers.", "Filter the answers, check a sample by hand, read the provider's terms or "
         "use an open model as teacher.", TUNING, ("distillation",)),
    Risk("passage not found", "The answer is in the documents but not among the retrieved passages.",
         "Measure retrieval by itself (is the right passage among the first five?); combine keyword and embedding "
         "search, then rerank.", RETRIEVAL),
    Risk("text that gives orders", "A retrieved document may contain instructions, and the model may follow them.",
         "Mark passages as quotations, give the model no power to act on them, index only trusted sources.", RETRIEVAL),
    Risk("a model that changes under you", "A hosted model is updated and the prompt no longer works the same.",
         "Pin the model's version, and rerun the evaluation set before each change of it.", IN_THE_PROMPT),
    Risk("valid and wrong", "A schema guarantees the form of an answer, not its content.",
         "Check values as well as structure; allow null for what the input does not say.", ("structured_output",)),
    Risk("private data in the rows",
         "Names, secrets and customer data in examples can come out of a tuned model again.",
         "Mask them before training; `ftui lint` looks for them.", (*TUNING, "collect_data")),
)  # fmt: skip


def risks_of(approach: str, technique: str | None, eval_set: bool | None = None) -> tuple[Risk, ...]:
    """The risks of one verdict, the most general first. eval_set: whether there is one, None: not said."""
    return tuple(
        risk
        for risk in RISKS
        if approach in risk.approaches
        and (not risk.techniques or technique in risk.techniques)
        and (risk.evaluated or not eval_set)
    )
