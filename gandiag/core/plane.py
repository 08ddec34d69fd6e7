"""Where examples lie in the plane: the first two principal directions of the real ones, for figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
REAL = "examples/real"


def planes(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Place the examples of all sides in the plane of the real ones' largest spread.

    Parameters
    ----------
    arrays : mapping
        Of a report: ``examples/<side>_features``, shape (k, d).

    Returns
    -------
    dict
        ``examples/<side>_plane``, shape (k, 2) in single precision; empty for rows of at most two columns, which are
        their own plane.

    Notes
    -----
    Directions are eigenvectors of the *real* covariance: what a sampler adds outside them is not seen. Their sign is
    chosen so that the largest loading is positive. O(k d min(k, d)).
    """
    real = arrays.get(f"{REAL}_features")
    if real is None or len(real) == 0 or real.shape[1] <= 2:
        return {}
    centre = real.astype(np.float64).mean(axis=0)
    directions = np.linalg.svd(real.astype(np.float64) - centre, full_matrices=False)[2][:2]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.where(directions[np.arange(len(directions)), largest] < 0, -1.0, 1.0)[:, None]
    sides = {key.removesuffix("_features"): rows for key, rows in arrays.items() if key.endswith("_features")}
    flat = {f"{side}_plane": (rows.astype(np.float64) - centre) @ directions.T for side, rows in sides.items()}
    return {key: np.pad(rows, ((0, 0), (0, 2 - rows.shape[1]))).astype(np.float32) for key, rows in flat.items()}
