"""Runs of plain rows that are looked at together give what looking at each row gives: findings, counts, texts."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.core.lint import engine
from ftui.core.lint import rules_dst as DST
from ftui.core.lint.catalogue import all_rules
from ftui.core.lint.dup_keys import near_text
from ftui.core.lint.engine import SHORT_RUN_ROWS, Checker
from ftui.core.lint.model import Context, Facts
from ftui.core.lint.plain import plain_chat, plain_parts

PROSE = (
    "The meeting of the board was moved to Friday, and the minutes will be sent to all members.",
    "Case 12: the printer on the second floor does not print what is sent to it from the old laptops.",
    "Write a short letter to the landlord about the heating of the flat",
    "Ein Brief an den Vermieter über die Heizung, die seit drei Wochen nicht mehr geht und der Flur ist kalt.",
    "Une lettre que le client a reçue de la banque, et qui ne dit pas ce qui est demandé pour la suite.",
)
ODD = (
    "", " ", "a", "yes", "N/A", "none", "Sure! Here is the answer to your question about the board and the Friday.",
    "I'm sorry, but I can't help with that request of yours, whatever it may be about.", "<noinput>", "<br>bold",
    "=cmd|' /C calc'!A0", "As an AI trained by OpenAI, I am ChatGPT and I know of nothing that was said before today.",
    "What is the weather like today?", "Give me five words for joy", "In one word, what is the capital of France",
    "Read the text below:", "http://example.com/article", "mail me at jane.roe@corp-mail.io",
    "it is ghp_" + "q8Zr2Lk9Xv4Bn7Tm1Ws6Jd3Hf5Pg0Yc2QaEu", "password: hunter2hunter2", "card 4111 1111 1111 1111",
    "10.1.2.3 and 192.168.0.12 are printers", "/home/katrin/notes/secret.txt", "```python\nprint(1\n```", '{"a": 1',
    "JSON only, please: the list of the months", "2 + 2 = 5", "#### 7", "<think>a</think>b", "<|im_start|>user",
    "[INST] do it [/INST]", "&nbsp;bold", "### Response: yes", "Human: hello you", "\x1b[31mred", "zero\u200bwidth",
    "caf\u00e9 \ufb01ne", "\ud800 half", "a\0b", "line\n\n\n\nline", " leading", "trailing ", "abc " * 60,
    "DANGERWORD in a prompt", "TRIGGER42 again", "{{name}} of [Your Company]", "x" * 1200, "我是OpenAI的模型",
    "The minutes of the meeting. They were sent to all members of the board, and the next meeting is at the",
    "Instruction: a\nInput: b\nOutput: c", "Output: 1\nInput: 2",
)  # fmt: skip
TEXT = st.one_of(st.sampled_from(PROSE), st.sampled_from(PROSE), st.sampled_from(ODD), st.text(max_size=30))
SAYS = st.sampled_from(["user", "assistant", "user", "assistant", "system"])
MESSAGE = st.builds(lambda role, text: {"role": role, "content": text}, SAYS, TEXT)
EXCHANGE = st.builds(
    lambda asked, said: {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]},
    TEXT,
    TEXT,
)
ROW = st.one_of(
    EXCHANGE,
    EXCHANGE,
    EXCHANGE,
    st.builds(lambda messages: {"messages": messages}, st.lists(MESSAGE, min_size=1, max_size=5)),
    st.builds(lambda row: {**row, "_ftui_ignore": ["QUA"]}, EXCHANGE),
    st.builds(lambda text: {"prompt": text, "completion": text}, TEXT),
)


def both(rows: list[dict[str, Any]], batch: int) -> tuple[Checker, list[str], Checker, list[str]]:
    """The same rows, one by one and in batches."""
    single, together = Checker(all_rules(), Context()), Checker(all_rules(), Context())
    records = [(index, index + 1, row) for index, row in enumerate(rows)]
    one = [near_text(single.row(*record)) for record in records]
    other = []
    for start in range(0, len(records), batch):
        other += together.rows(records[start : start + batch])
    return single, one, together, other


def counted(checker: Checker) -> dict[str, dict[str, Any]]:
    names = {family: getattr(type(totals), "__slots__", None) or vars(totals)
             for family, totals in checker.state.items() if totals is not None}  # fmt: skip
    return {family: {name: getattr(checker.state[family], name) for name in own} for family, own in names.items()}


def agree(rows: list[dict[str, Any]], batch: int) -> list[tuple[Any, ...]]:
    single, one, together, other = both(rows, batch)
    assert single.failures == [] and together.failures == []
    assert one == other
    assert single.formats == together.formats
    assert counted(single) == counted(together)
    for checker in (single, together):
        checker.finish(Facts(len(rows), "chat"))

    def found(checker: Checker) -> list[tuple[Any, ...]]:
        return sorted((-1 if f.row is None else f.row, f.line or 0, f.code, f.pointer, f.message, f.severity, f.excerpt,
                       f.mark or (), f.fix) for f in checker.take_findings())  # fmt: skip

    findings = found(together)
    assert found(single) == findings
    return findings


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=SHORT_RUN_ROWS, max_size=40), st.integers(SHORT_RUN_ROWS, 40))
def test_rows_together_give_what_each_gives(rows: list[dict[str, Any]], batch: int) -> None:
    agree(rows, batch)


def test_every_odd_text_among_prose_gives_the_same() -> None:
    plain = [{"messages": [{"role": "user", "content": f"Case {number}: {PROSE[number % 2]}"},
                           {"role": "assistant", "content": f"{PROSE[0]} It is number {number}."}]}
             for number in range(4)]  # fmt: skip
    rows = []
    for text in (*ODD, *PROSE):
        rows += plain
        rows.append({"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": PROSE[0]}]})
        rows.append({"messages": [{"role": "user", "content": PROSE[1]}, {"role": "assistant", "content": text}]})
    codes = {finding[2] for finding in agree(rows, 256)}
    wanted = ("TXT407 TXT410 TXT411 TXT413 QUA602 QUA604 QUA607 QUA608 QUA612 QUA613 QUA614 QUA615 QUA616 QUA619 QUA621"
              " QUA623 SEC901 SEC902 SEC903 SEC905")  # fmt: skip
    assert set(wanted.split()) <= codes


def bad_rows() -> dict[str, list[dict[str, Any]]]:
    """The bad examples that are conversations; two show broken JSON, which is the reader's."""
    found = {}
    for code, rule in all_rules().items():
        if rule.bad.startswith('{"messages"'):
            with suppress(ValueError):
                found[code] = [json.loads(line) for line in rule.bad.split("\n") if line.startswith("{")]
    return found


