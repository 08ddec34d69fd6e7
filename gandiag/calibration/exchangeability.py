"""Whether a permutation test is exact by construction: a certificate in milliseconds, where a simulation takes minutes.

A permutation p-value is exact when the statistic under a labelling is what the metric would have measured had the rows
come with those labels. That is checked outright: the pooled rows are dealt out anew, the metric measures the new
sides from scratch, and the answer must be what the null said of that labelling. Whatever was fitted on the real rows
alone, or on real against fake, breaks the equality at once. A metric that learns on one half and permutes the other is
exact too, but shows it only in a simulation.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gandiag.calibration.inputs import suited
from gandiag.calibration.null_simulation import ready
from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling
from gandiag.core.specs import MetricSpec

LABELLINGS = 3


def is_exact(spec: MetricSpec, pair: Comparison, *, labellings: int = LABELLINGS, seed: int = 0) -> bool | None:
    """Tell whether a metric's null says of other labellings what the metric itself measures under them.

    Parameters
    ----------
    spec : MetricSpec
    pair : Comparison
        Of plain vectors; it is brought to the form that the metric needs.
    labellings : int
        How many random ones are tried.
    seed : int
        Of the labellings; the metric draws from one and the same stream each time.

    Returns
    -------
    bool or None
        None where the question does not arise: no permutation null, one over groups, strata or part of the rows, or an
        undefined result.
    """
    spec, pair = ready(spec), suited(spec, pair)
    null = spec.measure(pair, rng=np.random.default_rng(seed)).null
    if not isinstance(null, Relabelling) or null.groups is not None or null.strata is not None:
        return None
    if not np.array_equal(null.observed, pair.pooled()[1]):
        return None
    rng = np.random.default_rng(seed)
    labels = np.stack([rng.permutation(null.observed) for _ in range(labellings)], axis=1)
    said = np.atleast_2d(null.statistic(labels))
    for column, values in zip(labels.T, said.T, strict=True):
        found = spec.measure(dealt(pair, column), rng=np.random.default_rng(seed))
        if not isinstance(found.null, Relabelling) or found.estimate is None:
            return False
        tested = np.atleast_2d(found.null.statistic(found.null.observed[:, None]))[-1, 0]
        if not np.allclose([found.estimate, tested], [values[0], values[-1]], rtol=1e-6, atol=1e-9):
            return False
    return True


def dealt(pair: Comparison, labels: NDArray[np.bool_]) -> Comparison:
    """Deal the pooled rows, with their classes, out to the sides anew: those with True are real."""
    pool = pair.pooled()[0]
    classes = None
    if pair.real_labels is not None and pair.fake_labels is not None:
        classes = np.concatenate([pair.real_labels, pair.fake_labels])
    return replace(
        pair,
        real=pool[labels],
        fake=pool[~labels],
        real_labels=None if classes is None else classes[labels],
        fake_labels=None if classes is None else classes[~labels],
        outside=None if pair.outside is None else np.zeros(int((~labels).sum()), dtype=bool),
        _shared={},
    )
