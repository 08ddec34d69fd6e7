"""Kernel inception distance: the unbiased discrepancy of a cubic polynomial kernel, over all samples.

``KID = E k(X, X') + E k(Y, Y') - 2 E k(X, Y)`` with ``k(x, y) = (x.y / d + 1)^3`` (Bińkowski, Sutherland, Arbel &
Gretton 2018, "Demystifying MMD GANs", section 4.3), by the unbiased estimator: its mean is 0 under equal laws, so *it
may be negative*. Any features will do, not Inception's alone. The kernel compares the first three moments only, and it
depends on the origin and the unit of the features.

Peers average over subsets of 1000 rows and print the standard deviation *over the subsets*, which is no standard error:
it is the spread at 1000 rows, and the subsets overlap. Here every pair of rows is used, tile by tile, and the standard
error is the delete-one jackknife, which the row sums of the same pass give in closed form. It errs upwards where both
laws are equal and the estimator is degenerate (Efron & Stein 1981), so the interval is cautious there. A cubic kernel
is skewed, and for few rows the interval ends too low: where laws differ it held in 89 % of cases at 40 rows and 92 % at
200, for 95 % (normal laws in two dimensions, shifted by half a deviation). The subsets' number is there for comparison
with published ones: ``subsets=100``.

The p-value is the permutation test's. Where the kernel matrix is too large to be held it is made again in one pass for
`_LONG_DRAWS` relabellings at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.options import whole
from gandiag.core.results import Interval, Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.backend import on_host
from gandiag.numerics.kernels import unbiased_scale
from gandiag.numerics.pair_sums import PairSums, pair_sums, settled
from gandiag.numerics.polynomial import LARGEST, CubicTiles, cubic_tiles, mmd2_and_jackknife

Matrix = NDArray[np.float64]

_LEVEL = 0.95
_HELD_BYTES = 2**27  # of tiles on the host; 5800 pooled rows
_LONG_TILE = 1024  # rows: products of long tiles run at full speed
_LONG_DRAWS = 499
_FEW = 400  # rows below which the normal interval of so skewed a kernel was seen to fall short of its level
_SUBSET_ROWS = 1000
_NOTE = "the spread over overlapping subsets of this size; not a standard error of the estimate"
_OVERFLOW = "the cubic kernel leaves the range of floats: bring the features to a unit of moderate size"


def kernel_distance(real: Any, fake: Any) -> tuple[float, float | None]:
    """Compute the unbiased cubic kernel distance and its standard error.

    Parameters
    ----------
    real : array, shape (n, d)
        At least two rows; NumPy, or a tensor on any device.
    fake : array, shape (m, d)

    Returns
    -------
    estimate : float
        Without a unit, lower is better. Its mean under equal laws is 0, so it may be negative.
    standard_error : float or None
        By the jackknife; None where a side has two rows.

    Notes
    -----
    Cost (n + m)^2 d operations in single precision on the host (products are centred first, sums are in double
    precision), memory O(n + m) beside the samples.

    Examples
    --------
    >>> import numpy as np
    >>> kernel_distance(np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]]))[0]
    297.5
    """
    tiles = cubic_tiles(real, fake)
    is_real = np.arange(tiles.rows) < real.shape[0]
    return _in_units(pair_sums(tiles, tiles.rows, held=False, chosen=is_real, tile=_tile(tiles)), is_real, tiles)


def _tile(tiles: CubicTiles) -> int | None:
    return _LONG_TILE if isinstance(tiles.centred, np.ndarray) else None


def _in_units(sums: PairSums, is_real: NDArray[np.bool_], tiles: CubicTiles) -> tuple[float, float | None]:
    value, error = mmd2_and_jackknife(on_host(sums.totals), on_host(sums.chosen_totals), is_real)
    return value * tiles.unit, None if error is None else error * tiles.unit


def subset_distances(real: Matrix, fake: Matrix, *, subsets: int, size: int, rng: np.random.Generator) -> Matrix:
    """Compute the distance of random subsets of ``size`` rows per side, as other packages do, shape (subsets,)."""
    out = np.empty(subsets)
    for k in range(subsets):
        chosen = [rng.choice(len(side), size, replace=False) for side in (real, fake)]
        out[k] = kernel_distance(real[chosen[0]], fake[chosen[1]])[0]
    return out


def measure(comparison: Comparison, /, *, rng: np.random.Generator, subsets: int = 0) -> Measurement:
    """Measure the kernel distance of all samples; ``subsets`` adds the mean over that many subsets of 1000 rows."""
    subsets = whole(subsets, "subsets", at_least=0)
    _, is_real = comparison.pooled()
    tiles = cubic_tiles(comparison.near("real"), comparison.near("fake"))
    if tiles.largest >= LARGEST:
        return Measurement(estimate=None, status="undefined", reasons={"estimate": _OVERFLOW})
    held = 4 * tiles.rows**2 <= _HELD_BYTES
    tile = None if held else _tile(tiles)
    sums = pair_sums(tiles, tiles.rows, held=held, chosen=is_real, tile=tile)
    estimate, error = _in_units(sums, is_real, tiles)
    return Measurement(
        estimate=estimate,
        null=_relabelling(sums, is_real, tiles.unit),
        interval=None if error is None else _interval(estimate, error, min(comparison.n, comparison.m)),
        reasons={"e_value": "not a sequential test"}
        | ({"interval": "the jackknife needs three rows per side"} if error is None else {}),
        details={
            "standard_error": error,
            "subsets": _over_subsets(comparison, subsets, rng) if subsets else None,
        },
    )


def _relabelling(sums: PairSums, is_real: NDArray[np.bool_], unit: float) -> Relabelling:
    """Test the discrepancy in units of the kernel's root mean square, which no relabelling changes."""
    n = int(is_real.sum())
    scale = unbiased_scale(n, len(is_real) - n)
    size = float(np.sqrt(sums.mean_square))
    single = sums.quick()

    def values(within: Matrix) -> Matrix:
        return np.stack([scale * unit * within, scale / size * within])

    def quick(labels: NDArray[np.bool_]) -> tuple[Matrix, Matrix]:
        within, rounding = single.of_real(labels)
        return values(within), scale / size * rounding

    def exact(labels: NDArray[np.bool_]) -> Matrix:
        return values(single.exact().of_real(labels)[0])

    if sums.tiles is None:  # every call makes the whole kernel matrix again: one for all draws
        return Relabelling(observed=is_real, statistic=lambda labels: quick(labels)[0], draws=_LONG_DRAWS)
    target = float(values(sums.of_real(is_real[:, None])[0])[-1, 0])
    return Relabelling(observed=is_real, statistic=lambda labels: settled(quick, exact, labels, target))


