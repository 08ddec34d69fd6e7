"""FID: the Fréchet distance of Inception features of real and fake images.

``FID = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^{1/2})`` over the 2048 pooled features of the Inception network (Heusel
et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", eq. 6). Features come
from the feature map `inception` (weights converted from the original TensorFlow graph, its resize too), so the number
is the one that torch-fidelity prints for the same images.

Read it beside its floor and at one number of images: it is biased upwards by about ``C / n`` with a C that depends on
the generator, by several units at 10 000 images, so rankings flip with n (Chong & Forsyth 2020, "Effectively unbiased
FID and inception score"); the details hold the limit at infinitely many images ("infinity"). With fewer images than
2048 the covariances are singular and the result is marked degraded. It depends on how images were resized and
compressed (Parmar, Zhang & Zhu 2022, "On aliased resizing and surprising subtleties in GAN evaluation") and follows
ImageNet classes more than what people see (Kynkäänniemi et al. 2023). Published numbers use 50 000 images, which is
what it takes at most.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.core.specs import MetricSpec
from gandiag.metrics._frechet import frechet_measurement, frechet_number


def measure(comparison: Comparison, /, *, rng: np.random.Generator, floor: str = "permutation") -> Measurement:
    """Measure the FID with its floor.

    Parameters
    ----------
    comparison : Comparison
        Of Inception features.
    rng : numpy.random.Generator
        Draws halves, shares and relabellings.
    floor : {"permutation", "real_vs_real", "gaussian"}
        By relabelling: eight relabellings at 2048 features, which leaves no time for a p-value. By halves of the real
        rows, or by the closed form for Gaussian features: see `frechet`.
    """
    return frechet_measurement(comparison, rng=rng, floor=floor)


def number(comparison: Comparison, /, *, rng: np.random.Generator, floor: str = "permutation") -> float:
    """Compute the estimate of `measure` alone, which does not depend on the floor."""
    return frechet_number(comparison)


METRIC = MetricSpec(
    name="fid",
    title="FID",
    summary="Fréchet distance of Inception features, beside what equal laws score at this number of images.",
    measure=measure,
    number=number,
    kind="index",
    direction="lower",
    unit="squared Inception features",
    low=0.0,
    high=None,
    family="distribution",
    topic="embedding",
    symmetric=True,
    scale_invariant=False,
    zero_on_equal=True,
    min_real=2,
    min_fake=2,
    most_rows=50_000,
    sees="images whose Inception features have another mean or covariance: blur, artefacts, missing classes",
    blind_to="memorised images, and whatever Inception ignores; flips with resizing and compression",
    cost="O((n + m) d^2 + d^3) per relabelling for d = 2048 features",
    source="Heusel et al. 2017, eq. 6; agrees with torch-fidelity on the same weights",
    needs=frozenset({"inception"}),
    default=False,
)
