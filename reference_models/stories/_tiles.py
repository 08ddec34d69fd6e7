"""Images in rows and columns, as one image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def tiled(images: Any, rows: int, columns: int, *, between: float = -1.0) -> NDArray[np.float64]:
    """Lay (rows * columns, h, w) images out row by row, with a line of the value ``between`` on every side of each."""
    framed = np.pad(np.asarray(images, dtype=np.float64), ((0, 0), (1, 1), (1, 1)), constant_values=between)
    height, width = framed.shape[1:]
    out: NDArray[np.float64] = (
        framed.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
    )
    return out
