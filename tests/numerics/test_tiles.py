"""Tiles of closeness: the stated rounding bounds the true one, for NumPy and torch, at any offset and scale."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.numerics.tiles import TILE, Board, cuts, sides

Matrix = NDArray[np.float64]


def exact(a: Matrix, b: Matrix) -> Matrix:
    return np.stack([-0.5 * np.square(row - b).sum(axis=1) for row in a])


def points_of(kind: str, rng: np.random.Generator, rows: int) -> Matrix:
    if kind == "outlier":
        points = rng.normal(size=(rows, 20))
        points[0] *= 1e9
        return points
    if kind == "offset":
        return rng.normal(size=(rows, 64)) + 1e4
    if kind == "uneven":
        return rng.normal(size=(rows, 300)) * 10.0 ** rng.uniform(-3, 3, size=300)
    return rng.normal(size=(rows, int(kind)))


def check_bound(a: Matrix, b: Matrix, tile: Matrix, bound: Matrix, exponent: int) -> None:
    """Every entry lies within the bound of its row, for partners within the reach that the bound is stated for."""
    error = np.abs(tile - np.ldexp(exact(a, b), -2 * exponent))
    assert (error <= bound[:, None]).all()


@pytest.mark.parametrize("kind", ["3", "64", "2048", "7000", "offset", "uneven", "outlier"])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_the_stated_rounding_bounds_the_true_one(kind: str, library: str) -> None:
    rng = np.random.default_rng(0)
    a, b = points_of(kind, rng, 60), points_of(kind, rng, 50)
    given = [a, b]
    if library == "torch":
        torch = pytest.importorskip("torch")
        given = [torch.from_numpy(a), torch.from_numpy(b)]
    left, right = sides(*given)
    board = Board(left, len(a), len(b))
    board.put(left, slice(0, len(a)))
    tile = np.asarray(board.against(right, slice(0, len(b))), dtype=float).copy()
    bound = left.errors(np.full(len(a), np.inf), right)
    check_bound(a, b, tile, bound, left.exponent)
    with pytest.raises(AssertionError, match="False"):
        check_bound(a, b, tile, bound / 1e6, left.exponent)  # no bound at all would pass a slack check


@pytest.mark.parametrize("by_row", [True, False])
def test_entries_at_their_limit_are_listed(by_row: bool) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(40, 30)), rng.normal(size=(30, 30))
    left, right = sides(a, b)
    board = Board(left, 40, 30)
    board.put(left, slice(0, 40))
    tile = np.array(board.against(right, slice(0, 30)), dtype=float)
    limits = np.median(tile, axis=1 if by_row else 0)
    i, j, values = board.at_least(limits, by_row=by_row)
    expected = np.argwhere(tile >= (limits[:, None] if by_row else limits[None, :]))
    found = set(zip(i.tolist(), j.tolist(), strict=True))
    assert found >= set(map(tuple, expected.tolist()))
    np.testing.assert_array_equal(values, tile[i, j])
    np.testing.assert_array_equal(board.largest(3), np.sort(tile, axis=1)[:, -3])


def test_a_product_told_to_use_fewer_bits_is_taken_in_double() -> None:
    torch = pytest.importorskip("torch")
    rows = torch.randn(20, 64, dtype=torch.float64)
    before = torch.get_float32_matmul_precision()
    try:
        assert sides(rows)[0].data.dtype == torch.float32
        torch.set_float32_matmul_precision("high")
        assert sides(rows)[0].data.dtype == torch.float64
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(("n", "least"), [(1, 1), (2048, 1), (2049, 12), (10_000, 12), (7, 12), (9000, 5000)])
def test_blocks_cover_all_rows_and_are_neither_too_large_nor_too_small(n: int, least: int) -> None:
    blocks = cuts(n, least)
    assert [i for block in blocks for i in range(block.start, block.stop)] == list(range(n))
    sizes = [block.stop - block.start for block in blocks]
    assert max(sizes) <= max(TILE, 2 * least)
    assert min(sizes) >= min(n, least)
