"""Jensen-Shannon distance: the root of the divergence that an ideal GAN minimises, which is a metric.

``sqrt(JSD)`` is symmetric, 0 only for equal laws and obeys the triangle inequality (Endres & Schindelin 2003, "A new
metric for probability distributions"; Österreicher & Vajda 2003); the divergence itself does not. Several generators
are therefore compared, drawn on a map or averaged by this number, and not by `jsd`.

The divergence is bounded from below by a critic that learned on one half of the rows and is judged on the other, as in
`jsd`: `plain_divergence` is below the divergence on average. The estimate is its root, 0 where it is negative, and so
lies a little above 0 under equal laws, as its floor does; the lower confidence bound holds for every law. The bounds
themselves depend on the split and the critic and obey the axioms only in the limit. The value of the GAN's game at this
critic, ``2 JSD - log 4``, is among the details: -1.386294 at the equilibrium, where no critic can tell anything
(Goodfellow et al. 2014, theorem 1), and 0 for laws that never overlap.

In nats the largest distance is ``sqrt(log 2) = .8326``; ``normalised`` divides by it (the root of the divergence in
bits). It is blind to what its critics miss: 0 is no evidence of equality.
"""

from __future__ import annotations

import math

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
LARGEST = math.sqrt(math.log(2.0))
EQUILIBRIUM = equilibrium_value(0.0)


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the critic's lower bound on the distance, with its permutation null and a lower confidence bound.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    held = shared_critics(comparison)
    probabilities = held.critic.probabilities

    def statistic(labels: Labels) -> Matrix:
        plain = information(probabilities, labels)
        return np.stack([np.sqrt(np.maximum(plain, 0.0)), plain])

    plain = float(information(probabilities, held.labels[:, None])[0])
    estimate = math.sqrt(max(0.0, plain))
    bound = jsd_lower_bound(held, level=LEVEL)

    def low(level: float) -> float:
        return math.sqrt(max(0.0, bound(level)))

    return Measurement(
        estimate=estimate,
        null=Relabelling(observed=held.labels, statistic=statistic),
        interval=Interval.of(
            lambda level: (low(level), None), level=LEVEL, method="empirical Bernstein", sided="lower"
        ),
        reasons={"e_value": "not a sequential test"},
        details={
            "critic": held.chosen,
            "normalised": estimate / LARGEST,
            "confident_normalised": low(LEVEL) / LARGEST,
            "plain_divergence": plain,
            "gan_value": equilibrium_value(plain),
            "gan_value_at_equilibrium": EQUILIBRIUM,
            "n_test": len(held.labels),
        },
    )


METRIC = MetricSpec(
    name="js_distance",
    title="Jensen-Shannon distance",
    summary="Lower bound on the root of the divergence that an ideal GAN minimises, a true metric; at most 0.8326.",
    measure=measure,
    kind="lower_bound",
    direction="lower",
    unit="root nats",
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
    sees="every difference that the critics can learn, as a distance between laws",
    blind_to="what no linear, quadratic or nearest-neighbour critic learns from half of the rows",
    cost="O((n + m)^2 d + (n + m) B)",
    source="Endres & Schindelin 2003, A new metric for probability distributions; Goodfellow et al. 2014, theorem 1",
    default=False,
)
