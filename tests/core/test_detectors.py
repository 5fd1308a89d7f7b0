import math
import random

from ftui.core.detectors import (
    Curves,
    DivergenceWatch,
    diverging,
    findings,
    forgetting,
    not_learning,
    overfitting,
)
from ftui.core.metrics import ema


def falling(steps: int, start: float = 3.0, end: float = 0.5) -> list[tuple[int, float]]:
    noise = random.Random(0)
    return [
        (step, end + (start - end) * math.exp(-5 * step / steps) + noise.uniform(-0.1, 0.1))
        for step in range(1, steps + 1)
    ]


def test_a_healthy_run_has_no_findings() -> None:
    held_out = [(0, 3.0), (20, 1.5), (40, 1.1), (60, 1.0), (80, 0.97), (100, 0.968)]
    general = [(0, 2.5), (50, 2.52), (100, 2.55)]
    assert findings(Curves(falling(100), held_out, general)) == []


def test_nothing_is_said_about_nothing() -> None:
    assert findings(Curves()) == []
    assert findings(Curves([(1, 2.0)], [(0, 2.0)], [(0, 2.0)])) == []


def test_overfitting_names_the_best_step_and_both_curves() -> None:
    held_out = [(0, 3.0), (20, 1.5), (40, 1.0), (60, 1.1), (80, 1.3)]
    alert = overfitting(falling(100), held_out)
    assert alert is not None and alert.code == "overfitting" and alert.step == 80
    assert "step 40 (1.000)" in alert.message and "1.300" in alert.message and "by heart" in alert.message


def test_one_worse_evaluation_is_chance() -> None:
    assert overfitting(falling(100), [(0, 3.0), (20, 1.5), (40, 1.0), (60, 1.1)]) is None


def test_a_rise_below_the_noise_is_no_overfitting() -> None:
    assert overfitting(falling(100), [(0, 3.0), (20, 1.0), (40, 1.01), (60, 1.015)]) is None


def test_when_both_curves_rise_it_is_divergence() -> None:
    train = falling(60) + [(60 + step, 0.6 + 0.1 * step) for step in range(1, 61)]
    held_out = [(0, 3.0), (60, 0.8), (90, 2.0), (120, 5.0)]
    assert [alert.code for alert in findings(Curves(train, held_out))] == ["diverging"]


def test_a_spike_is_not_divergence() -> None:
    train = falling(100)
    train[70] = (71, 9.0)
    assert diverging(train) is None


def test_a_curve_that_grows_is_found_to_come_apart_at_the_very_step_where_the_whole_one_is() -> None:
    noise = random.Random(1)
    train = [(step, 2.0 + noise.uniform(-0.3, 0.3) + max(0, step - 120) * 0.03) for step in range(1, 201)]
    watch, found = DivergenceWatch(), []
    for step, loss in train:
        watch.note(step, loss)
        smooth = [value for value in ema([loss for _, loss in train[:step]], 0.1) if value is not None]
        low = min(smooth[:-10], default=math.inf)
        apart = step >= 20 and min(smooth[-10:]) >= max(low * 1.5, low + 0.5)
        assert (watch.alert() is not None) == apart
        found += [step] if apart else []
    assert found and 140 < found[0] < 200


def test_forgetting_is_relative_to_before_training() -> None:
    alert = forgetting([(0, 2.0), (50, 2.05), (100, 2.3)])
    assert alert is not None and "15%" in alert.message and "replay" in alert.hint
    assert forgetting([(0, 2.0), (100, 2.3)], margin=0.2) is None
    # A resumed run without the value before training has nothing to compare with.
    assert forgetting([(50, 2.0), (100, 2.5)]) is None


def test_not_learning_needs_several_evaluations() -> None:
    flat = [(0, 2.0), (10, 2.0), (20, 1.99), (30, 2.0), (40, 1.995)]
    alert = not_learning(flat)
    assert alert is not None and alert.code == "not_learning" and alert.step == 40
    assert not_learning(flat[:3]) is None
    assert not_learning([*flat[:4], (40, 1.8)]) is None
