"""How far raters agree beyond chance: Krippendorff's alpha with the ordinal metric.

Chosen over weighted kappa because it takes any number of raters, lets each of them skip items (a rating session can be
left half-way), and knows that 1 and 5 are further apart than 3 and 4 without anyone setting weights.
Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), part E; its worked example is a test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from itertools import permutations

WORDS = ((0.8, "good"), (0.667, "enough for tentative conclusions"))
"""Krippendorff's own customary limits (Content Analysis, 2004, p. 241); below them the ratings prove little."""


def alpha_ordinal(units: Sequence[Sequence[float]]) -> float | None:
    """Agreement of the ratings of each unit: 1 perfect, 0 as by chance, below 0 worse than chance.

    units: per item the ratings that it got, in any order; those with fewer than two are left out. None where nothing
    was rated twice, or where all ratings are the same value, so that there is no disagreement to expect.
    """
    pairable = [unit for unit in units if len(unit) > 1]
    together: Counter[tuple[float, float]] = Counter()
    for unit in pairable:
        for one, other in permutations(unit, 2):
            together[one, other] += 1 / (len(unit) - 1)  # type: ignore[assignment]
    totals: dict[float, float] = {}
    for (value, _), count in together.items():
        totals[value] = totals.get(value, 0.0) + count
    values = sorted(totals)
    if len(values) < 2:
        return None
    distance = _ordinal_distances(values, totals)
    observed = sum(count * distance[pair] for pair, count in together.items())
    expected = sum(totals[one] * totals[other] * distance[one, other] for one in values for other in values)
    return float(1 - (sum(totals.values()) - 1) * observed / expected)


def _ordinal_distances(values: Sequence[float], totals: Mapping[float, float]) -> dict[tuple[float, float], float]:
    """Squared: how many ratings lie between two values, half of those at each end counted."""
    found = {}
    for first, low in enumerate(values):
        for last, high in enumerate(values):
            a, b = sorted((first, last))
            between = sum(totals[value] for value in values[a : b + 1]) - (totals[low] + totals[high]) / 2
            found[low, high] = between**2 if first != last else 0.0
    return found


def alpha_of_raters(ratings: Mapping[Hashable, Mapping[str, float]]) -> float | None:
    """alpha_ordinal for item -> rater -> rating."""
    return alpha_ordinal([list(by_rater.values()) for by_rater in ratings.values()])


def in_words(alpha: float | None) -> str:
    """What an alpha means for a reader."""
    if alpha is None:
        return "cannot be told"
    return next((words for limit, words in WORDS if alpha >= limit), "poor")
