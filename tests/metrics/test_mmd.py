"""Maximum mean discrepancy: closed forms, unbiasedness, the fused test, and wrong variants that must be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.mmd import measure, mmd_squared

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(0))


def p_value(real: Matrix, fake: Matrix, seed: int = 0, draws: int = 99) -> float:
    null = measured(real, fake).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed)).p_value


def gaussian(x: Matrix, y: Matrix, length: float) -> Matrix:
    return np.asarray(np.exp(-np.square(x[:, None] - y[None]).sum(axis=2) / (2 * length**2)))


def biased(x: Matrix, y: Matrix, length: float) -> float:
    return float(gaussian(x, x, length).mean() + gaussian(y, y, length).mean() - 2 * gaussian(x, y, length).mean())


@pytest.mark.row(13)
def test_four_points_give_the_worked_example_and_the_biased_form_does_not() -> None:
    real, fake = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    assert mmd_squared(real, fake, bandwidth=1.0) == pytest.approx(0.7689062, abs=1e-7)
    assert biased(real, fake, 1.0) == pytest.approx(1.1623755, abs=1e-7)


CASES = [
    # d, shift, standard deviation, bandwidth, closed form, tolerance (4 standard errors of 100 means at n = 400)
    (1, 1.0, 1.0, 1.0, 0.177268, 0.0099),
    (5, 1.0, 1.0, 2.0, 0.058030, 0.0042),
    (5, 0.0, np.sqrt(2.0), 2.0, 0.045996, 0.0028),
]


@pytest.mark.row(14)
@pytest.mark.parametrize(("d", "shift", "sd", "length", "expected", "tolerance"), CASES)
def test_normal_laws_reach_their_closed_form(
    d: int, shift: float, sd: float, length: float, expected: float, tolerance: float
) -> None:
    found = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        fake = sd * rng.normal(size=(400, d))
        fake[:, 0] += shift
        found.append(mmd_squared(rng.normal(size=(400, d)), fake, bandwidth=length))
    assert abs(np.mean(found) - expected) < tolerance
    assert abs(np.mean(found) / 2 - expected) > tolerance  # a lost factor 2


@pytest.mark.row(15)
def test_the_estimate_is_zero_in_expectation_for_equal_laws_and_the_biased_one_is_not() -> None:
    unbiased_values, biased_values = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(40, 2)), rng.normal(size=(60, 2))
        unbiased_values.append(mmd_squared(x, y))
        biased_values.append(biased(x, y, 1.7))
    error = np.std(unbiased_values) / np.sqrt(200)
    assert abs(np.mean(unbiased_values)) < 4 * error
    assert min(unbiased_values) < 0.0
    assert abs(np.mean(biased_values)) > 4 * np.std(biased_values) / np.sqrt(200)


def reference_fuse(x: Matrix, y: Matrix) -> float:
    """MMD-FUSE by its definition, one kernel at a time, uncentred."""
    pool = np.concatenate([x, y])
    n, m, total = len(x), len(y), len(pool)
    apart = ~np.eye(total, dtype=bool)
    upper = np.triu_indices(total, 1)
    exponents = []
    for order in (2, 1):
        distances = np.linalg.norm(pool[:, None] - pool[None], ord=order, axis=2)
        low, high = np.quantile(distances[upper], [0.05, 0.95])
        for length in np.linspace(low / 2, 2 * high, 10):
            kernel = np.exp(-((distances / length) ** order) / order)
            xx, yy, xy = kernel[:n, :n], kernel[n:, n:], kernel[:n, n:]
            mmd2 = (xx.sum() - n) / (n * (n - 1)) + (yy.sum() - m) / (m * (m - 1)) - 2 * xy.mean()
            exponents.append(mmd2 / np.sqrt(np.square(kernel)[apart].mean()))
    sharpness = np.sqrt(min(n, m) * (min(n, m) - 1))
    return float(np.log(np.mean(np.exp(sharpness * np.array(exponents)))) / sharpness)


def test_the_tested_statistic_is_mmd_fuse() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(25, 3)), rng.normal(size=(15, 3)) + 0.4
    null = measured(x, y).null
    assert isinstance(null, Relabelling)
    values = null.statistic(null.observed[:, None])
    assert values[-1, 0] == pytest.approx(reference_fuse(x, y), rel=1e-9)
    assert values[0, 0] == pytest.approx(mmd_squared(x, y), rel=1e-9)
    assert values[-1, 0] != pytest.approx(reference_fuse(x, y[:-1]), rel=1e-3)


def test_the_fused_statistic_does_not_overflow_for_far_apart_sides() -> None:
    rng = np.random.default_rng(2)
    assert p_value(rng.normal(size=(900, 2)), rng.normal(size=(900, 2)) + 50.0, draws=20) == pytest.approx(1 / 21)


@given(st.integers(2, 12), st.integers(2, 12), st.integers(1, 4), st.integers(0, 10_000))
def test_its_invariances(n: int, m: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.standard_t(2, size=(m, d))
    value = mmd_squared(x, y)
    rotation, _ = np.linalg.qr(rng.normal(size=(d, d)))
    assert mmd_squared(y, x) == pytest.approx(value, abs=1e-10)
    assert mmd_squared(rng.permutation(x), rng.permutation(y)) == pytest.approx(value, abs=1e-10)
    assert mmd_squared(x + 1e3, y + 1e3) == pytest.approx(value, abs=1e-8)
    assert mmd_squared(x @ rotation, y @ rotation) == pytest.approx(value, abs=1e-8)
    assert mmd_squared(1e6 * x, 1e6 * y) == pytest.approx(value, abs=1e-9)
    assert value <= 2.0


def level(reps: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(rng.normal(size=(20, 2)), rng.normal(size=(30, 2)), seed) <= 0.05
    return count


def test_the_test_holds_its_level() -> None:
    assert 3 <= level(300) <= 31  # binomial limits at 1e-4


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


def test_bandwidths_taken_from_the_real_side_alone_would_lose_the_level() -> None:
    # The statistic may only see the pool: with a scale fitted on real rows the observed labelling is special.
    rejections = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        real, fake = rng.normal(size=(8, 1)), rng.normal(size=(8, 1))
        pool = np.concatenate([real, fake])
        pool = (pool - real.mean(axis=0)) / real.std(axis=0)  # reference-only z-score
        spread = Relabelling(
            observed=np.arange(16) < 8,
            statistic=lambda labels, pool=pool: np.array(  # type: ignore[misc]
                [[abs(np.log(np.square(pool[~c]).mean())) for c in labels.T]]
            ),
        )
        rejections += permutation_null(spread, draws=99, rng=np.random.default_rng(seed)).p_value <= 0.05
    assert rejections > 25  # the upper binomial limit at 1e-4 is 23


def test_it_sees_local_structure_that_the_median_bandwidth_misses() -> None:
    # 25 modes of three times the width: the median bandwidth is many modes wide and sees nothing.
    centres = 2.0 * np.array([[i, j] for i in range(5) for j in range(5)])
    fused, median = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        real = centres[rng.integers(25, size=300)] + 0.1 * rng.normal(size=(300, 2))
        fake = centres[rng.integers(25, size=300)] + 0.3 * rng.normal(size=(300, 2))
        relabelling = measured(real, fake).null
        assert isinstance(relabelling, Relabelling)
        null = permutation_null(relabelling, draws=99, rng=rng)
        fused.append(null.p_value <= 0.05)
        median.append(np.mean(null.estimates >= null.estimate) <= 0.05)
    assert sum(fused) >= 4
    assert sum(median) <= 2


def test_the_upper_bound_holds_where_the_answer_is_known() -> None:
    for shift, expected in ((0.0, 0.0), (1.0, 0.177268)):
        rng = np.random.default_rng(4)
        found = measured(rng.normal(size=(200, 1)), rng.normal(size=(200, 1)) + shift)
        assert found.interval is not None
        assert found.interval.high is not None
        # The bandwidth is the sample's median, about 1: the population value there is within 0.03 of the one at 1.
        assert expected - 0.03 <= found.interval.high < expected + 0.5
        assert found.interval.sided == "upper"


def test_details_name_the_most_telling_kernel() -> None:
    rng = np.random.default_rng(5)
    found = measured(rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) + 1.0)
    kernels = found.details["kernels"]
    assert [row["kernel"] for row in kernels] == ["gaussian"] * 10 + ["laplace"] * 10
    assert found.details["most_telling"] == max(kernels, key=lambda row: row["normalised"])
    assert found.details["bandwidth_quantile"] == 0.5
    real = found.arrays["is_real"]
    assert found.arrays["witness"][real].mean() > found.arrays["witness"][~real].mean()


def test_a_zero_median_distance_moves_the_bandwidth_and_says_so() -> None:
    rng = np.random.default_rng(6)
    real, fake = (np.where(rng.random((80, 1)) < 0.9, 0.0, rng.normal(size=(80, 1))) for _ in range(2))
    found = measured(real, fake)
    assert found.details["bandwidth"] > 0
    assert found.details["bandwidth_quantile"] > 0.5
    assert "wider quantile" in found.warnings[0]
    assert np.isfinite(found.estimate)
    assert mmd_squared(real, fake) == found.estimate


def test_equal_rows_on_both_sides_give_zero_and_p_one() -> None:
    rows = np.full((12, 3), 0.1)
    found = measured(rows, rows[:5])
    assert found.estimate == 0.0
    assert found.details["bandwidth"] is None
    assert p_value(rows, rows[:5]) == 1.0
    assert mmd_squared(rows, rows[:5]) == 0.0


def test_discrete_data_keep_their_ties() -> None:
    # Three categories: p-values of a null are never below the level more often than allowed.
    count = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        rows = np.eye(3)[rng.integers(0, 3, size=17)]
        count += p_value(rows[:10], rows[10:], seed) <= 0.05
    assert count <= 23
