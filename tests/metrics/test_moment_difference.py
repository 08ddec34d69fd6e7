from __future__ import annotations

import json
import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from gandiag.core.comparison import Comparison
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.moment_difference import METRIC, mean_distance, moment_terms
from gandiag.numerics.labels import signed_weights


def measured(real, fake, seed=0):
    return METRIC.measure(Comparison(real=real, fake=fake, fit=real[:1], seed=seed), rng=np.random.default_rng(seed))


def p_value(real, fake, seed=0, draws=199):
    return permutation_null(measured(real, fake, seed).null, draws=draws, rng=np.random.default_rng(seed + 1)).p_value


def test_terms_are_the_squared_distances_of_means_and_second_moments():
    rng = np.random.default_rng(0)
    pool = rng.normal(size=(30, 4)) @ rng.normal(size=(4, 4)) + 3.0
    labels = rng.permuted(np.tile(np.arange(30) < 12, (5, 1)), axis=1).T
    distance, mean, covariance = moment_terms(pool).raw(labels)
    unit = (pool - pool.mean(axis=0)) / pool.std(axis=0)
    for b in range(5):
        weights = signed_weights(labels)[:, b]
        real, fake = pool[labels[:, b]], pool[~labels[:, b]]
        assert distance[b] == pytest.approx(np.linalg.norm(real.mean(axis=0) - fake.mean(axis=0)), rel=1e-10)
        assert mean[b] == pytest.approx(np.square(weights @ unit).sum(), rel=1e-10)
        moments = np.einsum("n,ni,nj->ij", weights, unit, unit)
        assert covariance[b] == pytest.approx(np.square(moments).sum(), rel=1e-10)
        # Teeth: the same without the square of the kernel.
        assert covariance[b] != pytest.approx(mean[b], rel=1e-3)


def test_null_means_are_exact_over_all_relabellings():
    rng = np.random.default_rng(1)
    pool = rng.exponential(size=(9, 2))
    labels = np.zeros((9, 84), dtype=bool)
    for b, chosen in enumerate(combinations(range(9), 3)):
        labels[list(chosen), b] = True
    terms = moment_terms(pool)
    _, mean, covariance = terms.raw(labels)
    weight = 1 / 3 + 1 / 6
    assert mean.mean() == pytest.approx(weight * terms.mean_scale[0] / 8, rel=1e-10)
    assert covariance.mean() == pytest.approx(weight * terms.covariance_scale[0] / 8, rel=1e-10)
    assert mean.mean() != pytest.approx(weight * terms.mean_scale[0] / 9, rel=1e-3)
    assert terms.tested(labels)[1:3].mean(axis=1) == pytest.approx([0.0, 0.0], abs=1e-10)


def test_squared_distance_has_its_known_mean():
    # E = |shift|^2 + (1/n + 1/m) trace: 400 repetitions, 4 standard errors.
    rng = np.random.default_rng(2)
    squares = np.array(
        [mean_distance(rng.normal(size=(20, 3)), rng.normal(0.5, 2.0, size=(30, 3))) ** 2 for _ in range(400)]
    )
    error = 4 * squares.std() / 20
    assert squares.mean() == pytest.approx(0.75 + 3 / 20 + 12 / 30, abs=error)
    assert abs(squares.mean() - 0.75) > error  # the floor is part of it


def test_distance_has_the_units_of_the_features_and_ignores_a_common_shift():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(40, 3)), rng.normal(0.3, 1.0, size=(30, 3))
    estimate = measured(real, fake).estimate
    assert measured(10 * real, 10 * fake).estimate == pytest.approx(10 * estimate, rel=1e-12)
    assert measured(real + 1e6, fake + 1e6).estimate == pytest.approx(estimate, rel=1e-8)
    assert measured(fake, real).estimate == pytest.approx(estimate, rel=1e-12)
    assert measured(real, real).estimate == 0.0


@pytest.mark.parametrize(("n", "m"), [(50, 50), (60, 20)])
def test_p_values_are_uniform_where_nothing_differs(n, m):
    # Skewed, correlated data. The test is exact: both tails are bounded at 1e-4.
    p, mean_p, covariance_p = [], [], []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        real, fake = rng.exponential(size=(n, 2)), rng.exponential(size=(m, 2))
        real[:, 1] += real[:, 0]
        fake[:, 1] += fake[:, 0]
        found = measured(real, fake, seed)
        p.append(permutation_null(found.null, draws=99, rng=np.random.default_rng(seed + 1)).p_value)
        mean_p.append(found.details["mean_p"])
        covariance_p.append(found.details["covariance_p"])
    for values in (p, mean_p, covariance_p):
        for level in (0.05, 0.5):
            rejected = (np.array(values) <= level).sum()
            assert stats.binom.ppf(1e-4, 400, level) <= rejected <= stats.binom.ppf(1 - 1e-4, 400, level)
    # Teeth: taking the smaller of both separate p-values is no test.
    assert (np.minimum(mean_p, covariance_p) <= 0.05).sum() > stats.binom.ppf(1 - 1e-4, 400, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(10, 10), (50, 50), (60, 20)])
