"""Two interleaved half circles with noise: two classes that no straight line parts.

The arcs are those of `sklearn.datasets.make_moons`, drawn uniformly rather than on an even grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.options import number
from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import Curve, NoisyCurves, opens

Array = NDArray[np.float64]


def _outer(t: Array) -> Array:
    return np.column_stack([np.cos(np.pi * t), np.sin(np.pi * t)])


def _inner(t: Array) -> Array:
    return np.column_stack([1 - np.cos(np.pi * t), 0.5 - np.sin(np.pi * t)])


@opens("toy:moons")
def open_moons(*, sigma: object = 0.1) -> NoisyCurves:
    """Open the moons.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise in each column, at least 0.001.
    """
    sd = number(sigma, "sigma", at_least=1e-3, at_most=100)
    return NoisyCurves([Curve(at=_outer, length=np.pi), Curve(at=_inner, length=np.pi)], sd)


DATASET = DatasetSpec(
    name="moons",
    summary="Two interleaved noisy half circles (option sigma).",
    scheme="toy",
    open=open_moons,
    source="arcs of sklearn.datasets.make_moons; density by quadrature",
)
