"""Rules about answers: the examples, the traps, and the rows of real sets that are known to be bad."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from lint_rule_kit import check_examples, check_fix, codes_of, findings_of, rules_of

from ftui.core.lint.answers import loop
from ftui.core.lint.arithmetic import evaluated, final_mismatch, number, wrong_sums
from ftui.core.lint.catalogue import all_fixes
from ftui.core.lint.engine import check_rows
from ftui.core.lint.examples import chat, conversation, rows
from ftui.core.lint.language import language_of
from ftui.core.lint.model import Context

RULES = rules_of("QUA")
REAL = Path(__file__).parents[2] / ".." / "shared" / "data" / "real"
HOSTILE = REAL.parent / "hostile"


@pytest.mark.parametrize("code", RULES)
def test_examples(code: str) -> None:
    check_examples(RULES[code], Context())


@pytest.mark.parametrize("code", sorted(set(RULES) & set(all_fixes())))
def test_fixes(code: str) -> None:
    check_fix(RULES[code], Context())


CLEAN = {
    "one word for a class": chat("Is the review positive or negative? 'Great!'", "Positive"),
    "a short fact": chat("What is the capital of France?", "Paris"),
    "yes": chat("Do whales breathe air?", "Yes."),
    "a list": chat("Give three colours.", "1. Red\n2. Green\n3. Blue"),
    "a table": chat("Make a table.", "| a | b |\n|---|---|\n" + "".join(f"| {n} | b |\n" for n in range(30))),
    "code with repeats": chat("Write it.", "```python\n" + "print('hello')\n" * 30 + "```"),
    "a poem with a chorus": chat(
        "Write a song.",
        "The river runs, the river sings,\nIt carries leaves and little things.\n\nOh, hear it go, oh, hear it go!\n\n"
        "The mountain stands, the mountain waits,\nIt guards the valley's open gates.\n\nOh, hear it go, oh, hear it"
        " go!",
    ),
    "a bulleted answer": chat("What helps?", "\n".join(f"- Point {n} is about thing {n * 7}." for n in range(40))),
    "markdown link": chat("Where?", "See [Your Guide to Rome](https://example.com/rome) for more."),
    "jinja as a topic": chat("How do I use a Jinja template?", "Write {{ name }} where the name goes."),
    "brackets": chat("Index?", "Use a[i] and b[j] for the items [1] and [2]."),
    "a letter template": chat(
        "Write a letter template.", "Dear [Recipient's Name],\n\nThank you.\n\nYours,\n[Your Name]"
    ),
    "a url among text": chat("Is https://example.com/a a valid address, and why is that?", "It is, by its form."),
    "a translation": chat(
        "Translate into Spanish: The house is red and the garden is green, and all of the people in it are happy.",
        "La casa es roja y el jardín es verde, y toda la gente que está en la casa y en el jardín es feliz, de verdad.",
    ),
    "right sums": chat("Sum?", "3 + 4 * 2 = 11, 10 / 3 = 3.33, 1,200 + 300 = 1,500 and 2 x 10 = 20."),
    "binary": chat("In binary?", "In binary, 1 + 1 = 10."),
    "thinking": chat("What is 2+2?", "<think>\nTwo and two.\n</think>\n\n4"),
    "about tags": chat("What is `<think>`?", "`<think>` opens the model's thinking."),
    "JSON about JSON": chat("How do I return JSON from Flask in Python?", "Use jsonify(data) in the view function."),
    "JSON in a fence": chat("Return only JSON with a = 1.", '```json\n{"a": 1}\n```'),
    "python": chat("Add?", "```python\ndef add(a, b):\n    return a + b\n```"),
    "python with elision": chat("Add?", "```python\ndef add(a, b):\n    ...\n    return (a +\n```"),
    "a shell block": chat("Run?", "```python\n>>> 1 +\n```"),
    "an svg": chat("Draw a picture of a circle.", '<svg><circle r="4"/></svg>'),
    "history": chat("Who was president in 1990?", "George H. W. Bush was."),
    "as a group": chat("Who are you?", "I am an assistant that Example Labs made."),
    "google it": chat("How do I find it?", "As a first step, search with Google for the exact words of it."),
    "ends in a colon word": chat("Finish: roses are", "red, violets are blue, sugar is sweet, and so are you, dear."),
    "an even number of steps": chat("List 2 ways to save.", "- Walk\n- Cook"),
    "an ellipsis": chat(
        "Tell me a story about rain.", "It rained and rained, and nobody knew when it would ever end..."
    ),
    "none as a word": chat("How many moons has Venus?", "None of them: Venus has no moon."),
}


@pytest.mark.parametrize("name", CLEAN)
def test_no_alarm(name: str) -> None:
    found = [f for f in findings_of(CLEAN[name]) if f.code.startswith("QUA") and f.severity != "info"]
    assert found == []


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (chat("y", "nan"), {"QUA602"}),
        (chat("Go.", "<nooutput>"), {"QUA602"}),
        (chat("Go.", "<No output, cannot design a picture>"), {"QUA602"}),
        (chat("Who made you?", "As an AI language model developed by OpenAI, I do not know."), {"QUA616"}),
        (chat("Say hi.", "the the the the the the the the the the the the"), {"QUA608"}),
        (chat("Say hi.", "same line\n" * 40 + "same line"), {"QUA608"}),
        (chat("Fix: he go home to his wife.", "Fix: he go home to his wife."), {"QUA609"}),
        (chat("Q?", "4\n<think>Two and two.</think>"), {"QUA611"}),
        (chat("Why?", "Because I was there and I saw <insert name here> at it."), {"QUA612"}),
        (chat("Explain this code below.", "It adds two numbers and gives the sum back."), {"QUA614"}),
        (chat("What is on it? [image]", "A cat, it seems."), {"QUA614"}),
        (chat("How many?", "It is <<5*3=14>>14 apples in the boxes."), {"QUA619"}),
        (chat("Answer in one word: what is it?", "It is red"), {"QUA623"}),
        (chat("Describe it in at most 5 words.", "It is a very large and old red house"), {"QUA623"}),
    ],
)
def test_faults(text: str, codes: set[str]) -> None:
    assert {code for code in codes_of(text) if code.startswith("QUA")} == codes


def test_a_schema_in_the_prompt_is_checked() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    system = f"Reply with valid JSON for this schema: {json.dumps(schema)}"
    assert "QUA610" not in codes_of(chat("x", '{"a": 1}', system=system))
    (finding,) = [f for f in findings_of(chat("x", '{"b": 1}', system=system)) if f.code == "QUA610"]
    assert '"a" is required and missing' in finding.message


def test_labels_that_abbreviate() -> None:
    data = [conversation(f"Review {n}", label) for n, label in enumerate(["positive", "negative"] * 20 + ["pos"])]
    (finding,) = [f for f in findings_of(rows(*data)) if f.code == "QUA622"]
    assert '"pos" (1)' in finding.message and '"positive" (20)' in finding.message


@pytest.mark.parametrize(
    ("expression", "value"),
    [("5*3", 15), ("(1+2)*3", 9), ("10/4", 2.5), ("1,000+5", 1005), ("20%*50", 10), (".01*100", 1), ("007+1", 8),
     ("2**9", None), ("x+1", None), ("__import__", None), ("1/0", None), ("(" * 500, None), ("", None)],
)  # fmt: skip
def test_sums_are_computed_without_eval(expression: str, value: float | None) -> None:
    assert evaluated(expression) == (pytest.approx(value) if value is not None else None)


def test_rounding_is_forgiven() -> None:
    assert list(wrong_sums("<<10/3=3.33>> <<7/2=3>> <<2/3=0.67>> <<1/4*100=25>> <<100/3=33>>")) == []
    assert [right for _, _, right in wrong_sums("<<10/3=4.33>> 2 + 2 = 5")] == ["3.333333333", "4"]
    assert number("$1,200.50") == 1200.5 and number("abc") is None and number("1" * 99) is None


def test_languages() -> None:
    english = "The house is red and the garden is green, and all of the people in it are very happy."
    german = "Das Haus ist rot und der Garten ist grün, und die Leute sind nicht zu Hause, auch nicht am Tag."
    assert (language_of(english), language_of(german)) == ("English", "German")
    assert language_of("这是一个很长的中文句子。" * 8) == "Chinese"
    assert language_of("これは日本語の文章です。とても長いです。" * 4) == "Japanese"
    assert language_of("short") == ""


def _oracle(name: str) -> Iterator[tuple[dict[str, list[int]], list[dict[str, str]]]]:
    truth = REAL / "_truth" / f"{name}_oracle.json"
    folder = "stanford_alpaca" if name == "alpaca_5000" else "llama-factory"
    if not truth.exists():
        pytest.skip("no shared data here")
    yield json.loads(truth.read_text()), json.loads((REAL / folder / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["alpaca_5000", "alpaca_en_demo"])
def test_every_known_bad_row_is_found(name: str) -> None:
    oracle, data = next(_oracle(name))
    found: dict[str, set[int]] = {}
    for finding in check_rows(data):
        found.setdefault(finding.code, set()).add(-1 if finding.row is None else finding.row)
    for kinds, code in ((("placeholder_input", "placeholder_output"), "QUA602"), (("merged_examples",), "QUA613"),
                        (("url_only_input", "missing_attachment"), "QUA614"), (("empty_output",), "MSG407"),
                        (("output_copies_input",), "QUA609")):  # fmt: skip
        known = {row for kind in kinds for row in oracle.get(kind, [])}
        assert known <= found.get(code, set()), f"{code} misses {sorted(known - found.get(code, set()))}"


def test_gsm8k_rows_whose_result_differs() -> None:
    path = REAL / "gsm8k" / "train.jsonl"
    if not path.exists():
        pytest.skip("no shared data here")
    answers = [json.loads(line)["answer"] for line in path.read_text(encoding="utf-8").splitlines()]
    differing = [row for row, answer in enumerate(answers) if final_mismatch(answer)]
    assert 4796 in differing and len(differing) <= 12


@pytest.mark.parametrize(
    ("name", "code", "lines"),
    [("077_python_literals_in_text.jsonl", "QUA602", [1, 2, 3, 4]), ("115_repetition.jsonl", "QUA608", [1, 2, 3]),
     ("112_special_tokens.jsonl", "QUA611", [5]), ("000_clean_control.jsonl", "QUA", [])],
)  # fmt: skip
def test_hostile_files(name: str, code: str, lines: list[int]) -> None:
    if not (HOSTILE / name).exists():
        pytest.skip("no shared data here")
    text = (HOSTILE / name).read_text(encoding="utf-8")
    assert [f.line for f in findings_of(text, families=("QUA",)) if f.code.startswith(code)] == lines


def test_identity_json_needs_filling_in() -> None:
    path = REAL / "llama-factory" / "identity.json"
    if not path.exists():
        pytest.skip("no shared data here")
    found = {f.row for f in check_rows(json.loads(path.read_text(encoding="utf-8"))) if f.code == "QUA612"}
    assert len(found) == 85


def test_a_result_that_is_stated_without_marks_counts() -> None:
    annotated = "There are <<10/2=5>>5 groups.\nThat makes 17 000/5 = 3 400 people.\n#### 3400"
    assert final_mismatch(annotated) is None
    stated = "That is <<30-1=29>>29, and 29 marbles + 16 marbles = 45 marbles\n#### 33"
    found = final_mismatch(stated)
    assert found is not None and found[2:] == ("45", "33")


def test_one_character_over_and_over_is_filler() -> None:
    assert loop("x" * 5000) is None
    assert loop("ha " * 50) is not None
