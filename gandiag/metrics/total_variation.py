"""Total variation, bounded from below with an exact guarantee: at least this share of samples is wrong.

``TV >= P(A) - Q(A)`` for every set A; here A is "the frozen critic says real" (the critic of `c2st`). Held-out counts
of A are binomial, so the lower confidence bound (Clopper & Pearson 1934) and the p-value (Fisher 1935) are exact at
every size, without a single permutation.

It differs from `c2st`, which asks *whether* the laws differ and uses the whole ranking for that: this is the number to
quote as a guarantee, "with 95 % confidence at least a share of ... must change to make one law the other". The largest
``P(A) - Q(A)`` over all thresholds would be biased upwards; the threshold is fixed before the rows are seen.

There is no upper bound from samples in high dimension: 0 is no evidence of equality. The same distance through a
discriminator with 1-Lipschitz functions in place of those between 0 and 1 is ``W_1``: see `critic_wasserstein`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, Interval, KnownNull, Measurement, PValue
from gandiag.core.specs import MetricSpec
from gandiag.metrics._shared_critics import shared_critics
from gandiag.numerics.binomial import advantage_interval, auc_to_total_variation, fisher_p, hypergeometric_pmf
from gandiag.numerics.scoring import areas_under_curve, midranks

Matrix = NDArray[np.float64]

LEVEL = 0.95


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the frozen critic's lower bound on total variation, with exact confidence bound and p-value.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    held = shared_critics(comparison)
    labels, says_real, soft = held.labels, held.critic.says_real, held.critic.probabilities
    real, hits, alarms = int(labels.sum()), int(says_real[labels].sum()), int(says_real[~labels].sum())
    fake = len(labels) - real
    area = float(areas_under_curve(midranks(held.critic.scores), labels))
    return Measurement(
        estimate=max(0.0, hits / real - alarms / fake),
        null=KnownNull(
            floor=_floor(hits + alarms, real, fake),
            p_value=PValue(value=fisher_p(hits, real, alarms, fake), calibration="exact (Fisher)"),
        ),
        interval=Interval.of(
            lambda level: (max(0.0, advantage_interval(hits, real, alarms, fake, level=level, sided="lower")[0]), None),
            level=LEVEL,
            method="Clopper-Pearson",
            sided="lower",
        ),
        reasons={"e_value": "not a sequential test"},
        details={
            "critic": held.chosen,
            "plain_bound": hits / real - alarms / fake,
            "soft_bound": float(soft[labels].mean() - soft[~labels].mean()),
            "bound_from_auc": auc_to_total_variation(area),
            "says_real_of_real": hits / real,
            "says_real_of_fake": alarms / fake,
            "n_test_real": real,
            "n_test_fake": fake,
        },
    )


def _floor(called: int, real: int, fake: int) -> Floor:
    """Give mean and spread of the estimate over all relabellings of the held-out rows, exactly."""
    hits, mass = hypergeometric_pmf(called, real, fake)
    estimates = np.maximum(0.0, hits / real - (called - hits) / fake)
    mean = float(mass @ estimates)
    return Floor(mean=mean, sd=math.sqrt(float(mass @ np.square(estimates - mean))), source="exact (hypergeometric)")


METRIC = MetricSpec(
    name="total_variation",
    title="Total variation",
    summary="At least this share of the samples would have to change to make fake equal to real.",
    measure=measure,
    kind="lower_bound",
    direction="lower",
    unit="probability",
    low=0.0,
    high=1.0,
    family="distribution",
    topic="divergences",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=8,
    min_fake=8,
    most_rows=5000,
    sees="every difference that the critics can learn, as a share of samples",
    blind_to="what no linear, quadratic or nearest-neighbour critic learns from half of the rows",
    cost="O((n + m)^2 d)",
    source="Le Cam's identity of total variation and testing error; Clopper & Pearson 1934; Fisher 1935",
)
