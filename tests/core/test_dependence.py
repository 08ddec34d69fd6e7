"""The dependence detector: silent on independent rows of any law, loud on chains, copies and sorted rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gandiag.core.dependence import _moments, _path_moments, _product_moments, dependence_stride


def chain(n: int, d: int, correlation: float, seed: int) -> np.ndarray:
    """Draw an autoregression of order 1, started in its own law."""
    noise = np.random.default_rng(seed).standard_normal((n, d))
    rows = np.empty_like(noise)
    rows[0] = noise[0]
    for i in range(1, n):
        rows[i] = correlation * rows[i - 1] + np.sqrt(1 - correlation**2) * noise[i]
    return rows


NULLS = {
    "normal": lambda rng: rng.standard_normal((200, 2)),
    "cauchy": lambda rng: rng.standard_cauchy((60, 3)),
    "rare events": lambda rng: (rng.random((200, 1)) < 0.01).astype(float),
    "categories": lambda rng: rng.integers(0, 3, (100, 2)).astype(float),
    "wide": lambda rng: rng.standard_normal((100, 100)),
    "two clusters": lambda rng: rng.standard_normal((150, 2)) + 50.0 * rng.integers(0, 2, (150, 1)),
    "duplicates": lambda rng: rng.standard_normal((20, 4))[rng.integers(0, 20, 120)],
    "mostly zeros": lambda rng: rng.standard_normal((200, 2)) * (rng.random((200, 1)) < 0.1),
}


@pytest.mark.parametrize("law", NULLS, ids=str)
def test_independent_rows_of_every_law_are_left_alone(law: str) -> None:
    # 2000 null runs over the laws. At a rate of 1/15000 two alarms among the 250 of one law have a chance of 1.4e-4.
    alarms = sum(dependence_stride(NULLS[law](np.random.default_rng(seed)))[0] > 1 for seed in range(250))
    assert alarms <= 1


# Of every ten weak chains nine must be found. In one column they are close, and each takes a second of drawn orders.
@pytest.mark.parametrize(
    ("d", "correlation", "chains", "least"), [(1, 0.9, 30, 30), (1, 0.5, 10, 9), (5, 0.9, 30, 30), (5, 0.5, 30, 27)]
)
def test_chains_of_200_rows_are_found(d: int, correlation: float, chains: int, least: int) -> None:
    found = [dependence_stride(chain(200, d, correlation, seed)) for seed in range(chains)]
    assert sum(stride > 1 for stride, _ in found) >= least
    assert all(z > 3 for _, z in found)


def test_a_chain_thinned_at_its_stride_is_independent_again() -> None:
    rows = chain(20_000, 2, 0.9, 0)
    stride, _ = dependence_stride(rows)
    assert 10 <= stride <= 60
    assert dependence_stride(rows[::stride])[0] == 1
    assert dependence_stride(rows[:: max(1, stride // 10)])[0] > 1


def test_rows_that_alternate_are_found_with_a_negative_z() -> None:
    rows = np.random.default_rng(0).standard_normal((200, 3))
    antithetic = np.stack([rows, -rows], axis=1).reshape(400, 3)
    stride, z = dependence_stride(antithetic)
    assert stride > 1
    assert z < -5


def test_rows_emitted_twice_are_found() -> None:
    stride, z = dependence_stride(np.repeat(np.random.default_rng(1).standard_normal((300, 2)), 2, axis=0))
    assert 2 <= stride <= 5
    assert z > 5


def test_dependence_spread_over_many_columns_is_found_by_distances() -> None:
    # Each column alone has correlation 0.1 (z of 2.4 at n=600): only all 200 together are conspicuous.
    rows = chain(600, 200, 0.1, 3)
    assert dependence_stride(rows)[0] > 1
    assert dependence_stride(rows[:, :1])[0] == 1


def test_sorted_rows_have_a_stride_of_a_large_part_of_the_file() -> None:
    rows = np.sort(np.random.default_rng(0).standard_normal((300, 1)), axis=0)
    assert dependence_stride(rows)[0] > 50


def interleaved(n: int, seed: int) -> np.ndarray:
    """Take rows of two sources in turn."""
    rows = np.random.default_rng(seed).standard_normal((n, 5))
    rows[::2] += 1.0
    return rows


def cycling(n: int, seed: int) -> np.ndarray:
    """Go round five classes."""
    return np.random.default_rng(seed).standard_normal((n, 5)) + 5.0 * np.eye(5)[np.arange(n) % 5]


@pytest.mark.parametrize(("pattern", "sources"), [(interleaved, 2), (cycling, 5)])
def test_a_pattern_whose_lags_cancel_keeps_all_its_rows(
    pattern: Callable[[int, int], np.ndarray], sources: int
) -> None:
    rows = pattern(1000, 0)
    stride, z = dependence_stride(rows)
    assert stride == 1
    assert z < -5
    # One source after the other does add up.
    assert dependence_stride(rows[np.argsort(np.arange(1000) % sources, kind="stable")])[0] > 20


@pytest.mark.parametrize(("pattern", "least", "most"), [(cycling, 0.0, 0.5), (interleaved, 0.7, 1.05)])
def test_the_mean_of_such_a_pattern_varies_no_more_than_that_of_independent_rows(
    pattern: Callable[[int, int], np.ndarray], least: float, most: float
) -> None:
    files = [pattern(200, seed)[:, 0] for seed in range(400)]
    ratio = np.var([file.mean() for file in files]) / (np.var(np.concatenate(files)) / 200)
    # A ratio of variances over 400 files has a standard error of 7 %.
    assert least <= ratio <= most + 3 * 0.07
    chains = [chain(200, 1, 0.5, seed)[:, 0] for seed in range(400)]
    assert np.var([one.mean() for one in chains]) / (np.var(np.concatenate(chains)) / 200) > most + 3 * 0.07


@pytest.mark.parametrize(
    "rows",
    [np.zeros((100, 3)), np.ones((19, 2)), np.full((50, 1), 1e300), np.zeros((30, 0)), np.eye(40)],
    ids=["constant", "few", "huge", "no columns", "one hot"],
)
def test_degenerate_rows_give_a_stride_of_one_and_a_finite_z(rows: np.ndarray) -> None:
    stride, z = dependence_stride(rows)
    assert stride == 1
    assert np.isfinite(z)


def test_extreme_values_do_not_hide_a_chain() -> None:
    rows = chain(400, 2, 0.9, 5)
    rows[::50] *= 1e200
    assert dependence_stride(rows)[0] > 1


def test_the_answer_does_not_depend_on_units() -> None:
    rows = chain(300, 3, 0.5, 7)
    assert dependence_stride(rows) == pytest.approx(dependence_stride(rows * 1e9), rel=1e-6)


def sums_over_orders(matrix: np.ndarray, k: int) -> np.ndarray:
    """Sum a matrix along lag-k edges over every order of its rows."""
    from itertools import permutations

    orders = np.array(list(permutations(range(len(matrix)))))
    return matrix[orders[:, :-k], orders[:, k:]].sum(axis=1)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_moments_equal_those_over_all_orders(k: int) -> None:
    raw = np.random.default_rng(k).standard_normal((6, 6))
    matrix = raw + raw.T
    np.fill_diagonal(matrix, 0.0)
    sums = sums_over_orders(matrix, k)
    assert _path_moments(matrix, k) == pytest.approx((sums.mean(), sums.std()), rel=1e-9)


def test_product_moments_equal_those_over_all_orders() -> None:
    ranks = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])
    products = np.outer(ranks, ranks)
    np.fill_diagonal(products, 0.0)
    sums = sums_over_orders(products, 1)
    mean, sd = _product_moments(ranks[:, None], 1)
    assert (mean[0], sd[0]) == pytest.approx((sums.mean(), sums.std()), rel=1e-9)


def test_moments_that_forget_shared_rows_would_be_seen() -> None:
    raw = np.random.default_rng(1).standard_normal((6, 6))
    matrix = raw + raw.T
    np.fill_diagonal(matrix, 0.0)
    sums = matrix.sum(axis=1)
    _, wrong = _moments(6, 1, np.asarray(sums.sum()), np.asarray((matrix**2).sum()), np.asarray(0.0))
    with pytest.raises(AssertionError, match=r"^assert "):
        assert float(wrong) == pytest.approx(sums_over_orders(matrix, 1).std(), rel=1e-3)


def test_a_detector_without_exact_orders_would_alarm_on_rare_events() -> None:
    # The teeth of the second stage: two neighbouring ones among 200 rows have z above 5 about once in a hundred files.
    alarms = 0
    for seed in range(300):
        column = (np.random.default_rng(seed).random((200, 1)) < 0.01).astype(float)
        alarms += abs(dependence_stride(column)[1]) > 5
    assert alarms >= 2
