"""What the page says about a gate: the verdict, condition by condition, and what bets said while rows were drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gandiag.core.verdict import Judgement, Outcome, Verdict
from gandiag.core.wording import printable, short_p

# Outcome -> the page's colours and marks, and its word; in the order of the table.
_LOOKS: Mapping[Outcome, tuple[str, str]] = {
    "fail": ("critical", "Fail"),
    "error": ("unknown", "No verdict"),
    "inconclusive": ("minor", "Inconclusive"),
    "pass": ("none", "Pass"),
}
_MOST_BLOCKS = 12
# Conditions that the headline names.
_NAMED = 3
_MOST_LOG = 690.0


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One row of the table."""

    look: str
    word: str
    by: str
    text: str
    says: str
    p: str
    adjusted: str


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Everything that the page says about a gate, as text."""

    look: str
    word: str
    name: str
    sentence: str
    real: str
    fake: str
    conditions: tuple[Condition, ...]
    spent: str
    ended: str
    notes: tuple[str, ...]
    bets: tuple[tuple[str, str, str], ...]
    blocks: tuple[tuple[str, str], ...]
    version: str


def gate_of(verdict: Verdict) -> Gate:
    """Put a verdict into the words of the page.

    Parameters
    ----------
    verdict : Verdict
    """
    look, word = _LOOKS[verdict.outcome]
    if verdict.outcome == "inconclusive" and verdict.strict:
        word += ", which counts as failed: strict"
    told = verdict.provenance.get("sequential", {})
    return Gate(
        look=look,
        word=word,
        name=printable(verdict.gate),
        sentence=_sentence(verdict),
        real=printable(verdict.real),
        fake=printable(verdict.fake),
        conditions=tuple(_condition(judgement) for outcome in _LOOKS for judgement in verdict.of(outcome)),
        spent=printable(verdict.spent) if verdict.judgements else "",
        ended=printable(verdict.ended),
        notes=tuple(printable(warning) for warning in verdict.warnings),
        bets=_bets(told),
        blocks=_blocks(told),
        version=verdict.gandiag_version,
    )


def _sentence(verdict: Verdict) -> str:
    if verdict.error is not None:
        return printable(verdict.error)
    found, of = verdict.of(verdict.outcome), len(verdict.judgements)
    if verdict.outcome == "pass":
        return "Every condition holds, with evidence for each."
    subject = f"{len(found)} of {of} conditions" if of > 1 else "the condition"
    told = {
        "fail": f"There is evidence against {subject}",
        "inconclusive": f"The samples do not decide {subject}",
        "error": f"The gate could not judge {subject}",
    }
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"{told[verdict.outcome]}: {', '.join(printable(j.condition) for j in found[:_NAMED])}{more}."


def _condition(judgement: Judgement) -> Condition:
    look, word = _LOOKS[judgement.outcome]
    p, adjusted = ("–" if v is None else short_p(v) for v in (judgement.p_value, judgement.adjusted))
    return Condition(
        look=look,
        word=word,
        by={"bound": "by a bound", "power": "by power"}.get(judgement.by or "", ""),
        text=printable(judgement.condition),
        says=printable(judgement.says),
        p=p,
        adjusted=adjusted,
    )


def _bets(told: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """List the bets, the richest first: name, share at the start, and what one unit of it has become."""
    earned, weights = told.get("log_earned", {}), told.get("weights", {})
    order = sorted(earned, key=lambda name: -earned[name] - math.log(weights[name]))
    return tuple((printable(name), f"{weights[name]:.1%}", _odds(earned[name])) for name in order)


def _blocks(told: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """List the evidence as rows came in: of many blocks every so many, and the last."""
    path = told.get("log_e_by_block", [])
    step = math.ceil(len(path) / _MOST_BLOCKS) or 1
    chosen = [point for i, point in enumerate(path) if (len(path) - 1 - i) % step == 0]
    return tuple((f"{rows:,}", _odds(log)) for rows, log in chosen)


def _odds(log: float) -> str:
    return f"{math.exp(min(log, _MOST_LOG)):.3g} to 1"
