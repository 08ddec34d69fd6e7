"""Cross discrepancy: a kernel test without permutations of the kernel, for samples too large to permute.

Both sides are split in halves at random. The second halves give the direction in which the kernel sees a difference,
``g = mean k(., X2) - mean k(., Y2)``, and the first halves are compared along it (Shekhar, Kim & Ramdas 2022, "A
permutation-free kernel two-sample test", eq. 9):
``T = (mean g(X1) - mean g(Y1)) / sqrt(var g(X1) / n1 + var g(Y1) / m1)``,
which is standard normal under equal laws as the samples grow, in any dimension; large values speak against equality.
The estimate is the numerator: its mean is the squared discrepancy, 0 under equal laws, so *it may be negative*.

Few rows do not make a normal ratio: halves of ten against some hundred reject 3 % at a level of 1 %. So where a half
has fewer than a hundred rows its labels are permuted on the values of g, which the second halves have fixed: an exact
test that costs no kernel entry. Beyond that the ratio has Student's law with Welch's degrees of freedom.

Splitting costs some power (about as much as a sample smaller by a third) and saves permutations of the kernel: every
entry is used once and forgotten. The kernel is Gaussian at the median distance of some pooled rows. Without the split
the direction and the comparison share rows, and the ratio is not normal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, KnownNull, Measurement, PValue
from gandiag.core.specs import MetricSpec
from gandiag.metrics._discrete import relabelled_p
from gandiag.metrics._kernel_options import require_bandwidth
from gandiag.numerics.backend import beside, namespace, on_host
from gandiag.numerics.distances import distance_tiles
from gandiag.numerics.kernels import sampled_bandwidth

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

_REASONS = {
    "e_value": "not a sequential test",
    "interval": "the spread is that of the null: where laws differ the direction is random as well",
}
_NO_SPREAD = "the kernel is constant on the first halves: no ratio can be formed. Draw more samples"
# Rows of a half from which the ratio is taken for Student's, and relabellings below that.
_MANY, _DRAWS = 100, 999
_RESOLUTION = 1e-12  # below this, means of kernel values in [0, 1] differ by rounding


def cross_statistic(values_real: Matrix, values_fake: Matrix) -> tuple[float, float]:
    """Compare the first halves along the direction of the second.

    Parameters
    ----------
    values_real, values_fake : ndarray, shape (n1,), (m1,)
        ``g`` at the rows of the first halves; at least two each.

    Returns
    -------
    difference, standard_error : float
        Their ratio is standard normal under equal laws, as the samples grow.
    """
    difference = float(values_real.mean() - values_fake.mean())
    return difference, float(np.sqrt(sum(_squared_errors(values_real, values_fake))))


def degrees_of_freedom(values_real: Matrix, values_fake: Matrix) -> float:
    """Count the degrees of freedom of the standard error (Welch 1947), from those of the smaller side to both sides'.

    Examples
    --------
    >>> degrees_of_freedom(np.array([0.0, 1.0, 2.0]), np.array([5.0, 6.0, 7.0]))
    4.0
    """
    parts = _squared_errors(values_real, values_fake)
    scale = max(parts) or 1.0  # squares of small variances may leave the range of floats
    real, fake = (part / scale for part in parts)
    spread = real**2 / (len(values_real) - 1) + fake**2 / (len(values_fake) - 1)
    return (real + fake) ** 2 / spread if spread > 0.0 else float(len(values_real) + len(values_fake) - 2)


def _squared_errors(values_real: Matrix, values_fake: Matrix) -> list[float]:
    return [float(side.var(ddof=1)) / len(side) for side in (values_real, values_fake)]


def measure(comparison: Comparison, /, *, rng: np.random.Generator, bandwidth: float | None = None) -> Measurement:
    """Measure the discrepancy across random halves, in units of its standard error for the test.

    Raises
    ------
    ConfigError
        For a ``bandwidth`` that is not above 0.
    """
    require_bandwidth(bandwidth)
    real, fake = comparison.near("real"), comparison.near("fake")
    length = sampled_bandwidth(real, fake, rng) if bandwidth is None else bandwidth
    halves = [_halves(side, rng) for side in (real, fake)]
    if length == 0.0:
        return _answer(0.0, 0.0, PValue(value=1.0, calibration="exact: all rows are equal"), None)
    (real_first, real_second), (fake_first, fake_second) = halves
    values = [
        _mean_kernel(first, real_second, length) - _mean_kernel(first, fake_second, length)
        for first in (real_first, fake_first)
    ]
    difference, error = cross_statistic(values[0], values[1])
    if error <= _RESOLUTION and abs(difference) > _RESOLUTION:
        return Measurement(estimate=None, status="undefined", reasons={"estimate": _NO_SPREAD})
    if error <= _RESOLUTION:
        return _answer(difference, error, PValue(value=1.0, calibration="exact: no value differs"), length)
    test = exact_p_value if min(len(side) for side in values) < _MANY else students_p_value
    return _answer(difference, error, test(values[0], values[1], rng), length)


def exact_p_value(values_real: Matrix, values_fake: Matrix, rng: np.random.Generator) -> PValue:
    """Test the first halves along the fixed direction by permuting their labels."""
    values = np.concatenate([values_real, values_fake])
    is_real = np.arange(len(values)) < len(values_real)
    values = values - values.mean()

    def difference(labels: Labels) -> Matrix:
        sums: Matrix = values @ labels
        return sums * (1.0 / len(values_real) + 1.0 / len(values_fake))

    found = relabelled_p(difference, is_real, rng, draws=_DRAWS)
    return PValue(value=found, calibration="exact (labels of the first halves)", draws=_DRAWS)


def students_p_value(values_real: Matrix, values_fake: Matrix, rng: np.random.Generator) -> PValue:
    """Test the first halves along the fixed direction by Student's law of their ratio. Nothing is drawn."""
    from scipy.stats import t

    difference, error = cross_statistic(values_real, values_fake)
    found = float(t.sf(difference / error, degrees_of_freedom(values_real, values_fake)))
    return PValue(value=max(found, 1e-300), calibration="asymptotic (Student's ratio)")


