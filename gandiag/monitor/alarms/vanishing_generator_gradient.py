"""The generator's gradient has all but gone: the discriminator no longer tells it where to go."""

from __future__ import annotations

from gandiag.monitor.alarm import AlarmSpec, Finding
from gandiag.monitor.alarms._reading import last_values, median, split, tracked
from gandiag.monitor.history import History

SHARE = 0.01
NOTHING = 1e-8
RECENT = 3
BEFORE = 8


def ask(history: History) -> Finding | None:
    """Compare the generator's gradient norm in the last three rows with the median of all before them."""
    for name in tracked(history, "gradient/", role="g"):
        recent = last_values(history, name, RECENT)
        if len(recent) == RECENT and max(recent) < NOTHING:
            return Finding(
                sentence=f"{name} is practically 0 (at most {max(recent):.2g}) for {RECENT} rows",
                evidence={"name": name, "now": recent[-1]},
            )
        parts = split(history, name, RECENT, fewest=BEFORE)
        if parts is None:
            continue
        usual, most = median(parts[0]), max(parts[1])
        if most < SHARE * usual:
            return Finding(
                sentence=f"{name} is below {SHARE:.0%} of its usual size for {RECENT} rows",
                evidence={"name": name, "now": parts[1][-1], "usual": usual, "ratio": most / usual},
            )
    return None


ALARM = AlarmSpec(
    name="vanishing_generator_gradient",
    meaning="The generator receives almost no gradient, as with the saturating loss when the discriminator wins.",
    ask=ask,
    after=frozenset({"train"}),
    false_alarms="a threshold rule (1 % of the median in 3 rows), no test: none in stationary series of positive norms "
    "that vary less than a hundredfold",
    wrong_when="a model of its own objective has converged (a VAE's decoder, a flow), or the loss was scaled down",
)
