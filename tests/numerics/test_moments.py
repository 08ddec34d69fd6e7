"""Moments: any partition gives the same result, far from the origin too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.errors import TooFewSamplesError
from gandiag.numerics.backend import on_host
from gandiag.numerics.moments import Moments, column_scales, standardised, typical_row

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
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        covariance_is_kept(raw)


def test_moments_agree_with_numpy() -> None:
    rows = np.random.default_rng(3).normal(size=(50, 4))
    mean, covariance = Moments.of(rows).finalise()
    np.testing.assert_allclose(mean, rows.mean(axis=0), atol=1e-15)
    np.testing.assert_allclose(covariance, np.cov(rows, rowvar=False), rtol=1e-12)


def single(n: int = 9000, d: int = 8, offset: float = 1e4) -> NDArray[np.float32]:
    """Float32 rows of more than two blocks, far from the origin."""
    rows = np.random.default_rng(4).normal(size=(n, d)) * np.linspace(0.1, 3.0, d)
    return (rows + offset).astype(np.float32)


def error_in_sds(found: Matrix, expected: Matrix) -> float:
    """Find the largest error of a covariance in units of ``sd_i sd_j``."""
    sd = np.sqrt(np.diag(expected))
    return float(np.abs((found - expected) / np.outer(sd, sd)).max())


def test_float32_rows_lose_what_their_products_lose_and_no_more() -> None:
    # A sum of 4096 rounded products of float32 errs by at most about eps sqrt(4096) sd_i sd_j = 4e-6, centred first;
    # without centring the same products at 1e4 would err by 1e8 times as much.
    rows = single()
    expected = np.cov(rows.astype(np.float64), rowvar=False)
    stored, double = (Moments.of(rows, precision=p).finalise() for p in ("stored", "double"))
    assert error_in_sds(stored[1], expected) < 4e-6
    assert error_in_sds(double[1], expected) < 1e-11
    for mean, _ in (stored, double):
        np.testing.assert_allclose(mean, rows.mean(axis=0, dtype=np.float64), rtol=1e-14)
    mean = rows.mean(axis=0)
    uncentred = (rows.T @ rows).astype(float) / (len(rows) - 1) - np.outer(mean, mean)
    assert error_in_sds(uncentred, expected) > 1e-2
    # Means in float32, as np.mean takes them, are the other half of the trap.
    assert np.abs(rows.mean(axis=0) - rows.mean(axis=0, dtype=np.float64)).max() > 1e-5


def test_float32_rows_are_never_copied_whole() -> None:
    import tracemalloc

    rows = single(n=200_000)
    Moments.of(rows[:10])  # imports
    tracemalloc.start()
    Moments.of(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.2 * rows.nbytes


def test_a_memory_map_gives_the_same_moments(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", single())
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r", allow_pickle=False)
    same(Moments.of(mapped), Moments.of(single()), rtol=0)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_tensors_give_the_moments_of_arrays(device: str) -> None:
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    rows = single()
    for values, rtol in ((rows.astype(np.float64), 1e-10), (rows, 1e-5)):
        found = Moments.empty(8).merge(Moments.of(torch.from_numpy(values[:5000]).to(device)))
        found = found.update(torch.from_numpy(values[5000:]).to(device))
        assert found.mean.device.type == device
        expected = Moments.of(values)
        np.testing.assert_allclose(on_host(found.mean), expected.mean, rtol=1e-14)
        np.testing.assert_allclose(on_host(found.scatter), expected.scatter, atol=rtol * expected.scatter.max())


def test_an_origin_is_what_the_mean_is_counted_from() -> None:
    rows = single().astype(np.float64)
    origin = typical_row(rows[:20], rows[20:])
    found = Moments.of(rows, origin=origin)
    np.testing.assert_allclose(found.mean + origin, Moments.of(rows).mean, rtol=1e-14)
    same(Moments(count=found.count, mean=Moments.of(rows).mean, scatter=found.scatter), Moments.of(rows))


def test_constant_columns_keep_an_exactly_empty_scatter() -> None:
    for dtype in (np.float32, np.float64):
        rows = np.column_stack([np.full(10_001, 0.1), np.arange(10_001.0)]).astype(dtype)
        found = Moments.of(rows)
        assert found.scatter[0].tolist() == [0.0, 0.0]
        assert found.mean[0] == dtype(0.1)


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
