"""The discriminator tells held-out real rows and fresh samples apart almost always."""

from __future__ import annotations

import math

from scipy.special import betaincinv

from gandiag.monitor.alarm import AlarmSpec, Finding
from gandiag.monitor.alarms._reading import last_values, tracked
from gandiag.monitor.history import History

ACCURACY = 0.9
LEVEL = 1e-3
LOOKS = 2
LOW_LOSS = 0.1 * 2.0 * math.log(2.0)
ROWS = 5


def ask(history: History) -> Finding | None:
    """Bound the held-out accuracy from below at two looks; without a discriminator, read its loss."""
    sides = [last_values(history, f"accuracy/{side}", LOOKS) for side in ("real", "fake")]
    counts = last_values(history, "accuracy.n", LOOKS)
    if all(len(side) == LOOKS for side in (*sides, counts)):
        lows = [_lower(a, n) for side in sides for a, n in zip(side, counts, strict=True)]
        if min(lows) > ACCURACY:
            return Finding(
                sentence=f"it is right on {sides[0][-1]:.1%} of held-out real rows and {sides[1][-1]:.1%} of samples",
                evidence={
                    "accuracy_real": sides[0][-1],
                    "accuracy_fake": sides[1][-1],
                    "lower_bound": min(lows),
                    "n": counts[-1],
                    "value": next(iter(last_values(history, "value", 1)), None),
                },
            )
        return None
    return _by_loss(history)


def _lower(accuracy: float, n: float) -> float:
    """Clopper and Pearson's lower bound of a share."""
    right = round(accuracy * n)
    return float(betaincinv(right, n - right + 1, LEVEL)) if right else 0.0


def _by_loss(history: History) -> Finding | None:
    if history.facts.get("game") != "gan":
        return None
    for name in tracked(history, "loss/", role="d"):
        recent = last_values(history, name, ROWS)
        if len(recent) == ROWS and all(0.0 <= v < LOW_LOSS for v in recent):
            return Finding(
                sentence=f"{name} is below {LOW_LOSS:.2f} for {ROWS} rows, where 1.39 is the value at equilibrium",
                evidence={"name": name, "now": recent[-1]},
            )
    return None


ALARM = AlarmSpec(
    name="discriminator_winning",
    meaning="The discriminator separates held-out real rows from samples almost surely, so its gradient says little.",
    ask=ask,
    after=frozenset({"train", "score"}),
    false_alarms="at most 0.001 per look where either true accuracy is 0.9 or less (Clopper-Pearson bounds on both "
    "sides, at two looks in a row); by the loss alone it is a threshold rule",
    wrong_when="a critic with a gradient penalty, whose gradient stays useful; or at the very beginning",
)
