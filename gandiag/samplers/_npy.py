"""Reading .npy data from files and archive members that nobody vouches for.

The header is read first, and the size that it claims must equal the size that is there before a byte is allocated: a
file of a kilobyte can claim a terabyte. Pickled objects are never read.
"""

from __future__ import annotations

import math
import stat
import warnings
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from gandiag.core.names import nearest
from gandiag.errors import DtypeError, FileFormatError

_LONGEST_HEADER = 10_000


def require_file(path: Path, *, name: str) -> int:
    """Refuse what is not an ordinary file (folders, pipes, devices), and return its size in bytes."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise missing(path, name=name) from error
    if not stat.S_ISREG(status.st_mode):
        raise FileFormatError(
            f"{name} must be an ordinary file", received="a folder, pipe or device", remedy="Pass a file."
        )
    return status.st_size


def missing(path: Path, *, name: str) -> FileFormatError:
    """Build the error for a path that leads nowhere, saying the nearest name beside it."""
    try:
        beside = sorted(p.name for _, p in zip(range(1000), path.parent.iterdir(), strict=False))
    except OSError:
        beside = []
    remedy = nearest(path.name, beside, fallback="Check the path.")
    return FileFormatError("there must be a file or folder of that name", received=name, remedy=remedy)


def read_header(file: IO[bytes], size: int, *, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Read shape, Fortran order, dtype and the offset of the data, and hold them against ``size`` bytes.

    Raises
    ------
    FileFormatError
        For anything that is not a plain .npy of exactly that size.
    DtypeError
        For object and structured dtypes.
    """
    shape, fortran, dtype = read_head(file, name=name)
    offset = file.tell()
    claimed = math.prod(shape) * dtype.itemsize
    if claimed != size - offset:
        raise FileFormatError(
            f"{name} must hold exactly what its header says",
            received=f"shape {shape} of {dtype} ({claimed} bytes) with {size - offset} bytes of data",
            remedy="The file is truncated or damaged: write it again.",
        )
    return shape, fortran, dtype, offset


def read_head(file: IO[bytes], *, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, Fortran order and dtype, whose size nobody has checked yet."""
    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, fortran, dtype = read(file, max_header_size=_LONGEST_HEADER)
    except Exception as error:
        raise FileFormatError(
            f"{name} must be a .npy array", received=f"{type(error).__name__}: {error}", remedy="Write it with np.save."
        ) from error
    if dtype.hasobject or dtype.names is not None or dtype.subdtype is not None or dtype.kind not in "biuf":
        raise DtypeError(
            f"{name} must hold real numbers; objects and records are never read",
            received=f"dtype {dtype}",
            remedy="Save it as a plain array of numbers.",
        )
    if any(not isinstance(s, int) or s < 0 for s in shape):
        raise FileFormatError(
            f"{name} must hold exactly what its header says", received=f"shape {shape}", remedy="Write it again."
        )
    return shape, fortran, dtype


def read_array(file: IO[bytes], size: int, *, name: str) -> NDArray[Any]:
    """Read a whole array from a stream of ``size`` bytes."""
    shape, fortran, dtype, offset = read_header(file, size, name=name)
    data = file.read(size - offset)
    if len(data) != size - offset:
        raise FileFormatError(f"{name} must be complete", received=f"{len(data)} bytes", remedy="Write it again.")
    return np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C")
