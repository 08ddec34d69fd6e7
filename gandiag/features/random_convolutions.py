"""Responses to random filters that depend on a seed alone: ``random_convolutions`` or ``random_convolutions:64``.

k filters of 5 by 5 pixels with independent normal entries, mean 0 and norm 1, slide over the image in three sizes, each
half the one before. What a filter finds is split into its positive and its negative part and averaged over each quarter
of the image. Averages of rectified random filters tell textures and layouts apart without any training (Saxe et al.
2011, "On random weights and unsupervised feature learning"), so this is an honest middle between pixels and a trained
network, where none is at hand or none was trained on such images. It does not know what images show.

The seed is 0 unless another is named, ``random_convolutions:64?seed=1``. Seed, number of filters and shape make the
fingerprint: equal fingerprints are equal features. Convolutions are in single precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.options import whole
from gandiag.core.rng import stream
from gandiag.core.samples import KnownModes, SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.features._address import count, split
from gandiag.features._images import require_images, require_shape, require_size, unit_values

MOST = 512
_DEFAULT = 32
_SIDE = 5
_CELLS = 2  # per side
_SCALES = 3
_BATCH = 64
_BYTES = 2**27


@dataclass(frozen=True, eq=False)
class RandomConvolutions:
    """Fixed filters for images of one shape.

    Parameters
    ----------
    filters : ndarray, shape (k, channels, 5, 5)
    seed : int
    shape : tuple of int
        Of one image.
    """

    filters: NDArray[np.float32]
    seed: int
    shape: tuple[int, ...]

    def __call__(self, samples: SampleSet) -> NDArray[np.float64]:
        """Map images to features, shape (n, 8 k s) for s sizes.

        Raises
        ------
        ShapeError
            For images of another shape than the real ones.
        RangeError
            Without a declared value range.
        """
        import torch

        require_shape(samples, self.shape, "random_convolutions")
        filters = torch.from_numpy(self.filters)
        parts = []
        with torch.inference_mode():
            responses = 4 * len(self.filters) * self.shape[0] * self.shape[1]  # bytes of an image's
            for _, block in samples.blocks(max(1, min(_BATCH, _BYTES // responses))):
                values = unit_values(block, samples, "random_convolutions")
                images = torch.from_numpy(values[:, None] if values.ndim == 3 else np.moveaxis(values, -1, 1).copy())
                parts.append(_pooled(images, filters).double().numpy())
        return np.concatenate(parts)

    def fingerprint(self) -> str:
        """Name the map, the number of filters, the seed and the shape of the images."""
        return f"random_convolutions:{len(self.filters)}?seed={self.seed}:{'x'.join(str(s) for s in self.shape)}"

    def modes(self, modes: KnownModes) -> KnownModes | None:
        """Drop exact modes: the map is not affine."""
        return None


def _pooled(images: Any, filters: Any) -> Any:
    """Average both parts of all responses over the cells of every size, shape (b, features)."""
    import torch
    from torch.nn import functional

    parts = []
    for _ in range(_SCALES):
        if min(images.shape[2:]) < _SIDE + 1:
            break
        found = functional.conv2d(images, filters)
        for part in (found.clamp(min=0.0), found.clamp(max=0.0)):
            parts.append(functional.adaptive_avg_pool2d(part, _CELLS).flatten(1))
        images = functional.avg_pool2d(images, 2)
    return torch.cat(parts, dim=1)


def fit(samples: SampleSet, address: str = "") -> RandomConvolutions:
    """Draw the filters from the seed; of the images only the shape is used.

    Parameters
    ----------
    samples : SampleSet
        Grey or colour images of at least 6 by 6 pixels.
    address : str
        The number of filters, 32 by default, with ``?seed=`` after it, 0 by default.

    Notes
    -----
    Cost O(n h w k).
    """
    require_images(samples, "random_convolutions")
    require_size(samples, _SIDE + 1, "random_convolutions")
    target, options = split(address, ("seed",), of="random_convolutions")
    k = count(target, "random_convolutions", what="filters", default=_DEFAULT, at_most=MOST)
    seed = whole(options.get("seed", 0), "seed", at_least=0)
    channels = samples.shape[2] if len(samples.shape) == 3 else 1
    draws = stream(seed, "features", "random_convolutions", str(channels)).standard_normal((k, channels, _SIDE, _SIDE))
    draws -= draws.mean(axis=(1, 2, 3), keepdims=True)
    draws /= np.linalg.norm(draws.reshape(k, -1), axis=1)[:, None, None, None]
    return RandomConvolutions(draws.astype(np.float32), seed, samples.shape)


FEATURES = FeatureSpec(
    name="random_convolutions",
    summary="Rectified responses of k random filters from a seed: random_convolutions:32?seed=0.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="number of filters",
)
