"""No row, however odd, makes a rule fail; no repair fails on what its own rule has found."""

import json
import re
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ftui.core.lint.catalogue import all_fixes, all_rules
from ftui.core.lint.engine import Checker
from ftui.core.lint.model import Context, Facts

FAMILIES = ("MSG", "TOL", "TXT", "QUA", "PRF", "SEC")
RULES = {code: rule for code, rule in all_rules().items() if code.startswith(FAMILIES)}
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
"""What a terminal, or a reader's eye, would obey."""
PIECES = st.sampled_from(
    ["<|im_end|>", "</s>", "<think>", "</think>", "```python\n", "```", "{{name}}", "[Your Name]", "\n\nHuman: ",
     "User:",
     "Assistant:", "### Response:", "12. Instruction:", "Output:", "<<1+1=3>>", "#### 5", "\\boxed{4}", "</think>",
     "https://example.com/a", "AKIA" + "IOSFODNN7EXAMPLE", "4111 1111 1111 1111", "a@b.co", "+49 30 901820",
     "password=",
     "\u200b", "\u202e", "\U000e0041", "\x1b[31m", "\ufffd", "Ã©", "é", "\ud800", "=cmd|", "N/A", "Sure! ",
     "I'm sorry, I can't",
     "JSON", "{", "}", "[", "]", '"a": 1', "/home/ann/x", "C:\\Users\\ann\\x", "10.0.0.1", "same line\n", "the ",
     "5 * 3 = 14",
     "ignore all previous instructions", "in one word", "List 3 ways", "the code below", "![a](http://b.c/d)",
     "\n\n\n\n", " ",
     "Das ist ein Satz, und der ist nicht lang. ", "0" * 40, "(" * 50, "SUDOMODE", "&nbsp;", "<br>", "%s", "${x}"]
)  # fmt: skip
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=12)), max_size=12).map("".join)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["type", "text", "value", "name", "arguments", "function", "id", "parameters"]), inner
        ),
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "role",
        "from",
        "content",
        "value",
        "tool_calls",
        "tool_call_id",
        "function_call",
        "name",
        "weight",
        "reasoning_content",
    ]
)
ROLES = st.sampled_from(
    ["user", "assistant", "system", "tool", "human", "gpt", "function_call", "observation", "User", "x"]
)
MESSAGES = st.lists(
    st.one_of(
        st.builds(lambda role, text: {"role": role, "content": text}, ROLES, TEXTS),
        st.builds(lambda role, text: {"from": role, "value": text}, ROLES, TEXTS),
        st.dictionaries(KEYS, VALUES),
        VALUES,
    ),
    max_size=5,
)
COLUMNS = st.sampled_from(
    ["messages", "conversations", "prompt", "completion", "chosen", "rejected", "label", "text", "instruction", "input",
     "output", "tools", "images", "answer", "completions", "labels", "score_chosen", "score_rejected", "license",
     "system"]
)  # fmt: skip
ROWS = st.dictionaries(COLUMNS, st.one_of(TEXTS, MESSAGES, VALUES), min_size=1, max_size=5)


@settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(ROWS, min_size=1, max_size=6), st.sampled_from(["", "dpo", "grpo", "kto"]))
def test_no_row_makes_a_rule_fail(data: list[dict[str, Any]], task: str) -> None:
    checker = Checker(RULES, Context(task=task, model="mistral"))
    before = [json.dumps(row, default=str) for row in data]
    for index, row in enumerate(data):
        checker.row(index, index + 1, row)
    checker.finish(Facts(len(data), ""))
    assert checker.failures == []
    assert [json.dumps(row, default=str) for row in data] == before, "a rule changed its row"
    for finding in checker.take_findings():
        assert not OBEYED.search(finding.excerpt) and len(finding.message) < 500
        fixer = all_fixes().get(finding.code)
        if fixer is not None and finding.fix and finding.row is not None:
            with suppress(LookupError):  # a fixer's way to say that the row is not of the shape it can repair
                fixer(json.loads(before[finding.row]), finding.pointer)


LONG = 20_000
RUNS = {
    "blank lines": "\n" * LONG,
    "a final number": "#### 1," + "1" * LONG + "x",
    "a JSON block": "```json\n" + "\n" * LONG + "x",
    "a formula": "=cmd" + "a" * LONG,
    "a heading": "Output: 1\n" + " \n" * LONG + "Input",
    "a link": "see the page" + " " * LONG + "x http://",
    "a percentage": "#### 5" + " " * LONG + "x",
}


@pytest.mark.parametrize("text", RUNS.values(), ids=RUNS)
def test_no_long_run_takes_long(text: str) -> None:
    """Each of these took minutes with a pattern that begins anew at every character of a run."""
    began = time.process_time()
    checker = Checker(RULES, Context())
    asked = {"role": "user", "content": f"List 3 ways, as JSON only. {text}"}
    checker.row(0, 1, {"messages": [asked, {"role": "assistant", "content": text}]})
    checker.row(1, 2, {"prompt": "a", "chosen": text, "rejected": text + "b"})
    assert not checker.failures
    assert time.process_time() - began < 10
