"""Aggregated discrepancy: the bisection, its equality with the test of the minimum, level, power, search."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.errors import ConfigError
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.mmd_agg import Reference, corrected_level, measure, upper_quantiles
from gandiag.numerics.kernels import geometric_bandwidths

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0, reference: int = 198) -> Measurement:
    comparison = Comparison(real=real, fake=fake, fit=real)
    return measure(comparison, rng=np.random.default_rng(seed), reference=reference)


def p_value(found: Measurement, seed: int = 0, draws: int = 99) -> float:
    assert isinstance(found.null, Relabelling)
    return permutation_null(found.null, draws=draws, rng=np.random.default_rng(seed)).p_value


def test_shares_are_ranks_at_the_references_own_values() -> None:
    reference = Reference(np.array([[1.0, 2.0, 3.0, 3.0]]))
    shares = reference.shares(np.array([[0.0, 1.0, 2.0, 2.5, 3.0, 9.0, 10.0]]))[0]
    np.testing.assert_allclose(shares[[0, 1, 2, 4]], [1.0, 1.0, 0.8, 0.6])
    assert 0.6 < shares[3] < 0.8
    assert 0.0 < shares[6] < shares[5] < 0.2
    assert reference.shares(np.array([[2.0 + 1e-15]]))[0, 0] == shares[2]


def test_the_corrected_level_of_one_kernel_or_of_equal_ones_is_the_level() -> None:
    rng = np.random.default_rng(0)
    row = rng.normal(size=(1, 2000))
    assert corrected_level(row, row) == pytest.approx(0.05, abs=1e-3)
    ten = np.repeat(row, 10, axis=0)
    assert corrected_level(ten, ten) == pytest.approx(0.5, abs=1e-2)  # each kernel at u / 10
    # Independent kernels: 1 - (1 - u / 10)^10 = 0.05, which is nearly Bonferroni's u = 0.05.
    first, second = rng.normal(size=(2, 10, 20_000))
    expected = 10 * (1 - 0.95**0.1)
    assert corrected_level(first, second) == pytest.approx(expected, abs=0.008)  # 4 standard errors of both sets


def test_the_bisection_and_the_test_of_the_minimum_reject_the_same_labellings() -> None:
    rng = np.random.default_rng(1)
    mix = rng.normal(size=(5, 5)) + 1.5
    first, second, observed = (mix @ rng.normal(size=(5, count)) for count in (2000, 2000, 400))
    u = corrected_level(first, second)
    by_bisection = (observed > upper_quantiles(first, u)[:, None]).any(axis=0)
    reference = Reference(first)
    null = reference.score(second)
    ranks = (1 + (null[:, None] >= reference.score(observed)[None, :]).sum(axis=0)) / 2001
    # They may differ where a labelling lies between two neighbouring ranks.
    assert np.mean(by_bisection != (ranks <= 0.05)) <= 0.01
    assert 0 < by_bisection.sum() < 60


def test_bandwidths_are_geometric_from_half_the_smallest_to_twice_the_largest() -> None:
    grid = geometric_bandwidths(np.array([1.0, 2.0, 4.0]), 10)
    assert grid[0] == pytest.approx(0.5)
    assert grid[-1] == pytest.approx(8.0)
    np.testing.assert_allclose(grid[1:] / grid[:-1], grid[1] / grid[0])
    near_copy = geometric_bandwidths(np.array([1e-9, 0.0, 1.0, 2.0, 4.0]), 10)
    assert near_copy[0] == pytest.approx(0.5)
    assert geometric_bandwidths(np.zeros(3), 10).size == 0


def rejections(reps: int) -> tuple[int, int]:
    """How often the test rejects at 0.05, and how often some kernel alone is significant there."""
    aggregated, uncorrected = 0, 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        found = measured(rng.normal(size=(15, 2)), rng.normal(size=(20, 2)), seed)
        aggregated += p_value(found, seed) <= 0.05
        uncorrected += found.details["most_telling"]["share"] <= 0.05
    return aggregated, uncorrected


def test_the_level_is_exact_and_the_best_kernel_without_correction_loses_it() -> None:
    aggregated, uncorrected = rejections(200)
    assert 1 <= aggregated <= binom.ppf(1 - 1e-4, 200, 0.05)
    assert uncorrected > binom.ppf(1 - 1e-4, 200, 0.05)


@pytest.mark.slow
def test_the_level_is_exact_over_many_repetitions() -> None:
    assert 64 <= rejections(2000)[0] <= 140


def test_it_sees_a_shift_and_local_structure() -> None:
    centres = 2.0 * np.array([[i, j] for i in range(5) for j in range(5)])
    shifted, local = 0, 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        shifted += p_value(measured(rng.normal(size=(80, 2)), rng.normal(size=(80, 2)) + 0.7)) <= 0.05
        real = centres[rng.integers(25, size=200)] + 0.1 * rng.normal(size=(200, 2))
        fake = centres[rng.integers(25, size=200)] + 0.3 * rng.normal(size=(200, 2))
        local += p_value(measured(real, fake)) <= 0.05
    assert shifted == 4
    assert local >= 3


def test_details_name_the_kernels_that_exceed_their_own_quantile() -> None:
    rng = np.random.default_rng(2)
    found = measured(rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) + 1.0)
    assert len(found.details["kernels"]) == 20
    assert found.details["exceeding"]
    assert 0.02 < found.details["u"] < 1.0
    assert found.details["most_telling"]["share"] == min(row["share"] for row in found.details["kernels"])


def test_equal_rows_give_zero_and_p_one() -> None:
    found = measured(np.ones((12, 3)), np.ones((9, 3)))
    assert found.estimate == 0.0
    assert p_value(found) == 1.0


def test_many_rows_in_single_precision_have_the_p_value_of_double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(60, 3)), rng.normal(size=(60, 3)) + 0.2
    found = []
    for rows in (100, 10_000):
        monkeypatch.setattr("gandiag.numerics.pair_sums.QUICK_ROWS", rows)
        found.append(p_value(measured(x, y), draws=150))
    assert found[0] == found[1]


@pytest.mark.parametrize("options", [{"reference": 1}])
def test_options_that_give_no_test_are_refused(options: dict[str, float]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    with pytest.raises(ConfigError, match=next(iter(options))):
        measure(Comparison(real=x[:20], fake=x[20:], fit=x), rng=rng, **options)  # type: ignore[arg-type]
