"""GAN Lab's two Gaussian hills: one round, one tall; a few points lie outside the unit square.

Kahng et al. 2019, "GAN Lab: understanding complex deep generative models using interactive visual experimentation".
"""

from __future__ import annotations

import numpy as np

from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import GaussianMixture, opens

CENTRES = ((0.3, 0.7), (0.7, 0.4))
SIGMAS = ((0.1, 0.1), (0.05, 0.2))


@opens("toy:ganlab_gaussians")
def open_ganlab_gaussians() -> GaussianMixture:
    """Open two equal hills with standard deviations (0.1, 0.1) and (0.05, 0.2)."""
    return GaussianMixture(CENTRES, [np.diag(np.square(sigma)) for sigma in SIGMAS])


DATASET = DatasetSpec(
    name="ganlab_gaussians",
    summary="GAN Lab's two Gaussian hills, one round and one tall.",
    scheme="toy",
    open=open_ganlab_gaussians,
    source="Kahng et al. 2019, GAN Lab",
)
