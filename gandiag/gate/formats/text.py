"""Plain text, for terminals and logs: the outcome, a row per condition, and how alpha was spent."""

from __future__ import annotations

from collections.abc import Sequence

from gandiag.core.verdict import Judgement, Verdict
from gandiag.gate.formats._spec import FormatSpec, safe, title, told_error

_MARKS = {"pass": "+", "fail": "x", "inconclusive": "?", "error": "!"}


def render(verdicts: Sequence[Verdict]) -> str:
    """Write verdicts one below the other."""
    return "\n\n".join(_verdict(verdict) for verdict in verdicts) + "\n"


def _verdict(verdict: Verdict) -> str:
    lines = [f"{verdict.outcome.upper()}  {title(verdict)}"]
    if verdict.error is not None:
        return "\n".join((*lines, f"  no verdict was reached: {told_error(verdict)}"))
    for judgement in verdict.judgements:
        # GitHub reads a line that begins with two colons as a command, wherever it comes from.
        said = safe(judgement.says).replace("::", ": :")
        lines.append(f"  {_MARKS[judgement.outcome]} {judgement.outcome:<12}  {safe(judgement.condition)}")
        lines.append(f"      {said}{_evidence(judgement)}")
    lines.append(f"  {verdict.spent}")
    if verdict.ended:
        lines.append(f"  {safe(verdict.ended)}")
    lines += [f"  warning: {safe(warning)}" for warning in verdict.warnings]
    if verdict.outcome == "inconclusive":
        lines.append("  inconclusive counts as " + ("failed: strict" if verdict.strict else "passed: not strict"))
    return "\n".join(lines)


def _evidence(judgement: Judgement) -> str:
    return {"bound": " [passed by a bound]", "power": " [passed by power]"}.get(judgement.by or "", "")


FORMAT = FormatSpec(name="text", summary="Plain text for terminals and logs.", suffix=".txt", render=render)
