"""Linear-time discrepancy: every row is used in one kernel value, so a million rows take a second.

Rows are shuffled and taken in quadruples of two real and two fake ones:
``h = k(x, x') + k(y, y') - k(x, y') - k(x', y)``, and the estimate is the mean of h (Gretton et al. 2012, "A kernel
two-sample test", lemma 14). The quadruples are independent, so the mean is normal wherever the laws lie, which gives an
honest interval; it costs power: the error falls with the root of n, not with n.

The p-value does not lean on that. Under equal laws x and y of a quadruple may change places, which turns h into -h: the
signs are fair coins given the sizes, and flipping them at random is an exact test at every n. Quadruples that overlap
would be more, but go together where laws differ: an interval that took them for independent would be too narrow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, Interval, KnownNull, Measurement, PValue
from gandiag.core.specs import MetricSpec
from gandiag.metrics._kernel_options import require_at_least, require_bandwidth
from gandiag.numerics.distances import off_diagonal, pooled_distances, positive_quantile
from gandiag.numerics.kernels import quadruple_values

Matrix = NDArray[np.float64]

FLIPS = 1999
_LEVEL = 0.95
_FEWEST = 30  # quadruples from which the mean is called normal
_SAMPLED = 250  # quadruples whose rows set the bandwidth
_AT_ONCE = 2**22


def sign_flip_p_value(values: Matrix, *, flips: int, rng: np.random.Generator) -> float:
    """Test whether a mean is above 0 when every value's sign is a fair coin.

    Parameters
    ----------
    values : ndarray, shape (k,)
    flips : int
    rng : numpy.random.Generator

    Returns
    -------
    float
        In (0, 1]; exact at every k (Fisher 1935, "The design of experiments", section 21).
    """
    observed = float(values.sum())
    slack = 1e-12 * (1.0 + abs(observed))
    as_large, step = 0, max(1, _AT_ONCE // len(values))
    for start in range(0, flips, step):
        heads = rng.integers(0, 2, size=(min(step, flips - start), len(values)), dtype=np.int8)
        sums = 2.0 * (heads @ values) - observed
        as_large += int(np.count_nonzero(sums >= observed - slack))
    return (1 + as_large) / (1 + flips)


def measure(
    comparison: Comparison, /, *, rng: np.random.Generator, bandwidth: float | None = None, flips: int = FLIPS
) -> Measurement:
    """Measure the mean of independent quadruples, with an exact test by random signs.

    Raises
    ------
    ConfigError
        For a ``bandwidth`` that is not above 0, or no flip.
    """
    require_bandwidth(bandwidth)
    require_at_least("flips", flips, 1, FLIPS)
    real, fake = (side[rng.permutation(len(side))] for side in (comparison.real, comparison.fake))
    length = _bandwidth(real, fake) if bandwidth is None else bandwidth
    count = min(len(real), len(fake)) // 2
    values = np.zeros(count) if length == 0.0 else quadruple_values(real, fake, length)
    root = float(np.sqrt(np.square(values).mean() / count))
    interval = None
    if count >= _FEWEST:
        interval = _interval(float(values.mean()), float(values.std(ddof=1) / np.sqrt(count)))
    reasons = {"e_value": "not a sequential test"}
    if interval is None:
        reasons["interval"] = f"a normal mean needs {_FEWEST} quadruples of rows"
    return Measurement(
        estimate=float(values.mean()),
        null=KnownNull(
            floor=Floor(mean=0.0, sd=root, source="random signs of the quadruples"),
            p_value=PValue(
                value=sign_flip_p_value(values, flips=flips, rng=rng), calibration="exact (random signs)", draws=flips
            ),
        ),
        interval=interval,
        reasons=reasons,
        details={"bandwidth": length if length > 0.0 else None, "quadruples": count},
    )


def _interval(mean: float, error: float) -> Interval:
    def bounds(level: float) -> tuple[float, float]:
        from scipy.special import ndtri

        reach = float(ndtri((1.0 + level) / 2.0)) * error
        return mean - reach, mean + reach

    return Interval.of(bounds, level=_LEVEL, method="normal, over independent quadruples")


def _bandwidth(real: Matrix, fake: Matrix) -> float:
    """Take the median distance among the first quadruples, whole ones: no change of places within them moves it."""
    rows = 2 * min(_SAMPLED, len(real) // 2, len(fake) // 2)
    return positive_quantile(off_diagonal(pooled_distances(np.concatenate([real[:rows], fake[:rows]]))), 0.5)[0]


METRIC = MetricSpec(
    name="mmd_linear",
    title="Linear-time discrepancy",
    summary="Kernel test that uses each row once, with an exact test and an honest interval; for very many rows.",
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
    min_real=2,
    min_fake=2,
    most_rows=1_000_000,
    default=False,
    sees="differences of laws at the scale of the median distance, given very many rows",
    blind_to="small differences: its error falls with the root of n only, and rows beyond the smaller side are unused",
    cost="O((n + m) d), and n / 2 random signs per flip",
    source="Gretton et al. 2012, lemma 14; signs: Fisher 1935",
)
