"""Jensen-Shannon divergence, bounded from below by a held-out critic.

``JSD >= log 2 + E_P log D / 2 + E_Q log(1 - D) / 2`` for every D in (0, 1), with equality for the best possible critic
(Goodfellow et al. 2014, theorem 1; Nowozin, Cseke & Tomioka 2016, "f-GAN", section 2). The critic is frozen before it
sees the rows that it is judged on, so both expectations are means of independent bounded terms and the lower confidence
bound holds for every law (Maurer & Pontil 2009, theorem 4).

A bound below 0 says no more than "at least 0", which is then the estimate; the plain value is among the details. It is
blind to what its critics miss: 0 is no evidence of equality.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval, Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.metrics._shared_critics import shared_critics
from gandiag.numerics.critic_bounds import equilibrium_value, jsd_lower_bound
from gandiag.numerics.scoring import information

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

LEVEL = 0.95
LARGEST = math.log(2.0)


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the critic's lower bound on the divergence, with its permutation null and a lower confidence bound.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    held = shared_critics(comparison)
    plain = float(information(held.critic.probabilities, held.labels[:, None])[0])
    estimate = max(0.0, plain)
    bound = jsd_lower_bound(held, level=LEVEL)
    return Measurement(
        estimate=estimate,
        null=Relabelling(observed=held.labels, statistic=_statistic(held.critic.probabilities)),
        interval=Interval.of(
            lambda level: (max(0.0, bound(level)), None), level=LEVEL, method="empirical Bernstein", sided="lower"
        ),
        reasons={"e_value": "not a sequential test"},
        details={
            "critic": held.chosen,
            "plain_bound": plain,
            "bits": estimate / LARGEST,
            "js_distance": math.sqrt(estimate),
            "js_distance_normalised": math.sqrt(estimate / LARGEST),
            "confident_bits": max(0.0, bound(LEVEL)) / LARGEST,
            "gan_value": equilibrium_value(plain),
            "n_test": len(held.labels),
        },
    )


def _statistic(probabilities: Matrix) -> Callable[[Labels], Matrix]:
    def bounds(labels: Labels) -> Matrix:
        plain = information(probabilities, labels)
        return np.stack([np.maximum(plain, 0.0), plain])

    return bounds


METRIC = MetricSpec(
    name="jsd",
    title="Jensen-Shannon divergence",
    summary="Lower bound on the divergence that an ideal GAN minimises; log 2 = 0.693 where both never overlap.",
    measure=measure,
    kind="lower_bound",
    direction="lower",
    unit="nats",
    low=0.0,
    high=LARGEST,
    family="distribution",
    topic="divergences",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=8,
    min_fake=8,
    most_rows=5000,
    sees="every difference that the critics can learn, as the divergence that a GAN minimises",
    blind_to="what no linear, quadratic or nearest-neighbour critic learns from half of the rows",
    cost="O((n + m)^2 d + (n + m) B)",
    source="Nowozin, Cseke & Tomioka 2016, f-GAN, section 2; Maurer & Pontil 2009, theorem 4",
)
