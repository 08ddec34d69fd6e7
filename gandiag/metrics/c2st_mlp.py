"""Classifier two-sample test by a neural network: how much better than a coin two hidden layers tell fake rows.

A network of two hidden layers of rectified units (ten per column, 32 to 128) learns on one half of each side, an inner
fifth of it saying when to stop, and is judged on the other half. The estimate is the advantage ``P(says real | real) -
P(says real | fake)``, a lower bound on total variation in the mean (Lopez-Paz & Oquab 2017, "Revisiting classifier
two-sample tests", section 3); the test permutes labels of the held-out half under the area of its ROC curve.

It sees smooth differences of any shape, jointly over many columns, once there are enough rows to learn them. Below a
few hundred rows per side the simpler critics of `c2st` see more.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.core.specs import MetricSpec
from gandiag.metrics._critic_test import critic_measurement
from gandiag.numerics.networks import fit_mlp


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the held-out advantage of a small network.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    return critic_measurement(
        comparison, lambda rows, labels: fit_mlp(rows, labels, rng), rng, details={"critic": "network"}
    )


METRIC = MetricSpec(
    name="c2st_mlp",
    title="Classifier test, network",
    summary="How much better than a coin a neural network tells held-out fake samples from real; 0 is a perfect fake.",
    measure=measure,
    kind="lower_bound",
    direction="lower",
    unit="advantage",
    low=-1.0,
    high=1.0,
    family="distribution",
    topic="two_sample",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=8,
    min_fake=8,
    most_rows=5000,
    sees="smooth differences of any shape over many columns together",
    blind_to="what a small network cannot learn from half of the rows; single copies of rows",
    cost="O((n + m) d) per epoch, at most 60 epochs",
    source="Lopez-Paz & Oquab 2017, Revisiting classifier two-sample tests, section 3",
    default=False,
)
