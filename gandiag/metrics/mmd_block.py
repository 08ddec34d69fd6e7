"""Block discrepancy (B-test): the mean of unbiased discrepancies of small blocks, for many rows.

Rows are shuffled and cut into blocks of b real and b fake ones; the unbiased squared discrepancy of each is computed,
and the estimate is their mean (Zaremba, Gretton & Blaschko 2013, "B-test: a non-parametric, low variance kernel
two-sample test", section 3). The blocks are independent, so their mean is normal and its spread is read off the
blocks, under equal laws and others alike: a p-value without permutations, and an interval. With b the root of n the
cost is n^1.5, and the power lies between the linear-time test's and the quadratic one's.

Student's t over the blocks is used. A block's null law is skewed to the right, which makes the upper tail of the ratio
a little light: the test is conservative with few blocks. The same skew makes the plain interval miss upwards (some 10 %
instead of 5 %, at 5 blocks and at 20), so it is straightened by Hall's cubic first (Hall 1992, "On the removal of
skewness by transformation", section 2), and left out below ten blocks, which are too few to read a skew from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, Interval, KnownNull, Measurement, PValue
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.metrics._kernel_options import require_bandwidth
from gandiag.numerics.backend import beside, namespace
from gandiag.numerics.distances import squared_distances
from gandiag.numerics.kernels import sampled_bandwidth

Matrix = NDArray[np.float64]

_LEVEL = 0.95
_FEWEST = 10  # blocks from which there is an interval
_STRAIGHT = 1e-6  # skewness that is none
_RESOLUTION = 1e-12  # below this, means of kernel values in [0, 1] differ by rounding
_NO_SPREAD = "all blocks have the same discrepancy: no ratio can be formed. Draw more samples"


def block_values(real: Any, fake: Any, bandwidth: float, size: int) -> Matrix:
    """Compute the unbiased squared discrepancy of every whole block of ``size`` rows per side.

    Cost O(n size d), memory O(size^2).
    """
    real_rows, fake_rows = real / bandwidth, fake / bandwidth
    xp = namespace(real_rows, fake_rows)
    blocks = min(real_rows.shape[0], fake_rows.shape[0]) // size
    out = np.empty(blocks)
    for k in range(blocks):
        part = slice(k * size, (k + 1) * size)
        kernel = xp.exp(-0.5 * squared_distances(pool := xp.concat([real_rows[part, :], fake_rows[part, :]]), pool))
        within = sum(
            float(xp.sum(square)) - float(xp.sum(xp.linalg.diagonal(square)))
            for square in (kernel[:size, :size], kernel[size:, size:])
        )
        out[k] = within / (size * (size - 1)) - 2.0 * float(xp.sum(kernel[:size, size:])) / size**2
    return out


def straightened_bounds(values: Matrix) -> Callable[[float], tuple[float, float]]:
    """Bracket a mean at any confidence by Student's t of Hall's cubic, which takes the skew out of the ratio.

    Parameters
    ----------
    values : ndarray, shape (k,)
        Independent, at least 3.

    Returns
    -------
    callable
        From a level to ``(low, high)``: the plain t interval where the values have no skew.

    Notes
    -----
    With ``T = (mean - mu) / sd`` the cubic ``T + g T^2 / 3 + g^2 T^3 / 27 + g / (6 k)`` of the skewness g is symmetric
    to the next order; its inverse is ``3 / g ((1 + g (q - g / (6 k)))^(1/3) - 1)``.
    """
    k, mean, sd = len(values), float(values.mean()), float(values.std(ddof=1))
    if sd <= _RESOLUTION:
        return lambda level: (mean, mean)
    skew = float((((values - mean) / sd) ** 3).mean()) * k**2 / ((k - 1) * (k - 2))

    def straight(q: float) -> float:
        if abs(skew) < _STRAIGHT:
            return q
        return float(3.0 / skew * (np.cbrt(1.0 + skew * (q - skew / (6.0 * k))) - 1.0))

    def bounds(level: float) -> tuple[float, float]:
        from scipy.stats import t

        reach = float(t.ppf(0.5 + level / 2.0, k - 1)) / np.sqrt(k)
        return mean - straight(reach) * sd, mean - straight(-reach) * sd

    return bounds


def straightened_interval(values: Matrix, *, level: float) -> tuple[float, float]:
    """Bracket a mean at one level: see `straightened_bounds`."""
    return straightened_bounds(values)(level)


def measure(
    comparison: Comparison, /, *, rng: np.random.Generator, size: int | None = None, bandwidth: float | None = None
) -> Measurement:
    """Measure the mean discrepancy of blocks of ``size`` rows per side, the root of the smaller side's by default.

    Raises
    ------
    ConfigError
        For a ``bandwidth`` that is not above 0, or a ``size`` below 2 or above half of the smaller side.
    """
    from scipy.stats import t

    require_bandwidth(bandwidth)
    rows = min(comparison.n, comparison.m)
    size = _block_size(rows, size)
    real, fake = comparison.near("real"), comparison.near("fake")
    length = sampled_bandwidth(real, fake, rng) if bandwidth is None else bandwidth
    real, fake = (namespace(s).take(s, beside(rng.permutation(s.shape[0]), s), axis=0) for s in (real, fake))
    blocks = rows // size
    values = np.zeros(blocks) if length == 0.0 else block_values(real, fake, length, size)
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(blocks))
    if error <= _RESOLUTION and abs(mean) > _RESOLUTION:
        return Measurement(estimate=None, status="undefined", reasons={"estimate": _NO_SPREAD})
    p_value = 1.0 if error <= _RESOLUTION else max(float(t.sf(mean / error, blocks - 1)), 1e-300)
    interval, reasons = None, {"e_value": "not a sequential test"}
    if blocks >= _FEWEST:
        method = "Student's t over blocks, Hall's cubic for skew"
        interval = Interval.of(straightened_bounds(values), level=_LEVEL, method=method)
    else:
        reasons["interval"] = f"{_FEWEST} blocks are the fewest whose skew can be told: {blocks} are there"
    return Measurement(
        estimate=mean,
        null=KnownNull(
            floor=Floor(mean=0.0, sd=error, source="spread over blocks"),
            p_value=PValue(value=p_value, calibration="asymptotic (Student's t over blocks)"),
        ),
        interval=interval,
        reasons=reasons,
        details={"bandwidth": length if length > 0.0 else None, "blocks": blocks, "size": size},
    )


def _block_size(rows: int, size: int | None) -> int:
    if size is None:
        return max(2, int(np.sqrt(rows)))
    if not 2 <= size <= rows // 2:
        raise ConfigError(
            "`size` must be at least 2 and leave two blocks of the smaller side",
            received=f"{size} of {rows} rows",
            remedy=f"Leave it out, or pass 2 to {rows // 2}.",
        )
    return size


METRIC = MetricSpec(
    name="mmd_block",
    title="Block discrepancy",
    summary="Mean kernel distance of small blocks of rows, with an interval and a test without permutations.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="squared kernel distance",
    low=-2.0,
    high=2.0,
    family="distribution",
    topic="two_sample",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=20,
    min_fake=20,
    most_rows=100_000,
    default=False,
    sees="differences of laws at the scale of the median distance",
    blind_to="small differences that only all pairs together show; structure much finer than the median distance",
    cost="O(n^1.5 d)",
    source="Zaremba, Gretton & Blaschko 2013, section 3",
)
