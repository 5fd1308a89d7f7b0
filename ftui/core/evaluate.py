"""Base against tuned: paired statistics, and from them SHIP, DON'T SHIP or INCONCLUSIVE with reasons.

The rule in words: ship when the task got better beyond chance, the answers depend on their prompts, and general ability
did not fall beyond the margin. Don't ship when the task got worse, when the answers would be just as good for any other
prompt, or when general ability fell beyond the margin. Everything else is inconclusive: either there is no difference
to be seen on enough rows, or it is said how many rows would settle it.

Intervals are percentile intervals of a paired bootstrap over rows (Efron and Tibshirani 1993, ch. 13), 95 %, seeded. A
bootstrap of few rows is too sure of itself, so a win also has to pass an exact sign test on the rows that changed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RESAMPLES = 2000
CONFIDENCE = 0.95
SIGN_TEST_LEVEL = 0.05
SMALLEST_EFFECT = 0.02
"""A change of the primary metric below two points is "no difference" once the interval is narrower than that."""
LOWER_IS_BETTER = frozenset({"loss", "refusal", "kl_to_base", "answer_tokens"})


@dataclass(frozen=True)
class Comparison:
    """One metric of both models on the same n rows; delta = tuned - base, with its interval."""

    base: float
    tuned: float
    delta: float
    ci_low: float
    ci_high: float
    n: int
    sign_test_p: float


@dataclass(frozen=True)
class Verdict:
    """verdict: SHIP, DONT_SHIP or INCONCLUSIVE. rows_needed: how many rows would settle an inconclusive one."""

    verdict: str
    reasons: tuple[str, ...]
    primary: str
    metrics: Mapping[str, Comparison]
    rows_needed: int | None = None
    forgetting: float | None = None
    """Relative rise of the loss on general text, or None where it was not measured."""


def compare_rows(base: Sequence[float], tuned: Sequence[float], seed: int = 0) -> Comparison:
    """Compare paired row scores (same rows, same order, at least one)."""
    deltas = [new - old for old, new in zip(base, tuned, strict=True)]
    low, high = bootstrap_interval(deltas, seed)
    count = len(deltas)
    return Comparison(
        base=math.fsum(base) / count,
        tuned=math.fsum(tuned) / count,
        delta=math.fsum(deltas) / count,
        ci_low=low,
        ci_high=high,
        n=count,
        sign_test_p=sign_test(deltas),
    )


def bootstrap_interval(values: Sequence[float], seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The percentile interval of the mean of `values` (n >= 1)."""
    if max(values) == min(values):
        return values[0], values[0]
    generator = random.Random(seed)
    count = len(values)
    means = sorted(math.fsum(generator.choices(values, k=count)) / count for _ in range(resamples))
    tail = (1 - CONFIDENCE) / 2
    return means[int(tail * resamples)], means[min(resamples - 1, int((1 - tail) * resamples))]


def sign_test(deltas: Sequence[float]) -> float:
    """Two-sided exact sign test: how likely so uneven a split of wins and losses is by chance. 1.0 without changes."""
    wins = sum(delta > 0 for delta in deltas)
    losses = sum(delta < 0 for delta in deltas)
    changed = wins + losses
    if not changed:
        return 1.0
    tail: float = sum(math.comb(changed, k) for k in range(min(wins, losses) + 1)) / 2**changed
    return min(1.0, 2 * tail)


def rows_to_settle(comparison: Comparison, deltas: Sequence[float]) -> int | None:
    """About how many rows would bring the interval clear of zero if the effect is what was seen; None for no effect."""
    if abs(comparison.delta) < 1e-9:
        return None
    variance = math.fsum((delta - comparison.delta) ** 2 for delta in deltas) / max(1, comparison.n - 1)
    # 1.96 for the interval plus 0.84 for four chances in five of seeing it.
    needed = variance * ((1.96 + 0.84) / comparison.delta) ** 2
    return max(comparison.n + 1, 8, math.ceil(needed))


