"""A Gaussian mixture of any number of modes in any dimension, made from a seed.

Centres are placed one by one, each the farthest from those before it among random candidates (Mitchell 1991,
"Spectrally optimal sampling for distribution ray tracing"), and scaled so that the nearest two are exactly
``separation`` apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import require_one_of
from gandiag.core.options import number, numbers, whole
from gandiag.core.rng import stream
from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import GaussianMixture, isotropic, opens

Matrix = NDArray[np.float64]

_CANDIDATES = 64


@opens("toy:mixture")
def open_mixture(
    *,
    dim: object = 10,
    k: object = 5,
    sigma: object = 1.0,
    separation: object = 8.0,
    weights: object = None,
    covariance: object = "isotropic",
    condition: object = 10.0,
    seed: object = 0,
) -> GaussianMixture:
    """Open a mixture.

    Parameters
    ----------
    dim, k : int
        Number of columns and of modes.
    sigma : float
        Standard deviation within modes; with anisotropic covariances the root mean square over the axes.
    separation : float
        Distance of the nearest two centres.
    weights : sequence of float or str, optional
        One positive number per mode (text: with commas between); brought to sum 1. Equal by default.
    covariance : {"isotropic", "anisotropic"}
        Anisotropic: random axes, a different covariance in each mode.
    condition : float
        Largest over smallest variance of the anisotropic covariances, at least 1.
    seed : int
        Seed of centres and covariances: the law, not the draws.
    """
    d, modes = whole(dim, "dim", at_least=1, at_most=4096), whole(k, "k", at_least=1, at_most=4096)
    sd, apart = number(sigma, "sigma", above=0), number(separation, "separation", above=0)
    ratio, own_seed = number(condition, "condition", at_least=1), whole(seed, "seed", at_least=0)
    shares = None if weights is None else numbers(weights, "weights", length=modes, above=0)
    shape = str(covariance)
    require_one_of(shape, ("isotropic", "anisotropic"), name="covariance")
    centres = _centres(modes, d, apart, stream(own_seed, "dataset", "mixture", "centres"))
    if shape == "isotropic":
        return GaussianMixture(centres, isotropic(modes, d, sd), shares)
    rng = stream(own_seed, "dataset", "mixture", "covariances")
    return GaussianMixture(centres, np.stack([_covariance(d, sd, ratio, rng) for _ in range(modes)]), shares)


def _centres(k: int, d: int, separation: float, rng: np.random.Generator) -> Matrix:
    chosen = np.empty((k, d))
    chosen[0] = rng.standard_normal(d)
    nearest_two = np.inf
    for i in range(1, k):
        candidates = rng.standard_normal((_CANDIDATES, d))
        distances = np.stack([np.linalg.norm(candidates - c, axis=1) for c in chosen[:i]]).min(axis=0)
        best = int(distances.argmax())
        chosen[i] = candidates[best]
        nearest_two = min(nearest_two, float(distances[best]))
    return chosen * (separation / nearest_two) if k > 1 else chosen


def _covariance(d: int, sigma: float, condition: float, rng: np.random.Generator) -> Matrix:
    """Make a covariance of trace ``d sigma^2`` with random axes and variances spread evenly over the ratio."""
    # Signs make the QR factor's law the uniform one over rotations (Mezzadri 2007).
    q, r = np.linalg.qr(rng.standard_normal((d, d)))
    axes = q * np.sign(np.diag(r))
    variances = np.geomspace(1.0, 1.0 / condition, d)
    variances *= d * sigma**2 / variances.sum()
    out: Matrix = (axes * variances) @ axes.T
    return (out + out.T) / 2


DATASET = DatasetSpec(
    name="mixture",
    summary="Gaussian mixture with chosen dim, k, weights, sigma, separation and covariance shape.",
    scheme="toy",
    open=open_mixture,
    source="made from a seed; exact density",
)
