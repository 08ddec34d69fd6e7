"""GitHub annotations: workflow commands on stdout, and the summary of the job.

A step may show ten annotations of a level; of more, the last one says how many there are. Data escape ``%``, CR and LF,
properties also ``:`` and ``,``, as the toolkit of GitHub's actions does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gandiag.core.verdict import Verdict
from gandiag.gate.formats import markdown, text
from gandiag.gate.formats._spec import FormatSpec, is_open, safe, title, told_error

MOST_SHOWN = 10
# The runner cuts longer messages, and refuses a larger summary as a whole.
MOST_CHARACTERS, MOST_SUMMARY = 4000, 1024 * 1024
_CUT = "\n\n_The rest is left out: a summary holds one MiB._\n"


def render(verdicts: Sequence[Verdict]) -> str:
    """Write the text for the log, and below it one annotation per condition that did not pass."""
    found: dict[str, list[str]] = {"error": [], "warning": []}
    for verdict in verdicts:
        for level, name, message in _messages(verdict):
            found[level].append(command(level, message, title=name))
    lines = [line for level, all_of_it in found.items() for line in _shown(level, all_of_it)]
    return text.render(verdicts) + "".join(f"{line}\n" for line in lines)


def _messages(verdict: Verdict) -> list[tuple[str, str, str]]:
    """List level, title and message of what is to be pointed at."""
    if verdict.error is not None:
        return [("error", f"gandiag could not judge {title(verdict)}", told_error(verdict))]
    out = []
    for judgement in verdict.judgements:
        if judgement.outcome == "pass":
            continue
        grave = judgement.outcome in ("fail", "error") or is_open(verdict, judgement)
        name = f"{judgement.outcome}: {safe(judgement.condition, longest=200)} ({title(verdict)})"
        out.append(("error" if grave else "warning", name, safe(judgement.says)))
    return out


def _shown(level: str, commands: list[str]) -> list[str]:
    if len(commands) <= MOST_SHOWN:
        return commands
    more = len(commands) - MOST_SHOWN + 1
    return [*commands[: MOST_SHOWN - 1], command(level, f"and {more} more: see the log", title="gandiag")]


def command(level: str, message: str, *, title: str) -> str:
    """Write one workflow command.

    Examples
    --------
    >>> command("error", "100 % wrong", title="a: b, c")
    '::error title=a%3A b%2C c::100 %25 wrong'
    """
    cut = message if len(message) <= MOST_CHARACTERS else f"{message[:MOST_CHARACTERS]}…"
    return f"::{level} title={_data(title).replace(':', '%3A').replace(',', '%2C')}::{_data(cut)}"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def add_summary(verdicts: Sequence[Verdict], environment: Mapping[str, str]) -> None:
    """Add the tables to the summary of the job, where there is one: as much of them as it holds."""
    place = environment.get("GITHUB_STEP_SUMMARY")
    if not place:
        return
    path = Path(place)
    taken = path.stat().st_size if path.exists() else 0
    data = fitted(markdown.render(verdicts), MOST_SUMMARY - taken)
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def fitted(summary: str, room: int) -> bytes:
    """Cut a text to so many bytes of UTF-8, at the end of a line, and say so.

    Examples
    --------
    >>> len(fitted("ü" * 100, 120)) <= 120
    True
    """
    data = summary.encode("utf-8")
    if len(data) <= room:
        return data
    note = _CUT.encode()
    kept = data[: max(0, room - len(note))]
    return kept[: kept.rfind(b"\n") + 1] + note if room > len(note) else b""


FORMAT = FormatSpec(
    name="github", summary="Text, and annotations that GitHub shows beside the change.", suffix=".txt", render=render
)
