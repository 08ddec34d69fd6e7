"""Range violations: the share of fake samples with a value that the real source cannot take.

A generator with a missing output activation, or one scored in the wrong units, leaves the declared range (pixels
below 0, say). Real data never do, so under equal laws the share is exactly 0. It sees nothing inside the range.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, KnownNull, Measurement, PValue
from gandiag.core.specs import MetricSpec
from gandiag.numerics.binomial import fisher_p


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Count fake rows outside the declared range; the p-value is Fisher's exact test against no real row."""
    if comparison.outside is None:
        why = "the real source declares no value range"
        names = ("estimate", "floor", "p_value", "interval", "e_value")
        return Measurement(estimate=None, status="undefined", reasons=dict.fromkeys(names, why))
    outside = int(comparison.outside.sum())
    p = fisher_p(outside, comparison.m, 0, comparison.n)
    return Measurement(
        estimate=outside / comparison.m,
        null=KnownNull(
            floor=Floor(mean=0.0, sd=0.0, source="analytic: real rows lie in the declared range"),
            p_value=PValue(value=p, calibration="exact (Fisher)"),
        ),
        reasons={"interval": "a share with a known null of 0", "e_value": "not a sequential test"},
        details={"rows_outside": outside},
    )


METRIC = MetricSpec(
    name="range_violations",
    title="Range violations",
    summary="Do samples leave the range that real values are declared to lie in?",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="share of fake rows",
    low=0.0,
    high=1.0,
    family="fidelity",
    topic="embedding",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=True,
    min_real=1,
    min_fake=1,
    most_rows=1_000_000,
    sees="values outside the declared range",
    blind_to="everything inside the range",
    cost="O(m d)",
    source="a count; Fisher's exact test",
    needs=frozenset({"range"}),
)
