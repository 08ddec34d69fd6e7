"""Vendi score: how many different samples the generator makes in effect, beside the same count of real ones.

``exp(-sum l log l)`` over the eigenvalues l of ``K / n`` for a kernel matrix K with ones on its diagonal: 1 when all
samples are equal, n when no two are alike (Friedman & Dieng 2023, "The Vendi score", eq. 1). Order q other than 1 uses
Rényi's entropy (Pasarkar & Dieng 2024, "Cousins of the Vendi score"): a small q listens to rare kinds, q = 2 is the
inverse collision rate.

It judges variety alone: noise is very varied. And it grows with n for kernels of infinite rank, for which no n within
reach is enough (Ospanov & Farnia 2025, "Do Vendi scores converge with finite samples?"), so it means something only
beside the value of as many real rows. The details hold that, and the t-truncated score, which converges. The test
compares the logarithms of both sides' scores and alarms at lost variety.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import require_one_of
from gandiag.core.comparison import Comparison
from gandiag.core.options import number, whole
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.diversity import (
    by_relabelling,
    cosine_eigenvalues,
    effective_number,
    half_median_bandwidth,
    kernel_eigenvalues,
    truncated_number,
    unit_rows,
)
from gandiag.numerics.kernels import gaussian_kernel

Matrix = NDArray[np.float64]
Index = NDArray[np.int64]
Eigenvalues = Callable[[Index], NDArray[np.float64]]

KERNELS = ("gaussian", "cosine")
_FEWEST_DRAWS = 499
# Eigenvalue problems, in units of rows cubed, that the permutations may take: some four seconds.
_CHEAP = 1.5e10


def vendi_score(rows: Matrix, q: float = 1.0) -> float:
    """Compute the Vendi score of order q with the cosine kernel.

    Parameters
    ----------
    rows : ndarray or tensor, shape (n, d)
        Float64 features; only their directions count.
    q : float
        Order, above 0; ``math.inf`` is allowed.

    Returns
    -------
    float
        From 1 to n, higher is more varied.

    Notes
    -----
    Cost O(n d min(n, d)): the smaller of the two eigenproblems is solved.

    Examples
    --------
    >>> import numpy as np
    >>> round(vendi_score(np.eye(3)), 9), round(vendi_score(np.ones((5, 2)), q=2.0), 9)
    (3.0, 1.0)
    """
    return effective_number(cosine_eigenvalues(unit_rows(rows)), q)


def measure(
    comparison: Comparison,
    /,
    *,
    rng: np.random.Generator,
    q: float | str = 1.0,
    kernel: str = "gaussian",
    bandwidth: float | None = None,
    t: int = 50,
) -> Measurement:
    """Measure the Vendi score of the fake rows, with its null by relabelling.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
        Draws the rows that are compared at one size.
    q : float or "inf"
        Order of the entropy, above 0.
    kernel : {"gaussian", "cosine"}
    bandwidth : float, optional
        l of ``exp(-r^2 / (2 l^2))`` in feature units; half the median distance of the pooled rows by default.
    t : int
        Eigenvalues that the truncated score keeps.
    """
    order = math.inf if q in ("inf", math.inf) else number(q, "q", above=0.0)
    t = whole(t, "t", at_least=1)
    require_one_of(kernel, KERNELS, name="kernel")
    eigenvalues, used = _eigenvalues(comparison, kernel, bandwidth)
    _, is_real = comparison.pooled()
    fake, real = np.flatnonzero(~is_real), np.flatnonzero(is_real)
    same = min(comparison.n, comparison.m)
    alike = {name: np.sort(rng.permutation(rows)[:same]) for name, rows in (("real", real), ("fake", fake))}
    found = eigenvalues(fake)
    side = len(found)
    return Measurement(
        estimate=effective_number(found, order),
        null=Relabelling(
            observed=is_real,
            statistic=lambda labels: by_relabelling(lambda rows: effective_number(eigenvalues(rows), order), labels),
            alternative="less",
            draws=max(_FEWEST_DRAWS, int(_CHEAP / (2.0 * side**3))),
        ),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the score grows with the number of rows: compare it with as many real rows",
        },
        details={
            "q": "inf" if math.isinf(order) else order,
            "kernel": kernel,
            "bandwidth": used,
            "rows": same,
            **{name: effective_number(eigenvalues(rows), order) for name, rows in alike.items()},
            "t": t,
            "truncated": truncated_number(found, t, order),
            "truncated_real": truncated_number(eigenvalues(alike["real"]), t, order),
        },
        arrays={"eigenvalues": np.sort(np.maximum(found, 0.0))[::-1]},
    )


def _eigenvalues(comparison: Comparison, kernel: str, bandwidth: float | None) -> tuple[Eigenvalues, float | None]:
    """Make the eigenvalues of any selection of pooled rows, and say the bandwidth."""
    pool, _ = comparison.pooled_near()
    if kernel == "cosine":
        rows = unit_rows(pool)
        return lambda chosen: cosine_eigenvalues(rows[chosen]), None
    distances = pooled_distances(pool)
    used = half_median_bandwidth(distances) if bandwidth is None else number(bandwidth, "bandwidth", above=0.0)
    values = gaussian_kernel(distances, used)
    return lambda chosen: kernel_eigenvalues(values[chosen][:, chosen]), used


METRIC = MetricSpec(
    name="vendi",
    title="Vendi score",
    summary="How many different samples there are in effect; read it beside as many real rows.",
    measure=measure,
    kind="index",
    direction="higher",
    unit="effective samples",
    low=1.0,
    high=None,
    family="modes",
    topic="modes",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=250,
    sees="lost variety: missing or shrunken modes, repeated samples",
    blind_to="whether samples look real: noise is very varied; and which kinds are missing",
    cost="O((n + m)^2 d + (n^3 + m^3) B)",
    source="Friedman & Dieng 2023, The Vendi score, eq. 1; Ospanov & Farnia 2025 for the truncated score",
    default=False,
)
