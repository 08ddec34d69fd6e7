"""The encoder says nothing: latent dimensions equal their prior for every input."""

from __future__ import annotations

from gandiag.monitor.alarm import AlarmSpec, Finding
from gandiag.monitor.alarms._reading import MEMORY, last_values
from gandiag.monitor.history import History

FEW = 0.1
ROWS = 5


def ask(history: History) -> Finding | None:
    """Read the share of active units in the last five rows, and the most in the last 500."""
    recent = last_values(history, "latent/active_share", ROWS)
    if len(recent) < ROWS:
        return None
    most = max(last_values(history, "latent/active_share", MEMORY))
    units = last_values(history, "latent/active", 1)
    if max(recent) <= FEW or max(recent) < 0.5 * most:
        return Finding(
            sentence=f"{units[-1]:.0f} latent dimensions are active ({recent[-1]:.0%}), for {ROWS} rows; "
            f"the most so far was {most:.0%}",
            evidence={
                "active": units[-1],
                "active_share": recent[-1],
                "most": most,
                "kl": next(iter(last_values(history, "latent/kl", 1)), None),
            },
        )
    return None


ALARM = AlarmSpec(
    name="posterior_collapse",
    meaning="Most latent dimensions carry nothing about the input: the decoder has learnt to do without them.",
    ask=ask,
    after=frozenset({"train"}),
    false_alarms="a threshold rule (a tenth or less active, or half of what was, in 5 rows), no test; a batch of n "
    "rows measures the variance of a mean with a relative error of sqrt(2/n)",
    wrong_when="the data need few dimensions: in a linear model those with less variance than the noise are off",
)
