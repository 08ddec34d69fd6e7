"""Joint maximum mean discrepancy: whether pairs of sample and class (x, y) come from one law.

``MMD^2`` with the product kernel ``k((x, y), (x', y')) = exp(-|x - x'|^2 / (2 l^2)) 1[y = y']``, the product of two
characteristic kernels, which is characteristic on the joint law (Gretton 2015, "A simpler condition for consistency of
a kernel independence test", theorem 3). The estimate is the unbiased one (Gretton et al. 2012, "A kernel two-sample
test", eq. 3) at the median pooled distance, its mean 0 under equal joint laws; the test takes the largest of several
length scales, each in units of its permutation-invariant size.

It sees a wrong law within any class, classes that are swapped, and shares of classes that are off; for conditions that
were asked for in other shares than the data has, use `conditional_energy`. Continuous conditions need no metric of
their own: put them beside x as columns, and every two-sample test is a joint test.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.backend import Array, beside
from gandiag.numerics.distances import off_diagonal, pooled_distances, positive_quantile
from gandiag.numerics.kernels import categorical_kernel, gaussian_kernel, hollow_centred, unbiased_mmd2

Matrix = NDArray[np.float64]
Index = NDArray[np.int64]
Labels = NDArray[np.bool_]

# Length scales of the test, in medians of the pooled distances.
SCALES = (0.125, 0.5, 1.0, 4.0)


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the unbiased squared discrepancy of the joint laws, with its permutation null."""
    reasons = {
        "e_value": "not a sequential test",
        "interval": "the statistic is degenerate where both laws are equal: no interval holds its level there",
    }
    if comparison.real_labels is None or comparison.fake_labels is None:
        why = "real and fake rows must both carry classes"
        return Measurement(estimate=None, status="undefined", reasons=reasons | {"estimate": why, "p_value": why})
    pool, is_real = comparison.pooled_near()
    labels = np.concatenate([comparison.real_labels, comparison.fake_labels]).astype(np.int64)
    distances = pooled_distances(pool)
    median = positive_quantile(off_diagonal(distances), 0.5)[0]
    kernels = [hollow_centred(_joint(distances, labels, median * scale)) for scale in SCALES]
    chosen = kernels[SCALES.index(1.0)][0]

    def statistic(columns: Labels) -> Matrix:
        plain = [unbiased_mmd2(hollow, columns) for hollow, _ in kernels]
        scaled = [values / (size or 1.0) for values, (_, size) in zip(plain, kernels, strict=True)]
        return np.stack([plain[SCALES.index(1.0)], np.max(scaled, axis=0)])

    return Measurement(
        estimate=float(unbiased_mmd2(chosen, is_real[:, None])[0]),
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons=reasons,
        details={"bandwidth": median or None, "classes": _classes(labels, is_real)},
    )


def _joint(distances: Array, labels: Index, length: float) -> Array:
    same = beside(categorical_kernel(labels, labels), distances)
    return same if length == 0.0 else gaussian_kernel(distances, length) * same


def _classes(labels: Index, is_real: Labels) -> list[dict[str, Any]]:
    n, m = int(is_real.sum()), int((~is_real).sum())
    rows = []
    for label in np.unique(labels)[:200]:
        here = labels == label
        real, fake = int((here & is_real).sum()), int((here & ~is_real).sum())
        rows.append({"class": int(label), "real": real, "fake": fake, "real_share": real / n, "fake_share": fake / m})
    return rows


METRIC = MetricSpec(
    name="joint_mmd",
    title="Joint maximum mean discrepancy",
    summary="Do pairs of sample and class come from one law? Sees wrong, swapped and misweighted classes.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="squared kernel distance",
    low=None,
    high=2.0,
    family="distribution",
    topic="conditional",
    symmetric=True,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=1000,
    needs=frozenset({"labels"}),
    default=False,
    sees="classes that look wrong, are swapped, or have the wrong share",
    blind_to="structure much finer than an eighth of the median distance",
    cost="O((n + m)^2 (d + 4 B))",
    source="Gretton et al. 2012, eq. 3; product kernel: Gretton 2015, theorem 3",
)
