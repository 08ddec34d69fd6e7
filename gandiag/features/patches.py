"""Mean and covariance of all small patches of an image: ``patches`` (3 by 3 pixels) or ``patches:5``.

Each image becomes the mean of its overlapping k by k patches, and the upper triangle of their covariance (entries off
the diagonal times the root of 2, so that distances between rows are those between covariance matrices). These are the
second-order statistics of its texture at the finest scale: contrast, sharpness, direction of edges, colour
correlations, checkerboards of transposed convolutions, compression (after Ruderman 1994, "The statistics of natural
images"). Where things are in the image, and what it shows, is not seen. No weights, no seed, nothing fitted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.core.samples import KnownModes, SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.errors import ConfigError
from gandiag.features._address import count, split
from gandiag.features._images import require_images, require_shape, require_size, unit_values

MOST = 4096
_DEFAULT = 3
_LARGEST = 15
_BYTES = 2**26  # of patches that are held at once


@dataclass(frozen=True, eq=False)
class Patches:
    """Statistics of the patches of images of one shape."""

    k: int
    shape: tuple[int, ...]

    @property
    def values(self) -> int:
        """Values per patch."""
        return self.k**2 * (self.shape[2] if len(self.shape) == 3 else 1)

    def __call__(self, samples: SampleSet) -> NDArray[np.float64]:
        """Map images to features, shape (n, v + v (v + 1) / 2) for v values per patch.

        Raises
        ------
        ShapeError
            For images of another shape than the real ones.
        RangeError
            Without a declared value range.
        """
        require_shape(samples, self.shape, "patches")
        v = self.values
        upper = np.triu_indices(v)
        scale = np.where(upper[0] == upper[1], 1.0, math.sqrt(2.0))
        out = np.empty((len(samples), v + len(scale)))
        for start, block in samples.blocks(max(1, _BYTES // (8 * v * math.prod(self.shape[:2])))):
            for i, patches in enumerate(self._patches(unit_values(block, samples, "patches", dtype=np.float64))):
                mean = patches.mean(axis=0)
                centred = patches - mean
                covariance = centred.T @ centred / len(patches)
                out[start + i] = np.concatenate([mean, covariance[upper] * scale])
        return out

    def _patches(self, images: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cut every image into its overlapping patches, shape (b, patches, v)."""
        windows = np.lib.stride_tricks.sliding_window_view(images, (self.k, self.k), axis=(1, 2))
        # (b, rows, columns[, c], k, k)
        return windows.reshape(len(images), -1, self.values)

    def fingerprint(self) -> str:
        """Name the map, the side of a patch and the shape of the images."""
        return f"patches:{self.k}:{'x'.join(str(side) for side in self.shape)}"

    def modes(self, modes: KnownModes) -> KnownModes | None:
        """Drop exact modes: the map is not affine."""
        return None


def fit(samples: SampleSet, address: str = "") -> Patches:
    """Take note of the shape; nothing is fitted.

    Parameters
    ----------
    samples : SampleSet
        Grey or colour images of at least k by k pixels.
    address : str
        The side of a patch, 3 by default.

    Raises
    ------
    ConfigError
        For patches with more than 4096 statistics.

    Notes
    -----
    Cost O(n h w v^2) for v values per patch.
    """
    require_images(samples, "patches")
    target, _ = split(address, (), of="patches")
    k = count(target, "patches", what="pixels on a side", default=_DEFAULT, at_most=_LARGEST)
    require_size(samples, k + 1, "patches")
    found = Patches(k, samples.shape)
    width = found.values * (found.values + 3) // 2
    if width > MOST:
        raise ConfigError(
            f"patches must have at most {MOST} statistics",
            received=f"{width} for {k} by {k} pixels of {samples.source}",
            remedy=f"Name patches:{_DEFAULT}.",
        )
    return found


FEATURES = FeatureSpec(
    name="patches",
    summary="Mean and covariance of all k by k patches of an image, its texture: patches:3.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="side of a patch in pixels",
)
