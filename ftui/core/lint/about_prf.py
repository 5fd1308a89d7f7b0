"""The PRF rules in words: pairs, labels and prompts for rewards, with a bad and a good row each."""

from __future__ import annotations

from ftui.core.lint.examples import pair, rows
from ftui.core.lint.model import Rule, Severity

E, W, I = Severity.ERROR, Severity.WARNING, Severity.INFO  # noqa: E741  (the table's own letters)

_LONG = "It is red, and it has been red since the day on which it was painted by the people of the town."

RULES: tuple[Rule, ...] = (
    Rule(
        "PRF851", "identical-pair", E, "Chosen and rejected are the same.",
        "There is nothing to prefer: the loss of such a pair cannot fall, and its gradient is noise.",
        pair("Which one is it?", "The red one.", "The red one."),
        pair("Which one is it?", "The red one.", "The blue one."),
        "drop the pair", "safe",
    ),
    Rule(
        "PRF852", "empty-side", E, "One side of the pair is empty.",
        "The model learns that saying nothing is better, or worse, than anything. hh-rlhf has such rows.",
        pair("Which one is it?", "The red one.", " "), pair("Which one is it?", "The red one.", "The blue one."),
        "drop the pair", "safe",
    ),
    Rule(
        "PRF853", "length-bias", W, "One side is nearly always the longer one.",
        "DPO then learns length in place of quality: the best known failure of preference tuning. Add pairs in which"
        " the shorter answer wins, or use a loss that is normalised by length (SimPO, length-normalised DPO).",
        rows(*[{"prompt": f"What is case {n}?", "chosen": f"Case {n}: {_LONG}", "rejected": f"Case {n} is blue."}
               for n in range(40)]),
        rows(*[{"prompt": f"What is case {n}?", "chosen": f"Case {n} is {'red' if n % 2 else 'blue, I think'}.",
                "rejected": f"Case {n} is {'green, I think' if n % 2 else 'grey'}."} for n in range(40)]), cost="file",
    ),
    Rule(
        "PRF854", "cosmetic-difference", W, "The sides differ only in spaces, case or punctuation.",
        "The pair teaches a full stop or a capital letter, with the whole weight of a preference.",
        pair("Which one is it?", "The red one.", "the red one"),
        pair("Which one is it?", "The red one.", "The blue one."),
    ),
    Rule(
        "PRF855", "contradicting-pairs", E, "The same two answers are preferred both ways.",
        "Two rows say the opposite about one prompt. Their gradients cancel; keep the one that is right.",
        pair("Which one is it?", "Red it is.", "Blue it is.") + "\n" + pair("Which one is it?", "Blue it is.",
                                                                            "Red it is."),
        pair("Which one is it?", "Red it is.", "Blue it is."), cost="file",
    ),
    Rule(
        "PRF856", "sides-of-different-shape", E, "The sides are of different shape or role.",
        "One is a text and the other a list of messages, or one ends with the user: the trainer compares things that"
        " cannot be compared, or stops.",
        pair("Which one is it?", "The red one.",
             [{"role": "assistant", "content": "The blue one."}]),  # type: ignore[arg-type]
        pair("Which one is it?", "The red one.", "The blue one."),
    ),
    Rule(
        "PRF857", "prompts-differ", E, "The prompt is not the same on both sides.",
        "Without a prompt column the common beginning of both sides is the prompt. Here the conversations part before"
        " the last answer, so the answers belong to different questions. Five rows of hh-rlhf's harmless test set do.",
        rows({"chosen": "\n\nHuman: Red?\n\nAssistant: Yes.\n\nHuman: Sure?\n\nAssistant: Quite.",
              "rejected": "\n\nHuman: Red?\n\nAssistant: No.\n\nHuman: Sure?\n\nAssistant: Maybe."}),
        rows({"chosen": "\n\nHuman: Red?\n\nAssistant: Yes, quite.", "rejected": "\n\nHuman: Red?\n\nAssistant: No,"
                                                                                 " not so."}),
    ),
    Rule(
        "PRF858", "refusal-preferred", I,
        "A refusal is preferred to an answer, or the reverse, in a share of the pairs.",
        "Right for harmlessness, wrong for helpfulness. The share tells you which of the two you are about to train.",
        rows(*[{"prompt": f"How is case {n} done?", "chosen": "I'm sorry, but I cannot help with that." if n < 8
                else f"Do it in {n} steps.",
                "rejected": f"Do it in {n + 7} or more steps, I think."} for n in range(24)]),
        rows(*[{"prompt": f"How is case {n} done?", "chosen": f"Do it in {n} steps.", "rejected": f"Do it in {n + 7}."}
               for n in range(24)]), cost="file",
    ),
    Rule(
        "PRF859", "format-predicts-preference", W, "A feature of the format alone tells which side was chosen.",
        "Where lists, headings, bold type, emoji, code blocks, exclamation marks or an opening \"Sure\" stand on one"
        " side"
        " only, they nearly always stand on the same side. The model learns the feature, not the quality.",
        rows(*[{"prompt": f"What is case {n}?", "chosen": f"**Case {n}** is this{' one' * (n % 2)}.",
                "rejected": f"Case {n} is that, it{' may' * (1 - n % 2)} be."} for n in range(40)]),
        rows(*[{"prompt": f"What is case {n}?", "chosen": f"Case {n} is this{' one' * (n % 2)}.",
                "rejected": f"Case {n} is that{' one' * (1 - n % 2)}."} for n in range(40)]), cost="file",
    ),
    Rule(
        "PRF860", "scores-disagree", W, "The scores of the row say the opposite of its order.",
        "The rejected answer has the higher score: the columns were swapped, or the score means something else.",
        pair("Which one is it?", "The red one.", "The blue one.", score_chosen=2, score_rejected=5),
        pair("Which one is it?", "The red one.", "The blue one.", score_chosen=5, score_rejected=2),
        "swap the two sides", "unsafe",
    ),
    Rule(
        "PRF861", "label-not-boolean", E, "A KTO label is not true or false.",
        'The text "false" counts as true in Python: such rows are learned the wrong way round.',
        rows({"prompt": "Which one is it?", "completion": "The red one.", "label": "false"}),
        rows({"prompt": "Which one is it?", "completion": "The red one.", "label": False}),
        "turn the text into true or false", "safe",
    ),
    Rule(
        "PRF862", "label-balance", W, "KTO labels are of one class, or far from balance.",
        "KTO weighs desirable against undesirable examples; the product of weight and count should be within 1:1 and"
        " 4:3."
        " With one class only there is nothing to tell apart. Set `desirable_weight` and `undesirable_weight`.",
        rows(*[{"prompt": f"Which one is case {n}?", "completion": f"The {n}th one.",
                "label": n % 10 != 0} for n in range(40)]),
        rows(*[{"prompt": f"Which one is case {n}?", "completion": f"The {n}th one.",
                "label": n % 2 == 0} for n in range(40)]),
        cost="file",
    ),
    Rule(
        "PRF864", "reward-column-missing", E, "Some prompts lack the column that others have for the reward.",
        "A reward that compares with a reference needs it in every row; without it the reward is zero, or the run stops"
        " in the middle. No reference column at all is only a warning: some rewards need none.",
        rows({"prompt": "2+2?", "ground_truth": "4"}, {"prompt": "3+3?"}, {"prompt": "4+4?", "ground_truth": "8"}),
        rows({"prompt": "2+2?", "ground_truth": "4"}, {"prompt": "3+3?", "ground_truth": "6"},
             {"prompt": "4+4?", "ground_truth": "8"}),
        cost="file",
    ),
    Rule(
        "PRF865", "prompt-holds-answer", W, "The prompt holds the answer that it will be rewarded for.",
        "The model learns to copy. Often a worked example or a hint was left in.",
        rows({"prompt": "What is the capital of France? The answer is Paris.", "ground_truth": "Paris"}),
        rows({"prompt": "What is the capital of France?", "ground_truth": "Paris"}),
    ),
    Rule(
        "PRF866", "prompt-ends-with-assistant", E, "A prompt for online training ends with an assistant turn.",
        "The model is to write that turn itself. TRL refuses the row or continues the given answer.",
        rows({"prompt": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}], "answer": "4"}),
        rows({"prompt": [{"role": "user", "content": "2+2?"}], "answer": "4"}), "cut the last turn off", "safe",
    ),
    Rule(
        "PRF867", "steps-and-labels", E, "The number of labels differs from the number of steps.",
        "Stepwise supervision wants one true or false for each step of the solution.",
        rows({"prompt": "2+2?", "completions": ["Two and two", "make four."], "labels": [True]}),
        rows({"prompt": "2+2?", "completions": ["Two and two", "make four."], "labels": [True, True]}),
    ),
)  # fmt: skip
