"""Sliced Wasserstein distance: exact cases, floors, bounds, level, and wrong variants that must be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import gammaln

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.errors import ConfigError
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.sliced_wasserstein import measure, sliced_wasserstein_distance
from gandiag.numerics.slices import orthonormal_directions
from gandiag.numerics.transport import assignment_cost

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0, directions: int = 200) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed), directions=directions)


def p_value(real: Matrix, fake: Matrix, seed: int = 0, directions: int = 200) -> float:
    null = measured(real, fake, seed, directions).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=99, rng=np.random.default_rng(seed)).p_value


def axes(d: int, count: int = 50, seed: int = 0) -> Matrix:
    return orthonormal_directions(d, count, np.random.default_rng(seed))


def mean_absolute_cosine(d: int) -> float:
    return float(np.exp(gammaln(d / 2) - gammaln((d + 1) / 2)) / np.sqrt(np.pi))


@pytest.mark.row(50)
@pytest.mark.parametrize("d", [1, 2, 7])
def test_a_shift_reads_its_mean_length_along_the_directions(d: int) -> None:
    rng = np.random.default_rng(0)
    x, delta = rng.normal(size=(40, d)), rng.normal(size=d)
    thetas = axes(d)
    expected = np.abs(thetas @ delta).mean()
    assert sliced_wasserstein_distance(x, rng.permutation(x + delta), thetas) == pytest.approx(expected, rel=1e-10)
    assert abs((thetas @ delta).mean()) != pytest.approx(expected, rel=1e-3) or d == 1  # signs must not cancel


@pytest.mark.row(51)
@pytest.mark.parametrize(("d", "factor"), [(2, 0.636620), (10, 0.258690), (100, 0.079988)])
def test_shift_factors_over_all_directions(d: int, factor: float) -> None:
    # Orthonormal batches estimate E theta^2 exactly: SW_2 = |delta| / sqrt(d) for whole batches.
    assert mean_absolute_cosine(d) == pytest.approx(factor, abs=2e-6)
    rng = np.random.default_rng(1)
    x, delta = rng.normal(size=(30, d)), np.eye(d)[0]
    thetas = axes(d, 20 * d)
    cosines = np.abs(thetas[:, 0])
    found = sliced_wasserstein_distance(x, x + delta, thetas)
    assert found == pytest.approx(factor, abs=4 * cosines.std() / np.sqrt(len(cosines)))
    assert sliced_wasserstein_distance(x, x + delta, thetas, 2.0) == pytest.approx(1 / np.sqrt(d), rel=1e-9)
    assert found != pytest.approx(1 / np.sqrt(d), rel=0.05)


@pytest.mark.row(52)
@pytest.mark.parametrize("d", [2, 20, 100])
def test_the_floor_does_not_depend_on_the_dimension(d: int) -> None:
    # 0.0815 at n = 500, within 10 %.
    rng = np.random.default_rng(d)
    found = [
        sliced_wasserstein_distance(rng.normal(size=(500, d)), rng.normal(size=(500, d)), axes(d, 50, i))
        for i in range(10)
    ]
    assert np.mean(found) == pytest.approx(0.0815, rel=0.1)
    assert np.mean(found) * np.sqrt(2) != pytest.approx(0.0815, rel=0.1)  # the floor at half the rows


@pytest.mark.parametrize(("n", "m"), [(20, 20), (20, 13)])
@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.differential("D14")
def test_it_agrees_with_pot_over_the_same_directions(n: int, m: int, p: float) -> None:
    import ot

    rng = np.random.default_rng(2)
    x, y, thetas = rng.normal(size=(n, 3)), rng.normal(size=(m, 3)) + 0.3, axes(3)
    peer = ot.sliced_wasserstein_distance(x, y, projections=thetas.T, p=p)
    found = sliced_wasserstein_distance(x, y, thetas, p)
    assert found == pytest.approx(float(peer), rel=1e-9)
    assert found * 1.01 != pytest.approx(float(peer), rel=1e-9)


@given(st.integers(2, 10), st.integers(1, 4), st.integers(0, 10_000))
def test_bounds_and_invariances(n: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, z = rng.normal(size=(n, d)), rng.standard_t(2, size=(n, d)), rng.normal(size=(n + 3, d))
    thetas = axes(d, 20, seed)
    one, two = (sliced_wasserstein_distance(x, y, thetas, p) for p in (1.0, 2.0))
    distances = np.linalg.norm(x[:, None] - y[None], axis=2)
    assert one <= two + 1e-12
    assert one <= assignment_cost(distances) + 1e-9
    per_direction = [sliced_wasserstein_distance(x, y, t[None]) for t in thetas]
    assert one <= max(per_direction) + 1e-12 <= assignment_cost(distances) + 1e-9
    assert np.abs(thetas @ (x.mean(axis=0) - y.mean(axis=0))).mean() <= one + 1e-9
    assert sliced_wasserstein_distance(y, x, thetas) == pytest.approx(one, rel=1e-10)
    assert sliced_wasserstein_distance(rng.permutation(x), y, thetas) == pytest.approx(one, rel=1e-10)
    assert sliced_wasserstein_distance(5 * x, 5 * y, thetas) == pytest.approx(5 * one, rel=1e-9)
    assert sliced_wasserstein_distance(x, x, thetas) == 0.0
    across = sliced_wasserstein_distance(x, z, thetas)
    assert across <= one + sliced_wasserstein_distance(y, z, thetas) + 1e-9


def test_one_dimension_is_the_exact_distance_on_one_axis() -> None:
    from scipy.stats import wasserstein_distance

    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(50, 1)), rng.normal(size=(30, 1)) + 1.0
    found = measured(x, y)
    assert found.details["directions"] == 1
    assert found.details["standard_error_over_directions"] == 0.0
    assert found.estimate == pytest.approx(wasserstein_distance(x[:, 0], y[:, 0]), rel=1e-12)


def test_the_worst_direction_is_the_axis_of_the_change() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(400, 3)), rng.normal(size=(400, 3))
    y[:, 1] += 2.0
    found = measured(x, y, directions=300)
    assert abs(found.arrays["worst_direction"][1]) > 0.95
    assert found.details["worst_w1"] == pytest.approx(2.0, abs=0.3)
    assert found.details["sw2_sqrt_d"] == pytest.approx(2.0, abs=0.3)
    assert found.arrays["w1_per_direction"].mean() == pytest.approx(found.estimate, rel=1e-10)


def test_the_upper_bound_covers_the_distance_of_a_shift() -> None:
    # One-sided 95 %: 200 repetitions may miss at most 22 times (binomial limit at 1e-4).
    missed, shift = 0, 0.5
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(100, 2)), rng.normal(size=(80, 2))
        y[:, 0] += shift
        thetas = axes(2, 20, seed)
        interval = measured(x, y, seed, directions=20).interval
        assert interval is not None
        assert interval.high is not None
        missed += interval.high < shift * np.abs(thetas[:, 0]).mean()
    assert missed <= 22


def level(reps: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(rng.normal(size=(20, 3)), rng.normal(size=(30, 3)), seed, directions=15) <= 0.05
    return count


def test_the_test_holds_its_level() -> None:
    assert 8 <= level(500) <= 46  # binomial limits at 1e-4


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


def test_it_sees_a_shift_and_a_scale_in_any_unit() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(150, 4)), rng.normal(size=(150, 4))
    for unit in (1e-9, 1.0, 1e9):
        assert p_value(x * unit, (y + 0.5) * unit) == 0.01
        assert p_value(x * unit, y * 1.5 * unit) == 0.01


def test_equal_rows_on_both_sides_give_zero_and_p_one() -> None:
    rows = np.full((12, 3), 0.1)
    assert measured(rows, rows[:5]).estimate == 0.0
    assert p_value(rows, rows[:5]) == 1.0


def test_no_direction_is_refused() -> None:
    with pytest.raises(ConfigError, match="`directions` must be at least 1"):
        measured(np.ones((3, 2)), np.ones((3, 2)), directions=0)


def test_the_upper_bound_covers_with_few_rows_on_one_side() -> None:
    """Four rows have a variance of three degrees of freedom: the normal point misses one time in ten."""
    misses, runs = 0, 1000
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        interval = measured(rng.normal(size=(4, 1)), rng.normal(5.0, 1.0, size=(200, 1)), seed).interval
        assert interval is not None
        assert interval.high is not None
        misses += interval.high < 5.0
    assert misses <= 74  # 1e-3 of the binomial law at 0.05
