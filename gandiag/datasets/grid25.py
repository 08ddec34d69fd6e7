"""Twenty-five Gaussians on a square grid: more modes than the ring, at unequal distances from the origin.

The setting of Srivastava et al. 2017 ("VEEGAN") and Lin et al. 2018 ("PacGAN"): 5 by 5 centres, two apart.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.options import number
from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import GaussianMixture, isotropic, opens

SIDE = 5


@opens("toy:grid25")
def open_grid25(*, spacing: object = 2.0, sigma: object = 0.05) -> GaussianMixture:
    """Open the grid.

    Parameters
    ----------
    spacing : float
        Distance of neighbouring centres, above 0.
    sigma : float
        Standard deviation (not variance) of each mode and column, above 0.

    Returns
    -------
    GaussianMixture
        Labelled row by row, from the lowest first coordinate on.
    """
    step, sd = number(spacing, "spacing", above=0), number(sigma, "sigma", above=0)
    ticks = step * (np.arange(SIDE) - (SIDE - 1) / 2)
    centres = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    return GaussianMixture(centres, isotropic(SIDE**2, 2, sd))


DATASET = DatasetSpec(
    name="grid25",
    summary="Twenty-five Gaussians on a 5 by 5 grid (options spacing, sigma).",
    scheme="toy",
    open=open_grid25,
    source="Srivastava et al. 2017; Lin et al. 2018",
)
