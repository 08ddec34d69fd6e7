"""Cross discrepancy: an exact small case, the standard normal null in many dimensions, power, and a missing split."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, kstest, norm, t, ttest_ind

from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull, Measurement
from gandiag.errors import ConfigError
from gandiag.metrics.cross_mmd import _mean_kernel, cross_statistic, degrees_of_freedom, exact_p_value, measure

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0, **options: float) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed), **options)


def p_value(found: Measurement) -> float:
    assert isinstance(found.null, KnownNull)
    assert found.null.p_value is not None
    return found.null.p_value.value


def test_the_statistic_is_the_papers_on_four_numbers() -> None:
    difference, error = cross_statistic(np.array([1.0, 3.0]), np.array([0.0, 1.0, 2.0]))
    assert difference == 1.0
    assert error == pytest.approx(np.sqrt(2.0 / 2 + 1.0 / 3))


def test_the_degrees_of_freedom_are_welchs() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=9), 3.0 * rng.normal(size=25)
    theirs = ttest_ind(x, y, equal_var=False)
    assert degrees_of_freedom(x, y) == pytest.approx(theirs.df, rel=1e-12)
    assert degrees_of_freedom(y, x[:8]) != pytest.approx(theirs.df, rel=1e-3)
    assert degrees_of_freedom(1e-100 * x, 1e-100 * y) == pytest.approx(theirs.df, rel=1e-9)
    assert degrees_of_freedom(np.ones(3), np.ones(4)) == 5.0


def test_many_rows_have_students_tail_and_few_rows_are_permuted() -> None:
    rng = np.random.default_rng(4)
    many = measured(rng.normal(size=(200, 2)) + 0.5, rng.normal(size=(200, 2)))
    ratio = many.details["ratio"]
    assert t.sf(ratio, 198) <= p_value(many) <= t.sf(ratio, 99)
    assert p_value(many) != pytest.approx(norm.sf(ratio), rel=0.01)
    few = measured(rng.normal(size=(20, 2)) + 9.0, rng.normal(size=(200, 2)))
    assert p_value(few) == 1 / 1000


def test_permuted_values_have_the_exact_tail_of_all_labellings() -> None:
    real, fake = np.array([0.9, 0.7, 0.2]), np.array([0.1, 0.3, 0.0, 0.5])
    pool = np.concatenate([real, fake])
    sums = np.array([pool[list(chosen)].sum() for chosen in combinations(range(7), 3)])
    truth = (sums >= real.sum() - 1e-9).mean()
    found = exact_p_value(real, fake, np.random.default_rng(0)).value
    assert abs(found - truth) < 4 * np.sqrt(truth * (1 - truth) / 1000)
    assert abs(exact_p_value(fake, real, np.random.default_rng(0)).value - truth) > 0.5


@pytest.mark.slow
def test_the_level_holds_in_the_far_tail_of_the_smallest_samples() -> None:
    # At 20 rows of the smaller side a normal ratio rejects some 2.5 % at a level of 1 %.
    p_values, ratios = [], []
    for seed in range(1500):
        rng = np.random.default_rng(seed)
        found = measured(rng.normal(size=(20, 2)), rng.normal(size=(200, 2)), seed, bandwidth=2.0)
        p_values.append(p_value(found))
        ratios.append(found.details["ratio"])
    limit = binom.ppf(1 - 1e-4, 1500, 0.01)
    assert (np.array(p_values) <= 0.01).sum() <= limit
    assert (norm.sf(ratios) <= 0.01).sum() > limit


def test_mean_kernels_agree_with_a_double_loop() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
    loop = [np.mean([np.exp(-np.square(u - v).sum() / (2 * 1.7**2)) for v in b]) for u in a]
    np.testing.assert_allclose(_mean_kernel(a, b, 1.7), loop, rtol=1e-12)
    assert not np.allclose(_mean_kernel(a, b, 1.6), loop, rtol=1e-3)


def test_the_mean_estimate_is_the_closed_form_of_the_squared_discrepancy() -> None:
    # Verification row 14's law: 0.177268 for a shift of 1 in one dimension at bandwidth 1.
    found = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        found.append(measured(rng.normal(size=(300, 1)), rng.normal(size=(300, 1)) + 1.0, seed, bandwidth=1.0).estimate)
    values = np.array(found, dtype=float)
    error = values.std() / 10
    assert abs(values.mean() - 0.177268) < 4 * error
    assert abs(values.mean() / 2 - 0.177268) > 4 * error


def null_ratios(reps: int, d: int, n: int, m: int, *, split: bool = True) -> Matrix:
    out = []
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d))
        if split:
            out.append(measured(x, y, seed).details["ratio"])
        else:  # the same rows give the direction and are compared along it
            length = np.sqrt(2.0 * d)
            values = [_mean_kernel(side, x, length) - _mean_kernel(side, y, length) for side in (x, y)]
            difference, error = cross_statistic(values[0], values[1])
            out.append(difference / error)
    return np.array(out)


@pytest.mark.parametrize("d", [2, 40])
def test_the_ratio_is_standard_normal_and_without_the_split_it_is_not(d: int) -> None:
    ratios = null_ratios(300, d, 60, 90)
    # The Kolmogorov distance of 300 standard normal draws is above this once in 10^4 times.
    assert kstest(ratios, "norm").statistic < 2.23 / np.sqrt(300)
    assert (ratios >= 1.645).sum() <= binom.ppf(1 - 1e-4, 300, 0.05)
    assert (null_ratios(60, d, 60, 90, split=False) >= 1.645).sum() > binom.ppf(1 - 1e-4, 60, 0.05)


@pytest.mark.slow
def test_the_level_holds_over_many_repetitions() -> None:
    rejected = (null_ratios(2000, 5, 40, 40) >= 1.6449).sum()
    assert 64 <= rejected <= 140  # binomial limits at 1e-4


def test_it_sees_a_shift_and_a_wider_law() -> None:
    rng = np.random.default_rng(1)
    shifted = [p_value(measured(rng.normal(size=(300, 3)), rng.normal(size=(300, 3)) + 0.4, i)) for i in range(10)]
    wider = [p_value(measured(rng.normal(size=(300, 3)), 1.6 * rng.normal(size=(300, 3)), i)) for i in range(10)]
    assert sum(p <= 0.05 for p in shifted) >= 9
    assert sum(p <= 0.05 for p in wider) >= 9


def test_a_direction_without_spread_is_undefined_and_equal_rows_are_not() -> None:
    found = measured(np.zeros((30, 2)), np.ones((30, 2)))
    assert found.status == "undefined"
    assert "constant" in found.reasons["estimate"]
    assert p_value(measured(np.ones((30, 2)), np.ones((40, 2)))) == 1.0


def test_tensors_give_the_answer_of_arrays() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(60, 4)) + 0.3
    pair = Comparison(real=x, fake=y, fit=x, device="cpu")
    found = measure(pair, rng=np.random.default_rng(0))
    assert found.estimate == pytest.approx(measured(x, y).estimate, rel=1e-9)


@pytest.mark.parametrize("options", [{"bandwidth": 0.0}, {"bandwidth": -1.0}])
def test_options_that_give_no_test_are_refused(options: dict[str, float]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    with pytest.raises(ConfigError, match=next(iter(options))):
        measure(Comparison(real=x[:20], fake=x[20:], fit=x), rng=rng, **options)  # type: ignore[arg-type]
