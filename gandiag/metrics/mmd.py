"""Maximum mean discrepancy: the largest gap between real and fake means over the unit ball of a kernel's space.

``MMD^2 = E k(X, X') + E k(Y, Y') - 2 E k(X, Y)`` (Gretton, Borgwardt, Rasch, Schölkopf & Smola 2012, "A kernel
two-sample test", lemma 6), 0 exactly when both laws are equal, since the Gaussian and Laplace kernels are
characteristic. The estimate is the unbiased one (eq. 3) at the Gaussian kernel whose bandwidth is the median pooled
distance: its mean is 0 under equal laws, so *it may be negative*.

One bandwidth sees one length scale. The test therefore joins twenty kernels, ten Gaussian on Euclidean and ten
Laplace on L1 distances, by MMD-FUSE (Biggs, Schrab & Gretton 2023, "MMD-FUSE: learning and combining kernels for
two-sample testing without data splitting", FUSE_N):
``T = (1/lambda) log mean_k exp(lambda MMD_k^2 / N_k)``, ``N_k^2 = mean_{i != j} k(z_i, z_j)^2``,
``lambda = sqrt(n (n - 1))`` for the smaller side's n. Bandwidths and normalisers depend on the pool alone, so the
permutation test is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval, Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.distances import off_diagonal, pooled_distances, pooled_l1_distances, positive_quantile
from gandiag.numerics.kernels import (
    bandwidth_grid,
    gaussian_kernel,
    hollow_centred,
    laplace_kernel,
    unbiased_mmd2,
    witness,
)

Matrix = NDArray[np.float64]

BANDWIDTHS = 10
_LEVEL = 0.95


def mmd_squared(real: Matrix, fake: Matrix, *, bandwidth: float | None = None) -> float:
    """Compute the unbiased squared maximum mean discrepancy of a Gaussian kernel.

    Parameters
    ----------
    real : ndarray, shape (n, d)
        At least two rows.
    fake : ndarray, shape (m, d)
        At least two rows.
    bandwidth : float, optional
        The length l of ``exp(-r^2 / (2 l^2))``; the median of the pooled distances by default, or the next positive
        quantile where the median is 0.

    Returns
    -------
    float
        Without a unit, at most 2; lower is better. Its mean under equal laws is 0, so it may be negative.

    Notes
    -----
    Cost O((n + m)^2 d) time and O((n + m)^2) memory.

    Examples
    --------
    >>> import numpy as np
    >>> round(mmd_squared(np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]]), bandwidth=1.0), 7)
    0.7689062
    """
    distances = pooled_distances(np.concatenate([real, fake]))
    length = positive_quantile(off_diagonal(distances), 0.5)[0] if bandwidth is None else bandwidth
    if length == 0.0:
        return 0.0
    labels = np.arange(len(distances))[:, None] < len(real)
    return float(unbiased_mmd2(hollow_centred(gaussian_kernel(distances, length))[0], labels)[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Kernels:
    """The pool's kernels: made anew on each pass, since holding twenty of them costs more memory than time."""

    euclidean: Matrix
    l1: Matrix
    median: float
    quantile: float
    gaussian: Matrix
    laplace: Matrix

    def each(self) -> Iterator[Callable[[], Matrix]]:
        """Yield the makers of all kernels, the Gaussian ones first."""
        for length in self.gaussian:
            yield partial(gaussian_kernel, self.euclidean, float(length))
        for length in self.laplace:
            yield partial(laplace_kernel, self.l1, float(length))


def _kernels_of(pool: Matrix) -> _Kernels:
    euclidean, l1 = pooled_distances(pool), pooled_l1_distances(pool)
    median, quantile = positive_quantile(off_diagonal(euclidean), 0.5)
    return _Kernels(
        euclidean=euclidean,
        l1=l1,
        median=median,
        quantile=quantile,
        gaussian=bandwidth_grid(euclidean, BANDWIDTHS),
        laplace=bandwidth_grid(l1, BANDWIDTHS),
    )


def _normalised(kernels: _Kernels, labels: NDArray[np.bool_]) -> tuple[Matrix, Matrix]:
    """Compute the squared discrepancies, plain and divided by their normalisers, each shape (kernels, B)."""
    plain, scaled = [], []
    for make in kernels.each():
        hollow, size = hollow_centred(make())
        plain.append(unbiased_mmd2(hollow, labels))
        scaled.append(plain[-1] / size)
    return np.stack(plain), np.stack(scaled)


