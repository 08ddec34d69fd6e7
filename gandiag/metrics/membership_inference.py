"""Membership inference: how well an attacker who sees only samples tells who was in the training data.

Members are the training rows, non-members fresh real rows. The attacker scores a row by how near the generated samples
come to it (Hilprecht, Härterich & Bernau 2019, "Monte Carlo and reconstruction membership inference attacks against
generative models"; Chen, Yu, Zhang & Fritz 2020, "GAN-Leaks"), either plainly or relative to the nearest row of a
reference sample, which discounts rows of dense regions (the density ratio of van Breugel, Sun, Qian & van der Schaar
2023, "Membership inference attacks against synthetic data through overfitting detection", with one neighbour each).
The reference is never of training rows: a quarter of the real rows is set aside for it where training rows are all that
was set aside.

The estimate is the attack's advantage ``P(called | member) - P(called | non-member)``. Attack and threshold are chosen
on one half of the rows and judged on the other, so it is honest and its lower confidence bound is exact (Clopper &
Pearson 1934): at least this much is given away. The true positive rate at 1 % false alarms speaks for those who are
given away entirely (Carlini et al. 2022, "Membership inference attacks from first principles").

The null is "training rows and fresh real rows are exchangeable given the samples", *not* "real and fake are equal": a
poor generator that ignores its data passes. It holds when the samples carry nothing about who was in the training set;
training and real rows must come from one law, else their difference alone is found. A score of 0 bounds no other
attacker: "these samples ensure privacy" does not follow from it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval, Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.binomial import advantage_interval, clopper_pearson
from gandiag.numerics.membership import (
    Judged,
    area_interval,
    judged_attacks,
    separations,
    threshold_for_alarms,
)
from gandiag.numerics.nearest import nearest_rows
from gandiag.numerics.scoring import areas_under_curve, midranks

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

LEVEL = 0.95
ATTACKS = ("distance", "relative")
FALSE_ALARMS = 0.01
FEWEST = 4
# One real row in so many is set aside for the reference sample where nothing else is.
REFERENCE_PART = 4
MOST_MEMBERS = 10_000


def attack_scores(rows: Matrix, fake: Matrix, reference: Matrix) -> Matrix:
    """Score rows as the attackers do, higher for likelier members.

    Parameters
    ----------
    rows : ndarray, shape (N, d)
        Whose membership is asked.
    fake : ndarray, shape (m, d)
        The samples that the attacker sees.
    reference : ndarray, shape (l, d)
        Rows of the population that the attacker has, none of them members.

    Returns
    -------
    ndarray, shape (2, N)
        Minus the distance to the nearest sample, and ``(r - s) / (r + s)`` of the distances s to the nearest sample
        and r to the nearest reference row: from -1 to 1, rising in the ratio r / s.

    Examples
    --------
    >>> import numpy as np
    >>> attack_scores(np.array([[0.0], [2.0]]), np.array([[0.0]]), np.array([[1.0]])).round(3).tolist()
    [[-0.0, -2.0], [1.0, -0.333]]
    """
    to_fake = nearest_rows(rows, fake)[0][:, 0]
    to_reference = nearest_rows(rows, reference)[0][:, 0]
    both = to_fake + to_reference
    relative = np.divide(to_reference - to_fake, both, out=np.zeros_like(both), where=both > 0)
    return np.stack([-to_fake, relative])


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the held-out advantage of the better attack, with its bound and the permutation test of membership."""
    members = comparison.train
    if members is None or len(members) < FEWEST:
        given = "no training rows were given" if members is None else f"{len(members)} training rows are too few"
        return Measurement(estimate=None, status="undefined", reasons={"estimate": given})
    others, reference = _others_and_reference(comparison, members, rng)
    if len(members) > MOST_MEMBERS:
        members = members[np.sort(rng.choice(len(members), size=MOST_MEMBERS, replace=False))]
    labels = np.arange(len(members) + len(others)) < len(members)
    choosing = np.concatenate([_half(len(members), rng), _half(len(others), rng)])
    scores = attack_scores(np.concatenate([members, others]), comparison.fake, reference)

    def statistic(columns: Labels) -> Matrix:
        plain = judged_attacks(scores, choosing, columns).advantage
        return np.stack([np.maximum(plain, 0.0), separations(scores, columns)])

    found = judged_attacks(scores, choosing, labels[:, None])
    hits, tested, alarms, spared = (int(x[0]) for x in (found.hits, found.members, found.alarms, found.others))
    plain = float(found.advantage[0])

    def bounds(level: float) -> tuple[float, None]:
        return max(0.0, advantage_interval(hits, tested, alarms, spared, level=level, sided="lower")[0]), None

    return Measurement(
        estimate=max(0.0, plain),
        # Halves keep their numbers of members, so that both rates exist under every relabelling.
        null=Relabelling(observed=labels, statistic=statistic, strata=choosing.astype(np.int64)),
        interval=Interval.of(bounds, level=LEVEL, method="Clopper-Pearson", sided="lower"),
        reasons={"e_value": "not a sequential test"},
        details={
            "attack": ATTACKS[int(found.attack[0])],
            "plain_advantage": plain,
            "true_positive_rate": hits / tested,
            "false_positive_rate": alarms / spared,
            **_at_few_alarms(scores[int(found.attack[0])], choosing, labels),
            **_areas(scores, labels),
            "n_members": len(members),
            "n_others": len(others),
            "n_reference": len(reference),
        },
        arrays={"scores": scores, "is_member": labels, "thresholds": _thresholds(found)},
    )


