"""A round Gaussian in any dimension, moved by a chosen distance.

For ``shift`` against 0 at scale 1, in every dimension alike: W2 = |shift|, KL = shift^2 / 2, total variation
= 2 Phi(|shift|/2) - 1.
"""

from __future__ import annotations

import math

import numpy as np

from gandiag.core.options import number, whole
from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import GaussianMixture, isotropic, opens


@opens("toy:gauss")
def open_gauss(*, dim: object = 2, shift: object = 0.0, scale: object = 1.0) -> GaussianMixture:
    """Open ``N(shift (1, ..., 1) / sqrt(dim), scale^2 I)``.

    Parameters
    ----------
    dim : int
        Number of columns.
    shift : float
        Distance of the mean from the origin, along the diagonal.
    scale : float
        Standard deviation (not variance) of each column, above 0.
    """
    d = whole(dim, "dim", at_least=1, at_most=4096)
    distance, sd = number(shift, "shift"), number(scale, "scale", above=0)
    return GaussianMixture(np.full((1, d), distance / math.sqrt(d)), isotropic(1, d, sd))


DATASET = DatasetSpec(
    name="gauss",
    summary="A round Gaussian (options dim, shift, scale).",
    scheme="toy",
    open=open_gauss,
    source="closed forms",
)
