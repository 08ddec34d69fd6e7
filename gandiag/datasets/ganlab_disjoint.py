"""GAN Lab's three disjoint blobs in the unit square.

Kahng et al. 2019, "GAN Lab: understanding complex deep generative models using interactive visual experimentation".
"""

from __future__ import annotations

from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import GaussianMixture, isotropic, opens

CENTRES = ((0.35, 0.75), (0.75, 0.6), (0.45, 0.35))
SIGMA = 0.025


@opens("toy:ganlab_disjoint")
def open_ganlab_disjoint() -> GaussianMixture:
    """Open three equal round blobs."""
    return GaussianMixture(CENTRES, isotropic(len(CENTRES), 2, SIGMA))


DATASET = DatasetSpec(
    name="ganlab_disjoint",
    summary="GAN Lab's three disjoint blobs in the unit square.",
    scheme="toy",
    open=open_ganlab_disjoint,
    source="Kahng et al. 2019, GAN Lab",
)
