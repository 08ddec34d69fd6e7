"""A loss, a gradient or a sample that is not a number."""

from __future__ import annotations

from gandiag.monitor.alarm import AlarmSpec, Finding
from gandiag.monitor.alarms._reading import listed
from gandiag.monitor.history import History


def ask(history: History) -> Finding | None:
    """Look at the last row."""
    bad = history.rows[-1].get("nonfinite") if history.rows else None
    if not bad:
        return None
    first = min(bad.values())
    return Finding(
        sentence=f"{listed(sorted(bad))} first held NaN or infinity at step {first}",
        evidence={"first_step": first, "names": sorted(bad)},
    )


ALARM = AlarmSpec(
    name="nan",
    meaning="A loss, a gradient or a sample is NaN or infinite: the weights are lost or about to be.",
    ask=ask,
    after=frozenset({"train", "score", "event"}),
    false_alarms="none: it reads the numbers themselves",
    wrong_when="a loss scaler for half precision skips such steps on purpose (its first steps often overflow)",
)
