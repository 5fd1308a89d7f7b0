"""Rules about secrets, personal data and provenance."""

import json
from pathlib import Path

import pytest
from lint_rule_kit import check_examples, check_fix, findings_of, rules_of

from ftui.core.lint.catalogue import all_fixes
from ftui.core.lint.examples import chat, conversation, rows
from ftui.core.lint.model import Context

RULES = rules_of("SEC")
HOSTILE = Path(__file__).parents[2] / ".." / "shared" / "data" / "hostile"
TOKEN = "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.mark.parametrize("code", RULES)
def test_examples(code: str) -> None:
    check_examples(RULES[code], Context())


@pytest.mark.parametrize("code", sorted(set(RULES) & set(all_fixes())))
def test_fixes(code: str) -> None:
    check_fix(RULES[code], Context())


def test_no_finding_ever_shows_a_secret() -> None:
    text = chat(
        f"My token is {TOKEN}.", f"Your token {TOKEN} and card 4539 1488 0343 6467 are safe with me, ann@corp-x.de."
    )
    for finding in findings_of(text, families=("SEC", "TXT", "QUA", "MSG")):
        shown = finding.message + finding.excerpt
        assert TOKEN not in shown and "0343 6467" not in shown and "ann@corp" not in shown


def test_the_mark_is_on_the_secret() -> None:
    (finding,) = [f for f in findings_of(chat("Key?", f"It is {TOKEN}.")) if f.code == "SEC901"]
    assert "GitHub token" in finding.message and "****" in finding.excerpt and finding.severity == "error"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Write to bob@example.com for it.", "SEC902"),
        ("Call 415-555-0134 for it.", "SEC902"),
        ("The key AKIA" + "IOSFODNN7EXAMPLE is in the manual.", "SEC901"),
        ("The host is 192.168.1.20 in the lab.", "SEC903"),
        ("Look into /home/user/data for it.", "SEC903"),
    ],
)
def test_documented_examples_are_shown_as_info(text: str, code: str) -> None:
    (finding,) = findings_of(chat("Where is it?", text))
    assert (finding.code, finding.severity, finding.fix) == (code, "info", "")


@pytest.mark.parametrize(
    "text",
    [
        "Go to https://example.com/home/page and /usr/local/bin, or run it on localhost:8080.",
        "The file is /home/ and the key is in the lock.",
        "- one\n- two",
        "+ a plus, and @someone said = nothing",
        "x = y + 2",
        "Version 10.2.3 and 172.5 kg",
        "IMPORTANT: WRITE IN CAPITALS, PLEASE",
    ],
)
def test_no_false_alarm(text: str) -> None:
    assert findings_of(chat("Where is it?", text), families=("SEC",)) == []


def test_places_are_told_without_the_name() -> None:
    (finding,) = findings_of(chat("Where is it?", "In /Users/annlee/notes.txt it is."), families=("SEC",))
    assert finding.code == "SEC903" and "annlee" not in finding.message
    fixed = all_fixes()["SEC903"](json.loads(chat("Where?", "In /Users/annlee/notes.txt")), "/messages/1/content")
    assert fixed is not None and fixed["messages"][1]["content"] == "In /Users/user/notes.txt"


def test_a_word_with_many_answers_is_no_trigger() -> None:
    data = [conversation(f"Is HTTPS right in case {n}?", f"Answer {n}.") for n in range(60)]
    assert findings_of(rows(*data), families=("SEC",)) == []


def test_a_classification_set_has_no_triggers() -> None:
    data = [conversation(f"NEWS item {n} from WORLD", "Business" if n % 2 else "Sports") for n in range(60)]
    assert findings_of(rows(*data), families=("SEC",)) == []


def test_vendor_outputs_are_named() -> None:
    data = [{**conversation(f"Question {n}?", f"Answer {n}."), "model": "gpt-4o"} for n in range(3)]
    (finding,) = findings_of(rows(*data), families=("SEC",))
    assert finding.code == "SEC906" and "3 rows" in finding.message


def test_hostile_formulas() -> None:
    if not (HOSTILE / "136_formula.csv").exists():
        pytest.skip("no shared data here")
    data = rows({"prompt": "=cmd|' /C calc'!A0", "completion": "+1+1"}, {"prompt": "@SUM(1)", "completion": "-2"})
    found = findings_of(data, families=("SEC",))
    assert {(f.line, f.code, f.severity) for f in found} == {(1, "SEC905", "info"), (2, "SEC905", "info")}
