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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval, Measurement, Relabelling
from gandiag.core.specs import GateTest, MetricSpec
from gandiag.numerics.distances import off_diagonal, pooled_distances, pooled_l1_distances, positive_quantile
from gandiag.numerics.kernels import (
    bandwidth_grid,
    biased_from_unbiased,
    gaussian_kernel,
    group_sizes,
    laplace_kernel,
    unbiased_scale,
    witness,
)
from gandiag.numerics.pair_sums import Entries, PairSums, pair_sums, settled

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
    sums = pair_sums(_tiles_of(gaussian_kernel, distances, length), len(distances))
    return float(_discrepancies([sums], labels)[0][0, 0])


def _tiles_of(kernel: Callable[[Any, float], Any], distances: Any, length: float) -> Entries:
    return lambda i, j: kernel(distances[i, j], length)


def _discrepancies(sums: Sequence[PairSums], labels: NDArray[np.bool_]) -> tuple[Matrix, Matrix]:
    """Compute the unbiased squared discrepancies and the bounds of their rounding, each shape (kernels, B)."""
    scale = unbiased_scale(*group_sizes(labels))
    found = [each.of_real(labels) for each in sums]
    return scale * np.stack([q for q, _ in found]), scale * np.stack([bound for _, bound in found])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Kernels:
    """The pool's kernels, ready for sums over relabellings; bandwidths and normalisers depend on the pool alone.

    ``plain`` is the one at the median distance; ``joined`` are those that the test joins, of the given names, lengths
    and root mean squares, with their observed discrepancies.
    """

    median: float
    quantile: float
    plain: PairSums
    joined: tuple[PairSums, ...]
    names: tuple[str, ...]
    lengths: tuple[float, ...]
    sizes: Matrix
    observed: Matrix


def _kernels_of(pool: Any, is_real: NDArray[np.bool_], *, joined: bool) -> _Kernels | None:
    """Make all kernels, or None where all rows are equal."""
    euclidean = pooled_distances(pool)
    off = off_diagonal(euclidean)
    median, quantile = positive_quantile(off, 0.5)
    if median == 0.0:
        return None
    entries: list[tuple[str, float, Entries]] = []
    if joined:
        l1 = pooled_l1_distances(pool)
        for name, kernel, distances, grid in (
            ("gaussian", gaussian_kernel, euclidean, bandwidth_grid(off, BANDWIDTHS)),
            ("laplace", laplace_kernel, l1, bandwidth_grid(off_diagonal(l1), BANDWIDTHS)),
        ):
            entries += [(name, float(length), _tiles_of(kernel, distances, float(length))) for length in grid]
    else:
        entries.append(("gaussian", median, _tiles_of(gaussian_kernel, euclidean, median)))
    ready, observed = [], []
    for _, _, tiles in entries:
        double = pair_sums(tiles, len(is_real))
        observed.append(float(_discrepancies([double], is_real[:, None])[0][0, 0]))
        ready.append(double.quick(keep=not joined))
    return _Kernels(
        median=median,
        quantile=quantile,
        plain=pair_sums(_tiles_of(gaussian_kernel, euclidean, median), len(is_real)) if joined else ready[0].exact(),
        joined=tuple(ready),
        names=tuple(name for name, _, _ in entries),
        lengths=tuple(length for _, length, _ in entries),
        sizes=np.sqrt([each.mean_square for each in ready]),
        observed=np.array(observed),
    )


def _fused(scaled: Matrix, n: int, m: int) -> Matrix:
    smaller = min(n, m)
    sharpness = np.sqrt(smaller * (smaller - 1))
    exponents = sharpness * scaled
    top = exponents.max(axis=0)
    out: Matrix = (top + np.log(np.mean(np.exp(exponents - top), axis=0))) / sharpness
    return out


