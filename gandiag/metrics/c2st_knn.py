"""Classifier two-sample test by neighbours: how much better than a coin the share of real neighbours tells fake rows.

A held-out row is called real where more than the expected share of its nearest training rows is (Lopez-Paz & Oquab
2017, "Revisiting classifier two-sample tests", section 3, with k the root of the training size). The estimate is the
advantage ``P(says real | real) - P(says real | fake)``, a lower bound on total variation in the mean; the test permutes
labels of the held-out half under the area of its ROC curve.

It sees any difference in few dimensions, copies of rows among them, and little in many, where neighbours tell the wider
law from the narrower and not much else. In the units of the features: a column of large numbers decides alone.
"""

from __future__ import annotations

import math

import numpy as np

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.metrics._critic_test import critic_measurement
from gandiag.numerics.classifiers import fit_local


def measure(comparison: Comparison, /, *, rng: np.random.Generator, k: int | None = None) -> Measurement:
    """Measure the held-out advantage of the nearest-neighbour critic.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
    k : int, optional
        Neighbours that vote, at least 1; the root of the training size by default.

    Raises
    ------
    ConfigError
        For ``k`` below 1.
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    if k is not None and k < 1:
        raise ConfigError("`k` must be at least 1", received=k, remedy="Leave it out: the root of the training size.")
    trained = comparison.n // 2 + comparison.m // 2
    used = min(math.isqrt(trained) if k is None else k, trained)
    return critic_measurement(
        comparison, lambda rows, labels: fit_local(rows, labels, used), rng, details={"critic": "neighbours", "k": used}
    )


METRIC = MetricSpec(
    name="c2st_knn",
    title="Classifier test, neighbours",
    summary="How much better than a coin the nearest training samples tell fake from real; 0 is a perfect fake.",
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
    sees="any difference in few dimensions, copies of rows among them",
    blind_to="small differences in many dimensions",
    cost="O((n + m)^2 d + (n + m) B)",
    source="Lopez-Paz & Oquab 2017, Revisiting classifier two-sample tests, section 3",
    default=False,
)
