"""OpenMetrics text, as GitLab's metrics reports read it: numbers that a merge request compares with its target.

An outcome is a number: 0 pass, 1 inconclusive, 2 fail, 3 error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gandiag.core.verdict import Judgement, Verdict
from gandiag.gate.formats._spec import FormatSpec, safe

OUTCOMES = {"pass": 0, "inconclusive": 1, "fail": 2, "error": 3}
_CONDITION: dict[str, tuple[str, Callable[[Judgement], float | None]]] = {
    "gandiag_condition_outcome": ("0 pass, 1 inconclusive, 2 fail, 3 error", lambda j: OUTCOMES[j.outcome]),
    "gandiag_condition_observed": ("what was measured", lambda j: j.observed),
    "gandiag_condition_p_value": ("evidence against the condition", lambda j: j.p_value),
    "gandiag_condition_adjusted_p_value": ("the same by Holm's rule over the gate", lambda j: j.adjusted),
    "gandiag_condition_smallest_effect": ("what is seen with power 0.95", lambda j: j.smallest),
}


def render(verdicts: Sequence[Verdict]) -> str:
    """Write verdicts as gauges."""
    lines = ["# HELP gandiag_gate_outcome 0 pass, 1 inconclusive, 2 fail, 3 error", "# TYPE gandiag_gate_outcome gauge"]
    lines += [f"gandiag_gate_outcome{{{_labels(v, i)}}} {OUTCOMES[v.outcome]}" for i, v in enumerate(verdicts)]
    for name, (told, read) in _CONDITION.items():
        lines += [f"# HELP {name} {told}", f"# TYPE {name} gauge"]
        for i, verdict in enumerate(verdicts):
            for judgement in verdict.judgements:
                value = read(judgement)
                if value is not None:
                    label = f'{_labels(verdict, i)},condition="{_escaped(judgement.condition)}"'
                    lines.append(f"{name}{{{label}}} {value:.10g}")
    return "\n".join((*lines, "# EOF")) + "\n"


def _labels(verdict: Verdict, index: int) -> str:
    # Label sets must differ, also where two gates have no name and one sampler.
    return f'gate="{_escaped(verdict.gate or index)}",fake="{_escaped(verdict.fake)}"'


def _escaped(value: object) -> str:
    # GitLab's reader takes everything behind a hash for a comment, even within quotes.
    return safe(value).replace("#", "").replace("\\", "\\\\").replace('"', '\\"')


FORMAT = FormatSpec(name="openmetrics", summary="Gauges, for GitLab's metrics report.", suffix=".txt", render=render)