def _fused(scaled: Matrix, n: int, m: int) -> Matrix:
    smaller = min(n, m)
    sharpness = np.sqrt(smaller * (smaller - 1))
    exponents = sharpness * scaled
    top = exponents.max(axis=0)
    out: Matrix = (top + np.log(np.mean(np.exp(exponents - top), axis=0))) / sharpness
    return out


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the unbiased squared discrepancy at the median bandwidth, tested over twenty kernels."""
    pool, is_real = comparison.pooled()
    kernels = _kernels_of(pool)
    if kernels.median == 0.0:
        return _all_equal(is_real)
    n, m = comparison.n, comparison.m

    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        return np.stack([unbiased_mmd2(hollow, labels), _fused(_normalised(kernels, labels)[1], n, m)])

    hollow, _ = hollow_centred(gaussian_kernel(kernels.euclidean, kernels.median))
    estimate = float(unbiased_mmd2(hollow, is_real[:, None])[0])
    moved = "more than half of the pooled distances are 0: a wider quantile sets the bandwidth"
    return Measurement(
        estimate=estimate,
        null=Relabelling(observed=is_real, statistic=statistic),
        interval=_upper_bound(kernels, is_real),
        reasons={"e_value": "not a sequential test"},
        warnings=(moved,) if kernels.quantile > 0.5 else (),
        details=_details(kernels, is_real),
        arrays={"witness": witness(hollow, is_real), "is_real": is_real},
    )


def _all_equal(is_real: NDArray[np.bool_]) -> Measurement:
    """Answer for a pool whose rows are all the same: no kernel tells the sides apart."""
    return Measurement(
        estimate=0.0,
        null=Relabelling(observed=is_real, statistic=lambda labels: np.zeros((1, labels.shape[1]))),
        reasons={"e_value": "not a sequential test", "interval": "all rows are equal: there is no bandwidth"},
        warnings=("all real and fake rows are equal",),
        details={"bandwidth": None, "bandwidth_quantile": None, "kernels": [], "most_telling": None},
        arrays={"witness": np.zeros(len(is_real)), "is_real": is_real},
    )


def _upper_bound(kernels: _Kernels, is_real: NDArray[np.bool_]) -> Interval:
    """Bound the population value from above by bounded differences, which holds at the null as well.

    Replacing one real row moves the biased root by at most 2/n for a kernel in [0, 1], and the mean of the biased root
    is at least the population root (Jensen).
    """
    n, m = int(is_real.sum()), int((~is_real).sum())
    weights = np.where(is_real, 1.0 / n, -1.0 / m)
    kernel = gaussian_kernel(kernels.euclidean, kernels.median)
    biased = np.sqrt(max(0.0, float(weights @ kernel @ weights)))
    margin = np.sqrt(2.0 * (1.0 / n + 1.0 / m) * np.log(1.0 / (1.0 - _LEVEL)))
    return Interval(
        low=None,
        high=float(biased + margin) ** 2,
        level=_LEVEL,
        method="bounded differences at the median bandwidth, taken as given",
        sided="upper",
    )


def _details(kernels: _Kernels, is_real: NDArray[np.bool_]) -> dict[str, Any]:
    plain, scaled = (values[:, 0] for values in _normalised(kernels, is_real[:, None]))
    names = ["gaussian"] * len(kernels.gaussian) + ["laplace"] * len(kernels.laplace)
    lengths = np.concatenate([kernels.gaussian, kernels.laplace])
    rows = [
        {"kernel": name, "bandwidth": float(length), "mmd2": float(value), "normalised": float(share)}
        for name, length, value, share in zip(names, lengths, plain, scaled, strict=True)
    ]
    return {
        "bandwidth": kernels.median,
        "bandwidth_quantile": kernels.quantile,
        "kernels": rows,
        "most_telling": rows[int(np.argmax(scaled))],
    }


METRIC = MetricSpec(
    name="mmd",
    title="Maximum mean discrepancy",
    summary="Kernel distance between real and fake, tested over twenty length scales at once.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="squared kernel distance",
    low=None,
    high=2.0,
    family="distribution",
    topic="two_sample",
    symmetric=True,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=1000,
    sees="every difference of laws, at length scales from fine to coarse",
    blind_to="structure much finer than the smallest bandwidth, such as shrunken modes far apart",
    cost="O((n + m)^2 (d + 20 B))",
    source="Gretton et al. 2012, eq. 3; test: Biggs, Schrab & Gretton 2023 (MMD-FUSE)",
)
