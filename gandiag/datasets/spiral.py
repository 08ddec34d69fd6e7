"""A noisy spiral: one connected curve that a flow must not tear and a mixture needs many parts for.

The point at parameter t is ``radius t (cos, sin)(2 pi turns t)``, with t of density 2t: nearly even along the curve.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gandiag.core.options import number
from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import Curve, NoisyCurves, opens

Array = NDArray[np.float64]


@opens("toy:spiral")
def open_spiral(*, turns: object = 2.0, radius: object = 2.0, sigma: object = 0.05) -> NoisyCurves:
    """Open the spiral.

    Parameters
    ----------
    turns : float
        Full turns from the centre to the end, above 0 and at most 100.
    radius : float
        Distance of the end from the centre, above 0.
    sigma : float
        Standard deviation of the noise in each column, at least a thousandth of the radius.
    """
    n, r = number(turns, "turns", above=0, at_most=100), number(radius, "radius", above=0)
    sd = number(sigma, "sigma", at_least=1e-3 * r, at_most=100 * r)

    def at(t: Array) -> Array:
        angle = 2 * np.pi * n * t
        return np.column_stack([r * t * np.cos(angle), r * t * np.sin(angle)])

    # The largest speed over the unit interval: panels are then short enough everywhere.
    longest = r * math.hypot(1.0, 2 * math.pi * n)
    return NoisyCurves([Curve(at=at, length=longest, quantile=np.sqrt, density=lambda t: 2.0 * t)], sd)


DATASET = DatasetSpec(
    name="spiral",
    summary="A noisy spiral (options turns, radius, sigma).",
    scheme="toy",
    open=open_spiral,
    source="density by quadrature",
)
