"""GAN Lab's line: a noisy straight segment in the unit square.

Kahng et al. 2019, "GAN Lab: understanding complex deep generative models using interactive visual experimentation".
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import Curve, NoisyCurves, opens

START, END = (0.8, 0.6), (0.05, 0.9)
SIGMA = 0.01


def _segment(t: NDArray[np.float64]) -> NDArray[np.float64]:
    start, end = np.array(START), np.array(END)
    out: NDArray[np.float64] = start + t[:, None] * (end - start)
    return out


@opens("toy:ganlab_line")
def open_ganlab_line() -> NoisyCurves:
    """Open the segment from (0.8, 0.6) to (0.05, 0.9), with noise of standard deviation 0.01."""
    return NoisyCurves([Curve(at=_segment, length=math.dist(START, END))], SIGMA)


DATASET = DatasetSpec(
    name="ganlab_line",
    summary="GAN Lab's line: a noisy segment in the unit square.",
    scheme="toy",
    open=open_ganlab_line,
    source="Kahng et al. 2019, GAN Lab",
)
