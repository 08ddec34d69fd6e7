"""One cached block as bytes: a ``.safetensors`` file that says what it is of, and holds its own checksum."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import Matrix
from gandiag.core.tensor_files import metadata_of
from gandiag.errors import IntegrityError

ENDING = ".features"


def packed(key: str, rows: Matrix, *, features: str) -> bytes:
    """Write a block of features, in single precision where that holds every value exactly.

    Parameters
    ----------
    key : str
        What the block is called; read back, it must be asked for by that name.
    rows : ndarray, shape (n, d)
    features : str
        Fingerprint of the map, for people.
    """
    from safetensors.numpy import save

    small = _halved(rows)
    metadata = {"key": key, "sha256": _digest(small), "features": features}
    return bytes(save({"features": small}, metadata=metadata))


def unpacked(key: str, data: bytes) -> Matrix:
    """Read a block of features that must be the one called ``key``.

    Raises
    ------
    IntegrityError
        For anything that is not exactly that block, whole.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        metadata = metadata_of(data)
        small = load(data)["features"]
    except (SafetensorError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise _broken(f"{type(error).__name__}: {error}") from error
    if metadata.get("key") != key:
        raise _broken("the block of another key")
    if small.ndim != 2 or small.dtype not in (np.float32, np.float64) or metadata.get("sha256") != _digest(small):
        raise _broken("another checksum")
    return small.astype(np.float64)


def _halved(rows: Matrix) -> NDArray[np.floating]:
    with np.errstate(over="ignore"):
        small = rows.astype(np.float32)
    return small if np.array_equal(small.astype(np.float64), rows) else rows


def _digest(rows: NDArray[np.floating]) -> str:
    shape = f"{rows.dtype.str.lstrip('<>=|')}{rows.shape}".encode()
    return hashlib.sha256(shape + np.ascontiguousarray(rows).tobytes()).hexdigest()


def _broken(why: str) -> IntegrityError:
    return IntegrityError(
        "a cached block must be whole and the one asked for", received=why, remedy="Compute it again."
    )
