"""Affine maps of columns: what all the weightless features are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.core.samples import KnownModes, SampleSet
from gandiag.errors import NonFiniteError, ShapeError

Vector = NDArray[np.float64]

# Maps that differ by less than this, in units of the features, are one map: sums of the same rows differ in their last
# digits from machine to machine. The steps begin off every number that data give (1 / pi is no rounded value), so that
# nothing lies on the edge of one by rule; by chance about one value of 1e9 does.
_STEP, _OFF = 1e-6, 1.0 / np.pi


@dataclass(frozen=True, eq=False)
class Affine:
    """``(x - shift) / scale``, column by column, of flattened rows.

    Parameters
    ----------
    name : str
    shift : ndarray, shape (d,)
        In the units of the samples.
    scale : ndarray, shape (d,)
        In the units of the samples, above 0.
    """

    name: str
    shift: Vector
    scale: Vector

    def __call__(self, samples: SampleSet) -> NDArray[np.float64]:
        """Map samples to float64 features, shape (n, d).

        Raises
        ------
        ShapeError
            For samples of another width than those that the map was fitted on.
        NonFiniteError
            Where a value leaves the range of float64.
        """
        matrix = samples.matrix()
        if matrix.shape[1] != len(self.scale):
            raise ShapeError(
                f"{self.name} features were fitted on samples of {len(self.scale)} values",
                received=f"{matrix.shape[1]} values per sample of {samples.source}",
                remedy="Bring real and fake samples to one size.",
            )
        with np.errstate(over="ignore"):
            matrix -= self.shift
            matrix /= self.scale
        if not np.isfinite(matrix).all():
            raise NonFiniteError(
                f"{self.name} features of {samples.source} must be finite",
                received="values too large to be scaled in double precision",
                remedy="Bring the samples to units of moderate size first.",
            )
        return matrix

    def fingerprint(self) -> str:
        """Name the map, its width and a digest of its parameters to six digits; equal for maps that do the same."""
        # A shift far beyond the scale is known to fewer digits of the scale.
        shift = self.shift / (self.scale + _STEP * np.abs(self.shift))
        steps = np.floor(np.concatenate([shift, np.log(self.scale)]) / _STEP + _OFF)
        digest = hashlib.sha256(steps.astype("<i8").tobytes()).hexdigest()
        return f"{self.name}:{len(self.scale)}:{digest[:12]}"

    def modes(self, modes: KnownModes) -> KnownModes | None:
        """Map exact modes to feature space, None where they have another width."""
        if modes.centres.shape[1] != len(self.scale):
            return None
        return KnownModes(
            centres=(modes.centres - self.shift) / self.scale,
            covariances=modes.covariances / (self.scale[:, None] * self.scale[None, :]),
            weights=modes.weights,
        )
