"""Equal rows: which rows of a set are the same, and how many repeat."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Labels = NDArray[np.bool_]

_CHECKED_AT_ONCE = 2**15
_HALF, _ODD = np.uint64(32), np.uint64(1)


def row_ids(rows: NDArray[Any]) -> Ids:
    """Give each distinct row a number by first appearance, so that equal rows share one.

    Parameters
    ----------
    rows : ndarray, shape (n, d)
        Finite. -0.0 equals 0.0.

    Returns
    -------
    ndarray of int, shape (n,)

    Notes
    -----
    O(n d + n log n) time: rows are sorted by a checksum of their bits and compared with the first of their group, so
    that no two rows share a number unless they are equal.

    Examples
    --------
    >>> row_ids(np.array([[0.0], [2.0], [-0.0]]))
    array([0, 1, 0])
    """
    checksums = np.empty(len(rows), dtype=np.uint64)
    step = max(1, _CHECKED_AT_ONCE // rows.shape[1])
    weights = np.random.default_rng(0).integers(2**63, size=rows.shape[1], dtype=np.uint64) * np.uint64(2) + _ODD
    for start in range(0, len(rows), step):
        bits = np.ascontiguousarray(rows[start : start + step] + 0.0)  # -0.0 becomes 0.0
        words = bits.view(f"u{bits.dtype.itemsize}").astype(np.uint64, copy=False)
        words ^= words >> _HALF  # short numbers differ in their high bits alone
        checksums[start : start + step] = words @ weights
    order = np.argsort(checksums, kind="stable")
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = np.diff(checksums[order]) != 0
    first, group = order[fresh], np.cumsum(fresh) - 1
    repeats = np.flatnonzero(~fresh)
    if not _all_equal(rows, order[repeats], first[group[repeats]], step):
        return _ids_by_key(rows)
    ids = np.empty(len(rows), dtype=np.int64)
    ids[order] = np.argsort(np.argsort(first))[group]
    return ids


def _all_equal(rows: NDArray[Any], i: Ids, j: Ids, step: int) -> bool:
    parts = (slice(start, start + step) for start in range(0, len(i), step))
    return all(np.array_equal(rows[i[part]], rows[j[part]]) for part in parts)


def _ids_by_key(rows: NDArray[Any]) -> Ids:
    """Give each distinct row a number, whatever checksums coincide."""
    known: dict[bytes, int] = {}
    return np.array([known.setdefault((row + 0.0).tobytes(), len(known)) for row in rows], dtype=np.int64)


def distinct_rows(rows: NDArray[Any]) -> int:
    """Count the distinct rows."""
    return int(row_ids(rows).max()) + 1


def duplicate_counts(ids: Ids, labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count, on each side of every labelling, the rows that repeat an earlier row of their own side.

    Parameters
    ----------
    ids : ndarray of int, shape (N,)
        Atoms of the pooled rows, numbered from 0.
    labels : ndarray of bool, shape (N, B)

    Returns
    -------
    with_label, without_label : ndarray of int, shape (B,)
        Rows of the side less its distinct rows.
    """
    order = np.argsort(ids, kind="stable")
    order = order[np.bincount(ids)[ids[order]] > 1]  # rows that equal no other row never repeat
    if not len(order):
        zero = np.zeros(labels.shape[1], dtype=np.int64)
        return zero, zero.copy()
    starts = np.flatnonzero(np.diff(ids[order], prepend=-1))
    side = labels[order]
    real = side.sum(axis=0)
    real_atoms = np.logical_or.reduceat(side, starts, axis=0).sum(axis=0)
    fake_atoms = len(starts) - np.logical_and.reduceat(side, starts, axis=0).sum(axis=0)
    return real - real_atoms, len(order) - real - fake_atoms
