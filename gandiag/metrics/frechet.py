"""Fréchet distance: how far apart real and fake are when only their means and covariances count.

``FD = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^{1/2})``, the squared 2-Wasserstein distance of two Gaussian laws (Dowson &
Landau 1982, "The Fréchet distance between multivariate normal distributions", eq. 4); on Inception features it is the
FID (Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", eq. 6). It
is an index, not a distance of laws: laws with equal means and covariances read 0.

It is biased upwards by about ``C / n`` with a C that depends on the generator, so two numbers compare only beside
their floors and at one n (Chong & Forsyth 2020, "Effectively unbiased FID and inception score"). No unbiased estimator
exists (Bińkowski et al. 2018). The details hold the limit at infinitely many rows ("infinity", by a line through
several sizes, with a jackknife interval where that takes seconds) and Richardson's step ("extrapolated").

No matrix root is taken: the trace is a sum of singular values (see `numerics.linalg`). For features that are already
at hand, float32 arrays and memory maps of any length too, call `frechet_distance` directly, or stream blocks through
`Moments.update` into `frechet_from_moments`.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.core.specs import MetricSpec
from gandiag.metrics._frechet import frechet_measurement, frechet_number
from gandiag.numerics.frechet_distance import frechet_distance, frechet_from_moments
from gandiag.numerics.moments import Moments

__all__ = ["METRIC", "Moments", "frechet_distance", "frechet_from_moments", "measure"]


def measure(comparison: Comparison, /, *, rng: np.random.Generator, floor: str = "permutation") -> Measurement:
    """Measure the Fréchet distance with its floor.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
        Draws halves and shares and, in high dimension, relabellings.
    floor : {"permutation", "real_vs_real", "gaussian"}
        By relabelling, with a p-value unless that would take minutes. By halves of the real rows, brought to these
        sizes by the 1/n law of the bias: a floor that no fake row can touch. By the closed form for Gaussian features
        with n well above d. The last two give no p-value.
    """
    return frechet_measurement(comparison, rng=rng, floor=floor)


def number(comparison: Comparison, /, *, rng: np.random.Generator, floor: str = "permutation") -> float:
    """Compute the estimate of `measure` alone, which does not depend on the floor."""
    return frechet_number(comparison)


METRIC = MetricSpec(
    name="frechet",
    title="Fréchet distance",
    summary="Gap between the means and covariances of real and fake; on Inception features it is the FID.",
    measure=measure,
    number=number,
    kind="index",
    direction="lower",
    unit="squared feature units",
    low=0.0,
    high=None,
    family="distribution",
    topic="embedding",
    symmetric=True,
    scale_invariant=False,
    zero_on_equal=True,
    min_real=2,
    min_fake=2,
    most_rows=5000,
    sees="shifts of the mean, and covariances that are too wide, too narrow or turned",
    blind_to="everything but means and covariances: modes, tails, duplicates, memorisation",
    cost="O((n + m) d^2 B + d^3 B)",
    source="Dowson & Landau 1982, eq. 4; Heusel et al. 2017, eq. 6",
)
