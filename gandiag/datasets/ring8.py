"""Eight Gaussians on a circle: the toy on which mode collapse is shown.

Radius 2 with standard deviation 0.02 is the setting of Gulrajani et al. 2017 ("Improved training of Wasserstein GANs");
radius 1 with 0.01 that of Metz et al. 2017 ("Unrolled GANs") and Lin et al. 2018 ("PacGAN"). The centres are eighths of
a full turn, end excluded: an inclusive grid over the turn puts two centres in one place and leaves seven modes.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.options import number
from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import GaussianMixture, isotropic, opens

MODES = 8


@opens("toy:ring8")
def open_ring8(*, radius: object = 2.0, sigma: object = 0.02) -> GaussianMixture:
    """Open the ring.

    Parameters
    ----------
    radius : float
        Distance of the centres from the origin, above 0.
    sigma : float
        Standard deviation (not variance) of each mode and column, above 0.

    Returns
    -------
    GaussianMixture
        Labelled 0 to 7 by angle from the first axis. Where modes do not overlap, ``E log p = -ln 8 - ln(2 pi e
        sigma^2)``: 2.907 nats for sigma 0.02.
    """
    r, sd = number(radius, "radius", above=0), number(sigma, "sigma", above=0)
    angles = 2 * np.pi * np.arange(MODES) / MODES
    centres = r * np.column_stack([np.cos(angles), np.sin(angles)])
    return GaussianMixture(centres, isotropic(MODES, 2, sd))


DATASET = DatasetSpec(
    name="ring8",
    summary="Eight Gaussians on a circle (options radius, sigma).",
    scheme="toy",
    open=open_ring8,
    source="Gulrajani et al. 2017; with radius=1, sigma=0.01 Metz et al. 2017, Lin et al. 2018",
)