def _interval(estimate: float, error: float, fewest: int) -> Interval:
    few = f"; below its level with {fewest} rows, for which it ends too low" if fewest < _FEW else ""

    def bounds(level: float) -> tuple[float, float]:
        from scipy.special import ndtri

        reach = float(ndtri((1.0 + level) / 2.0)) * error
        return estimate - reach, estimate + reach

    return Interval.of(
        bounds,
        level=_LEVEL,
        method=f"delete-one jackknife from the row sums, normal; too wide where both laws are equal{few}",
    )


def _over_subsets(comparison: Comparison, subsets: int, rng: np.random.Generator) -> dict[str, Any]:
    size = min(_SUBSET_ROWS, comparison.n, comparison.m)
    found = subset_distances(comparison.real, comparison.fake, subsets=subsets, size=size, rng=rng)
    return {"mean": float(found.mean()), "sd": float(found.std()), "count": subsets, "size": size, "note": _NOTE}


METRIC = MetricSpec(
    name="kid",
    title="Kernel inception distance",
    summary="Unbiased distance by a cubic kernel over all pairs of samples, with a standard error.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="squared kernel distance",
    low=None,
    high=None,
    family="distribution",
    topic="embedding",
    symmetric=True,
    scale_invariant=False,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=10_000,
    default=False,
    sees="differences of mean, covariance and third moments of the features",
    blind_to="laws with the same first three moments; it is dominated by directions of large features",
    cost="O((n + m)^2 (d + B))",
    source="Bińkowski et al. 2018, section 4.3; standard error: Efron & Stein 1981",
)