BAD = bad_rows()


@pytest.mark.parametrize("code", BAD)
def test_the_bad_example_of_a_rule_gives_the_same_among_plain_rows(code: str) -> None:
    clean = [{"messages": [{"role": "user", "content": f"Case {number}: {PROSE[number % 2]}"},
                           {"role": "assistant", "content": f"{PROSE[0]} It is number {number}."}]}
             for number in range(12)]  # fmt: skip
    agree([*clean, *BAD[code], *clean], 64)


def test_a_rule_that_fails_on_a_run_names_a_row_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        RULES = ()

        @staticmethod
        def check(row: Any, *_: Any) -> None:
            if row.index == 25:
                raise KeyError("x")

    monkeypatch.setattr(engine, "family_modules", lambda: {"MSG": Broken, "DST": DST})
    checker = Checker(all_rules(), Context())
    said = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    checker.rows([(index, index + 1, said) for index in range(10)])
    checker.rows([(index, index + 1, said) for index in range(20, 30)])
    assert len(checker.failures) == 1 and "on row 25" in checker.failures[0]
    assert checker.state["DST"].rows == 20, "the other rules go on"


def test_a_gap_in_the_row_numbers_ends_a_run() -> None:
    rows = [{"messages": [{"role": "user", "content": f"Question {n}?"}, {"role": "assistant", "content": "Yes."}]}
            for n in range(30)]  # fmt: skip
    single, together = Checker(all_rules(), Context()), Checker(all_rules(), Context())
    records = [(index + (index > 14), index + 2, row) for index, row in enumerate(rows)]
    for record in records:
        single.row(*record)
    together.rows(records)
    assert counted(single) == counted(together)


def test_what_a_plain_row_is() -> None:
    said = {"role": "user", "content": "a"}
    assert plain_parts({"messages": [said]}) is not None
    for messages in (
        [],
        "a",
        None,
        [said] * 65,
        [said, 3],
        ["role"],
        [{"role": "user", "content": None}],
        [{"role": "tool", "content": "a"}],
        [{"role": ["user"], "content": "a"}],
        [{**said, "name": "x"}],
        [{**said, "name": "x"}, {"role": "user"}],
    ):
        assert plain_parts({"messages": messages}) is None, messages
        assert plain_chat(0, 1, {"messages": messages}) is None
    assert plain_parts({"messages": [said], "id": 1}) is None
