"""What all maps of images ask of them, and the bytes or unit values that they work on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.samples import SampleSet
from gandiag.errors import RangeError, ShapeError

RANGES = "Pass value_range=(0, 1), (-1, 1) or (0, 255)."


def require_images(samples: SampleSet, of: str) -> None:
    """Refuse what are no grey or colour images.

    Raises
    ------
    ShapeError
        For samples of another kind, or with another number of channels than 1 or 3.
    """
    shape = samples.shape
    if samples.kind != "image" or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))):
        raise ShapeError(
            f"{of} features need {samples.source} to be grey or colour images",
            received=f"{samples.kind} samples of shape {shape}",
            remedy="Give images of shape (height, width), or with 1 or 3 channels last.",
        )


def require_size(samples: SampleSet, least: int, of: str) -> None:
    """Refuse images with a side below ``least`` pixels."""
    height, width = samples.shape[:2]
    if min(height, width) < least:
        raise ShapeError(
            f"{of} features need images of at least {least} by {least} pixels",
            received=f"{height} by {width} of {samples.source}",
            remedy="Choose flatten, or give larger images.",
        )


def require_shape(samples: SampleSet, shape: tuple[int, ...], of: str) -> None:
    """Refuse images of another shape than those that a map was made for."""
    if samples.shape != shape:
        raise ShapeError(
            f"{of} features were made for images of shape {shape}",
            received=f"{samples.shape} of {samples.source}",
            remedy="Bring real and fake images to one size and one number of channels.",
        )


def as_bytes(block: NDArray[Any], samples: SampleSet, of: str) -> NDArray[np.uint8]:
    """Bring images (b, h, w) or (b, h, w, c) to bytes of shape (b, 3, h, w); grey is repeated.

    Parameters
    ----------
    block : ndarray
    samples : SampleSet
        The images that the block is of: its value range is mapped to 0 to 255; what lies outside is cut.
    of : str
        Name of the feature map, for messages.

    Raises
    ------
    RangeError
        For values that are no bytes, without a declared range.
    """
    if block.dtype == np.uint8 and samples.value_range in (None, (0, 255)):
        whole = block
    else:
        scaled = unit_values(block, samples, of, dtype=np.float64) * 255.0
        whole = np.clip(np.rint(scaled), 0.0, 255.0).astype(np.uint8)
    colour = whole[..., None] if whole.ndim == 3 else whole
    if colour.shape[-1] == 1:
        colour = np.repeat(colour, 3, axis=-1)
    return np.array(np.moveaxis(colour, -1, 1), order="C")  # a copy: torch wants to own what it reads


def unit_values(block: NDArray[Any], samples: SampleSet, of: str, *, dtype: Any = np.float32) -> NDArray[Any]:
    """Map the declared value range to 0 to 1; nothing is cut, and the shape stays.

    Raises
    ------
    RangeError
        Without a declared range, but for bytes.
    """
    value_range = samples.value_range
    if value_range is None and block.dtype == np.uint8:
        value_range = (0.0, 255.0)
    if value_range is None:
        raise RangeError(
            f"{of} features need to know the value range of {samples.source}",
            received=f"images of {block.dtype} without one",
            remedy=RANGES,
        )
    low, high = value_range
    out: NDArray[Any] = ((block.astype(np.float64) - low) / (high - low)).astype(dtype)
    return out
