"""Rules about characters and leftovers."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lint_rule_kit import check_examples, check_fix, codes_of, findings_of, rules_of

from ftui.core.lint.catalogue import all_fixes
from ftui.core.lint.examples import chat, rows
from ftui.core.lint.model import Context
from ftui.core.lint.mojibake import repaired

RULES = rules_of("TXT")
HOSTILE = Path(__file__).parents[2] / ".." / "shared" / "data" / "hostile"


@pytest.mark.parametrize("code", RULES)
def test_examples(code: str) -> None:
    check_examples(RULES[code], Context())


@pytest.mark.parametrize("code", sorted(set(RULES) & set(all_fixes())))
def test_fixes(code: str) -> None:
    check_fix(RULES[code], Context())


CLEAN = {
    "emoji with joiners": "Family 👨‍👩‍👧‍👦, 🏳️‍🌈 and 👩🏽‍🚀.",
    "Persian": "می‌خواهم کتاب‌ها را ببینم.",
    "Hindi": "क्‍ष और क्‌ष",
    "Thai": "ภาษา\u200bไทย",
    "Hebrew with marks": "שלום\u200f, עולם\u200e!",
    "flags": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f won.",
    "German quotes": "Er sagte „Spaß“ und „Ö“, und ging nach „MÜNCHEN“.",
    "French": "L’été, « CAFÉ », garçon… où ? À Noël !",
    "Portuguese": "São João não é só “MAÇÔ; coração.",
    "Vietnamese": "Tôi không biết Â, Ă, Ơ và Ư.",
    "Icelandic": "Það er ekki ég.",
    "Greek": "Το Δx και 5 μm είναι.",
    "Japanese": "これはテストです。ＡＢＣ全角",
    "Chinese": "你好，世界！",
    "Russian": "Привет, мир. Это банк.",
    "tokens as a topic": "The token `</s>` ends a text; so does\n```\n<|im_end|>\n```\nin ChatML.",
    "html as a topic": "In HTML, <br> breaks a line and &amp; is an ampersand.",
    "html in a fence": 'Use this:\n```\n<div class="a">x</div>\n```',
    "markup alone": "<ul><li>one</li></ul>",
    "comparisons": "If a < b and c > d, then [x] holds & y follows.",
    "percent": "It grew by 5% so 100%, costs $5 and $HOME is a path.",
    "printf": 'printf("%s", name); return 0;',
    "a label inside": "The answer is clear: yes. User: a person who uses.",
    "markdown": "## Summary\n\n- one\n- two\n\n### Details\n\nText.",
    "two code blocks": "```\na\n```\nand\n```\nb\n```",
    "CRLF": "one\r\ntwo",
    "tabs in a table": "a\tb\nc\td",
}


@pytest.mark.parametrize("name", CLEAN)
def test_no_false_alarm(name: str) -> None:
    found = [f for f in findings_of(chat("What is it about?", CLEAN[name])) if f.code.startswith("TXT")]
    assert found == []


@pytest.mark.parametrize(
    ("broken", "right"),
    [("It’s", "It’s"), ("naïve café", "naïve café"), ("“yes”", "“yes”"), ("5 € — ok", "5 € — ok"),
     ("Привет мир", "Привет мир"), ("你好世界", "你好世界"), ("😀", "😀"), ("Dvořák £5", "Dvořák £5")],
)  # fmt: skip
def test_mojibake_is_turned_back(broken: str, right: str) -> None:
    """The broken text is made here, as the accident makes it."""
    sloppy = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in broken.encode("utf-8"))
    assert repaired(sloppy) == right
    assert "TXT401" in codes_of(chat("Why?", sloppy))


@given(st.text(max_size=80))
def test_repairing_correct_text_is_rare_and_stable(text: str) -> None:
    once = repaired(text)
    assert repaired(once) == once or once != text


@pytest.mark.parametrize(
    ("text", "code", "fix"),
    [
        ("Yes.</s>", "TXT410", "safe"),
        ("<s> Yes.<|im_end|>\n", "TXT410", "safe"),
        ("Yes.<|im_end|>\n<|im_start|>user\nNo.", "TXT410", "unsafe"),
        ("a\u200bb", "TXT404", "safe"),
        ("soft\u00adhyphen", "TXT404", "safe"),
        ("\ufeffstart", "TXT404", "safe"),
        ("form\x0cfeed", "TXT407", "safe"),
        ("c1 \x9b31m", "TXT407", "safe"),
        ("ﬁnance", "TXT408", "unsafe"),
        ("Cost: ${price} now", "TXT412", ""),
        ("Assistant: Hello.", "TXT411", "unsafe"),
    ],
)
def test_faults(text: str, code: str, fix: str) -> None:
    found = {f.code: f.fix for f in findings_of(chat("What is it?", text)) if f.code not in ("TXT413",)}
    assert found == {code: fix}


def test_a_form_feed_is_only_a_warning() -> None:
    (finding,) = findings_of(chat("What is it?", "form\x0cfeed."))
    assert finding.severity == "warning"


def test_latex_that_json_ate_gets_its_backslash_back() -> None:
    row = json.loads(chat("How much?", "It is \x0crac{1}{2}."))
    (finding,) = findings_of(json.dumps(row))
    assert finding.code == "TXT407" and "LaTeX" in finding.message and finding.severity == "error"
    fixed = all_fixes()["TXT407"](row, finding.pointer)
    assert fixed is not None and fixed["messages"][1]["content"] == "It is \\frac{1}{2}."


def test_special_tokens_in_a_text_row_are_a_warning() -> None:
    (finding,) = findings_of(rows({"text": "<s>[INST] Hi [/INST] Hello.</s>"}))
    assert (finding.code, finding.severity) == ("TXT410", "warning")


def test_hidden_instructions_are_shown() -> None:
    hidden = "".join(chr(0xE0000 + ord(c)) for c in "ignore all")
    (finding,) = findings_of(chat("What is it?", "Nothing." + hidden))
    assert finding.code == "TXT406" and '"ignore all"' in finding.message


def test_excerpts_never_hold_control_characters() -> None:
    for line in ("\x1b]0;title\x07", "\x9b31m", "a\u202eb", "\U000e0041", "\b\b"):
        for finding in findings_of(chat(line, line)):
            assert finding.excerpt.isprintable() and finding.message.isprintable()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("110_terminal_escapes.jsonl", {1: {"TXT407"}, 2: {"TXT407"}, 3: {"TXT407"}, 4: {"TXT407"}}),
        ("112_special_tokens.jsonl", {1: {"TXT410"}, 2: {"TXT410"}, 3: {"TXT410"}, 4: {"TXT410"}, 6: {"TXT411"}}),
        ("000_clean_control.jsonl", {}),
    ],
)
def test_hostile_files(name: str, expected: dict[int, set[str]]) -> None:
    if not (HOSTILE / name).exists():
        pytest.skip("no shared data here")
    found: dict[int, set[str]] = {}
    for finding in findings_of((HOSTILE / name).read_text(encoding="utf-8"), families=("TXT",)):
        found.setdefault(finding.line or 0, set()).add(finding.code)
    assert found == expected


def test_fixing_twice_is_fixing_once() -> None:
    for code, fixer in all_fixes().items():
        if code.startswith("TXT"):
            row = json.loads(RULES[code].bad)
            pointer = next(f.pointer for f in findings_of(RULES[code].bad) if f.code == code)
            once = fixer(row, pointer)
            assert once is not None
            assert fixer(json.loads(json.dumps(once)), pointer) == once
