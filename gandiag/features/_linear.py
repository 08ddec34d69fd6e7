"""Linear maps of columns to fewer columns: projections."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.core.samples import KnownModes, SampleSet
from gandiag.errors import NonFiniteError, RangeError, ResourceLimitError, ShapeError

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

# Every product has this many rows, filled up with zeros: then a row's last bits do not depend on where it stands, and
# rows that are equal stay equal. The number is a multiple of the row blocks of the usual libraries.
_ROWS = 384
_MOST_NUMBERS = 2**27


@dataclass(frozen=True, eq=False)
class Projection:
    """``(x - shift) @ weights`` of flattened rows.

    Parameters
    ----------
    name : str
        The first part of the fingerprint.
    shift : ndarray, shape (d,)
        In the units of the samples.
    weights : ndarray, shape (d, k)
    digest : str
        SHA-256 of what the map was made from: the last bits of a decomposition depend on the machine.
    """

    name: str
    shift: Vector
    weights: Matrix
    digest: str

    def __call__(self, samples: SampleSet) -> Matrix:
        """Map samples to float64 features, shape (n, k).

        Raises
        ------
        ShapeError
            For samples of another width than those that the map was made for.
        NonFiniteError
            Where a value leaves the range of float64.
        """
        width, k = self.weights.shape
        if int(np.prod(samples.shape)) != width:
            raise ShapeError(
                f"{self.name} features were made for samples of {width} values",
                received=f"{int(np.prod(samples.shape))} values per sample of {samples.source}",
                remedy="Bring real and fake samples to one size.",
            )
        out = np.empty((len(samples), k))
        padded = np.zeros((_ROWS, width))
        for start, block in samples.blocks(_ROWS):
            with np.errstate(over="ignore", invalid="ignore"):
                padded[: len(block)] = block.reshape(len(block), width) - self.shift
                padded[len(block) :] = 0.0
                out[start : start + len(block)] = (padded @ self.weights)[: len(block)]
        if not np.isfinite(out).all():
            raise NonFiniteError(
                f"{self.name} features of {samples.source} must be finite",
                received="values too large to be projected in double precision",
                remedy="Bring the samples to units of moderate size first.",
            )
        return out

    def fingerprint(self) -> str:
        """Name the map, its width, how many columns it is mapped to, and the start of the digest."""
        width, k = self.weights.shape
        return f"{self.name}:{width}->{k}:{self.digest[:12]}"

    def modes(self, modes: KnownModes) -> KnownModes | None:
        """Map exact modes to feature space, None where they have another width."""
        if modes.centres.shape[1] != len(self.shift):
            return None
        return KnownModes(
            centres=(modes.centres - self.shift) @ self.weights,
            covariances=np.einsum("di,mde,ej->mij", self.weights, modes.covariances, self.weights),
            weights=modes.weights,
        )


def require_room(width: int, k: int, of: str) -> None:
    """Refuse directions that would take more memory than a gigabyte.

    Raises
    ------
    ResourceLimitError
        For more than 2^27 numbers.
    """
    if width * k > _MOST_NUMBERS:
        raise ResourceLimitError(
            f"the directions of {of} must have at most {_MOST_NUMBERS} numbers",
            received=f"{k} directions of {width} values",
            remedy=f"Name {of}:{max(1, _MOST_NUMBERS // width)}, or smaller images.",
        )


def digest_of(numbers: Matrix) -> str:
    """Give the SHA-256 of an array's numbers and shape."""
    return hashlib.sha256(
        repr(numbers.shape).encode() + np.ascontiguousarray(numbers, dtype="<f8").tobytes()
    ).hexdigest()


def unit_of(samples: SampleSet, of: str) -> float:
    """Give the width of the value range of images, and 1 for other samples.

    Raises
    ------
    RangeError
        For images without a known value range.
    """
    if samples.kind != "image":
        return 1.0
    if samples.value_range is None:
        raise RangeError(
            f"{of} features need to know the value range of {samples.source}",
            received="images without one",
            remedy="Pass value_range=(0, 1), (-1, 1) or (0, 255).",
        )
    low, high = samples.value_range
    return float(high) - float(low)
