"""Markdown: a table that GitHub and GitLab render, in comments and job summaries."""

from __future__ import annotations

import html
from collections.abc import Sequence

from gandiag.core.verdict import Judgement, Verdict
from gandiag.core.wording import short_p
from gandiag.gate.formats._spec import FormatSpec, safe, title, told_error

_SPECIAL = "\\`*_{}[]()#+-.!|~$:"
# GitHub and GitLab look for people in the text that they rendered: no escape is left there, but an empty comment is.
_NOBODY = "@<!-- -->"


def render(verdicts: Sequence[Verdict]) -> str:
    """Write verdicts as one section each."""
    return "\n\n".join(_verdict(verdict) for verdict in verdicts) + "\n"


def _verdict(verdict: Verdict) -> str:
    lines = [f"### {verdict.outcome}: {escaped(title(verdict))}", ""]
    if verdict.error is not None:
        return "\n".join((*lines, f"No verdict was reached: {escaped(told_error(verdict))}"))
    lines += ["| outcome | condition | what was seen | p | adjusted p |", "|---|---|---|---|---|"]
    lines += [_row(judgement) for judgement in verdict.judgements]
    lines += ["", escaped(verdict.spent)]
    if verdict.ended:
        lines += ["", escaped(verdict.ended)]
    lines += [f"\n- warning: {escaped(warning)}" for warning in verdict.warnings]
    return "\n".join(lines)


def _row(judgement: Judgement) -> str:
    by = f" (by {judgement.by})" if judgement.by else ""
    p, adjusted = ("" if v is None else short_p(v) for v in (judgement.p_value, judgement.adjusted))
    return (
        f"| {judgement.outcome}{by} | {escaped(judgement.condition)} | {escaped(judgement.says)} | {p} | {adjusted} |"
    )


def escaped(text: object) -> str:
    """Make text stand as it is in Markdown: no markup, no HTML, no end of a cell."""
    clean = html.escape(safe(text), quote=False)
    return "".join(f"\\{c}" if c in _SPECIAL else _NOBODY if c == "@" else c for c in clean)


FORMAT = FormatSpec(name="markdown", summary="A table for comments and job summaries.", suffix=".md", render=render)