def _answer(difference: float, error: float, p_value: PValue, length: float | None) -> Measurement:
    return Measurement(
        estimate=difference,
        null=KnownNull(
            floor=Floor(mean=0.0, sd=error, source="studentised over random halves"),
            p_value=p_value,
        ),
        reasons=_REASONS,
        details={"bandwidth": length, "ratio": difference / error if error > _RESOLUTION else None},
    )


def _halves(rows: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    order = rng.permutation(rows.shape[0])
    at, xp = rows.shape[0] // 2, namespace(rows)
    first, second = (xp.take(rows, beside(part, rows), axis=0) for part in (order[:at], order[at:]))
    return first, second


def _mean_kernel(rows: Any, others: Any, length: float) -> Matrix:
    """Average the Gaussian kernel of every row with all others, in tiles, shape (len(rows),)."""
    xp = namespace(rows)
    out = xp.zeros_like(rows[:, 0])
    # Divided first: squares of distances may leave the range of floats.
    for i, _, squares in distance_tiles(rows / length, others / length):
        squares *= -0.5
        out[i : i + squares.shape[0]] += xp.sum(xp.exp(squares), axis=1)
    means: Matrix = on_host(out) / others.shape[0]
    return means


METRIC = MetricSpec(
    name="cross_mmd",
    title="Cross discrepancy",
    summary="Kernel test of large samples without permutations, by comparing halves.",
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
    most_rows=10_000,
    default=False,
    sees="differences of laws at the scale of the median distance",
    blind_to="structure much finer than the median distance; small differences that only all rows together show",
    cost="O((n + m)^2 d / 4), no permutations of the kernel",
    source="Shekhar, Kim & Ramdas 2022, eq. 9",
)
