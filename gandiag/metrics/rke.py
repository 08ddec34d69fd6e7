"""RKE: the effective number of kinds of samples, as the inverse rate of soft collisions.

``1 / E k(Y, Y')^2`` over independent samples: the exponential of the Rényi entropy of order 2 of the kernel matrix
(Jalali, Li & Farnia 2023, "An information-theoretic evaluation of generative models in learning multi-modal
distributions", section 4). With ``k = exp(-r^2 / (2 l^2))`` two samples collide when they are closer than about l;
well separated equal modes narrower than l count one each. The rate is averaged over distinct pairs, which is unbiased,
where the matrix norm ``1 / |K / n|_F^2`` counts every sample as a collision with itself and so stays below n.

It converges where the Vendi score of order 1 does not (Ospanov & Farnia 2025, "Do Vendi scores converge with finite
samples?"), and its rate is a mean over pairs, so it has an interval. It judges variety alone: noise is very varied. The
test compares the logarithms of both sides and alarms at lost variety.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.options import number
from gandiag.core.results import Interval, Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.backend import on_host
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.diversity import collision_rates, half_median_bandwidth
from gandiag.numerics.kernels import gaussian_kernel

Matrix = NDArray[np.float64]

LEVEL = 0.95
_FEWEST_FOR_INTERVAL = 20
_LARGEST = 700.0  # logarithm beyond which an upper end says nothing


def rke(rows: Matrix, bandwidth: float) -> float:
    """Compute the RKE of rows with a Gaussian kernel, from distinct pairs.

    Parameters
    ----------
    rows : ndarray, shape (n, d)
        At least two.
    bandwidth : float
        l of ``exp(-r^2 / (2 l^2))``, in the units of the rows.

    Returns
    -------
    float
        From 1 to ``n (n - 1)``, where no two rows are close; higher is more varied. A normal law in d dimensions has
        ``(1 + 4 / l^2)^(d / 2)``.

    Notes
    -----
    Cost O(n^2 d) time and O(n^2) memory.

    Examples
    --------
    >>> import numpy as np
    >>> rke(np.array([[0.0], [0.0], [100.0], [100.0]]), 1.0)
    3.0
    """
    hollow = _squared_kernel(rows, bandwidth)
    pairs = len(rows) * (len(rows) - 1)
    return pairs / max(float(hollow.sum()), 1.0)


def _squared_kernel(rows: Matrix, bandwidth: float) -> Matrix:
    """Evaluate the squared kernel, with an empty diagonal."""
    out: Matrix = gaussian_kernel(pooled_distances(rows), bandwidth / np.sqrt(2.0))
    np.fill_diagonal(out, 0.0)
    return out


def measure(comparison: Comparison, /, *, rng: np.random.Generator, bandwidth: float | None = None) -> Measurement:
    """Measure the RKE of the fake rows, with its interval and its null by relabelling.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
        Not used.
    bandwidth : float, optional
        l in feature units; half the median distance of the pooled rows by default, for which the interval holds given
        that bandwidth.
    """
    pool, is_real = comparison.pooled_near()
    distances = pooled_distances(pool)
    used = half_median_bandwidth(distances) if bandwidth is None else number(bandwidth, "bandwidth", above=0.0)
    hollow = gaussian_kernel(distances, used / np.sqrt(2.0))  # the square of the kernel
    diagonal = np.arange(len(is_real))
    hollow[diagonal, diagonal] = 0.0

    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        real, fake = collision_rates(hollow, labels)
        return np.stack([1.0 / fake, np.log(real) - np.log(fake)])

    found = float(statistic(is_real[:, None])[0, 0])
    real, _ = collision_rates(hollow, is_real[:, None])
    fake = np.flatnonzero(~is_real)
    within = on_host(hollow[fake][:, fake])
    capped = bool(within.sum() < 1.0)
    interval = None if capped else _interval(within)
    reasons = {"e_value": "not a sequential test"}
    if interval is None:
        why = "hardly any two fake rows are close" if capped else f"fewer than {_FEWEST_FOR_INTERVAL} fake rows"
        reasons["interval"] = f"{why}: no interval of a collision rate"
    note = "hardly any two fake rows are within the bandwidth: the value is a lower bound set by the number of rows"
    return Measurement(
        estimate=found,
        null=Relabelling(observed=is_real, statistic=statistic, alternative="less"),
        interval=interval,
        status="degraded" if capped else "ok",
        reasons=reasons,
        warnings=(note,) if capped else (),
        details={"bandwidth": used, "real": float(1.0 / real[0]), "share_of_real": float(found * real[0])},
    )


def _interval(hollow: Matrix) -> Interval | None:
    """Leave out one row at a time, on the scale of the logarithm."""
    m = len(hollow)
    if m < _FEWEST_FOR_INTERVAL:
        return None
    total = float(hollow.sum())
    without = np.log(total - 2.0 * hollow.sum(axis=1)) - np.log((m - 1) * (m - 2))
    if not np.isfinite(without).all():
        return None
    error = float(np.sqrt((m - 1) * np.mean(np.square(without - without.mean()))))
    centre = float(np.log(m * (m - 1)) - np.log(total))

    def bounds(level: float) -> tuple[float, float | None]:
        from scipy.special import stdtrit

        reach = float(stdtrit(m - 1, (1.0 + level) / 2.0)) * error
        low, high = float(np.exp(centre - reach)), None if centre + reach > _LARGEST else float(np.exp(centre + reach))
        return max(1.0, low), high

    return Interval.of(bounds, level=LEVEL, method="delete-one jackknife of the logarithm")


METRIC = MetricSpec(
    name="rke",
    title="RKE",
    summary="Effective number of kinds of samples: the inverse rate at which two samples are close.",
    measure=measure,
    kind="estimate",
    direction="higher",
    unit="effective kinds",
    low=1.0,
    high=None,
    family="modes",
    topic="modes",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=1500,
    sees="lost variety: missing or shrunken modes, repeated samples",
    blind_to="rare kinds, whose collisions hardly count; whether samples look real: noise is very varied",
    cost="O((n + m)^2 (d + B))",
    source="Jalali, Li & Farnia 2023, section 4, with the U-statistic's denominator",
    default=False,
)
