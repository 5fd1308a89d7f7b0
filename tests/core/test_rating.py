"""Blind rating: sides are balanced and random by seed, and keys are turned to the tuned model's view."""

from __future__ import annotations

import pytest

from ftui.core.rating import NAMES, Rating, presentation, summarize, toward_tuned


def test_sides_are_balanced_random_by_seed_and_stable() -> None:
    order = presentation(range(40), 7, "anna")
    assert order == presentation(range(40), 7, "anna")
    assert sum(on_right for _, on_right in order) == 20
    assert order != presentation(range(40), 8, "anna")
    assert order != presentation(range(40), 7, "ben")
    assert sorted(row for row, _ in order) == list(range(40))


def test_raters_meet_the_same_rows_when_there_are_too_many() -> None:
    anna, ben = (presentation(range(100), 7, name, 12) for name in ("anna", "ben"))
    assert {row for row, _ in anna} == {row for row, _ in ben}
    assert len(anna) == 12


def test_keys_mean_the_tuned_model_whatever_its_side() -> None:
    keys = dict(zip(NAMES, (5, 4, 3, 1), strict=True))
    assert list(toward_tuned(keys, True).values()) == [2, 1, 0, -2]
    assert list(toward_tuned(keys, False).values()) == [-2, -1, 0, 2]


@pytest.mark.parametrize("keys", [{}, {"accuracy": 3}, dict.fromkeys(NAMES, 6), dict.fromkeys(NAMES, 0)])
def test_a_missing_or_wrong_key_is_refused(keys: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="1 to 5"):
        toward_tuned(keys, True)


def test_wins_ties_and_losses_are_counted_over_the_raters_mean() -> None:
    ratings = [
        Rating("anna", 0, dict.fromkeys(NAMES, 2.0)),
        Rating("ben", 0, dict.fromkeys(NAMES, -1.0)),
        Rating("anna", 1, dict.fromkeys(NAMES, 0.0)),
        Rating("anna", 2, dict.fromkeys(NAMES, 1.0)),
        Rating("anna", 2, dict.fromkeys(NAMES, -1.0)),
    ]
    result = summarize(ratings)
    assert result is not None
    accuracy = result.criteria["accuracy"]
    assert (accuracy.wins, accuracy.ties, accuracy.losses) == (1, 1, 1)
    assert accuracy.win_rate == 0.5
    assert (result.items, result.ratings, result.agreement_items, result.raters) == (3, 4, 1, ("anna", "ben"))
    assert summarize([]) is None
