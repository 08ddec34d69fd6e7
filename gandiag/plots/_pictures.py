"""Private helpers of the figures that show images: grids of pixels on the grey scale of the real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def montage(
    images: NDArray[Any], low: float, high: float, *, columns: int | None = None, gap: int | None = None
) -> NDArray[np.uint8]:
    """Lay images out in rows of ``columns``, a near-square grid by default, of RGBA pixels; the gaps are transparent.

    Values from ``low`` to ``high`` go from black to white; the gap is a twelfth of an image by default.
    """
    scaled = (images.astype(np.float64) - low) / (high - low if high > low else 1.0)
    grey = (255 * np.clip(scaled, 0.0, 1.0) + 0.5).astype(np.uint8)
    if grey.ndim == 3:
        grey = grey[..., None]
    colours = grey[..., :3] if grey.shape[-1] >= 3 else np.repeat(grey[..., :1], 3, axis=-1)
    count, height, width, _ = colours.shape
    columns = int(np.ceil(np.sqrt(count))) if columns is None else columns
    rows = -(-count // columns)
    gap = max(1, round(0.08 * min(height, width))) if gap is None else gap
    out = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), dtype=np.uint8)
    for i, image in enumerate(colours):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        out[top : top + height, left : left + width, :3] = image
        out[top : top + height, left : left + width, 3] = 255
    return out


def pictures(
    ax: Axes, images: NDArray[Any], like: NDArray[Any], *, columns: int | None = None, gap: int | None = None
) -> None:
    """Draw images as a grid, on the grey scale of ``like``."""
    ax.imshow(montage(images, float(like.min()), float(like.max()), columns=columns, gap=gap), interpolation="nearest")
    ax.set_axis_off()
