"""One-dimensional Gaussians: the pair in which every distance has a formula.

For ``N(0, 1)`` against ``N(delta, 1)``: W1 = W2 = |delta|, KL = delta^2 / 2, total variation = 2 Phi(|delta|/2) - 1.
"""

from __future__ import annotations

from gandiag.core.options import number
from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import GaussianMixture, opens


@opens("toy:gauss1d")
def open_gauss1d(*, delta: object = 0.0, scale: object = 1.0) -> GaussianMixture:
    """Open ``N(delta, scale^2)``.

    Parameters
    ----------
    delta : float
        Mean.
    scale : float
        Standard deviation (not variance), above 0.
    """
    mean, sd = number(delta, "delta"), number(scale, "scale", above=0)
    return GaussianMixture([[mean]], [[[sd**2]]])


DATASET = DatasetSpec(
    name="gauss1d",
    summary="A Gaussian on the line (options delta, scale): every distance of a pair has a formula.",
    scheme="toy",
    open=open_gauss1d,
    source="closed forms",
)
