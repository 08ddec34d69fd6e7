"""Deep kernel MMD: level, structure that a single bandwidth misses, the kernel's formula, and kernels that cheat."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling
from gandiag.inference.permutation import permutation_null
from gandiag.metrics import mmd_deep
from gandiag.metrics.mmd_deep import measure
from gandiag.numerics.critics import split_halves
from gandiag.numerics.deep_kernel import learn_deep_kernel
from gandiag.numerics.distances import off_diagonal, pooled_distances
from gandiag.numerics.kernels import gaussian_kernel, hollow_centred, unbiased_mmd2


def measured(real, fake, seed=0):
    return measure(Comparison(real=real, fake=fake, fit=real[:2]), rng=np.random.default_rng(seed))


def p_value(measurement, seed=0, draws=99):
    return permutation_null(measurement.null, draws=draws, rng=np.random.default_rng(seed)).p_value


def null_count(repetitions, n, m):
    found = 0
    for seed in range(repetitions):
        rng = np.random.default_rng(seed)
        found += p_value(measured(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), seed), seed) <= 0.05
    return found


def test_the_level_holds():
    assert null_count(12, 40, 24) <= binom.ppf(1 - 1e-4, 12, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(60, 60), (100, 30)])
def test_the_level_holds_over_many_repetitions(n, m):
    low, high = binom.ppf([1e-4 / 2, 1 - 1e-4 / 2], 500, 0.05)
    assert low <= null_count(500, n, m) <= high


def test_testing_on_the_rows_that_taught_the_kernel_would_lose_the_level():
    rejected = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        real, fake = rng.normal(size=(20, 10)), rng.normal(size=(20, 10))
        hollow, _ = hollow_centred(learn_deep_kernel(real, fake, rng).matrix(np.concatenate([real, fake])))
        seen = Relabelling(
            observed=np.arange(40) < 20, statistic=lambda labels, h=hollow: unbiased_mmd2(h, labels)[None, :]
        )
        rejected += permutation_null(seen, draws=99, rng=rng).p_value <= 0.05
    assert rejected > binom.ppf(1 - 1e-4, 12, 0.05)


def blobs(rng, rows, turned):
    """Nine far-off modes; the turned ones are correlated, each in its own way."""
    mode = rng.integers(9, size=rows)
    noise = rng.normal(size=(rows, 2))
    lean = (0.3 + 0.06 * mode) if turned else np.zeros(rows)
    noise[:, 1] = lean * noise[:, 0] + np.sqrt(1 - lean**2) * noise[:, 1]
    return noise + 10.0 * np.stack([mode // 3, mode % 3], axis=1)


def test_it_sees_turned_modes_where_the_median_bandwidth_does_not():
    deep = median = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        real, fake = blobs(rng, 1000, False), blobs(rng, 1000, True)
        deep += p_value(measured(real, fake, seed), seed) <= 0.05
        distances = pooled_distances(np.concatenate([real[:500], fake[:500]]))
        hollow, _ = hollow_centred(gaussian_kernel(distances, float(np.median(off_diagonal(distances)))))
        plain = Relabelling(
            observed=np.arange(1000) < 500, statistic=lambda labels, h=hollow: unbiased_mmd2(h, labels)[None, :]
        )
        median += permutation_null(plain, draws=99, rng=rng).p_value <= 0.05
    assert deep >= 3 > median


def test_the_matrix_is_the_formula_in_the_units_of_the_training_half():
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(40, 3)), rng.normal(size=(40, 3)) + 1.0
    kernel = learn_deep_kernel(real, fake, rng)
    rows = rng.normal(size=(5, 3))
    inputs = (rows - kernel.centre) / kernel.scale
    w = kernel.layers
    hidden = np.log1p(np.exp(np.log1p(np.exp(inputs @ w[0] + w[1])) @ w[2] + w[3])) @ w[4] + w[5]

    def gauss(x, length):
        return np.exp(-np.square(x[:, None] - x[None]).sum(axis=2) / (2 * length**2))

    plain = gauss(inputs, kernel.input_length)
    expected = ((1 - kernel.share) * gauss(hidden, kernel.feature_length) + kernel.share) * plain
    np.testing.assert_allclose(kernel.matrix(rows), expected, rtol=1e-8, atol=1e-12)
    # Without the plain factor far-off rows would stay near.
    assert not np.allclose(kernel.matrix(rows), (1 - kernel.share) * gauss(hidden, kernel.feature_length), rtol=0.01)


def test_poisoned_held_out_rows_teach_nothing(monkeypatch):
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(30, 2)), rng.normal(size=(26, 2))
    learned = []

    def keep(*arguments):
        learned.append(learn_deep_kernel(*arguments))
        return learned[-1]

    monkeypatch.setattr(mmd_deep, "learn_deep_kernel", keep)
    cut = split_halves(real, fake, np.random.default_rng(7))
    measured(real, fake, 7)
    real[cut.real_rows], fake[cut.fake_rows] = 50.0, -50.0
    measured(real, fake, 7)
    real[cut.train_real[0]] = 9.0
    measured(real, fake, 7)
    same = [np.array_equal(a, b) for a, b in zip(learned[0].layers, learned[1].layers, strict=True)]
    assert all(same)
    assert learned[0].input_length == learned[1].input_length != learned[2].input_length


def test_equal_rows_everywhere_give_p_one():
    assert p_value(measured(np.ones((12, 2)), np.ones((9, 2)))) == 1.0
