"""GAN Lab's ring: a noisy ellipse in the unit square, uniform in its angle.

Kahng et al. 2019, "GAN Lab: understanding complex deep generative models using interactive visual experimentation".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import Curve, NoisyCurves, opens

CENTRE, RADII = (0.5, 0.45), (0.3, 0.25)
SIGMA = 0.025


def _ellipse(t: NDArray[np.float64]) -> NDArray[np.float64]:
    angle = 2 * np.pi * t
    return np.column_stack([CENTRE[0] + RADII[0] * np.cos(angle), CENTRE[1] + RADII[1] * np.sin(angle)])


@opens("toy:ganlab_ring")
def open_ganlab_ring() -> NoisyCurves:
    """Open the ellipse of radii 0.3 and 0.25 about (0.5, 0.45), with noise of standard deviation 0.025."""
    return NoisyCurves([Curve(at=_ellipse, length=2 * np.pi * max(RADII))], SIGMA)


DATASET = DatasetSpec(
    name="ganlab_ring",
    summary="GAN Lab's ring: a noisy ellipse in the unit square.",
    scheme="toy",
    open=open_ganlab_ring,
    source="Kahng et al. 2019, GAN Lab",
)
