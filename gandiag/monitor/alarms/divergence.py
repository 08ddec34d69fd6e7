"""Losses or gradients that grow a hundredfold and stay there, or scores that leave all that was reached."""

from __future__ import annotations

import numpy as np

from gandiag.core.specs import METRICS
from gandiag.monitor.alarm import AlarmSpec, Finding
from gandiag.monitor.alarms._reading import median, split, tracked
from gandiag.monitor.history import History

FACTOR = 100.0
RECENT = 3
BEFORE = 8
SCORE_FACTOR = 10.0


def ask(history: History) -> Finding | None:
    """Compare the last three rows with the median of all before them."""
    for prefix in ("loss/", "gradient/"):
        for name in tracked(history, prefix):
            parts = split(history, name, RECENT, fewest=BEFORE)
            if parts is None:
                continue
            usual, recent = median([abs(v) for v in parts[0]]), np.abs(parts[1])
            if usual > 0.0 and bool((recent > FACTOR * usual).all()):
                return Finding(
                    sentence=f"{name} has been over {FACTOR:g} times its usual size for {RECENT} rows",
                    evidence={"name": name, "now": float(recent[-1]), "usual": usual},
                )
    return _of_scores(history)


def _of_scores(history: History) -> Finding | None:
    """Ask whether a distance has gone tenfold beyond its best, in excess of its floor, at three looks in a row."""
    for name in tracked(history, "score/"):
        spec = METRICS.get(name.removeprefix("score/"))
        if spec.direction != "lower" or spec.family != "distribution":
            continue  # shares (of duplicates, say) are no distances
        floors = {step: v for step, v in history.series(f"{name}.floor")}
        noise = [v for _, v in history.series(f"{name}.floor_sd")]
        excess = [value - floors[step] for step, value in history.series(name) if step in floors]
        if len(excess) < RECENT + 2 or not noise:
            continue
        # Three standard deviations stand for "at the floor": ten times almost nothing is still nothing.
        best = max(min(excess[:-RECENT]), 3.0 * median(noise))
        if best > 0.0 and min(excess[-RECENT:]) > SCORE_FACTOR * best:
            return Finding(
                sentence=f"{name} lies over {SCORE_FACTOR:g} times as far above its floor as at its best",
                evidence={"name": name, "excess": excess[-1], "best_excess": best},
            )
    return None


ALARM = AlarmSpec(
    name="divergence",
    meaning="Training has left the region where it worked: losses or gradients exploded, or the samples got far worse.",
    ask=ask,
    after=frozenset({"train", "score"}),
    false_alarms="a threshold rule (100 times the usual size in 3 rows), no test: none in stationary series, whose "
    "rows would have to exceed 100 medians three times in a row",
    wrong_when="a loss is switched on or rescaled during training (warm-up of a weight, a new penalty)",
)
