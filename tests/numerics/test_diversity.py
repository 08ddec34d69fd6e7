"""Effective numbers: worked examples, limits, closed forms, and what a public package gets wrong."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.errors import NumericalError
from gandiag.numerics.diversity import (
    collision_rates,
    cosine_eigenvalues,
    effective_number,
    half_median_bandwidth,
    kernel_eigenvalues,
    truncated_number,
    unit_rows,
)

Matrix = NDArray[np.float64]

README = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])


@pytest.mark.row(71)
def test_the_worked_example_of_the_authors() -> None:
    values = kernel_eigenvalues(README)
    assert effective_number(values) == pytest.approx(2.1573, abs=1e-4)
    assert effective_number(values, 2.0) == pytest.approx(1.94805, abs=1e-5)
    assert effective_number(values, 2.0) == pytest.approx(1.0 / np.square(README / 3).sum(), rel=1e-12)
    assert effective_number(values) != pytest.approx(1.94805, abs=1e-2)  # the order counts
    points = np.array([0.0, 0.0, 10.0, 10.0, 20.0, 20.0])
    kernel = np.exp(-np.abs(points[:, None] - points[None, :]))
    assert effective_number(kernel_eigenvalues(kernel)) == pytest.approx(2.99999988, abs=1e-6)


@pytest.mark.parametrize("q", [0.3, 1.0, 2.0, 7.0, math.inf])
def test_n_unlike_samples_count_n_and_equal_ones_count_one(q: float) -> None:
    assert effective_number(kernel_eigenvalues(np.eye(7)), q) == pytest.approx(7.0, rel=1e-12)
    assert effective_number(kernel_eigenvalues(np.ones((7, 7))), q) == pytest.approx(1.0, rel=1e-9)
    blocks = np.kron(np.eye(4), np.ones((5, 5)))
    assert effective_number(kernel_eigenvalues(blocks), q) == pytest.approx(4.0, rel=1e-9)


def test_unequal_groups_have_the_entropy_of_their_shares() -> None:
    rows = np.repeat(np.eye(3), [3, 1, 2], axis=0)
    values = cosine_eigenvalues(unit_rows(rows))
    assert effective_number(values) == pytest.approx(2.749, abs=1e-3)
    assert effective_number(values, 2.0) == pytest.approx(36 / 14, rel=1e-12)
    assert effective_number(values, math.inf) == pytest.approx(2.0, rel=1e-12)


@given(st.integers(2, 12), st.integers(1, 9), st.integers(0, 999))
def test_the_smaller_eigenproblem_gives_the_same_and_numbers_fall_with_the_order(n: int, d: int, seed: int) -> None:
    rows = unit_rows(np.random.default_rng(seed).normal(size=(n, d)))
    numbers = []
    for q in (0.5, 1.0, 2.0, math.inf):
        found = effective_number(cosine_eigenvalues(rows), q)
        whole = effective_number(kernel_eigenvalues(rows @ rows.T), q)
        assert found == pytest.approx(whole, rel=1e-5 if q < 1 else 1e-9)
        numbers.append(found)
    assert all(a >= b - 1e-9 for a, b in pairwise(numbers))
    assert numbers[-1] >= 1.0 - 1e-9
    assert numbers[0] <= n + 1e-9
    doubled = cosine_eigenvalues(np.concatenate([rows, rows]))
    assert effective_number(doubled) == pytest.approx(numbers[1], rel=1e-9)


def test_order_one_is_the_limit_of_its_neighbours() -> None:
    values = kernel_eigenvalues(README)
    below, at, above = (effective_number(values, q) for q in (1.0 - 1e-6, 1.0, 1.0 + 1e-6))
    assert above < at < below
    assert below - above < 1e-5


def test_where_vendi_score_ignores_the_order_and_calls_nothing_one_kind() -> None:
    """Its score_X(q=2) returns the number of order 1, and a matrix of zeros scores 1."""
    rng = np.random.default_rng(0)
    rows = unit_rows(rng.normal(size=(40, 8)))
    first, second = (effective_number(kernel_eigenvalues(rows @ rows.T), q) for q in (1.0, 2.0))
    assert second < first - 0.1
    assert second == pytest.approx(1.0 / np.square(rows @ rows.T / 40).sum(), rel=1e-12)
    with pytest.raises(NumericalError, match="must have an eigenvalue above 0; got largest 0"):
        effective_number(kernel_eigenvalues(np.zeros((4, 4))))


def test_the_truncated_number_keeps_the_largest_and_spreads_the_rest() -> None:
    values = np.array([0.5, 0.3, 0.1, 0.06, 0.04])
    spread = np.array([0.6, 0.4])
    assert truncated_number(values, 2) == pytest.approx(np.exp(-(spread * np.log(spread)).sum()), rel=1e-12)
    assert truncated_number(values, 5) == pytest.approx(effective_number(values), rel=1e-12)
    assert truncated_number(values, 50) == pytest.approx(effective_number(values), rel=1e-12)
    assert truncated_number(values, 1) == pytest.approx(1.0)


def test_the_truncated_number_settles_where_the_full_one_still_grows() -> None:
    def numbers(n: int) -> tuple[float, float]:
        rows = np.random.default_rng(n).normal(size=(n, 8))
        gaps = np.square(rows[:, None] - rows[None]).sum(axis=2)
        values = kernel_eigenvalues(np.exp(-gaps / (2 * 1.5**2)))
        return effective_number(values), truncated_number(values, 10)

    (small, small_t), (large, large_t) = numbers(100), numbers(800)
    assert large > 1.5 * small
    assert large_t == pytest.approx(small_t, rel=0.05)


def test_rows_of_zeros_are_alike_and_unlike_all_others() -> None:
    rows = unit_rows(np.array([[0.0, 0.0], [0.0, 0.0], [3e200, 0.0], [0.0, 1e-200]]))
    np.testing.assert_allclose(np.square(rows).sum(axis=1), 1.0)
    assert effective_number(cosine_eigenvalues(rows), 2.0) == pytest.approx(16 / 6, rel=1e-12)


def test_collision_rates_are_means_over_distinct_pairs() -> None:
    rng = np.random.default_rng(1)
    kernel = rng.uniform(size=(9, 9))
    kernel = (kernel + kernel.T) / 2.0
    np.fill_diagonal(kernel, 0.0)
    labels = np.arange(9)[:, None] < 4
    real, fake = collision_rates(kernel, labels)
    assert real[0] == pytest.approx(kernel[:4, :4].sum() / 12, rel=1e-12)
    assert fake[0] == pytest.approx(kernel[4:, 4:].sum() / 20, rel=1e-12)
    assert collision_rates(np.zeros((9, 9)), labels)[1][0] == pytest.approx(1 / 20)


def test_the_bandwidth_is_that_of_the_pool_and_never_zero() -> None:
    assert half_median_bandwidth(np.array([[0.0, 3.0], [3.0, 0.0]])) == 1.5
    assert half_median_bandwidth(np.zeros((4, 4))) == 1.0


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_tensors_give_the_eigenvalues_of_arrays(device: str) -> None:
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    for shape in ((30, 8), (8, 30)):
        rows = np.random.default_rng(2).normal(size=shape)
        found = cosine_eigenvalues(unit_rows(torch.from_numpy(rows).to(device)))
        np.testing.assert_allclose(found, cosine_eigenvalues(unit_rows(rows)), atol=1e-12)
