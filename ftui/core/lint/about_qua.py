"""The QUA rules in words: what each is about, with a bad and a good row."""

from __future__ import annotations

from ftui.core.lint.examples import chat, conversation, rows
from ftui.core.lint.model import Rule, Severity

E, W, I = Severity.ERROR, Severity.WARNING, Severity.INFO  # noqa: E741  (the table's own letters)

_LONG = "The heart pumps blood through the body, and the lungs add oxygen to it on every round."
_LOOP = "The weather is nice today and we go out. " * 12

RULES: tuple[Rule, ...] = (
    Rule(
        "QUA601", "near-empty-answer", W, "An open question is answered with a word or two.",
        "A prompt that asks to explain, discuss or write something gets almost nothing: often a lost answer. One-word"
        " answers to questions that want one word are left alone.",
        chat("Explain how the heart works.", "Blood."), chat("Explain how the heart works.", _LONG),
    ),
    Rule(
        "QUA602", "placeholder", W, "A placeholder stands where an answer or an input should be.",
        "<noinput>, N/A, None, TODO: a tool's word for nothing became part of the data. The model learns to answer, or"
        " to expect, that word. Stanford Alpaca has 61 such rows in its first 5,000.",
        rows({"instruction": "Name a colour.", "input": "<noinput>", "output": "Dark blue is a colour."}),
        rows({"instruction": "Name a colour.", "input": "", "output": "Dark blue is a colour."}),
        "empty the input, or drop the row whose answer it is", "unsafe",
    ),
    Rule(
        "QUA603", "refusals", I, "Answers that refuse make up a share of the set.",
        "A set with refusals teaches refusing. That is right where they are meant (safety, tools that do not fit); in"
        " a set made by another model they are often accidents: sort them out by reading a few.",
        rows(*[conversation(f"Question {n}?",
                            "I'm sorry, but I cannot help with that." if n % 4 == 0 else f"It is {n}.")
               for n in range(24)]),
        rows(*[conversation(f"Question {n}?", f"It is {n}.") for n in range(24)]), cost="file",
    ),
    Rule(
        "QUA604", "boilerplate-opening", I, "The answer opens with a phrase that says nothing.",
        '"Sure!", "Certainly! Here is": the model learns to put it in front of everything, also where a program reads'
        " the answer.",
        chat("What is two plus two?", "Sure! Two plus two is four."),
        chat("What is two plus two?", "Two plus two is four."),
        "cut the opening off", "unsafe",
    ),
    Rule(
        "QUA605", "short-answers-throughout", I, "Nearly all answers are very short, and they are no labels.",
        "The model will learn to be brief everywhere. Right for extraction; a surprise for a chat model.",
        rows(*[conversation(f"Question number {n}?", f"Answer {n}") for n in range(60)]),
        rows(*[conversation(f"Question number {n}?", f"Answer {n}: {_LONG}") for n in range(60)]), cost="file",
    ),
    Rule(
        "QUA606", "length-outlier", I, "A few answers are many times longer than the rest.",
        "They decide the memory and the time of their batches, and are often accidents: a log, a whole file, a loop.",
        rows(*[conversation(f"Question {n}?", f"It is {n}, or so I have been told by people.") for n in range(99)],
             conversation("And?", " ".join(f"Sentence {n} is about the topic of case {n}." for n in range(90)))),
        rows(*[conversation(f"Question {n}?", f"It is {n}, or so I have been told by people.") for n in range(100)]),
        cost="file",
    ),
    Rule(
        "QUA607", "answer-cut-off", W, "The answer's end seems to be missing.",
        "It ends in a comma, an open bracket, or a word that must be followed by another. Answers that were generated"
        " with a token limit end like this, and the model learns to stop in the middle.",
        chat("Why is it warm?", "It is warm because the sun shines on the ground, and the"),
        chat("Why is it warm?", "It is warm because the sun shines on the ground, and the air takes it up."),
    ),
    Rule(
        "QUA608", "repetition-loop", W, "The answer goes round in circles.",
        "A piece repeats to the end of the text, or most of its word sequences are repeats: the trace of a model that"
        " got stuck. Training on it teaches getting stuck. Lists, tables and code are left alone.",
        chat("How is the weather?", _LOOP.strip()), chat("How is the weather?", "The weather is nice, so we go out."),
    ),
    Rule(
        "QUA609", "answer-copies-prompt", W, "The answer is the prompt again.",
        "Nothing was done to the input, or the prompt was pasted in front of the answer. Where the right answer happens"
        " to be the input (nothing to correct), keep the row.",
        rows({"instruction": "Put the words in order of size.", "input": "mouse, elephant, dog",
              "output": "mouse, elephant, dog"}),
        rows({"instruction": "Put the words in order of size.", "input": "mouse, elephant, dog",
              "output": "mouse, dog, elephant"}),
    ),
    Rule(
        "QUA610", "bad-json-answer", E,
        "JSON was asked for, and the answer is none, or breaks the schema in the prompt.",
        "One such row among hundreds is enough for a model that sometimes writes broken JSON, and programs that read"
        " its"
        " answers fail.",
        chat("Answer in JSON only: name and age of Ann, 30.", '{"name": "Ann", "age": 30'),
        chat("Answer in JSON only: name and age of Ann, 30.", '{"name": "Ann", "age": 30}'),
    ),
    Rule(
        "QUA611", "think-tags", E, "Thinking tags are unbalanced, empty, or come after the answer.",
        "A <think> that is never closed makes everything after it thinking; programs that cut the thinking out then cut"
        " the answer out. An empty block teaches not to think.",
        chat("What is 2+2?", "<think>Two and two"), chat("What is 2+2?", "<think>Two and two.</think>\n4"),
    ),
    Rule(
        "QUA612", "unfilled-placeholder", E, "A placeholder was never filled in.",
        "{{name}}, <insert date>, [Your Name]: the model will write exactly that. LLaMA-Factory's identity.json has"
        " them"
        " in 85 of 91 rows, to be replaced before training. In a letter that somebody asked for as a template,"
        " [Your Name] may be right: there it is only an info.",
        chat("Who are you?", "I am {{name}}, made by {{author}}."),
        chat("Who are you?", "I am Ada, made by Example Labs."),
    ),
    Rule(
        "QUA613", "merged-examples", W, "Several examples run together in one answer.",
        'The generator went on with the next example: "12. Instruction: ...", "Input:", "Output:" inside an answer. The'
        " model learns to answer and then to invent the next task. The fix cuts the answer there.",
        chat("What is a noun?", "A noun is a word for a thing.\n\n12. Instruction: Name a verb.\n12. Output: To go."),
        chat("What is a noun?", "A noun is a word for a thing."), "cut the answer before the next example", "unsafe",
    ),
    Rule(
        "QUA614", "something-not-given", W, "The prompt needs something that it does not hold.",
        "A bare link, an attachment, a text that is said to follow and does not: the answer can only be made up, and"
        " the model learns to make things up instead of saying that nothing is there.",
        rows({"instruction": "Summarise the article.", "input": "https://example.com/news/42",
              "output": "It says that all is well."}),
        rows({"instruction": "Summarise the article.", "input": "All is well, says the mayor.",
              "output": "The mayor is content."}),
    ),
    Rule(
        "QUA615", "other-language", W, "The answer is in another language than the prompt.",
        "Nobody asked for a translation. The model learns to switch languages by itself.",
        chat("Where in the city can I find the best bread, and what is the name of the shop that sells it to the"
             " people?",
             "El mejor pan de la ciudad se vende en la calle mayor, y la tienda es de una familia que lo hace con"
             " amor para"
             " los vecinos."),
        chat("Where in the city can I find the best bread, and what is the name of the shop that sells it to the"
             " people?",
             "The best bread of the city is sold in the main street, in the shop of a family that bakes it for the"
             " neighbours."),
    ),
    Rule(
        "QUA616", "other-vendor", W, "The answer says that it is another model, or made by another vendor.",
        "Data that was made with ChatGPT or Claude carries their names: your model will introduce itself as one of"
        " them.",
        chat("Who made you?", "I am ChatGPT, a model trained by OpenAI."),
        chat("Who made you?", "Example Labs made me."),
    ),
    Rule(
        "QUA617", "code-does-not-parse", I, "A code block in the answer is not valid Python or JSON.",
        "Checked with Python's own parser and json; nothing is run. Blocks with an ellipsis, a shell or an interpreter"
        " prompt are left alone. Old Python 2 code is a frequent cause.",
        chat("Add 1 and 2 in Python.", "```python\nprint(1 +\n```"),
        chat("Add 1 and 2 in Python.", "```python\nprint(1 + 2)\n```"),
    ),
    Rule(
        "QUA618", "result-differs", W, "The reasoning computes one result, and the final answer is another.",
        'A GSM8K row whose last step says 120 and whose "#### 140" says otherwise: one of the two is wrong, and the'
        ' model'
        " learns that the reasoning does not matter.",
        rows({"question": "How many?", "answer": "100+20 = <<100+20=120>>120 tanks.\n#### 140"}),
        rows({"question": "How many?", "answer": "100+20 = <<100+20=120>>120 tanks.\n#### 120"}),
    ),
    Rule(
        "QUA619", "wrong-sum", W, "A sum in the answer is wrong.",
        "<<5*3=14>> or 5 * 3 = 14, recomputed. Rounded results are accepted.",
        chat("How many?", "There are 5 * 3 = 14 apples in the boxes."),
        chat("How many?", "There are 5 * 3 = 15 apples in the boxes."),
    ),
    Rule(
        "QUA620", "impossible-medium", I, "The prompt asks for a picture or a sound.",
        "A text model cannot make one. The row teaches it to pretend, or to refuse in one particular way.",
        chat("Draw a picture of a cat.", "Here you see a cat on a roof."),
        chat("Describe a picture of a cat.", "A cat on a roof."),
    ),
    Rule(
        "QUA621", "time-bound", I, "The right answer depends on when it is asked.",
        "Today's date, the current president, the latest version: the answer is old by the time the model is used.",
        chat("Who is the current mayor of Exampleton?", "Ann Example is."),
        chat("Who was mayor of Exampleton in 1990?", "Bob Example was."),
    ),
    Rule(
        "QUA622", "label-spelling", E, "The same label is spelled in several ways.",
        '"Positive", "positive." and "pos" are three classes to a model and to exact-match scoring. Write each label in'
        " one way, for example with sed or `ftui data convert`.",
        rows(*[conversation(f"Review {n}", label) for n,
               label in enumerate(["positive", "negative"] * 8 + ["Positive."] * 2)]),
        rows(*[conversation(f"Review {n}", label) for n, label in enumerate(["positive", "negative"] * 9)]),
        cost="file",
    ),
    Rule(
        "QUA623", "count-not-kept", I, "The prompt asks for a number of items or words, and the answer has another.",
        "Three reasons were asked for and five are listed. The model learns that such wishes do not matter.",
        chat("Give three reasons to walk.", "1. Health\n2. Air"),
        chat("Give three reasons to walk.", "1. Health\n2. Air\n3. Fun"),
    ),
)  # fmt: skip
