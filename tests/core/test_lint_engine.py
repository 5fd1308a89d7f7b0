"""The engine and the families about columns, duplicates and size."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.core.formats import Format, detect_format
from ftui.core.lint import engine
from ftui.core.lint.catalogue import all_rules, select_rules
from ftui.core.lint.engine import Checker, check_rows, shifted
from ftui.core.lint.excerpt import excerpt_of
from ftui.core.lint.model import Context, Facts, Finding, Reporter, Severity, resolve_parent
from ftui.core.lint.view import view


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def bot(text: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def chat(number: int) -> dict[str, Any]:
    return {"messages": [user(f"What is {number} plus one?"), bot(f"Counting on from {number} gives {number + 1}.")]}


def found(rows: list[dict[str, Any]], context: Context | None = None) -> dict[str, list[tuple[int | None, str]]]:
    by_code: dict[str, list[tuple[int | None, str]]] = {}
    for finding in check_rows(rows, context):
        by_code.setdefault(finding.code, []).append((finding.row, finding.pointer))
    return by_code


COLUMN_FAULTS: list[tuple[str, list[dict[str, Any]], list[tuple[int | None, str]]]] = [
    ("SCH301", [chat(0), {"a": 1}], [(1, "")]),
    ("SCH302", [chat(0), chat(1), {"text": "x"}], [(2, "")]),
    ("SCH303", [{"messages": {"role": "user"}}], [(0, "/messages")]),
    ("SCH303", [{"messages": [user(3)]}], [(0, "/messages/0/content")]),
    ("SCH303", [{"messages": [user("a"), 4]}], [(0, "/messages/1")]),
    ("SCH303", [{"prompt": "a", "completion": None}], [(0, "/completion")]),
    ("SCH303", [{"messages": []}], [(0, "/messages")]),
    ("SCH304", [{"text": "a"}, {"text": "b"}, {"text": ["c"]}], [(2, "/text")]),
    ("SCH304", [chat(0), {"messages": [user([{"type": "text", "text": "a"}]), bot([{"type": "text", "text": "b"}])]}],
     [(1, "")]),
    ("SCH305", [{**chat(0), "note": 1}, {**chat(1), "note": 2}], [(0, "/note")]),
    ("SCH306", [{"Prompt": "a", " completion ": "b"}], [(0, "/Prompt"), (0, "/ completion ")]),
    ("SCH307", [{**chat(0), "text": "a"}], [(0, "")]),
    ("SCH308", [{"input_ids": [1, 2], "labels": [1]}], [(0, "/input_ids")]),
    ("SCH309", [{"prompt": "a", "completion": "b"}, {"prompt": "c", "completion": "d"}, {"prompt": "e"}], [(2, "")]),
    ("SCH310", [{"messages": [{"role": "human", "content": "a"}, bot("b")]}], [(0, "/messages")]),
    ("SCH310", [{"conversations": [{"role": "user", "value": "a"}, {"from": "gpt", "content": "b"}]}],
     [(0, "/conversations")]),
    ("SCH312", [{"messages": [user([{"type": "text", "value": "a"}]), bot("b")]}], [(0, "/messages/0/content/0")]),
    ("SCH313", [{"prompt": "a", "completion": "b", "weight": 0.5}], [(0, "/weight")]),
    ("SCH314", [{"text": "a", "labels": "spam"}], [(0, "/labels")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "rows", "places"), COLUMN_FAULTS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_column_rules_name_row_and_place(
    code: str, rows: list[dict[str, Any]], places: list[tuple[int | None, str]]
) -> None:
    assert found(rows)[code] == places


def test_clean_rows_have_no_column_finding() -> None:
    clean = [
        [chat(n) for n in range(4)],
        [{"instruction": f"i{n}", "input": "", "output": f"o{n}"} for n in range(4)],
        [{"prompt": f"p{n}", "chosen": f"c{n}", "rejected": f"r{n}"} for n in range(4)],
        [{"prompt": [user(f"p{n}")], "answer": str(n)} for n in range(4)],
        [{"conversations": [{"from": "human", "value": f"h{n}"}, {"from": "gpt", "value": f"g{n}"}]} for n in range(4)],
        [{"prompt": f"p{n}", "completion": f"c{n}", "label": bool(n % 2)} for n in range(4)],
    ]
    for rows in clean:
        assert not [code for code in found(rows) if code.startswith("SCH")], rows[0]


def test_arrow_nulls_in_tools() -> None:
    row = {**chat(0), "tools": [{"name": "a", "city": None}]}
    assert "SCH311" in found([row], Context(source="parquet"))
    assert "SCH311" not in found([row], Context(source="jsonl"))


def test_duplicates_ignore_ids_key_order_and_format() -> None:
    rows = [chat(0), chat(1), {"id": 7, **chat(0)}, {"messages": [{"content": m["content"], "role": m["role"]}
                                                                  for m in chat(1)["messages"]]},
            {"prompt": chat(0)["messages"][0]["content"], "completion": chat(0)["messages"][1]["content"]}]  # fmt: skip
    assert found(rows)["DUP701"] == [(2, ""), (3, ""), (4, "")]


def test_what_trains_differently_is_no_duplicate() -> None:
    call = {"function": {"name": "f", "arguments": "{}"}}
    rows = [
        chat(0),
        {"messages": [{"role": "system", "content": "S"}, *chat(0)["messages"]]},
        {"messages": [*chat(0)["messages"][:1], {**bot("x"), "tool_calls": [call]}]},
        {"messages": [*chat(0)["messages"][:1], bot("x")]},
        {**chat(0), "tools": [{"name": "f"}]},
        {"prompt": "a", "completion": "b", "label": True},
        {"prompt": "a", "completion": "b", "label": False},
        {"messages": [user("a b"), bot("c")]},
        {"messages": [user("a"), bot("b c")]},
    ]
    assert "DUP701" not in found(rows)


def test_contradictions_growing_conversations_common_answers_and_ids() -> None:
    long = "A sentence that could be the answer to any question at all."
    rows: list[dict[str, Any]] = [
        {"id": 1, "messages": [user("Capital?"), bot("Canberra, in the south east.")]},
        {"id": 1, "messages": [user("Capital?"), bot("Sydney, on the coast.")]},
        {"id": 3, "messages": [user("Hi"), bot("Hello there, friend.")]},
        {"id": 4, "messages": [user("Hi"), bot("Hello there, friend."), user("More"), bot("Here is more of it.")]},
        *({"id": 10 + n, "messages": [user(f"Question number {n}"), bot(long)]} for n in range(6)),
    ]
    codes = found(rows)
    assert codes["DUP703"] == [(1, "")]
    assert codes["DUP704"] == [(2, "")]
    assert codes["DUP708"] == [(4, "")]
    assert codes["DUP710"] == [(1, "")]


def test_what_every_row_begins_or_ends_with() -> None:
    rows = [
        {"prompt": f"Please answer this: {chr(97 + n)}", "completion": f"{n} it is. Anything else?"} for n in range(25)
    ]
    assert len(found(rows)["DUP709"]) == 2
    assert "DUP709" not in found(rows[:10])


def test_a_common_answer_counts_only_in_free_text() -> None:
    """Labels, JSON and a phrase book give many prompts one answer, and are right to."""
    questions = [f"{word * 9} {n}, what {word}" for n, word in enumerate("abcdefghijklmnopqrstuvwxyz" * 4)]
    canned = "We have forwarded your question to the team that knows about it."
    answers = {
        "label": lambda n: ["Sports", "World"][n % 2],
        "json": lambda n: json.dumps(
            {"category": ["sports", "world"][n % 2], "reason": ["a ball flies", "a country is named"][n % 2]}
        ),
        "book": lambda n: f"Please call number {n % 20} between nine and five o'clock and ask for help.",
    }
    for name, answer in answers.items():
        rows = [{"messages": [user(text), bot(answer(n))]} for n, text in enumerate(questions)]
        assert not {"DUP708", *({"DUP709", "DST810"} if name != "book" else ())} & set(found(rows)), name
    rows = [
        {"messages": [user(text), bot(canned if n < 30 else f"{n} is the answer to the question that you asked.")]}
        for n, text in enumerate(questions)
    ]
    assert found(rows)["DUP708"] == [(0, "")]


def test_many_answers_that_begin_the_same() -> None:
    def severities(opening: str) -> set[str]:
        rows = [{"messages": [user(f"What is {n}?"), bot(f"{opening} {n} is a number that comes after {n - 1}.")]}
                for n in range(60)]  # fmt: skip
        return {f.severity for f in check_rows(rows) if f.code == "DST810"}

    assert severities("Sure! Here is what I know:") == {"warning"}
    assert severities("As you can count:") == {"info"}


def test_a_system_prompt_is_nothing_that_prompts_have_in_common() -> None:
    said = {"role": "system", "content": "Answer with one word and nothing else."}
    rows = [{"messages": [said, user(f"{chr(97 + n)}?"), bot(str(n))]} for n in range(25)]
    assert "DUP709" not in found(rows)


def test_identical_prompts_are_normal_for_rewards() -> None:
    rows = [{"messages": [user("Play")], "env_config": {"name": "game"}}] * 9
    assert {f.severity for f in check_rows(rows) if f.code == "DUP701"} == {"info"}
    assert "DUP703" not in found(rows)


@pytest.mark.parametrize(
    ("rows", "severity"),
    [
        (9, "error"),
        (10, "warning"),
        (49, "warning"),
        (50, "info"),
        (499, "info"),
        (500, ""),
        (50_000, ""),
        (50_001, "info"),
    ],
)
def test_the_size_seeds_of_good_practice(rows: int, severity: str) -> None:
    checker = Checker(select_rules(["DST801"]), Context())
    checker.finish(Facts(rows, "chat"))
    assert [f.severity for f in checker.take_findings()] == ([severity] if severity else [])


def test_labels_steps_and_modes() -> None:
    rows = [{"prompt": f"Review number {n}", "completion": "good" if n % 30 else "bad"} for n in range(120)]
    assert "DST804" in found(rows)
    even = [{"prompt": f"Review number {n}", "completion": ("good", "bad")[n % 2]} for n in range(120)]
    assert "DST804" not in found(even)
    assert "DST804" in found(even, Context(labels=("good", "bad", "unclear")))
    assert "DST808" in found(sorted(even, key=lambda row: row["completion"]), Context(shuffled=False))
    assert "DST808" not in found(sorted(even, key=lambda row: row["completion"]))
    assert "DST809" in found(even, Context(epochs=1, batch_rows=16))
    assert "DST811" in found(
        [chat(n) if n % 30 else {"messages": [user("a"), bot(f"<think>{n}</think>b")]} for n in range(90)]
    )
    few = [
        {"prompt": f"Question {n % 9}, the same again", "completion": f"answer {n} of many others"} for n in range(120)
    ]
    assert "DST807" in found(few)


def test_selection_by_prefix() -> None:
    assert set(select_rules(["DUP70"], ["DUP702"])) == {code for code in all_rules() if code.startswith("DUP70")} - {
        "DUP702"
    }
    assert set(select_rules([], ["TOK"])) == {code for code in all_rules() if not code.startswith("TOK")}
    assert "DUP702" in select_rules(["ALL", "DUP702"], ["DUP"])
    with pytest.raises(ValueError, match="ABC"):
        select_rules(["ABC"])


def test_severities_can_be_overridden_and_codes_switched_off() -> None:
    report = Reporter(select_rules(["DUP701"]), {"DUP701": Severity.ERROR})
    report("DUP701", "", "a")
    report("DUP703", "", "b")
    assert [(f.code, f.severity) for f in report.findings] == [("DUP701", "error")]


def test_a_rule_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        RULES = ()

        @staticmethod
        def check(*_: Any) -> None:
            raise KeyError("x")

    modules = {"MSG": Broken, "DST": engine.family_modules()["DST"]}
    monkeypatch.setattr(engine, "family_modules", lambda: modules)
    checker = Checker(all_rules(), Context())
    checker.row(0, 1, chat(0))
    checker.finish(Facts(1, "chat"))
    assert "KeyError" in checker.failures[0]
    assert any(f.code == "DST801" for f in checker.take_findings())


def test_excerpts_are_safe_and_marked() -> None:
    text = "x" * 300 + "\x1b[31mBAD\u202e" + "y" * 300
    shown, mark = excerpt_of(text, (300, 308))
    assert mark is not None and "\x1b" not in shown and "\u202e" not in shown
    assert "BAD" in shown[mark[0] : mark[0] + mark[1]]
    assert len(shown) < 260 and shown.startswith("…") and shown.endswith("…")


def test_findings_move_with_their_stretch() -> None:
    moved = shifted(Finding("DUP701", "warning", 3, 5, "", "m"), 100, 200)
    assert (moved.row, moved.line) == (103, 205)
    assert shifted(Finding("DST801", "info", None, None, "", "m"), 100, 200).row is None


_ROWS = st.lists(st.one_of(
    st.builds(chat, st.integers(0, 3)),
    st.builds(lambda n: {**chat(n), "id": n}, st.integers(0, 3)),
    st.builds(lambda a, b: {"messages": [user(a), bot(b), user(b), bot(a)]}, st.text(max_size=3), st.text(max_size=3)),
    st.builds(lambda a, b: {"prompt": a, "completion": b}, st.text(max_size=3), st.text(max_size=3) | st.none()),
    st.just({"messages": []}), st.just({}), st.just({"messages": [user("x"), 3]}),
), max_size=12)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(_ROWS, st.integers(0, 12))
def test_two_stretches_find_what_one_finds(rows: list[dict[str, Any]], cut: int) -> None:
    def findings(checker: Checker) -> list[tuple[Any, ...]]:
        checker.finish(Facts(len(rows), "chat"))
        assert not checker.failures, checker.failures
        return sorted((f.code, -1 if f.row is None else f.row, f.pointer, f.message) for f in checker.take_findings())

    rules = {code: rule for code, rule in all_rules().items() if code[:3] in ("DUP", "DST", "SCH")}
    whole = Checker(rules, Context())
    for index, row in enumerate(rows):
        whole.row(index, index + 1, row)
    whole.take_findings()
    merged = Checker(rules, Context())
    before = 0
    for part in (rows[:cut], rows[cut:]):
        worker = Checker(rules, Context())
        for index, row in enumerate(part):
            worker.row(index, index + 1, row)
        worker.take_findings()
        merged.merge(json.loads("{}") or worker.state, before)
        before += len(part)
    assert findings(merged) == findings(whole)


_KEYS = [
    "role",
    "content",
    "from",
    "value",
    "type",
    "text",
    "tool_calls",
    "function",
    "name",
    "arguments",
    "id",
    "weight",
]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
    max_leaves=14,
)
_COLUMN = st.sampled_from(
    ["messages", "conversations", "prompt", "completion", "completions", "labels", "label", "text", "chosen",
     "rejected", "instruction", "input", "output", "history", "system", "tools", "Text ", "_ftui_ignore", "images"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.dictionaries(_COLUMN, _JSON, max_size=5), min_size=1, max_size=3), st.sampled_from(["", "grpo", "dpo"])
)
def test_no_row_breaks_a_rule_and_pointers_lead_somewhere(rows: list[dict[str, Any]], task: str) -> None:
    for finding in check_rows(rows, Context(task=task)):
        assert finding.severity in tuple(Severity)
        holder = finding.pointer.rpartition("/")[0]  # the last step may name what is missing
        if holder and finding.row is not None:
            resolve_parent(rows[finding.row], holder)


def test_a_pair_without_roles_is_compared_with_the_others() -> None:
    pair = {"chosen": [{}, {}], "rejected": None}
    assert "DUP701" in found([pair, pair])  # and no rule fails


def test_the_view_of_each_format() -> None:
    def seen(row: dict[str, Any]) -> tuple[list[tuple[str, str, str]], int]:
        made = view(0, 1, row, detect_format(row))
        return [(turn.role, turn.text, turn.pointer) for turn in made.turns], made.answer_start

    assert seen(chat(1)) == ([("user", "What is 1 plus one?", "/messages/0/content"),
                              ("assistant", "Counting on from 1 gives 2.", "/messages/1/content")], 1)  # fmt: skip
    assert seen({"instruction": "i", "input": "x", "output": "o"})[0][1] == ("user", "x", "/input")
    assert seen({"conversation": [{"human": "a", "assistant": "b"}]})[0] == [
        ("user", "a", "/conversation/0/human"), ("assistant", "b", "/conversation/0/assistant")]  # fmt: skip
    assert seen({"odd": {"deep": ["text"]}})[0] == [("", "text", "/odd/deep/0")]
    pair = view(0, 1, {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"},
                Format("preference", "preference", (("chosen", "chosen"), ("rejected", "rejected"))))  # fmt: skip
    assert [turn.text for turn in pair.turns] == ["q", "a"] and [turn.text for turn in pair.rejected] == ["b"]
