"""What to do next, as sentences: chosen by approach, technique and a few facts, in the order of doing."""

from __future__ import annotations

from typing import NamedTuple

from ftui.core.decide.answers import Answers
from ftui.core.decide.choose import Choice
from ftui.core.decide.facts import facts_of


class Step(NamedTuple):
    """`text` is said for `approaches` when every mark in `when` is there (see `marks_of`)."""

    approaches: frozenset[str]
    when: frozenset[str]
    text: str


def _step(approaches: str, when: str, text: str) -> Step:
    return Step(frozenset(approaches.split()), frozenset(when.split()), text)


TUNING = "fine_tuning fine_tuning_and_rag preference_tuning"
ALL = f"prompting few_shot structured_output rag collect_data {TUNING}"

STEPS: tuple[Step, ...] = (
    # Before anything: a way to tell better from different.
    _step(ALL, "no_eval_set",
          "Make an evaluation set first: 30 to 200 real inputs, each with an answer that you would accept, never "
          "used for training or as an example. Without one nobody can say whether anything helped."),
    _step(ALL, "eval_set_unsaid",
          "If there is no evaluation set yet, make one first: 30 to 200 real inputs, each with an answer that you "
          "would accept."),
    _step(f"{TUNING} collect_data", "answers_to_improve",
          "Run the strongest model that you may use, with your best prompt, on the evaluation set. If it passes, "
          "stop: you need no training."),
    _step(f"{TUNING} collect_data", "only_dear_or_slow",
          "Run a model a tenth of the size, with your best prompt and three to eight examples, on the evaluation set. "
          "If it passes, stop: switch to it, you need no training."),
    _step("prompting few_shot structured_output rag", "eval_set only_dear_or_slow",
          "Score what you have today on the evaluation set: if a smaller model or a shorter prompt reaches that, "
          "stop: you are done."),
    _step("prompting few_shot structured_output rag", "eval_set answers_to_improve",
          "Score what you have today on the evaluation set: that is the figure to beat. If a strong model with a "
          "good prompt already passes, stop: you are done."),

    # Prompting.
    _step("prompting", "need:language",
          "Compare two or three models whose model card names your language; take the best one further."),
    _step("prompting", "need:token_cost",
          "Try the same task on a model a tenth of the size, and switch on prompt caching."),
    _step("prompting", "need:latency", "Try the same task on a model a tenth of the size, and stream the answer."),
    _step("prompting", "",
          "Write one prompt: the task, what makes an answer good, what to do when unsure, the output wanted "
          "(template "
          "below). Read the answers to 20 to 30 real inputs and name each failure in a word or two."),
    _step("prompting", "",
          "Change the prompt against the most frequent failure, score again, and stop when it no longer rises. Still "
          "short? Then answer `ftui decide` again with what you tried."),

    # Few-shot.
    _step("few_shot", "",
          "Put three to eight examples into the prompt (template below): typical ones, and the borderline ones that "
          "go wrong today. None of them may be in the evaluation set."),
    _step("few_shot", "data_ready",
          "With as many examples as you have, look up the ones nearest to each input and put those into the prompt: "
          "often the last step before training, and often enough."),
    _step("few_shot", "",
          "Score with 0, 3 and 8 examples. Still short with 8? Then examples in the prompt are tried, and "
          "`ftui decide` goes on from there."),

    # Structured output.
    _step("structured_output", "",
          "Write the format as a JSON Schema: every field required, enums for closed lists, no additional "
          "properties, "
          "null where the input may not say."),
    _step("structured_output", "api", "Send the schema with the request (response_format, strict; example below)."),
    _step("structured_output", "local",
          "Serve the model with vLLM, llama.cpp or Ollama: each enforces a JSON Schema while decoding, for any model "
          "(example below)."),
    _step("structured_output", "deployment_unsaid",
          "Send the schema with the request: hosted models and local servers (vLLM, llama.cpp, Ollama) enforce it "
          "while decoding (example below)."),
    _step("structured_output", "",
          "Validate every answer and count the failures. Valid but wrong values: add examples to the prompt. Only if "
          "the form itself must hold where no schema can be enforced, train for it."),

    # Retrieval.
    _step("rag", "rag_tried",
          "Sort the failures of today's retrieval: was the right passage not found (mend search: chunks, keyword and "
          "embedding together, a reranker), or found and ignored (mend the prompt; that part training can help)?"),
    _step("rag fine_tuning_and_rag", "rag_untried",
          "Build retrieval first: cut the documents into passages of 200 to 500 tokens with title and date, index "
          "them by keyword and by embedding, and put the best five into the prompt (outline below)."),
    _step("rag fine_tuning_and_rag", "rag_untried",
          "Measure search by itself on 30 questions with a known passage: is it among the first five? Only then "
          "judge "
          "the answers."),
    _step("rag fine_tuning_and_rag", "needs_knowledge changes:daily",
          "Index each change as it happens, and show the passage's date in the answer."),
    _step("rag fine_tuning_and_rag", "needs_knowledge changes:weekly", "Rebuild the index every night."),
    _step("rag fine_tuning_and_rag", "needs_knowledge changes:monthly",
          "Rebuild the index with each release of the documents."),
    _step("rag", "part:structured_output",
          "Request the answer with a JSON Schema (structured output) from the start: it costs nothing beside "
          "retrieval."),
    _step("rag", "part:collect_data",
          "Until there is data to train on, describe the voice, terms or format in the same prompt, and keep each "
          "answer that a person has corrected: those are the rows for a later training."),
    _step("rag", "part:prompting",
          "Describe the voice, terms or rules wanted in the same prompt before thinking of training."),

    # Data first.
    _step("collect_data", "few_shot_untried",
          "Put your three to five best examples into the prompt today (few-shot): an hour's work, and it may be "
          "enough."),
    _step("collect_data", "data_few part:collect_data heads:fine_tuning",
          "Collect real inputs from logs and let somebody who knows write or correct the answers: 50 to 100 for a "
          "first run, 500 to 5,000 to aim for. A strong model may draft; a person accepts each row."),
    _step("collect_data", "data_raw",
          "Review before training: two people read the same 50 rows and agree on what is good; drop or mend the rest "
          "by that measure. `ftui lint FILE` finds duplicates, broken rows and secrets."),
    _step("collect_data", "need:token_cost",
          "Log the large model's answers to real inputs: they are the data to distil from."),
    _step("collect_data", "need:latency",
          "Log the large model's answers to real inputs: they are the data to distil from."),
    _step("collect_data", "heads:preference_tuning",
          "Show people two answers to the same prompt and ask which is better (500 to 1,000 pairs), or put thumbs up "
          "and down under each answer."),
    _step("collect_data", "part:rag",
          "Retrieval stays in place for the facts; collect rows that contain the retrieved passages."),
    _step("collect_data", "",
          "Keep a tenth to a fifth of the rows apart as evaluation set, then answer `ftui decide` again."),

    # Training.
    _step(TUNING, "part:structured_output",
          "Turn on structured output beside it: training and schema together hold the format best."),
    _step(TUNING, "part:few_shot",
          "Put three to eight examples into the prompt as well, and score that before training."),
    _step(TUNING, "part:prompting",
          "Write the best prompt you can first: it is the baseline, and the system prompt of the training rows."),
    _step("fine_tuning_and_rag", "sft_first",
          "Make the training rows look like production: retrieved passages in the prompt, some of them irrelevant, "
          "and some rows where the right answer is that the passages do not say."),
    _step(f"few_shot {TUNING}", "need:task_accuracy",
          "Is the answer one of a fixed list of classes? Then score an embedding model with logistic regression as "
          "well: it trains in seconds, and often there is nothing left to gain."),
    _step(TUNING, "technique:distillation",
          "Let the large model, with its full prompt, answer 500 to 5,000 real inputs; train the small one on input "
          "plus a short prompt. Filter what fails your checks, and read the provider's terms on training."),
    _step(TUNING, "technique:distillation data_raw",
          "The rows you have are unreviewed: drop what fails your checks, and train only when a person has accepted a "
          "sample of 100 with next to no mistakes."),
    _step(TUNING, "sft_first", "Check the data: `ftui lint FILE`, and read 50 rows yourself."),
    _step(TUNING, "quality_unsaid sft_first",
          "Nobody said that the rows are reviewed: have a person accept a sample of 100 first."),
    _step(TUNING, "need:preference_alignment sft_first technique:sft",
          "Then let people compare the tuned model's answers two by two: those are the pairs for DPO."),
    _step(TUNING, "",
          "Smallest capable model first: `ftui models` lists them, `ftui fit MODEL` says what this machine can "
          "train."),
    _step(TUNING, "technique:sft_then_dpo",
          "Train SFT first, score it, then DPO from that model on the pairs: drop pairs whose answers are equal and "
          "compare lengths. Start with beta 0.1 and a tenth of the SFT learning rate."),
    _step(TUNING, "technique:dpo",
          "Drop pairs whose answers are equal and compare the lengths of better and worse ones; then DPO from an "
          "instruction-tuned model, beta 0.1, a low learning rate, one epoch."),
    _step(TUNING, "technique:kto",
          "Check that both good and bad answers are there (one to one up to one to ten, weighted accordingly) "
          "and come "
          "from many users; then KTO from an instruction-tuned model."),
    _step(TUNING, "technique:kto data_ready part:fine_tuning",
          "Imitate the good answers first (SFT); KTO starts from that model."),
    _step(TUNING, "technique:reward_rlhf",
          "Write the scorer and try to cheat it. Start from an SFT model that is right now and then, then GRPO "
          "or RLOO "
          "with the KL penalty on; read samples at each evaluation."),
    _step(TUNING, "part:collect_data", "Go on collecting for the needs that lack data; they join a later run."),
    _step(TUNING, "api",
          "Your model is hosted: see whether its provider tunes it for you; an adapter made here runs on open "
          "models, "
          "served by yourself or by a host that takes adapters."),
    _step(TUNING, "local",
          "Train here and serve the adapter or the merged model: `ftui export RUN --to vllm`, gguf or ollama."),
    _step(TUNING, "",
          "`ftui plan new --model MODEL --data FILE`, `ftui train PLAN`, then `ftui eval RUN`: ship only what "
          "beats the "
          "untuned model on the evaluation set."),
)  # fmt: skip


