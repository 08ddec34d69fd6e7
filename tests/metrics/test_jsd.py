from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from gandiag.core.comparison import Comparison
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.jsd import LARGEST, METRIC
from gandiag.numerics.divergences import jensen_shannon


def measured(real, fake, seed=0):
    return METRIC.measure(Comparison(real=real, fake=fake, fit=real[:2], seed=seed), rng=np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        ([0.5, 0.25, 0.25], [0.25, 0.25, 0.5], 0.042475),
        ([1.0, 0.0], [0.5, 0.5], 0.215762),
        ([1.0, 0.0], [0.0, 1.0], math.log(2)),
        ([0.3, 0.7], [0.3, 0.7], 0.0),
        ([1 / 7] * 7 + [0.0], [1 / 8] * 8, 0.045407),
    ],
)
def test_divergence_of_discrete_laws_is_the_published_one(p, q, expected):
    p, q = np.array(p), np.array(q)
    assert jensen_shannon(p, q) == pytest.approx(expected, abs=1e-6)  # rows 55, 56 and 81
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q) ** 2, abs=1e-12)


def test_divergence_is_in_nats_and_is_not_the_distance():
    p, q = np.array([1.0, 0.0]), np.array([0.5, 0.5])
    assert jensen_shannon(p, q) / math.log(2) == pytest.approx(0.311278, abs=1e-6)
    assert jensen_shannon(p, q) != pytest.approx(jensenshannon(p, q), abs=1e-3)


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=2, max_size=6))
def test_divergence_lies_between_its_bounds_by_total_variation(weights):
    p, q = np.array(weights).T + 1e-6
    p, q = p / p.sum(), q / q.sum()
    variation = 0.5 * np.abs(p - q).sum()
    found = jensen_shannon(p, q)
    assert variation**2 / 2 - 1e-12 <= found <= math.log(2) * variation + 1e-12 <= math.log(2) + 1e-12  # row 58


def test_bound_of_shifted_gaussians_comes_close_to_the_truth_from_below():
    # 4000 held-out rows, standard deviation of the log score .4226: 4 standard errors are .027.
    rng = np.random.default_rng(1)
    result = measured(rng.normal(size=(4000, 1)), rng.normal(1.0, 1.0, size=(4000, 1)))
    assert result.estimate == pytest.approx(0.111421, abs=0.027)
    assert 0.05 < result.interval.low < 0.111421
    assert abs(result.estimate - 0.111421 / math.log(2)) > 0.027  # bits instead of nats
    assert result.details["bits"] == pytest.approx(result.estimate / math.log(2), abs=1e-12)
    assert result.details["js_distance"] ** 2 == pytest.approx(result.estimate, abs=1e-12)
    assert result.details["js_distance_normalised"] ** 2 == pytest.approx(result.details["bits"], abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(400, 400), (500, 200)])
def test_confidence_bound_stays_below_the_true_divergence(n, m):
    # Shift 1.5 in one column: the truth by quadrature. The plain estimate is above it often, the bound hardly ever.
    grid = np.linspace(-10, 12, 20001)
    p, q = stats.norm.pdf(grid), stats.norm.pdf(grid, 1.5)
    truth = jensen_shannon(p / p.sum(), q / q.sum())
    above = estimate_above = positive = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        result = measured(rng.normal(size=(n, 1)), rng.normal(1.5, 1.0, size=(m, 1)), seed)
        above += result.interval.low > truth
        estimate_above += result.estimate > truth
        positive += result.interval.low > 0
    limit = stats.binom.ppf(1 - 1e-4, 50, 0.05)
    assert above <= limit < estimate_above
    assert positive > 34  # a bound that is always 0 would pass the first line


def test_a_bound_below_zero_is_reported_as_zero_and_kept_in_the_details():
    found = [measured(*np.random.default_rng(s).normal(size=(2, 20, 2)), seed=s) for s in range(20)]
    assert any(r.details["plain_bound"] < -1e-4 for r in found)
    assert all(r.estimate == max(0.0, r.details["plain_bound"]) for r in found)
    assert all(r.interval.low == 0.0 for r in found)


def test_p_values_keep_their_level_although_the_estimate_is_clipped():
    n, m, p = 50, 50, []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        problem = measured(rng.normal(size=(n, 3)), rng.normal(size=(m, 3)), seed).null
        p.append(permutation_null(problem, draws=99, rng=np.random.default_rng(seed + 1)).p_value)
    assert (np.array(p) <= 0.05).sum() <= stats.binom.ppf(1 - 1e-4, 60, 0.05)
    # The tested row is not clipped: a clipped one would tie at 0 and give p = 1 in half of the samples.
    assert (np.array(p) <= 0.5).sum() >= stats.binom.ppf(1e-4, 60, 0.42)


def test_separate_laws_reach_nearly_log_two():
    rng = np.random.default_rng(2)
    result = measured(rng.normal(size=(100, 2)), rng.normal(100.0, 1.0, size=(100, 2)))
    assert 0.97 * LARGEST < result.estimate <= LARGEST
    assert permutation_null(result.null, draws=99, rng=rng).p_value == 0.01


def test_equal_rows_everywhere_give_zero_and_p_one():
    result = measured(np.ones((10, 2)), np.ones((14, 2)))
    assert result.estimate == pytest.approx(0.0, abs=1e-9)
    assert permutation_null(result.null, draws=99, rng=np.random.default_rng(0)).p_value == 1.0
