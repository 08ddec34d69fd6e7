"""Classifier two-sample test by boosted trees: how much better than a coin an ensemble of trees tells fake rows.

Forty trees grown on histograms of the columns (scikit-learn's) learn on one half of each side and are judged on the
other half. The estimate is the advantage ``P(says real | real) - P(says real |
fake)``, a lower bound on total variation in the mean (Lopez-Paz & Oquab 2017, "Revisiting classifier two-sample tests",
section 3); the test permutes labels of the held-out half under the area of its ROC curve.

The strongest general critic of tables and of embedded features: it needs no scaling of the columns, sees scale, shape
and how columns go together, and ignores columns that say nothing. It is weak where the difference is spread thinly over
very many columns, and on raw pixels.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.core.specs import MetricSpec
from gandiag.metrics._critic_test import critic_measurement
from gandiag.numerics.classifiers import fit_trees


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the held-out advantage of boosted trees.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    return critic_measurement(
        comparison, lambda rows, labels: fit_trees(rows, labels, rng), rng, details={"critic": "trees"}
    )


METRIC = MetricSpec(
    name="c2st_trees",
    title="Classifier test, trees",
    summary="How much better than a coin boosted trees tell held-out fake samples from real ones; 0 is a perfect fake.",
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
    sees="scale, shape and joint structure of any columns, without a choice of units",
    blind_to="differences spread thinly over very many columns, and patterns of raw pixels",
    cost="O((n + m) d) per tree, 40 trees",
    source="Lopez-Paz & Oquab 2017, section 3; trees of sklearn.ensemble.HistGradientBoostingClassifier",
    default=False,
)
