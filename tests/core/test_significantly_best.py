"""Which of several values is best: what may be claimed, and how often a claim is false."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gandiag.core.best import Estimate, Standing, standing

SD = 1.0
HALF = 1.959964 * SD
RUNS = 20_000


def estimates(*values: float, half: float = HALF) -> list[Estimate]:
    return [Estimate(value=v, low=v - half, high=v + half) for v in values]


def test_a_value_whose_interval_lies_apart_is_best_whichever_way_is_better() -> None:
    low, high = estimates(0.0, 10.0)
    assert standing([high, low], lower_is_better=True) == Standing(best=1, tied=())
    assert standing([high, low], lower_is_better=False) == Standing(best=0, tied=())


def test_those_that_could_be_as_good_are_tied_and_nothing_is_claimed() -> None:
    found = standing(estimates(0.0, 2.0, 20.0), lower_is_better=True)
    assert found == Standing(best=0, tied=(1,))
    assert not found.is_significant


def test_of_equal_values_the_first_is_named_and_the_others_are_tied() -> None:
    assert standing(estimates(1.0, 1.0, 1.0), lower_is_better=False) == Standing(best=0, tied=(1, 2))


def test_intervals_that_only_touch_are_tied() -> None:
    assert standing(estimates(0.0, 2.0, half=1.0), lower_is_better=True).tied == (1,)


def test_two_are_told_apart_just_where_their_stored_intervals_part() -> None:
    assert standing(estimates(0.0, 2.01, half=1.0), lower_is_better=True).is_significant


def test_more_samplers_need_a_wider_gap() -> None:
    pair = estimates(0.0, 2.01, half=1.0)
    assert not standing([*pair, *estimates(50.0, 60.0, half=1.0)], lower_is_better=True).is_significant


def test_an_interval_of_another_confidence_is_brought_to_the_same_tail() -> None:
    wide, narrow = 2.575829, 1.959964
    a, b = (
        [Estimate(value=v, low=v - z, high=v + z, confidence=c) for v in (0.0, 4.5)]
        for z, c in ((wide, 0.99), (narrow, 0.95))
    )
    assert standing(a, lower_is_better=True) == standing(b, lower_is_better=True) == Standing(best=0, tied=())


def test_none_is_no_table() -> None:
    with pytest.raises(ValueError, match="at least one"):
        standing([], lower_is_better=True)


def false_claims(draws: np.ndarray) -> float:
    """Share of draws, one row each of values with equal truth, in which some value is called significantly best."""
    return float(np.mean([standing(estimates(*row), lower_is_better=True).is_significant for row in draws]))


def test_false_claims_keep_their_rate_where_errors_are_opposed_and_reach_it() -> None:
    error = np.random.default_rng(0).normal(size=RUNS)
    found = false_claims(np.stack([error, -error], axis=1))
    assert found == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / RUNS))


@pytest.mark.parametrize("k", [2, 3, 6])
def test_false_claims_are_rarer_where_errors_are_independent(k: int) -> None:
    assert false_claims(np.random.default_rng(k).normal(size=(RUNS // 4, k))) <= 0.05


def test_a_rule_that_takes_errors_for_independent_is_caught_where_they_are_not() -> None:
    error = np.random.default_rng(1).normal(size=RUNS)
    claimed = np.mean(np.abs(2 * error) > 1.959964 * math.sqrt(2.0))
    assert claimed > 0.05 + 4 * math.sqrt(0.05 * 0.95 / RUNS)  # 0.166