def test_p_values_are_uniform_over_two_thousand_samples(n, m):
    p = []
    for seed in range(2000):
        rng = np.random.default_rng(50_000 + seed)
        p.append(p_value(rng.standard_t(3, size=(n, 3)), rng.standard_t(3, size=(m, 3)), seed, draws=99))
    for level in (0.01, 0.05, 0.1):
        rejected = (np.array(p) <= level).sum()
        assert stats.binom.ppf(1e-4, 2000, level) <= rejected <= stats.binom.ppf(1 - 1e-4, 2000, level)


def test_a_shift_is_found_and_put_down_to_the_mean():
    rng = np.random.default_rng(4)
    real, fake = rng.normal(size=(200, 5)), rng.normal(size=(150, 5))
    fake[:, 2] += 0.8
    details = measured(real, fake).details
    assert p_value(real, fake) == 1 / 200
    assert details["mean_p"] == 1 / 200
    assert details["covariance_p"] > 0.05
    assert details["mean_share"] > 0.8
    first = details["largest_columns"][0]
    assert first["column"] == 2
    assert first["shift_sd"] == pytest.approx(0.8, abs=4 * math.sqrt(1 / 200 + 1 / 150))
    assert details["mean_shift_sd"] == pytest.approx(0.8 / math.sqrt(5), abs=0.12)


@pytest.mark.parametrize("change", ["scale", "correlation"])
def test_a_change_of_covariance_is_found_and_put_down_to_it(change):
    rng = np.random.default_rng(5)
    real, fake = rng.normal(size=(200, 3)), rng.normal(size=(200, 3))
    if change == "scale":
        fake *= 1.6
    else:
        fake[:, 1] = 0.8 * fake[:, 0] + 0.6 * fake[:, 1]
    details = measured(real, fake).details
    assert p_value(real, fake) == 1 / 200
    assert details["covariance_p"] == 1 / 200
    assert details["mean_p"] > 0.05
    assert details["mean_share"] < 0.2
    expected = 1.6 if change == "scale" else 1.0
    assert details["scale_ratio"] == pytest.approx(expected, rel=0.15)


def test_a_mixture_is_alike_to_its_gaussian_fit():
    # The blind spot that the spec declares: equal first two moments, p-values keep their level.
    rejected = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        mixture = 0.9 * rng.choice([-1.0, 1.0], size=(100, 1)) + math.sqrt(0.19) * rng.normal(size=(100, 1))
        rejected += p_value(mixture, rng.normal(size=(100, 1)), seed, draws=99) <= 0.05
    assert rejected <= stats.binom.ppf(1 - 1e-4, 60, 0.05)


def test_covariance_distance_is_the_same_by_columns_and_by_rows():
    rng = np.random.default_rng(6)
    wide = rng.normal(size=(2, 12, 40)) * np.linspace(1, 3, 40)
    found = measured(*wide).details["covariance_distance_sd"]
    pool = np.concatenate(wide)
    real, fake = ((side - pool.mean(axis=0)) / pool.std(axis=0) for side in wide)
    expected = np.linalg.norm(np.cov(real.T, bias=True) - np.cov(fake.T, bias=True))
    assert found == pytest.approx(expected, rel=1e-9)
    assert found != pytest.approx(np.linalg.norm(np.cov(real.T) - np.cov(fake.T)), rel=1e-3)


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        (np.ones((4, 2)), np.ones((6, 2))),
        (np.full((5, 2), 1e9 + 0.1), np.full((7, 2), 1e9 + 0.1)),
    ],
)
def test_equal_rows_everywhere_give_zero_and_p_one(real, fake):
    found = measured(real, fake)
    assert found.estimate == 0.0
    assert p_value(real, fake) == 1.0
    assert found.details["mean_share"] is None
    assert found.details["scale_ratio"] is None


@pytest.mark.parametrize(
    ("real", "fake", "differ"),
    [
        (np.zeros((5, 2)), np.ones((7, 2)), True),
        (np.random.default_rng(0).normal(size=(2, 1)), np.random.default_rng(1).normal(size=(2, 1)), False),
        (np.random.default_rng(2).normal(size=(3, 50)), np.random.default_rng(3).normal(size=(9, 50)), False),
        (np.eye(6)[:, :3] * 1e8, np.eye(6)[:, :3] + np.arange(3.0), True),
    ],
)
def test_awkward_samples_give_plain_finite_results(real, fake, differ):
    found = measured(real, fake)
    json.dumps(dict(found.details), allow_nan=False)
    assert math.isfinite(found.estimate)
    assert (p_value(real, fake) <= 0.02) == differ


def test_a_column_that_is_constant_up_to_rounding_says_nothing():
    rng = np.random.default_rng(7)
    real, fake = rng.normal(size=(30, 1)), rng.normal(size=(30, 1))
    constant = 1e8 + np.spacing(1e8) * (np.arange(60) < 30)[:, None]
    with_constant = moment_terms(np.hstack([np.concatenate([real, fake]), constant]))
    labels = (np.arange(60) < 30)[:, None]
    assert with_constant.tested(labels)[-1] == pytest.approx(
        moment_terms(np.concatenate([real, fake])).tested(labels)[-1]
    )


def test_the_separate_p_values_come_from_the_stream_that_is_passed():
    rng = np.random.default_rng(8)
    real, fake = rng.normal(size=(25, 2)), rng.normal(size=(25, 2))
    assert measured(real, fake, 1).details == measured(real, fake, 1).details
    assert measured(real, fake, 1).details["mean_p"] != measured(real, fake, 2).details["mean_p"]
