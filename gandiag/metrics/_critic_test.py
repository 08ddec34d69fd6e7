"""One critic, trained on a stratified half and judged on the other: what all classifier tests have in common.

The reported estimate is the critic's advantage, the tested statistic its area under the ROC curve. Labels are permuted
on the held-out half only: the critic is fixed by then, and never fitted again. No p-value comes from cross-validation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval, Measurement, Relabelling
from gandiag.numerics.binomial import advantage_interval, auc_to_total_variation, fisher_p
from gandiag.numerics.critics import split_halves
from gandiag.numerics.scoring import advantages, areas_under_curve, guessing_band, midranks, roc_curve

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

LEVEL = 0.95
_TELLING = 8


Arrays = Mapping[str, NDArray[Any]]


class Scorer(Protocol):
    """A fitted, frozen critic."""

    def scores(self, rows: Matrix) -> Vector:
        """Give the log odds of "real" at equal priors, shape (len(rows),)."""
        ...


Critic = TypeVar("Critic", bound=Scorer)


def no_evidence(critic: Scorer, real: Matrix, fake: Matrix) -> Arrays:
    """Say nothing of what a critic went by."""
    return {}


def critic_measurement(
    comparison: Comparison,
    fit: Callable[[Matrix, Labels], Critic],
    rng: np.random.Generator,
    *,
    details: Mapping[str, Any],
    evidence: Callable[[Critic, Matrix, Matrix], Arrays] = no_evidence,
) -> Measurement:
    """Train one critic on half of each side, and measure its advantage on the other half.

    Parameters
    ----------
    comparison : Comparison
    fit : callable
        ``(rows, labels) -> critic``; sees the training half alone.
    rng : numpy.random.Generator
        Draws the split.
    details : mapping
        What else the result tells.
    evidence : callable
        ``(critic, held-out real rows, held-out fake rows) -> arrays`` that figures show.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    cut = split_halves(comparison.real, comparison.fake, rng)
    critic = fit(cut.rows, cut.labels)
    scores = critic.scores(cut.test)
    says_real, ranks = (scores > 0.0).astype(np.float64), midranks(scores)
    real, fake = len(cut.real_rows), len(cut.fake_rows)
    hits, alarms = int(says_real[cut.test_labels].sum()), int(says_real[~cut.test_labels].sum())
    area = float(areas_under_curve(ranks, cut.test_labels))

    def statistic(labels: Labels) -> Matrix:
        return np.stack([advantages(says_real, labels), areas_under_curve(ranks, labels)])

    return Measurement(
        estimate=hits / real - alarms / fake,
        null=Relabelling(observed=cut.test_labels, statistic=statistic),
        interval=Interval.of(
            lambda level: advantage_interval(hits, real, alarms, fake, level=level),
            level=LEVEL,
            method=_method(real == fake),
        ),
        reasons={"e_value": "not a sequential test"},
        details={
            "accuracy": (1.0 + hits / real - alarms / fake) / 2.0,
            "auc": area,
            "total_variation_from_auc": auc_to_total_variation(area),
            "fisher_p": fisher_p(hits, real, alarms, fake),
            "n_test_real": real,
            "n_test_fake": fake,
            **roc_numbers(hits, real, alarms, fake),
            **details,
        },
        arrays={
            "scores": scores,
            "labels": cut.test_labels,
            "roc": np.stack(roc_curve(scores, cut.test_labels)),
            "telling_real": cut.real_rows[np.argsort(-scores[:real], kind="stable")[:_TELLING]],
            "telling_fake": cut.fake_rows[np.argsort(scores[real:], kind="stable")[:_TELLING]],
            **evidence(critic, cut.test[:real], cut.test[real:]),
        },
    )


def roc_numbers(hits: int, real: int, alarms: int, fake: int) -> dict[str, float]:
    """Give the point of the ROC curve at which a critic decides, and how far guessing strays from the diagonal."""
    return {
        "hit_rate": hits / real,
        "alarm_rate": alarms / fake,
        "guessing_band": guessing_band(real, fake, LEVEL),
        "guessing_band_level": LEVEL,
    }


def _method(equal: bool) -> str:
    return "Clopper-Pearson, critic held fixed" if equal else "Clopper-Pearson of both rates, critic held fixed"
