"""JSON: strict, sorted, without dates and timings, so that equal verdicts are equal bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from gandiag.core.results import require_finite_fields
from gandiag.core.verdict import SCHEMA_VERSION, Judgement, Verdict
from gandiag.gate.formats._spec import FormatSpec, safe, told_error


def render(verdicts: Sequence[Verdict]) -> str:
    """Write verdicts as one document.

    Raises
    ------
    NumericalError
        For a NaN or an infinity anywhere.
    """
    whole = {"schema_version": SCHEMA_VERSION, "verdicts": [document(verdict) for verdict in verdicts]}
    return json.dumps(whole, allow_nan=False, sort_keys=True, indent=1, default=_plain) + "\n"


def document(verdict: Verdict) -> dict[str, Any]:
    """Give one verdict as plain values; a NaN anywhere is refused."""
    found: dict[str, Any] = {
        "outcome": verdict.outcome,
        "exit_code": verdict.exit_code,
        "sentence": safe(verdict.sentence),
        "gate": safe(verdict.gate),
        "real": safe(verdict.real),
        "fake": safe(verdict.fake),
        "alpha": verdict.alpha,
        "strict": verdict.strict,
        "error": told_error(verdict) or None,
        "judgements": [_judgement(judgement) for judgement in verdict.judgements],
        "warnings": [safe(warning) for warning in verdict.warnings],
        "ended": safe(verdict.ended),
        "provenance": dict(verdict.provenance),
        "gandiag_version": verdict.gandiag_version,
    }
    require_finite_fields(found, "verdict")
    return found


def _judgement(judgement: Judgement) -> dict[str, Any]:
    found = {f.name: getattr(judgement, f.name) for f in fields(judgement)}
    return found | {"condition": safe(judgement.condition), "says": safe(judgement.says)}


def _plain(value: Any) -> Any:
    """Write NumPy's numbers as Python's, and what else there may be as text."""
    return value.item() if hasattr(value, "item") else safe(value)


FORMAT = FormatSpec(name="json", summary="One strict JSON document.", suffix=".json", render=render)
