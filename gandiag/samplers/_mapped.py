"""Rows of a memory map that are read when they are wanted: an array of them that holds their places only.

Stands where an array stands in a `SampleSet`, as `gandiag.samplers._lazy.Decoded` does for images. A million rows of
512 single-precision values are 2 GB on the disk; a reader of these holds one block, and gives back what it has read.
"""

from __future__ import annotations

import math
import mmap
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.samplers._receive import refuse_nonfinite


class MappedRows:
    """Chosen rows of a memory map.

    Parameters
    ----------
    values : numpy.memmap, shape (N, ...)
    index : ndarray of int, shape (n,)
        Places of the chosen rows.
    name : str
        What errors call the source.
    """

    def __init__(self, values: np.memmap[Any, Any], index: NDArray[np.int64], *, name: str) -> None:
        self._values, self._index, self._name = values, index, name
        self.shape = (len(index), *values.shape[1:])
        self.dtype = values.dtype.newbyteorder("=")

    @property
    def nbytes(self) -> int:
        """Size of all chosen rows."""
        return int(math.prod(self.shape)) * int(self.dtype.itemsize)

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, part: slice) -> NDArray[Any]:
        return self._read(self._index[part])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        rows = self._read(self._index)
        return rows if dtype is None else rows.astype(dtype)

    def rows(self, index: NDArray[np.integer[Any]]) -> MappedRows:
        """Choose rows without reading them."""
        return MappedRows(self._values, self._index[index], name=self._name)

    def _read(self, places: NDArray[np.int64]) -> NDArray[Any]:
        rows = rows_at(self._values, places)
        refuse_nonfinite(rows, name=self._name, numbers=places)
        _give_back(self._values)
        return rows


def rows_at(values: np.memmap[Any, Any], places: NDArray[np.int64]) -> NDArray[Any]:
    """Copy rows in the order of ``places``; the disk is read forwards, once."""
    order = np.argsort(places)
    found = np.asarray(values[places[order]])
    rows = np.empty(found.shape, dtype=found.dtype.newbyteorder("="))
    rows[order] = found
    return rows


def _give_back(values: np.memmap[Any, Any]) -> None:
    """Let go of the pages that were read: the system keeps them for as long as it has room, and not on our account."""
    mapped = getattr(values, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        with suppress(OSError, ValueError):
            mapped.madvise(mmap.MADV_DONTNEED)
