"""The questionnaire as data: what is asked, when, why, and what each answer means."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Kind = Literal["many", "one", "count", "yes_no"]


class Choice(NamedTuple):
    """One possible answer: the value that goes into `Answers`, a short label, and a line that explains it."""

    value: Any
    label: str
    help: str


class Question(NamedTuple):
    """One question. id is the key in `Answers`.

    kind: many (any number of choices), one (exactly one), count (a whole number; choices are suggestions), yes_no.
    nothing: with many, what choosing none of them is called; empty where at least one is wanted.
    asked_when: in words; `flow.is_asked` works it out from the table.
    why: what the verdict does with the answer.
    """

    id: str
    kind: Kind
    text: str
    choices: tuple[Choice, ...]
    asked_when: str
    why: str
    help: str
    nothing: str = ""


QUESTIONS: tuple[Question, ...] = (
    Question(
        "needs",
        "many",
        "What should the model do better than it does now?",
        (
            Choice("private_knowledge", "Know facts of ours", "documents, products, people it never saw"),
            Choice("fresh_knowledge", "Know what is current", "prices, stock, news: it must be of today"),
            Choice("output_format", "Keep a fixed format", "JSON for a program, a form with headings"),
            Choice("style_tone", "Write in a certain voice", "a brand, a character, a way of behaving"),
            Choice("terminology", "Use our field's terms", "shorthand, jargon, insiders' words"),
            Choice("task_accuracy", "Be right more often", "sorting, extracting, judging, computing"),
            Choice("language", "Speak a language better", "one that it writes badly or mixes up"),
            Choice("token_cost", "Cost less per request", "a long prompt or large model is too dear"),
            Choice("latency", "Answer faster", "a large model is too slow for this"),
            Choice("preference_alignment", "Give answers people prefer", "safer, more helpful, better liked"),
        ),
        "always, first",
        "Each need has its own best tool: facts are looked up, formats are enforced, manners are trained. The need "
        "decides more than anything else you will say.",
        "Choose what you would complain about today. Two or three at most: with several the verdict becomes a plan "
        "in steps. If you are unsure whether it is facts or accuracy: could a clever stranger answer from the input "
        "alone? Then it is accuracy; otherwise facts.",
    ),
    Question(
        "tried",
        "many",
        "What have you tried that was not enough?",
        (
            Choice("prompting", "A good prompt", "task and criteria written out, and revised"),
            Choice("few_shot", "Examples in the prompt", "three to eight worked cases, also hard ones"),
            Choice("structured_output", "Structured output", "a JSON Schema enforced while decoding"),
            Choice("rag", "Retrieval (RAG)", "passages looked up and put into the prompt"),
        ),
        "always",
        "Cheaper attempts come first: each costs hours, training costs days and must be repeated. What you have not "
        "tried may end the matter; what you have tried leads on to the next.",
        "Choose only what you really tried on real inputs and found short. Nothing yet is an answer, too: then a "
        "prompt comes first wherever a prompt can do it.",
        nothing="Nothing yet",
    ),
    Question(
        "examples",
        "count",
        "How many examples do you have, input with the answer you want?",
        (
            Choice(0, "none", "nothing collected yet"),
            Choice(30, "about 30", "too few to train on, right for a prompt"),
            Choice(75, "about 75", "the least a LoRA can work with"),
            Choice(300, "about 300", "a sound beginning"),
            Choice(2000, "about 2,000", "the good range (500 to 5,000)"),
            Choice(20000, "about 20,000", "plenty; quality decides now"),
        ),
        "when the verdict depends on data: not where something cheaper comes first anyway",
        "Below 50 good rows a tuned model copies them instead of learning the task. From 500 on, results are "
        "dependable.",
        "Count rows that you would show as a model of a good answer. For thumbs up and down, count the rated answers. "
        "A guess of the right size is good enough.",
    ),
    Question(
        "example_quality",
        "one",
        "Has a person looked at these examples?",
        (
            Choice("reviewed", "Yes, reviewed", "someone who knows has accepted each row"),
            Choice("raw", "No, as they came", "logs, exports, scraped or generated text"),
        ),
        "when there are 50 examples or more and training could use them",
        "A model learns mistakes as faithfully as the rest: a hundred excellent rows beat ten thousand mediocre ones.",
        "Reviewed means each row, or the rows were written for this purpose. A sample that was read is still raw.",
    ),
    Question(
        "preference_pairs",
        "count",
        "How many pairs do you have: one prompt, a better and a worse answer?",
        (
            Choice(0, "none", "nobody has compared answers yet"),
            Choice(20, "about 20", "too few to train on"),
            Choice(200, "about 200", "enough for a first trial"),
            Choice(1000, "about 1,000", "dependable"),
            Choice(10000, "about 10,000", "plenty"),
        ),
        "when better liked answers are a need",
        "Pairs are what DPO learns from, the simplest way to train on preferences.",
        "A correction counts as a pair: the corrected answer is the better one, the original the worse one.",
    ),
    Question(
        "feedback",
        "one",
        "What else tells good answers from bad ones?",
        (
            Choice("thumbs", "Thumbs or marks", "single answers marked good or bad"),
            Choice("scored", "A score", "tests or a rule can score any answer"),
            Choice("none", "Nothing yet", "nobody and nothing judges answers"),
        ),
        "when better liked answers are a need, and there are fewer than 50 pairs",
        "Without pairs, single marks are enough for KTO, and a score for any answer allows learning by trial (RLHF). "
        "Without either there is nothing to learn a preference from.",
        "A score must be hard to satisfy without being right: tests that pass, a number that agrees.",
    ),
    Question(
        "change_rate",
        "one",
        "How often do the facts, terms or rules change?",
        (
            Choice("never", "Never", "the same in years"),
            Choice("monthly", "About monthly", "with each release or edition"),
            Choice("weekly", "About weekly", "faster than anyone wants to retrain"),
            Choice("daily", "Daily or faster", "prices, stock, news"),
        ),
        "when facts, terms or accuracy are a need and nothing cheaper comes first",
        "Each change of what was trained in is another training run; each change of what is looked up is nothing.",
        "Think of what would be wrong first if nobody touched the system for a month.",
    ),
    Question(
        "deployment",
        "one",
        "Where will the model run?",
        (
            Choice("api", "With a provider", "a hosted model behind an API"),
            Choice("local", "On our own machines", "open weights that you serve yourselves"),
        ),
        "when the next steps depend on it: structured output and training",
        "It does not change the verdict, but how it is done: who enforces a schema, who trains, what can be exported.",
        "If that is open, say where a first version would run.",
    ),
    Question(
        "eval_set",
        "yes_no",
        "Do you have an evaluation set: held-out inputs with answers you would accept?",
        (
            Choice(True, "Yes", "30 or more, not used as examples anywhere"),
            Choice(False, "No", "then it is the first thing to make"),
        ),
        "always, last",
        "Without one nobody can say whether anything helped. With one the cheapest rule applies: if a strong model "
        "with a good prompt passes it, stop.",
        "Thirty real inputs with accepted answers are a beginning; two hundred show differences of a few per cent.",
    ),
)

BY_ID = {question.id: question for question in QUESTIONS}
