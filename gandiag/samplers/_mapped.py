"""Rows of a memory map that are read when they are wanted: an array of them that holds their places only.

Stands where an array stands in a `SampleSet`, as `gandiag.samplers._lazy.Decoded` does for images. A million rows of
512 single-precision values are 2 GB on the disk; a reader of these holds one block.
"""

from __future__ import annotations

import math
import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import FileFormatError
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
        return rows


def rows_at(values: np.memmap[Any, Any], places: NDArray[np.int64]) -> NDArray[Any]:
    """Copy rows in the order of ``places``; the disk is read forwards, once.

    Rows are read from the file and not through the map where that can be: the system maps far more than the pages that
    are touched (all of a file of 2 GB, after 4000 of its million rows), and that counts as memory of this process.
    """
    order = np.argsort(places)
    start = _start_in_file(values)
    if start is None:
        found = np.asarray(values[places[order]])
    else:
        found = np.empty((len(places), *values.shape[1:]), dtype=values.dtype)
        with Path(str(values.filename)).open("rb", buffering=0) as file:
            for row, place in zip(found, (start + places[order] * values.strides[0]).tolist(), strict=True):
                _read_into(file.fileno(), memoryview(row).cast("B"), place, name=str(values.filename))
    rows = np.empty(found.shape, dtype=found.dtype.newbyteorder("="))
    rows[order] = found
    return rows


def _start_in_file(values: np.memmap[Any, Any]) -> int | None:
    """Find where row 0 lies in the file, also of a part of a map; None where rows cannot be read one by one."""
    mapped = getattr(values, "_mmap", None)
    whole_rows = values.ndim > 1 and values[:1].flags.c_contiguous and values.strides[0] > 0
    if not hasattr(os, "preadv") or not isinstance(mapped, mmap.mmap) or not whole_rows or values.filename is None:
        return None
    begins = values.offset - values.offset % mmap.ALLOCATIONGRANULARITY
    return int(begins + values.ctypes.data - np.frombuffer(mapped, dtype=np.uint8).ctypes.data)


def _read_into(descriptor: int, row: memoryview, place: int, *, name: str) -> None:
    while len(row):
        count = os.preadv(descriptor, [row], place)
        if count == 0:
            raise FileFormatError(
                f"{Path(name).name} must not change while it is read", received="an early end", remedy="Score a copy."
            )
        row, place = row[count:], place + count
