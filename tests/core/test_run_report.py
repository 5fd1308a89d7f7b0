"""The report: everything that was measured, self-contained, and nothing from outside comes alive in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from ftui.core.plan import from_mapping
from ftui.core.report import ReportData, markdown_report
from ftui.core.report_charts import changes_svg, curves_svg, thinned, wins_svg
from ftui.core.report_html import html_report

HOSTILE = "</pre><script>alert(1)</script> <img src=http://evil/x onerror=1> [a](javascript:x) `|` \x1b[31m\u202e {{x}}"
METRIC = {"base": 0.2, "tuned": 0.9, "delta": 0.7, "ci_low": 0.6, "ci_high": 0.8, "n": 40, "sign_test_p": 0.001}
WINS = {"wins": 8, "ties": 1, "losses": 1, "win_rate": 0.85, "ci_low": 0.6, "ci_high": 1.0, "alpha": 0.7}
VERDICT: dict[str, Any] = {
    "verdict": "SHIP",
    "reasons": [f"it improved {HOSTILE}"],
    "primary": "field_accuracy",
    "metrics": {
        "field_accuracy": METRIC,
        "loss": {**METRIC, "base": 2.0, "tuned": 1.0, "delta": -1.0},
        "refusal": METRIC,
    },
    "perplexity": {"base": 7.4, "tuned": 2.7},
    "kl_to_base": {"mean": 0.31, "rows": 40},
    "reward_accuracy": {"value": 0.9, "ci_low": 0.8, "ci_high": 1.0, "rows": 40},
    "noise": {"rows": 8, "changed": 1},
    "noise_floor": 0.012,
    "speed": {"base": {"tokens_per_second": 120.0, "first_token_seconds": 0.05, "alone_tokens_per_second": 20.0}},
    "groups": [{"reason": HOSTILE, "base": 9, "tuned": 2, "examples": [1]}],
    "confusion": {"tuned": {"labels": ["ham", "<b>spam"], "table": [[3, 1]]}},
    "forgotten": [{"text": HOSTILE, "base": 1.0, "tuned": 3.0}],
}
SAMPLE = {
    "prompt": HOSTILE,
    "reference": HOSTILE,
    "base": HOSTILE,
    "tuned": HOSTILE,
    "base_score": 0.0,
    "tuned_score": 1.0,
}
DATA = ReportData(
    run="run <i>one</i>",
    plan=from_mapping({"model": {"id": "m<x>"}, "data": {"train": "t"}}),
    verdict=VERDICT,
    samples=[SAMPLE, {**SAMPLE, "base_score": 1.0, "tuned_score": 0.0}],
    losses=[(n, 2.0 - n / 1000) for n in range(1000)],
    eval_losses=[(0, 2.1), (999, 1.2)],
    people={"items": 10, "raters": ["anna", "ben"], "criteria": {"accuracy": WINS}},
    judge={
        "judge": "m at h", "rows": 10, "failed": 1, "criteria": {"accuracy": WINS}, "consistency": {"accuracy": 0.4},
        "reliable": False, "people": {"accuracy": {"rows": 10, "same_winner": 0.9, "alpha": 0.6}},
    },
    harness={"tasks": {"arc": {"acc": {"base": 0.3, "tuned": 0.4}}}},
)  # fmt: skip


class Strict(HTMLParser):
    """Collects what a browser would do."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href") or name.startswith("on")]


def test_the_page_is_self_contained_and_nothing_in_it_is_alive() -> None:
    page = html_report(DATA)
    parser = Strict()
    parser.feed(page)
    assert not {"script", "img", "link", "iframe", "i"} & set(parser.tags)
    assert parser.links == []
    assert set(re.findall(r"https?://[^\"' <]+", page)) <= {"http://www.w3.org/2000/svg", "http://evil/x"}
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "default-src 'none'" in page


@pytest.mark.parametrize("make", [markdown_report, html_report])
def test_everything_that_was_measured_is_there(make: Any) -> None:
    text = make(DATA)
    for words in (
        "SHIP", "perplexity", "KL", "reward accuracy", "noise floor", "first token", "rated blind by anna, ben",
        "both orders", "same winner as people", "unreliable", "0.300 -", "Gained most", "Lost most", "worst answers",
        "less likely", "What was wrong", "Labels of the tuned model",
    ):  # fmt: skip
        assert words in text, words
    if make is html_report:
        assert text.count("<svg") == 4


def test_a_run_without_a_verdict_still_has_a_report() -> None:
    bare = ReportData("r", DATA.plan, None)
    assert "not compared" in markdown_report(bare)
    assert "Not compared" in html_report(bare)


def test_charts_hold_many_points_and_none() -> None:
    assert "No steps" in curves_svg({})
    assert "No steps" in curves_svg({"x": [(1, float("nan"))]})
    long = [(n, float(n % 7)) for n in range(100_000)]
    assert len(thinned(long)) <= 1000
    assert {value for _, value in thinned(long)} == {0.0, 6.0}
    assert curves_svg({"a": [(0, 1.0)], "b": [(5, 1.0)]}).count("<circle") == 2
    assert changes_svg({}, "") == ""
    assert wins_svg({}, "t") == ""
    assert "loss" not in changes_svg(VERDICT["metrics"], "field_accuracy")
