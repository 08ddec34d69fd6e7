"""Kolmogorov-Smirnov distances of many columns: scipy, enumeration, whole-number exactness, step-down maxima."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from gandiag.numerics.contingency import holm_adjusted
from gandiag.numerics.marginals import SortedColumns, exact_ks_p, ks_p_values, step_down_max


@given(st.integers(1, 30), st.integers(1, 30), st.booleans(), st.integers(0, 10_000))
@pytest.mark.differential("D18")
def test_distances_and_p_values_agree_with_scipy(n: int, m: int, tied: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pool = rng.normal(size=(n + m, 3))
    pool = pool.round() if tied else pool
    labels = np.arange(n + m) < n
    found = SortedColumns.of(pool).distances(labels[:, None])[:, 0]
    p, kind = ks_p_values(found, n, m)
    assert kind == "exact"
    for column, (distance, value) in enumerate(zip(found, p, strict=True)):
        peer = ks_2samp(pool[:n, column], pool[n:, column], method="exact")
        assert distance == pytest.approx(peer.statistic, rel=1e-12, abs=1e-15)
        assert value == pytest.approx(peer.pvalue, rel=1e-9)
        assert value != pytest.approx(1.01 * peer.pvalue, rel=1e-3)


def test_the_exact_p_value_of_a_large_gap_keeps_its_digits() -> None:
    found = exact_ks_p(np.array([1.0, 0.9]), 30, 20)
    peers = [ks_2samp(np.arange(30), np.arange(20) + 100, method="exact").pvalue]
    assert found[0] == pytest.approx(peers[0], rel=1e-11)
    assert 0.0 < found[0] < 1e-12 < found[1]


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 5), (4, 4)])
def test_the_exact_p_value_is_the_share_of_all_orders(n: int, m: int) -> None:
    pool = np.arange(float(n + m))[:, None]
    labels = np.array([np.isin(np.arange(n + m), chosen) for chosen in combinations(range(n + m), n)]).T
    distances = SortedColumns.of(pool).distances(labels)[0]
    for distance in np.unique(distances):
        share = np.mean(distances >= distance - 1e-12)
        assert exact_ks_p(np.array([distance]), n, m)[0] == pytest.approx(share, rel=1e-12)
        # Strictly larger gaps alone would be too small a p-value.
        assert exact_ks_p(np.array([distance]), n, m)[0] > np.mean(distances > distance + 1e-12)


def test_large_samples_have_the_asymptotic_p_value_of_scipy() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=600), rng.normal(size=500) + 0.1
    peer = ks_2samp(x, y, method="asymp")
    p, kind = ks_p_values(np.array([peer.statistic]), 600, 500)
    assert kind == "asymptotic"
    assert p[0] == pytest.approx(peer.pvalue, rel=1e-12)


def test_blocks_of_labellings_change_nothing() -> None:
    rng = np.random.default_rng(2)
    pool = rng.normal(size=(30, 4)).round(1)
    labels = rng.permuted(np.tile(np.arange(30) < 12, (150, 1)), axis=1).T
    whole = SortedColumns.of(pool).distances(labels)
    for column in (0, 63, 64, 149):
        np.testing.assert_array_equal(whole[:, column], SortedColumns.of(pool).distances(labels[:, [column]])[:, 0])
    np.testing.assert_array_equal(SortedColumns.of(pool).distances(~labels), whole)


def test_constant_columns_are_at_distance_zero() -> None:
    assert SortedColumns.of(np.ones((5, 2))).distances((np.arange(5) < 2)[:, None]).tolist() == [[0.0], [0.0]]


def test_step_down_maxima_of_a_worked_example() -> None:
    observed = np.array([3.0, 1.0, 2.0])
    null = np.array([[0.0, 1.0, 2.0], [1.5, 0.5, 0.5], [1.0, 2.5, 0.0]])
    # Largest of all columns reaches 3 never; of columns 2 and 3 reaches 2 once; column 2 alone reaches 1 once.
    np.testing.assert_allclose(step_down_max(observed, null), [1 / 4, 2 / 4, 2 / 4])


def test_step_down_maxima_keep_the_family_error_and_use_dependence() -> None:
    rng = np.random.default_rng(3)
    family, single, equal = 0, 0, []
    for _ in range(400):
        draws = rng.normal(size=(100, 1)) + rng.normal(size=(100, 12))  # dependent columns
        observed, null = draws[0], draws[1:].T
        adjusted = step_down_max(observed, null)
        alone = (1 + (null >= observed[:, None]).sum(axis=1)) / 100
        family += adjusted.min() <= 0.05
        single += alone.min() <= 0.05
        equal.append(adjusted.min() / holm_adjusted(alone).min())
        assert (adjusted >= alone - 1e-12).all()
    assert family <= 0.05 * 400 + 4 * np.sqrt(400 * 0.05 * 0.95)
    assert single > 0.05 * 400 + 4 * np.sqrt(400 * 0.05 * 0.95)
    assert np.median(equal) < 1.0
