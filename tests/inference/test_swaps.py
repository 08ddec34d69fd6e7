"""The test of "not worse" by exchanging rows: exact values, level, cover of its bound, and variants that are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from gandiag.inference import swaps
from gandiag.inference.swaps import FEWEST, MOST, Worsening, worsened

ROWS = 60


def signed(differences: Any, rng: np.random.Generator) -> Callable[[int, int], Any]:
    """Exchange pairs of a mean: the sizes of its differences are those of sums with random signs."""

    def sizes(start: int, stop: int) -> Any:
        signs = np.where(rng.random((stop - start, len(differences))) < 0.5, 1.0, -1.0)
        return np.abs(signs @ differences) / len(differences)

    return sizes


def of_mean(differences: Any, rng: np.random.Generator, **options: float) -> Worsening:
    return worsened(float(differences.mean()), signed(differences, rng), **options)


def p_values(make: Callable[[np.random.Generator], Any], runs: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return np.array([of_mean(make(rng), rng).p_value() for _ in range(runs)])


def most(runs: int, level: float) -> int:
    """What rejections of a test at its level stay below in all but one of 10 000 runs."""
    return int(binom.isf(1e-4, runs, level))


def test_the_p_value_is_the_share_of_swaps_where_draws_reach_it() -> None:
    """Eight equal differences: 1 of 256 swaps is as large."""
    found = of_mean(np.ones(8), np.random.default_rng(0), level=1e-4)
    assert not found.is_smooth
    assert len(found.draws) > MOST
    assert found.p_value() == pytest.approx(1 / 256, rel=4 / np.sqrt(20))


def test_drawing_stops_early_where_nothing_is_worse() -> None:
    rng = np.random.default_rng(1)
    assert len(of_mean(rng.normal(size=ROWS) - 1.0, rng).draws) == FEWEST
    assert len(of_mean(rng.normal(size=ROWS) + 1.0, rng).draws) == MOST


def test_better_is_no_evidence_and_worse_is_its_mirror_image() -> None:
    draws = np.linspace(0.0, 1.0, 99)
    assert Worsening(change=-0.5, draws=draws).p_value() == 1.0
    assert Worsening(change=-0.9, draws=draws).two_sided == Worsening(change=0.9, draws=draws).two_sided
    assert Worsening(change=0.0, draws=draws).two_sided == 1.0


def test_a_margin_moves_the_change() -> None:
    draws = np.linspace(0.0, 1.0, 99)
    assert Worsening(change=0.9, draws=draws).p_value(0.3) == Worsening(change=0.6, draws=draws).p_value()


@pytest.mark.parametrize("seed", range(3))
def test_beyond_the_draws_the_tail_is_that_of_a_sum_of_signs(seed: int) -> None:
    """A shift of 4 standard errors: the normal tail is 3.2e-5, which 99 draws cannot reach."""
    rng = np.random.default_rng(seed)
    differences = rng.normal(size=400)
    differences += 4.2 / np.sqrt(400) - differences.mean()
    p = of_mean(differences, rng, level=1e-3).p_value()
    assert 2e-6 < p < 4e-4


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: rng.normal(size=ROWS),
        lambda rng: rng.laplace(size=ROWS) ** 3,  # a few pairs carry all
        lambda rng: rng.integers(-2, 3, size=ROWS).astype(float),
    ],
    ids=["normal", "heavy", "whole"],
)
def test_neither_worse_the_level_is_kept_also_beyond_the_draws(make: Any) -> None:
    runs = 2000
    p = p_values(make, runs, seed=2)
    for level in (0.05, 0.01, 0.001):
        assert np.count_nonzero(p <= level) <= most(runs, level), level
    assert np.count_nonzero(p <= 0.05) >= int(binom.ppf(1e-4, runs, 0.04))  # and it does not merely never reject


def test_the_check_sees_the_naive_comparison_of_two_numbers() -> None:
    """Wrong: a candidate whose number is worse fails. Half of all equal ones would."""
    rng, runs = np.random.default_rng(3), 400
    fails = sum(bool(rng.normal(size=ROWS).mean() > 0) for _ in range(runs))
    assert fails > most(runs, 0.05)


def test_the_bound_covers_with_its_confidence() -> None:
    rng, runs, true = np.random.default_rng(4), 2000, 0.3
    missed = sum(of_mean(rng.normal(true, 1.0, size=ROWS), rng).bound(0.95) < true for _ in range(runs))
    assert missed <= most(runs, 0.05)
    assert missed >= int(binom.ppf(1e-4, runs, 0.02))


def test_too_few_draws_bound_nothing() -> None:
    assert Worsening(change=0.0, draws=np.ones(8)).bound(0.95) == np.inf


def lost_mode(rng: np.random.Generator, *, level: float) -> Worsening:
    """A mode of seven rows, all in the baseline: 1 of 64 swaps is as one-sided, and the others show nothing."""
    return worsened(1.0, lambda a, b: (rng.integers(0, 128, size=b - a) < 2).astype(float), level=level)


def test_a_coarse_number_gets_no_tail() -> None:
    rng = np.random.default_rng(5)
    p = np.array([lost_mode(rng, level=5e-4).p_value() for _ in range(200)])
    assert (p > 0.001).all()
    assert np.median(p) == pytest.approx(1 / 128, rel=0.2)


def test_the_check_sees_a_tail_put_to_a_coarse_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong: where none of the draws differs, their spread of 0 makes anything certain."""
    monkeypatch.setattr(swaps.Worsening, "is_smooth", True)
    rng = np.random.default_rng(5)
    p = np.array([lost_mode(rng, level=5e-4).p_value() for _ in range(200)])
    assert np.count_nonzero(p <= 0.001) > 20
