"""Quantiles, tails and smallest effects beyond what draws reach: held against laws that are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2, norm

from gandiag.inference.effects import beyond, normal_effect, smallest_effect, upper_tail

LEVEL, POWER, DRAWS, REPEATS = 1e-4, 0.95, 999, 200
Vector = NDArray[np.float64]
LAWS = {"normal": norm(), "chi-square 3": chi2(3), "chi-square 20": chi2(20)}


def averaged(find: Callable[[Vector], float], law: str, *, draws: int = DRAWS) -> tuple[float, float]:
    """Give the mean of what is found from independent sets of draws, and its standard error."""
    rng = np.random.default_rng(3)
    found = [find(np.asarray(LAWS[law].rvs(size=draws, random_state=rng))) for _ in range(REPEATS)]
    return float(np.mean(found)), float(np.std(found) / math.sqrt(REPEATS))


def exact_shift(df: int, level: float, power: float) -> float:
    """Solve for the noncentrality at which a chi-square test of that level has that power: its excess of the mean."""
    critical = chi2.isf(level, df)
    return float(brentq(lambda shift: ncx2.sf(critical, df, shift) - power, 1e-6, 1e4))


@pytest.mark.parametrize("law", LAWS)
def test_a_quantile_that_no_draw_reaches_is_that_of_the_law(law: str) -> None:
    found, error = averaged(lambda x: beyond(x, LEVEL), law)
    # The larger of the extrapolation and of the largest draw is a little large on the average.
    assert LAWS[law].isf(LEVEL) - 3 * error <= found <= 1.08 * LAWS[law].isf(LEVEL)


def test_a_normal_tail_is_refused_by_the_same_check_where_the_law_is_skewed() -> None:
    found, error = averaged(lambda x: float(x.mean() + x.std() * norm.isf(LEVEL)), "chi-square 3")
    assert found < LAWS["chi-square 3"].isf(LEVEL) - 3 * error
    found, error = averaged(lambda x: float(x.max()), "chi-square 3")
    assert found < LAWS["chi-square 3"].isf(LEVEL) - 3 * error


@pytest.mark.parametrize("law", LAWS)
def test_a_quantile_that_draws_reach_is_their_own(law: str) -> None:
    draws = np.asarray(LAWS[law].rvs(size=5000, random_state=0))
    assert beyond(draws, 0.01) == pytest.approx(float(np.quantile(draws, 0.99)))


def test_draws_without_spread_have_one_quantile() -> None:
    assert beyond(np.full(50, 2.0), 1e-4) == 2.0


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("share", [1e-2, 1e-4, 1e-6])
def test_a_tail_beyond_the_draws_is_that_of_the_law(law: str, share: float) -> None:
    value = float(LAWS[law].isf(share))
    found, error = averaged(lambda x: math.log10(upper_tail(x, value)), law)
    # A tenth of a decade for each decade: moments of 999 draws know the far tail no better.
    assert abs(found - math.log10(share)) <= 3 * error + 0.1 * -math.log10(share)


def test_a_normal_tail_is_refused_there_too() -> None:
    value = float(LAWS["chi-square 3"].isf(LEVEL))
    found, error = averaged(lambda x: math.log10(norm.sf((value - x.mean()) / x.std())), "chi-square 3")
    assert abs(found - math.log10(LEVEL)) > 3 * error + 0.4


def test_a_tail_that_draws_reach_is_their_share_and_counts_ties() -> None:
    draws = np.repeat([0.0, 1.0], [60, 39])
    assert upper_tail(draws, 1.0) == pytest.approx(40 / 100)
    assert upper_tail(draws, 0.0) == pytest.approx(1.0)
    assert upper_tail(np.full(9, 1.0), 2.0) == pytest.approx(0.1)


@pytest.mark.parametrize("law", LAWS)
def test_the_tail_undoes_the_quantile(law: str) -> None:
    draws = np.asarray(LAWS[law].rvs(size=400, random_state=1))
    for level in (1e-5, 1e-7):
        assert upper_tail(draws, beyond(draws, level)) == pytest.approx(level, rel=0.05)


def test_the_smallest_effect_on_a_normal_estimate() -> None:
    exact = float(norm.isf(LEVEL) + norm.ppf(POWER))
    found, error = averaged(lambda x: smallest_effect(x, "greater", level=LEVEL, power=POWER), "normal")
    assert exact - 3 * error <= found <= 1.08 * exact
    less, error = averaged(lambda x: smallest_effect(-x, "less", level=LEVEL, power=POWER), "normal")
    assert less == pytest.approx(found)
    both, error = averaged(lambda x: smallest_effect(x, "two-sided", level=LEVEL, power=POWER), "normal")
    halved = float(norm.isf(LEVEL / 2) + norm.ppf(POWER))
    assert halved - 3 * error <= both <= 1.12 * halved
    assert normal_effect(2.0, level=LEVEL, power=POWER) == pytest.approx(2.0 * exact)


@pytest.mark.parametrize("df", [3, 20])
def test_the_smallest_effect_on_a_sum_of_squares(df: int) -> None:
    exact = exact_shift(df, LEVEL, POWER)
    found, error = averaged(lambda x: smallest_effect(x, "greater", level=LEVEL, power=POWER), f"chi-square {df}")
    # Sums of squares are skewed towards what is seen: to take them for normal asks for a little more, never for less.
    assert exact - 3 * error <= found <= 1.1 * exact


@pytest.mark.parametrize("df", [3, 20])
def test_a_spread_that_does_not_grow_with_the_effect_is_refused_by_the_same_check(df: int) -> None:
    exact = exact_shift(df, LEVEL, POWER)

    def steady(x: Vector) -> float:
        return float(beyond(x, LEVEL) - x.mean() + norm.ppf(POWER) * x.std())

    found, error = averaged(steady, f"chi-square {df}")
    assert found < exact - 3 * error


@pytest.mark.parametrize("df", [3, 20])
def test_the_smallest_effect_planted_is_rejected_with_its_power(df: int) -> None:
    rng = np.random.default_rng(5)
    shift = smallest_effect(rng.chisquare(df, size=50_000), "greater", level=LEVEL, power=POWER)
    planted = rng.noncentral_chisquare(df, shift, size=20_000)
    rejected = float((planted >= chi2.isf(LEVEL, df)).mean())
    assert POWER - 3 * math.sqrt(POWER * (1 - POWER) / 20_000) <= rejected <= POWER + 0.02
