"""The verdict: it ships what is better beyond chance, and nothing else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.core.evaluate import bootstrap_interval, compare_rows, judge, sign_test


def test_a_clear_gain_ships_with_its_interval() -> None:
    verdict = judge({"schema_valid": [0.0] * 60}, {"schema_valid": [1.0] * 55 + [0.0] * 5}, "schema_valid")
    assert verdict.verdict == "SHIP"
    main = verdict.metrics["schema_valid"]
    assert (main.base, main.n) == (0.0, 60)
    assert main.ci_low > 0.8
    assert "improved" in verdict.reasons[0]


@pytest.mark.parametrize("seed", range(100))
def test_a_model_against_itself_never_ships(seed: int) -> None:
    generator = random.Random(seed)
    scores = [float(generator.random() < 0.6) for _ in range(60)]
    assert judge({"m": scores}, {"m": scores}, "m", seed=seed).verdict == "INCONCLUSIVE"
    assert "no difference" in judge({"m": scores}, {"m": scores}, "m", seed=seed).reasons[0]


def test_two_samplings_of_one_model_seldom_look_better() -> None:
    generator = random.Random(7)
    shipped = 0
    for seed in range(200):
        truth = [generator.random() for _ in range(60)]
        one, two = ([float(generator.random() < p) for p in truth] for _ in range(2))
        shipped += judge({"m": one}, {"m": two}, "m", seed=seed).verdict == "SHIP"
    assert shipped <= 10, "about 2.5 % of 200 by chance"


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_handful_of_rows_proves_nothing(rows: int) -> None:
    verdict = judge({"m": [0.0] * rows}, {"m": [1.0] * rows}, "m")
    assert verdict.verdict == "INCONCLUSIVE"
    assert verdict.rows_needed is not None
    assert verdict.rows_needed > rows


def test_worse_is_not_shipped_and_losses_count_the_other_way() -> None:
    assert judge({"m": [1.0] * 40}, {"m": [0.0] * 40}, "m").verdict == "DONT_SHIP"
    assert judge({"loss": [2.0] * 40}, {"loss": [1.0] * 40}, "loss").verdict == "SHIP"
    assert judge({"loss": [1.0] * 40}, {"loss": [2.0] * 40}, "loss").verdict == "DONT_SHIP"


def test_answers_that_fit_any_prompt_are_not_shipped() -> None:
    verdict = judge(
        {"field_accuracy": [0.0] * 60},
        {"field_accuracy": [0.4, 0.6] * 30},
        "field_accuracy",
        own_and_other=([0.4, 0.6] * 30, [0.5] * 60),
    )
    assert verdict.verdict == "DONT_SHIP"
    assert any("other prompts" in reason for reason in verdict.reasons)


def test_forgetting_beyond_the_margin_is_not_shipped() -> None:
    before = [2.0 + 0.01 * n for n in range(40)]
    gain = {"m": [0.0] * 40}, {"m": [1.0] * 40}
    kept = judge(*gain, "m", probe_base=before, probe_tuned=[x * 1.02 for x in before], margin=0.05)
    lost = judge(*gain, "m", probe_base=before, probe_tuned=[x * 1.30 for x in before], margin=0.05)
    assert (kept.verdict, lost.verdict) == ("SHIP", "DONT_SHIP")
    assert lost.forgetting == pytest.approx(0.30)


def test_nothing_scored_is_inconclusive() -> None:
    assert judge({}, {}, "m").verdict == "INCONCLUSIVE"
    assert judge({"m": []}, {"m": []}, "m").verdict == "INCONCLUSIVE"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(0, 1000))
def test_the_interval_holds_the_mean_of_what_it_resampled(values: list[float], seed: int) -> None:
    low, high = bootstrap_interval(values, seed, resamples=200)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=50))
def test_swapping_the_models_flips_the_sign(pairs: list[tuple[float, float]]) -> None:
    base, tuned = [a for a, _ in pairs], [b for _, b in pairs]
    forward, backward = compare_rows(base, tuned), compare_rows(tuned, base)
    assert forward.delta == pytest.approx(-backward.delta)
    assert forward.sign_test_p == pytest.approx(backward.sign_test_p)


def test_sign_test_against_known_values() -> None:
    assert sign_test([1.0] * 5) == pytest.approx(0.0625)
    assert sign_test([1.0] * 6) == pytest.approx(0.03125)
    assert sign_test([1.0] * 8 + [-1.0] * 2) == pytest.approx(0.109375)
    assert sign_test([0.0] * 9) == 1.0