def next_steps(answers: Answers, choice: Choice) -> tuple[str, ...]:
    """The steps for this choice, first things first."""
    marks = marks_of(answers, choice)
    return tuple(step.text for step in STEPS if choice.approach in step.approaches and step.when <= marks)


def marks_of(answers: Answers, choice: Choice) -> frozenset[str]:
    """Facts, and what steps look at besides: needs, parts, technique, evaluation set, deployment, change rate."""
    marks = set(facts_of(answers))
    marks.update(f"need:{need}" for need in answers.needs)
    marks.update(f"part:{part.row.approach}" for part in choice.parts)
    marks.update(f"heads:{part.row.heads_to}" for part in choice.parts if part.row.heads_to)
    marks.add(f"technique:{choice.technique}")
    if "only_dear_or_slow" not in marks:
        marks.add("answers_to_improve")
    marks.add({True: "eval_set", False: "no_eval_set", None: "eval_set_unsaid"}[answers.eval_set])
    marks.add(answers.deployment or "deployment_unsaid")
    if answers.change_rate:
        marks.add(f"changes:{answers.change_rate}")
    if answers.example_quality is None:
        marks.add("quality_unsaid")
    if any(part.row.technique in ("sft", "distillation", "sft_then_dpo") for part in choice.parts):
        marks.add("sft_first")
    return frozenset(marks)
