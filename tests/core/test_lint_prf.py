"""Rules about preference pairs, KTO labels and prompts for rewards."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from lint_rule_kit import check_examples, check_fix, codes_of, findings_of, rules_of

from ftui.core.lint.catalogue import all_fixes, all_rules
from ftui.core.lint.engine import Checker, check_rows
from ftui.core.lint.examples import pair, rows
from ftui.core.lint.model import Context, Facts
from ftui.core.lint.prf_totals import wilson

RULES = rules_of("PRF")
REAL = Path(__file__).parents[2] / ".." / "shared" / "data" / "real"


@pytest.mark.parametrize("code", RULES)
def test_examples(code: str) -> None:
    check_examples(RULES[code], Context())


@pytest.mark.parametrize("code", sorted(set(RULES) & set(all_fixes())))
def test_fixes(code: str) -> None:
    check_fix(RULES[code], Context())


def test_scores_and_sides_are_swapped_together() -> None:
    fixed = all_fixes()["PRF860"](json.loads(RULES["PRF860"].bad), "/score_chosen")
    assert fixed == {"prompt": "Which one is it?", "chosen": "The blue one.", "rejected": "The red one.",
                     "score_chosen": 5, "score_rejected": 2}  # fmt: skip


def messages(text: str) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": text}]


@pytest.mark.parametrize(
    "text",
    [
        pair("Q?", "Yes, it is.", "No, it is not."),
        rows({"prompt": [{"role": "user", "content": "Q?"}], "chosen": messages("Yes."),
              "rejected": messages("No, not.")}),
        rows({"chosen": [{"role": "user", "content": "Q?"}, *messages("Yes.")],
              "rejected": [{"role": "user", "content": "Q?"}, *messages("No, not.")]}),
        rows({"prompt": "Q?", "completion": "Yes.", "label": 1}),
        rows({"prompt": "Q?", "completions": ["a", "b"], "labels": [True, False]}),
        rows({"prompt": "Is 4 even, and why is it?", "answer": "4"}),
        rows({"prompt": "What is 2+2?"}),
    ],
)  # fmt: skip
def test_no_false_alarm(text: str) -> None:
    assert findings_of(text, families=("PRF",)) == []


def test_a_prompt_set_without_reference_warns_for_online_tasks_only() -> None:
    data = rows({"prompt": "What is 2+2?"}, {"prompt": "What is 3+3?"})
    assert findings_of(data, families=("PRF",)) == []
    (finding,) = findings_of(data, Context(task="grpo"), families=("PRF",))
    assert (finding.code, finding.severity) == ("PRF864", "warning")


@pytest.mark.parametrize(
    ("label", "codes"),
    [(1, set()), (0, set()), ("true", {"PRF861"}), ("maybe", {"PRF861"}), (None, {"PRF861"}), (2, {"PRF861"})],
)
def test_labels_as_numbers_and_words(label: Any, codes: set[str]) -> None:
    assert codes_of(rows({"prompt": "Which?", "completion": "This one.", "label": label})) == codes


def test_interval() -> None:
    low, high = wilson(186, 300)
    assert 0.56 < low < 0.57 and 0.67 < high < 0.68


def test_stretches_of_a_file_add_up() -> None:
    """Two halves that were checked apart give what the whole gives."""
    data = [json.loads(line) for code in ("PRF853", "PRF855", "PRF858", "PRF859", "PRF862", "PRF864")
            for line in RULES[code].bad.splitlines()]  # fmt: skip
    rules = {code: rule for code, rule in all_rules().items() if code.startswith("PRF")}
    whole, first, second = (Checker(rules, Context()) for _ in range(3))
    half = len(data) // 3
    for index, row in enumerate(data):
        whole.row(index, None, row)
        (first if index < half else second).row(index if index < half else index - half, None, row)
    first.merge(second.state, half)
    for checker in (whole, first):
        checker.take_findings()
        checker.finish(Facts(len(data), "preference"))
    assert first.take_findings() == whole.take_findings() != []


def load(name: str) -> list[dict[str, Any]]:
    path = REAL / name
    if not path.exists():
        pytest.skip("no shared data here")
    text = gzip.decompress(path.read_bytes()).decode() if name.endswith("gz") else path.read_text(encoding="utf-8")
    return json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]


def found_rows(name: str, code: str) -> list[int | None]:
    return [finding.row for finding in check_rows(load(name)) if finding.code == code]


def test_known_rows_of_hh_rlhf() -> None:
    name = "hh-rlhf/harmless-base-test.jsonl.gz"
    assert found_rows(name, "PRF852") == [86, 516, 925, 1103]
    assert found_rows(name, "PRF857") == [1254, 1688, 1950, 1952, 2036]


@pytest.mark.parametrize(
    "name", ["llama-factory/dpo_en_demo.json", "llama-factory/dpo_zh_demo.json", "hh-rlhf/harmless-base-test.jsonl.gz"]
)
def test_balanced_sets_have_no_length_bias(name: str) -> None:
    assert None not in found_rows(name, "PRF853")
    assert found_rows(name, "PRF851") == [] or name.startswith("hh")