def judge(
    base: Mapping[str, Sequence[float]],
    tuned: Mapping[str, Sequence[float]],
    primary: str,
    *,
    own_and_other: tuple[Sequence[float], Sequence[float]] | None = None,
    probe_base: Sequence[float] = (),
    probe_tuned: Sequence[float] = (),
    margin: float = 0.05,
    noise_floor: float = 0.0,
    seed: int = 0,
) -> Verdict:
    """Give the verdict.

    base, tuned: metric -> row scores, same rows in the same order. primary: the metric that decides.
    own_and_other: the tuned answers' scores against their own references, and their mean score against the references
        of other rows: an answer that fits any prompt as well has not read its prompt.
    probe_base, probe_tuned: losses on general text, row by row. margin: largest accepted relative rise.
    noise_floor: how far the metric moves when one model is scored twice.
    """
    metrics = {
        name: compare_rows(base[name], tuned[name], seed) for name in base if name in tuned and len(base[name]) > 0
    }
    if primary not in metrics:
        return Verdict("INCONCLUSIVE", (f"no held-out row could be scored for {_words(primary)}",), primary, metrics)
    main = metrics[primary]
    sign = -1.0 if primary in LOWER_IS_BETTER else 1.0
    deltas = [sign * (new - old) for old, new in zip(base[primary], tuned[primary], strict=True)]
    low, high = sorted((sign * main.ci_low, sign * main.ci_high))
    reasons: list[str] = []

    better = low > noise_floor and main.sign_test_p <= SIGN_TEST_LEVEL
    worse = high < -noise_floor and main.sign_test_p <= SIGN_TEST_LEVEL
    settled_equal = not better and not worse and max(abs(low), abs(high)) < SMALLEST_EFFECT and main.n >= 30
    change = f"change {main.delta:+.3g}, 95 % {main.ci_low:+.3g} to {main.ci_high:+.3g}"
    interval = f"{main.base:.3g} -> {main.tuned:.3g} on {main.n} rows ({change})"
    if better:
        reasons.append(f"{_words(primary)} improved: {interval}")
    elif worse:
        reasons.append(f"{_words(primary)} got worse: {interval}")
    elif settled_equal:
        reasons.append(f"no difference in {_words(primary)}: {interval}")
    else:
        reasons.append(f"{_words(primary)} cannot be told from chance: {interval}")

    ignores_prompt = False
    if own_and_other is not None and len(own_and_other[0]) >= 10:
        own, other = own_and_other
        reading = compare_rows(other, own, seed)
        ignores_prompt = better and reading.ci_low <= SMALLEST_EFFECT
        if ignores_prompt:
            reasons.append(
                f"the answers fit other prompts as well as their own ({reading.tuned:.3g} against {reading.base:.3g}): "
                "the form was learned, not the task; are the answers in the training rows in the right place?"
            )

    forgetting, forgot = _forgetting(probe_base, probe_tuned, margin, seed)
    if forgetting is not None:
        change = f"general ability: loss on general text {forgetting:+.1%}, margin {margin:.0%}"
        reasons.append(f"{change}: {'it fell too far' if forgot else 'kept'}")

    if worse or ignores_prompt or forgot:
        return Verdict("DONT_SHIP", tuple(reasons), primary, metrics, forgetting=forgetting)
    if better:
        return Verdict("SHIP", tuple(reasons), primary, metrics, forgetting=forgetting)
    needed = None if settled_equal else rows_to_settle(main, deltas)
    if needed is not None:
        more = needed - main.n
        reasons.append(f"about {more:,} more held-out rows ({needed:,} in all) would settle it")
    return Verdict("INCONCLUSIVE", tuple(reasons), primary, metrics, needed, forgetting)


def _forgetting(before: Sequence[float], after: Sequence[float], margin: float, seed: int) -> tuple[float | None, bool]:
    """Relative rise of the mean loss, and whether it is beyond the margin and beyond chance."""
    if not before or len(before) != len(after):
        return None, False
    change = compare_rows(before, after, seed)
    rise = change.delta / change.base if change.base > 0 else 0.0
    return rise, rise > margin and change.ci_low > 0


def _words(metric: str) -> str:
    return metric.replace("_", " ")
