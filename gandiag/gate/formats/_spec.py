"""What a form declares about itself, and how the text of others is made safe before it goes into any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gandiag.core.verdict import Judgement, Verdict
from gandiag.core.wording import printable

LONGEST = 2000


@dataclass(frozen=True, kw_only=True, eq=False)
class FormatSpec:
    """One form of verdicts.

    Parameters
    ----------
    name, summary : str
    suffix : str
        Of files that hold it.
    render : callable
        From verdicts to text.
    """

    name: str
    summary: str
    suffix: str
    render: Callable[[Sequence[Verdict]], str]


def safe(text: object, *, longest: int = LONGEST) -> str:
    """Make the text of a source, a condition or an error fit for one line of anything.

    Lone surrogates, as in file names that are not UTF-8, are spelt out; what could steer a terminal is left out; what
    is very long is cut.
    """
    spelt = str(text).encode("utf-8", errors="backslashreplace").decode("utf-8")
    return printable(spelt, longest=longest)


def is_open(verdict: Verdict, judgement: Judgement) -> bool:
    """Tell whether a judgement counts as failed although nothing was found: inconclusive in a strict gate."""
    return verdict.strict and judgement.outcome == "inconclusive"


def title(verdict: Verdict) -> str:
    """Name a verdict in a line: the gate where it has a name, and what was compared."""
    gate = f"{safe(verdict.gate)}: " if verdict.gate else ""
    return f"{gate}{safe(verdict.fake, longest=200)} against {safe(verdict.real, longest=200)}"


def told_error(verdict: Verdict) -> str:
    """Say in a line what prevented a verdict; empty where nothing did."""
    return "" if verdict.error is None else safe(verdict.error)