def _others_and_reference(comparison: Comparison, members: Matrix, rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Split the rows that are no members into those whose membership is asked and the attacker's reference.

    Where the rows set aside are the training rows themselves they cannot be the reference: every member would stand at
    distance 0 from it. Real rows are then set aside for it.
    """
    if not np.array_equal(comparison.fit, members):
        return comparison.real, comparison.fit
    aside = np.zeros(comparison.n, dtype=bool)
    aside[rng.permutation(comparison.n)[: max(1, comparison.n // REFERENCE_PART)]] = True
    return comparison.real[~aside], comparison.real[aside]


def _half(n: int, rng: np.random.Generator) -> Labels:
    chosen = np.zeros(n, dtype=bool)
    chosen[rng.permutation(n)[: n // 2]] = True
    return chosen


def _at_few_alarms(scores: Vector, choosing: Labels, labels: Labels) -> dict[str, Any]:
    """Judge the attack that calls at most one non-member in a hundred, its threshold set on the choosing half."""
    threshold = threshold_for_alarms(scores[choosing], labels[choosing], FALSE_ALARMS)
    called, member = scores[~choosing] > threshold, labels[~choosing]
    hits, alarms = int(called[member].sum()), int(called[~member].sum())
    tested, others = int(member.sum()), int((~member).sum())
    low, high = clopper_pearson(hits, tested, level=LEVEL)
    alarm_low, alarm_high = clopper_pearson(alarms, others, level=LEVEL)
    return {
        "tpr_at_one_percent": hits / tested,
        "tpr_at_one_percent_low": low,
        "tpr_at_one_percent_high": high,
        "alarms_at_one_percent": alarms / others,
        "alarms_at_one_percent_low": alarm_low,
        "alarms_at_one_percent_high": alarm_high,
    }


def _areas(scores: Matrix, labels: Labels) -> dict[str, float]:
    n, m = int(labels.sum()), int((~labels).sum())
    out: dict[str, float] = {}
    for name, row in zip(ATTACKS, scores, strict=True):
        area = float(areas_under_curve(midranks(row), labels))
        low, high = area_interval(area, n, m, level=LEVEL)
        out |= {f"auc_{name}": area, f"auc_{name}_low": low, f"auc_{name}_high": high}
    return out


def _thresholds(found: Judged) -> Vector:
    """Give the threshold of the chosen attack, empty where calling nobody was best."""
    kept: Vector = found.threshold[found.threshold < np.finfo(float).max]
    return kept


METRIC = MetricSpec(
    name="membership_inference",
    title="Membership inference",
    summary="How much better than chance an attacker who sees only the samples tells training rows from fresh ones.",
    measure=measure,
    kind="lower_bound",
    direction="lower",
    unit="probability",
    low=0.0,
    high=1.0,
    family="memorisation",
    topic="memorisation",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=FEWEST,
    min_fake=2,
    most_rows=5000,
    sees="training rows to which the samples come closer than to fresh rows: copies, near copies, overfitting",
    blind_to="what attackers with the model, its gradients or its training script find; poor samples",
    cost="O((n + t) (m + l) d + (n + t) B) for t training rows and l rows set aside",
    source="Chen et al. 2020, GAN-Leaks; van Breugel et al. 2023 (density ratio); Carlini et al. 2022 (few alarms)",
    needs=frozenset({"train"}),
    default=False,
)
