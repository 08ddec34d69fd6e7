"""Moments: any partition gives the same result, far from the origin too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.errors import TooFewSamplesError
from gandiag.numerics.moments import Moments, column_scales, standardised

Matrix = NDArray[np.float64]


def same(a: Moments, b: Moments, rtol: float = 1e-10) -> None:
    assert a.count == b.count
    np.testing.assert_allclose(a.mean, b.mean, rtol=rtol, atol=1e-12 * max(1.0, np.abs(b.mean).max(initial=0.0)))
    np.testing.assert_allclose(a.scatter, b.scatter, rtol=rtol, atol=rtol * np.abs(b.scatter).max(initial=1.0))


def streamed(rows: Matrix, sizes: list[int]) -> Moments:
    state, start = Moments.empty(rows.shape[1]), 0
    for size in [*sizes, len(rows)]:
        state = state.update(rows[start : start + size])
        start = min(len(rows), start + size)
    return state


@given(st.lists(st.integers(0, 9), max_size=8), st.sampled_from([0.0, 1e6]), st.integers(0, 20))
def test_every_partition_gives_the_same_moments(sizes: list[int], offset: float, seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(30, 3)) + offset
    # An offset of 1e6 leaves the rows themselves ten digits.
    same(streamed(rows, sizes), Moments.of(rows), rtol=1e-8 if offset else 1e-10)


@given(st.integers(0, 30))
def test_merging_is_associative_and_commutative_with_the_empty_state_as_identity(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, c = (Moments.of(rng.normal(size=(k, 2)) + k) for k in (2, 5, 9))
    same(a.merge(b).merge(c), a.merge(b.merge(c)))
    same(a.merge(b), b.merge(a))
    same(a.merge(Moments.empty(2)), a, rtol=0)
    same(Moments.empty(2).merge(a), a, rtol=0)


def test_no_state_is_changed_or_shared() -> None:
    first = Moments.of(np.random.default_rng(0).normal(size=(5, 2)))
    before = first.mean.copy(), first.scatter.copy()
    joined = first.merge(Moments.empty(2))
    joined.mean[:] = 9.0
    joined.scatter[:] = 9.0
    first.update(np.ones((3, 2)))
    np.testing.assert_array_equal(first.mean, before[0])
    np.testing.assert_array_equal(first.scatter, before[1])


def exact_rows() -> Matrix:
    """Rows whose covariance is known exactly, whatever whole number is added to them."""
    return np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 1.0], [3.0, 3.0]] * 250)


def covariance_is_kept(covariance: Matrix) -> None:
    expected = np.cov(exact_rows(), rowvar=False)
    np.testing.assert_allclose(covariance, expected, rtol=1e-9)


@pytest.mark.parametrize("offset", [0.0, 1e6, 1e9])
def test_an_offset_leaves_the_covariance_as_it_is(offset: float) -> None:
    covariance_is_kept(streamed(exact_rows() + offset, [100, 7, 300]).finalise()[1])


def test_raw_second_moments_would_be_caught_at_an_offset() -> None:
    rows = exact_rows() + 1e9
    raw = (rows.T @ rows - len(rows) * np.outer(rows.mean(axis=0), rows.mean(axis=0))) / (len(rows) - 1)
    with pytest.raises(AssertionError):
        covariance_is_kept(raw)


def test_moments_agree_with_numpy() -> None:
    rows = np.random.default_rng(3).normal(size=(50, 4))
    mean, covariance = Moments.of(rows).finalise()
    np.testing.assert_allclose(mean, rows.mean(axis=0), atol=1e-15)
    np.testing.assert_allclose(covariance, np.cov(rows, rowvar=False), rtol=1e-12)


def test_one_row_has_no_covariance() -> None:
    with pytest.raises(TooFewSamplesError, match="at least 2 rows"):
        Moments.of(np.ones((1, 3))).finalise()


def test_a_constant_column_is_centred_and_left_unscaled() -> None:
    rows = np.column_stack([np.full(10, 0.1), np.arange(10.0)])
    mean, scale = column_scales(rows)
    assert scale.tolist() == pytest.approx([1.0, np.arange(10.0).std()])
    assert np.abs(standardised(rows, rows)[:, 0]).max() < 1e-15
    assert standardised(rows, rows)[:, 1].std() == pytest.approx(1.0)
    assert mean[0] == pytest.approx(0.1)