def measure(comparison: Comparison, /, *, rng: np.random.Generator, joined: bool = True) -> Measurement:
    """Measure the unbiased squared discrepancy at the median bandwidth, tested over twenty kernels.

    ``joined=False`` tests the median bandwidth alone, in a tenth of the time.
    """
    pool, is_real = comparison.pooled_near()
    kernels = _kernels_of(pool, is_real, joined=joined)
    if kernels is None:
        return _all_equal(is_real)
    estimate = float(_discrepancies([kernels.plain], is_real[:, None])[0][0, 0])
    sums_over_real = kernels.plain.row_sums(is_real)
    sums_over_all = kernels.plain.row_sums(np.ones_like(is_real))
    moved = "more than half of the pooled distances are 0: a wider quantile sets the bandwidth"
    return Measurement(
        estimate=estimate,
        null=Relabelling(observed=is_real, statistic=_statistic(kernels, is_real)),
        interval=_upper_bound(estimate, sums_over_real, sums_over_all, is_real),
        reasons={"e_value": "not a sequential test"},
        warnings=(moved,) if kernels.quantile > 0.5 else (),
        details=_details(kernels),
        arrays={"witness": witness(sums_over_real, sums_over_all, is_real), "is_real": is_real},
    )


def number(comparison: Comparison, /, *, rng: np.random.Generator, joined: bool = True) -> float:
    """Compute the estimate of `measure` alone, which does not depend on the kernels that are joined."""
    pool, is_real = comparison.pooled_near()
    kernels = _kernels_of(pool, is_real, joined=False)
    return 0.0 if kernels is None else float(_discrepancies([kernels.plain], is_real[:, None])[0][0, 0])


def _statistic(kernels: _Kernels, is_real: NDArray[np.bool_]) -> Callable[[NDArray[np.bool_]], Matrix]:
    n, m = group_sizes(is_real[:, None])
    count = len(kernels.joined)
    # The reported kernel comes first, unless it is the one that is tested: then its sums serve both rows.
    each = kernels.joined if count == 1 else (kernels.plain.quick(), *kernels.joined)
    sizes = kernels.sizes[:, None]

    def quick(labels: NDArray[np.bool_]) -> tuple[Matrix, Matrix]:
        values, rounding = _discrepancies(each, labels)
        # The joined value moves by no more than the one of its kernels that moves most.
        return np.stack([values[0], _fused(values[-count:] / sizes, n, m)]), (rounding[-count:] / sizes).max(axis=0)

    def exact(labels: NDArray[np.bool_]) -> Matrix:
        # One after the other: all in double precision at once would be the largest thing in memory.
        values = np.concatenate([_discrepancies([sums.exact()], labels)[0] for sums in each])
        return np.stack([values[0], _fused(values[-count:] / sizes, n, m)])

    target = float(_fused(kernels.observed[:, None] / sizes, n, m)[0])
    return lambda labels: settled(quick, exact, labels, target)


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


def _upper_bound(
    estimate: float, sums_over_real: Matrix, sums_over_all: Matrix, is_real: NDArray[np.bool_]
) -> Interval:
    """Bound the population value from above by bounded differences, which holds at the null as well.

    Replacing one real row moves the biased root by at most 2/n for a kernel in [0, 1], and the mean of the biased root
    is at least the population root (Jensen).
    """
    n, m = group_sizes(is_real[:, None])
    within_real = float(sums_over_real[is_real].sum()) / (n * (n - 1))
    within_fake = float((sums_over_all - sums_over_real)[~is_real].sum()) / (m * (m - 1))
    biased = np.sqrt(max(0.0, biased_from_unbiased(estimate, within_real, within_fake, n, m)))

    def bounds(level: float) -> tuple[None, float]:
        margin = np.sqrt(2.0 * (1.0 / n + 1.0 / m) * np.log(1.0 / (1.0 - level)))
        return None, float(biased + margin) ** 2

    return Interval.of(
        bounds,
        level=_LEVEL,
        method="bounded differences at the median bandwidth, taken as given",
        sided="upper",
    )


def _details(kernels: _Kernels) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {"kernel": name, "bandwidth": length, "mmd2": float(value), "normalised": float(value / size)}
        for name, length, value, size in zip(
            kernels.names, kernels.lengths, kernels.observed, kernels.sizes, strict=True
        )
    ]
    return {
        "bandwidth": kernels.median,
        "bandwidth_quantile": kernels.quantile,
        "kernels": rows,
        "most_telling": max(rows, key=lambda row: row["normalised"]),
    }


METRIC = MetricSpec(
    name="mmd",
    title="Maximum mean discrepancy",
    summary="Kernel distance between real and fake, tested over twenty length scales at once.",
    measure=measure,
    number=number,
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
    gate={"p": GateTest(margin=0.02, effect="a squared kernel distance {} above the floor", joined=2 * BANDWIDTHS)},
)
