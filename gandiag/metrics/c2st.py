"""Classifier two-sample test: how much better than a coin a critic tells held-out fake rows from real ones.

The estimate is the critic's advantage ``P(says real | real) - P(says real | fake)`` on rows that it never saw, which is
``2 accuracy - 1`` for equal sizes and a lower bound on the total variation of both laws for any (Lopez-Paz & Oquab
2017, "Revisiting classifier two-sample tests", section 3). The test uses the area under the ROC curve of the same
scores: it needs no threshold, holds for unequal sizes, and is the more powerful of the two.

It sees what a linear, a quadratic or a nearest-neighbour critic sees. A small advantage is no evidence of a good
generator: it says that these critics found nothing, with this many rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval, Measurement, Relabelling, Result
from gandiag.core.specs import GateTest, MetricSpec
from gandiag.metrics._critic_test import roc_numbers
from gandiag.metrics._shared_critics import shared_critics
from gandiag.numerics.binomial import advantage_interval, auc_to_total_variation, fisher_p
from gandiag.numerics.critics import HeldOut
from gandiag.numerics.planning import smallest_advantage
from gandiag.numerics.scoring import advantages, areas_under_curve, information, midranks, roc_curve
from gandiag.numerics.telltales import LEAK_AREA, column_importance, format_traits

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

LEVEL = 0.95
_TELLING = 8
_LISTED_COLUMNS = 5
# Rows of which all must be told apart before perfection is called suspicious.
_SUSPICIOUS_ROWS = 20


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the advantage of the chosen held-out critic, with its permutation null and what gave the fakes away.

    Raises
    ------
    TooFewSamplesError
        For fewer than 8 rows of either side.
    """
    held = shared_critics(comparison)
    says_real, ranks = held.critic.says_real, midranks(held.critic.scores)
    hits, real, alarms, fake = _counts(says_real, held.labels)
    area = float(areas_under_curve(ranks, held.labels))
    rows = np.concatenate([comparison.real[held.real_rows], comparison.fake[held.fake_rows]])
    traits = format_traits(comparison.real, comparison.fake)
    return Measurement(
        estimate=hits / real - alarms / fake,
        null=Relabelling(observed=held.labels, statistic=_statistic(says_real, ranks)),
        interval=Interval.of(
            lambda level: advantage_interval(hits, real, alarms, fake, level=level),
            level=LEVEL,
            method=_interval_method(real == fake),
        ),
        reasons={"e_value": "not a sequential test"},
        warnings=_warnings(traits, area, real + fake),
        details={
            **_verdict(held, area),
            "gave_it_away": _columns(held, rows, rng),
            "format_leak": dict(traits),
        },
        arrays=_arrays(held, rows),
    )


def _statistic(says_real: Matrix, ranks: Matrix) -> Callable[[Labels], Matrix]:
    def advantage_and_area(labels: Labels) -> Matrix:
        return np.stack([advantages(says_real, labels), areas_under_curve(ranks, labels)])

    return advantage_and_area


def _counts(says_real: Matrix, labels: Labels) -> tuple[int, int, int, int]:
    real = int(labels.sum())
    return int(says_real[labels].sum()), real, int(says_real[~labels].sum()), len(labels) - real


def _verdict(held: HeldOut, area: float) -> dict[str, Any]:
    hits, real, alarms, fake = _counts(held.critic.says_real, held.labels)
    return {
        "critic": held.chosen,
        "accuracy": (1.0 + hits / real - alarms / fake) / 2.0,
        "auc": area,
        "total_variation_from_auc": auc_to_total_variation(area),
        "fisher_p": fisher_p(hits, real, alarms, fake),
        "n_test": real + fake,
        "n_test_real": real,
        "n_test_fake": fake,
        **roc_numbers(hits, real, alarms, fake),
        "majority_rate": max(real, fake) / (real + fake),
        "critics": _judgements(held),
        "converged": all(getattr(critic.fitted, "converged", True) for critic in held.critics.values()),
    }


def _interval_method(equal: bool) -> str:
    return "Clopper-Pearson, critic held fixed" if equal else "Clopper-Pearson of both rates, critic held fixed"


def _judgements(held: HeldOut) -> dict[str, dict[str, float]]:
    observed = held.labels[:, None]
    return {
        name: {
            "auc": float(areas_under_curve(midranks(critic.scores), held.labels)),
            "advantage": float(advantages(critic.says_real, observed)[0]),
            "loss": float(np.log(2.0) - information(critic.probabilities, observed)[0]),
            "inner_loss": critic.inner_loss,
        }
        for name, critic in held.critics.items()
    }


def _columns(held: HeldOut, rows: Matrix, rng: np.random.Generator) -> list[dict[str, Any]]:
    """List the most important columns, each with a p-value that holds for all of them together."""
    found = column_importance(held.critic.fitted, rows, held.labels, rng=rng)
    return [
        {
            "column": int(found.columns[i]),
            "importance": float(found.importance[i]),
            "p_value": float(found.p_values[i]),
            "above_noise": bool(found.p_values[i] <= 1.0 - LEVEL),
        }
        for i in range(min(_LISTED_COLUMNS, len(found.columns)))
    ]


def _warnings(traits: Mapping[str, float], area: float, tested: int) -> tuple[str, ...]:
    found = []
    leaks = [name.replace("_", " ") for name, value in traits.items() if value > LEAK_AREA]
    if leaks:
        found.append(
            f"format leak: real and fake differ in how values are written ({', '.join(leaks)}); give both sides the "
            "same type, rounding and clipping before reading the score"
        )
    elif area == 1.0 and tested >= _SUSPICIOUS_ROWS:
        found.append("every held-out row is told apart: look for a difference of format before one of quality")
    return tuple(found)


def _arrays(held: HeldOut, rows: Matrix) -> dict[str, NDArray[Any]]:
    """Keep scores and the rows that the critic is surest of, most telling first."""
    scores, n = held.critic.scores, len(held.real_rows)
    real = np.argsort(-scores[:n], kind="stable")[:_TELLING]
    fake = np.argsort(scores[n:], kind="stable")[:_TELLING]
    return {
        "scores": scores,
        "probabilities": held.critic.probabilities,
        "labels": held.labels,
        "roc": np.stack(roc_curve(scores, held.labels)),
        "telling_real": held.real_rows[real],
        "telling_fake": held.fake_rows[fake],
        "telling_real_rows": rows[:n][real],
        "telling_fake_rows": rows[n:][fake],
    }


def _smallest(result: Result, level: float, power: float) -> float:
    """Ask what advantage moves the area far enough: the test is that of the area."""
    real, fake = int(result.details["n_test_real"]), int(result.details["n_test_fake"])
    return smallest_advantage(real, fake, level=level, power=power)


METRIC = MetricSpec(
    name="c2st",
    title="Classifier two-sample test",
    summary="How much better than a coin a critic tells held-out fake samples from real ones; 0 is a perfect fake.",
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
    sees="every difference that a linear, a quadratic or a nearest-neighbour critic can learn, in plain units",
    blind_to="what no linear, quadratic or nearest-neighbour critic learns from half of the rows",
    cost="O((n + m)^2 d + (n + m) B)",
    source="Lopez-Paz & Oquab 2017, Revisiting classifier two-sample tests, section 3",
    gate={"p": GateTest(margin=0.2, effect="a critic's advantage of {}", smallest=_smallest)},
)
