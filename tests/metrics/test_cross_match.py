"""Cross-match: the exact null law, its agreement with dealt labels, level, power, and rules for odd sizes and ties."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull, Measurement
from gandiag.metrics.cross_match import cross_match_law, measure

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed))


def p_value(measurement: Measurement) -> float:
    assert isinstance(measurement.null, KnownNull)
    assert measurement.null.p_value is not None
    return measurement.null.p_value.value


@pytest.mark.row(20)
def test_twelve_rows_have_the_published_law() -> None:
    counts, mass = cross_match_law(6, 6)
    assert counts.tolist() == [0, 2, 4, 6]
    np.testing.assert_allclose(mass, [0.021645, 0.389610, 0.519481, 0.069264], atol=1e-6)
    assert counts @ mass == pytest.approx(3.272727, abs=1e-6)
    # Pairs as independent coins, half of them crossing, have another law.
    assert abs(binom.pmf(0, 6, 0.5) - mass[0]) > 1e-3


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 4), (3, 7), (40, 60), (199, 201)])
def test_the_law_sums_to_one_with_the_closed_mean(n: int, m: int) -> None:
    counts, mass = cross_match_law(n, m)
    assert mass.sum() == pytest.approx(1.0, rel=1e-10)
    assert counts @ mass == pytest.approx(n * m / (n + m - 1), rel=1e-10)


def test_dealt_labels_follow_the_law() -> None:
    rng = np.random.default_rng(0)
    counts, mass = cross_match_law(4, 6)
    dealt = np.argsort(rng.random((20_000, 10)), axis=1) < 4
    crossing = (dealt[:, ::2] != dealt[:, 1::2]).sum(axis=1)
    for count, share in zip(counts, mass, strict=True):
        assert abs((crossing == count).mean() - share) < 4 * np.sqrt(share * (1 - share) / 20_000)


def attained(n: int, m: int, alpha: float) -> float:
    """Give the exact level of the test, which counts make smaller than alpha."""
    tail = np.cumsum(cross_match_law(n, m)[1])
    return float(tail[tail <= alpha].max(initial=0.0))


def level(reps: int, tied: bool) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        sides = [rng.poisson(2.0, size=(rows, 2)) + 0.0 if tied else rng.normal(size=(rows, 2)) for rows in (13, 11)]
        count += p_value(measured(*sides, seed=seed)) <= 0.1
    return count


@pytest.mark.parametrize("tied", [False, True])
def test_the_test_has_exactly_its_attained_level(tied: bool) -> None:
    low, high = binom.ppf([1e-4 / 2, 1 - 1e-4 / 2], 120, attained(13, 11, 0.1))
    assert low <= level(120, tied) <= high


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True])
def test_the_test_has_exactly_its_attained_level_over_many_repetitions(tied: bool) -> None:
    low, high = binom.ppf([1e-4 / 2, 1 - 1e-4 / 2], 2000, attained(13, 11, 0.1))
    assert low <= level(2000, tied) <= high


def test_pairing_equal_rows_in_the_order_of_the_pool_would_lose_the_level() -> None:
    # Real rows come first: equal rows then go together within a side, and no pair crosses.
    rejected = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        values, labels = rng.integers(0, 2, size=24), np.arange(24) < 12
        order = np.argsort(values, kind="stable")
        crossing = int((labels[order[::2]] != labels[order[1::2]]).sum())
        counts, mass = cross_match_law(12, 12)
        rejected += mass[counts <= crossing].sum() <= 0.1
    assert rejected > 50


def test_it_sees_a_shift_and_a_scale() -> None:
    rng = np.random.default_rng(1)
    real = rng.normal(size=(80, 2))
    assert p_value(measured(real, rng.normal(size=(80, 2)) + 2.0)) < 1e-3
    assert p_value(measured(real, 5.0 * rng.normal(size=(80, 2)))) < 1e-3
    separate = measured(real, rng.normal(size=(80, 2)) + 90.0)
    assert separate.estimate == 1.0
    assert separate.details["cross_matches"] == 0


@pytest.mark.parametrize(("n", "m", "used"), [(10, 7, (9, 7)), (7, 10, (7, 9)), (8, 6, (8, 6)), (2, 3, (2, 2))])
def test_one_row_of_the_larger_side_is_left_out_where_rows_are_odd(n: int, m: int, used: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    details = measured(rng.normal(size=(n, 2)), rng.normal(size=(m, 2))).details
    assert (details["n_used"], details["m_used"]) == used
    assert details["pairs"] == sum(used) // 2


def test_floor_and_estimate_are_in_one_unit() -> None:
    rng = np.random.default_rng(3)
    found = [measured(rng.normal(size=(14, 2)), rng.normal(size=(14, 2)), seed) for seed in range(80)]
    estimates = [m.estimate for m in found if m.estimate is not None]
    null = found[0].null
    assert isinstance(null, KnownNull)
    assert null.floor is not None
    assert abs(np.mean(estimates)) < 4 * null.floor.sd / np.sqrt(80)
    assert np.std(estimates) == pytest.approx(null.floor.sd, rel=0.35)  # 4 standard errors of a spread of 80


def test_equal_rows_everywhere_say_nothing() -> None:
    result = measured(np.ones((6, 2)), np.ones((8, 2)))
    assert p_value(result) == 1.0
    assert result.estimate == 0.0
    assert "all rows are equal" in result.warnings[0]
