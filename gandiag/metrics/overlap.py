"""Overlap: fake samples that are rows of the held-out real data, byte for byte.

A generator cannot have seen held-out rows; when it returns them, the split leaked or both sides are one file. The
reference is the overlap of the rows set aside: under equal laws, fake rows and set-aside rows are equally likely to
repeat a real row, so Fisher's exact test holds for continuous and for discrete data alike. Near copies are the
business of `data_copying`, which needs the training set.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, KnownNull, Measurement, PValue, Result
from gandiag.core.specs import GateTest, MetricSpec
from gandiag.numerics.binomial import fisher_p
from gandiag.numerics.planning import smallest_larger_share


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Share the fake rows that equal a real row, against the same share of the rows set aside."""
    known = {row.tobytes() for row in comparison.real + 0.0}  # + 0.0 turns -0.0 into 0.0
    hits = np.array([row.tobytes() in known for row in comparison.fake + 0.0])
    reference = sum(row.tobytes() in known for row in comparison.fit + 0.0)
    m, fit = comparison.m, len(comparison.fit)

    share = (int(hits.sum()) + reference) / (m + fit)
    sd = float(np.sqrt(share * (1.0 - share) * fit / (m * (m + fit - 1)))) if m + fit > 1 else 0.0
    return Measurement(
        estimate=float(hits.mean()),
        null=KnownNull(
            floor=Floor(mean=share, sd=sd, source="analytic: hypergeometric, against the rows set aside"),
            p_value=PValue(value=fisher_p(int(hits.sum()), m, reference, fit), calibration="exact (Fisher)"),
        ),
        reasons={"interval": "the null law is exact; see the floor", "e_value": "not a sequential test"},
        details={
            "overlapping_rows": int(hits.sum()),
            "overlap_of_rows_set_aside": reference / fit,
            "rows_set_aside": fit,
        },
    )


def _smallest(result: Result, level: float, power: float) -> float:
    """Count the repeats that would be noticed, beside those that the rows set aside show."""
    shown = result.details
    return smallest_larger_share(
        result.n_fake, shown["rows_set_aside"], shown["overlap_of_rows_set_aside"], level=level, power=power
    )


METRIC = MetricSpec(
    name="overlap",
    title="Overlap with held-out data",
    summary="Does the sampler return the very rows it is judged against?",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="share of fake rows",
    low=0.0,
    high=1.0,
    family="memorisation",
    topic="memorisation",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=1,
    min_fake=1,
    most_rows=1_000_000,
    sees="rows of the reference itself among the samples",
    blind_to="copies that differ in any digit",
    cost="O((n + m) d)",
    source="a count; Fisher's exact test",
    gate={
        "p": GateTest(
            margin=0.02, effect="a share of {} of held-out rows among the samples", smallest=_smallest, rate=1.0
        )
    },
)
