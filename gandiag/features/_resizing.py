"""Bringing images to the side that a network was trained on, by the rule that published numbers used.

========  ================================================================================================
tf-legacy     bilinear as in TensorFlow 1: pixel corners coincide at the top left, no smoothing before shrinking
torch-legacy  bilinear with pixel centres aligned, no smoothing before shrinking
clean         bicubic, smoothed before shrinking as Pillow does it, cut to 0 to 255, not rounded
========  ================================================================================================

Without smoothing, shrinking skips pixels and aliases (Parmar, Zhang & Zhu 2022, "On aliased resizing and surprising
subtleties in GAN evaluation"); for images smaller than the target the modes differ little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def tf_legacy(images: Any, side: int) -> Any:
    """Resize float images (b, c, h, w): bit for bit what torch-fidelity's exact method gives, by rows first."""
    rows = _between(images, side, axis=3)
    return _between(rows, side, axis=2)


def _between(images: Any, side: int, axis: int) -> Any:
    """Interpolate linearly along one axis."""
    import torch

    size = images.shape[axis]
    if size == side:
        return images
    scale = torch.tensor(size / side, dtype=torch.float32, device=images.device)
    places = torch.arange(side, dtype=torch.float32, device=images.device) * scale
    low = places.long()
    share = places - low.float()
    lower = images.index_select(axis, low)
    upper = images.index_select(axis, (low + 1).clamp_max(size - 1))
    shape = [1, 1, 1, 1]
    shape[axis] = side
    return lower + (upper - lower) * share.view(shape)


def torch_legacy(images: Any, side: int) -> Any:
    """Resize float images (b, c, h, w) as pytorch-fid does."""
    from torch.nn import functional

    return functional.interpolate(images, size=(side, side), mode="bilinear", align_corners=False)


def clean(images: Any, side: int) -> Any:
    """Resize float images (b, c, h, w) of values 0 to 255 as clean-fid does."""
    from torch.nn import functional

    if tuple(images.shape[2:]) == (side, side):
        return images
    resized = functional.interpolate(images, size=(side, side), mode="bicubic", align_corners=False, antialias=True)
    return resized.clamp(0.0, 255.0)


MODES: Mapping[str, Callable[[Any, int], Any]] = {
    "tf-legacy": tf_legacy,
    "torch-legacy": torch_legacy,
    "clean": clean,
}
