"""What the pytest plugin says of verdicts: which one an assertion was about, properties, lines and files."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gandiag.errors import GandiagError, QualityFailure, ReportNotWritten

if TYPE_CHECKING:
    from gandiag.core.verdict import Verdict

# Where errors of a gate come from: the calls themselves, and Verdict.raise_for_status.
_GATE = {"gandiag.verdicts", "gandiag.baselines", "gandiag.core.verdict"}
# What a check takes and a baseline does not: how it is judged.
_JUDGING = {"alpha", "require", "strict", "sequential", "block", "baseline"}
# Messages of assertions cut what they print in its middle.
_TELLING = 60


def seed_of(nodeid: str, call: int) -> int:
    """Derive the seed of one check from the name of its test and its place in it.

    Examples
    --------
    >>> seed_of("test_a.py::test_b", 0) == seed_of("test_a.py::test_b", 1)
    False
    """
    return int.from_bytes(hashlib.sha256(f"{nodeid}#{call}".encode()).digest()[:4], "big")


def renewed_baseline(real: Any, fake: Any, asked: Mapping[str, Any]) -> str | None:
    """Measure the sampler of a check as the baseline that it is held against, and say where; None where there is none.

    Parameters
    ----------
    real, fake : as for `gandiag.check`
    asked : mapping
        What else the check was asked for.
    """
    import gandiag
    from gandiag.gate.conditions import NotWorse, metrics_of
    from gandiag.gate.policy import policy_for

    require, baseline = asked.get("require"), asked.get("baseline")
    policy = policy_for(
        asked.get("config"),
        asked.get("gate"),
        sources={"real": real, "fake": fake},
        require=None if require is None else list(require),
        changes={} if baseline is None else {"baseline": str(baseline)},
    )
    metrics = metrics_of(tuple(c for c in policy.require if isinstance(c, NotWorse)))
    if policy.baseline is None or not metrics:
        return None
    settings = {key: value for key, value in asked.items() if key not in _JUDGING}
    gandiag.update_baseline(real, fake, out=policy.baseline, metrics=metrics, **settings)
    return policy.baseline


def prevented(raised: pytest.ExceptionInfo[BaseException]) -> bool:
    """Tell whether the gate itself raised, for another reason than the quality of the sampler."""
    if not isinstance(raised.value, GandiagError) or isinstance(raised.value, QualityFailure):
        return False
    return any(entry.frame.f_globals.get("__name__") in _GATE for entry in raised.traceback)


def involved(raised: pytest.ExceptionInfo[BaseException], verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Find the verdicts that a failed assertion was about.

    An assertion that pytest has rewritten prints what it was about or leaves it among the variables of its frame, and
    ``pytest.fail(str(verdict))`` prints it too. One of a module that pytest did not rewrite tells nothing: then it is
    the last verdict that was not good.
    """
    if isinstance(raised.value, QualityFailure) or not isinstance(raised.value, AssertionError | pytest.fail.Exception):
        return ()
    bad = [verdict for verdict in verdicts if not verdict]
    message = _squeezed(str(raised.value))
    held = [value for name, value in raised.traceback[-1].frame.f_locals.items() if name.startswith("@py_")]
    named = tuple(
        verdict
        for verdict in bad
        if any(value is verdict for value in held) or _squeezed(repr(verdict))[:_TELLING] in message
    )
    if named or not bad or re.search(r"^assert ", str(raised.value), flags=re.MULTILINE):
        return named
    return (bad[-1],) if str(raised.traceback[-1].statement).lstrip().startswith("assert") else ()


def _squeezed(text: str) -> str:
    return "".join(text.replace("\\n", "").split())


def properties(verdicts: Sequence[Verdict], *, executions: int | None) -> list[tuple[str, str]]:
    """List what a JUnit file tells of verdicts; those after the first carry their number."""
    found: list[tuple[str, str]] = []
    for index, verdict in enumerate(verdicts, start=1):
        number = "" if index == 1 else f"_{index}"
        found += [
            (f"gandiag_outcome{number}", verdict.outcome),
            (f"gandiag_alpha{number}", f"{verdict.alpha:g}"),
            (f"gandiag_fake{number}", verdict.fake),
        ]
        for judged in verdict.judgements:
            p = "" if judged.p_value is None else f"; p = {judged.p_value:.3g}"
            found.append((f"gandiag_condition{number}: {judged.condition}", f"{judged.outcome}{p}"))
    if executions is not None:
        found.append(("gandiag_executions", str(executions)))
    return found


def line_of(nodeid: str, verdict: Verdict) -> str:
    """Say in one line of the summary what was decided in which test."""
    good = len(verdict.of("pass"))
    told = f"{good} of {len(verdict.judgements)} conditions pass" if verdict.judgements else "no comparison was made"
    return f"{verdict.outcome:<12}  {nodeid}: {verdict.fake}, alpha {verdict.alpha:g}: {told}"


def write_report(folder: Path, nodeid: str, index: int, verdict: Verdict) -> None:
    """Write a verdict as JSON and as a page, both or none.

    Raises
    ------
    ReportNotWritten
        When the folder cannot be made or written to; an earlier report is then untouched.
    """
    from gandiag.core.files import write_files
    from gandiag.report.html import verdict_to_html

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportNotWritten(
            "a report must be written to a place that can be written to",
            received=f"{folder}: {error.strerror}",
            remedy="Check the permissions, or name another folder with --gandiag-report.",
        ) from error
    name = file_name(nodeid, index)
    write_files(
        {
            folder / f"{name}.json": _document(nodeid, verdict),
            folder / f"{name}.html": verdict_to_html(verdict).encode("utf-8", errors="backslashreplace"),
        }
    )


def file_name(nodeid: str, index: int) -> str:
    """Make a name that every file system takes, and that no other test has.

    Examples
    --------
    >>> file_name("tests/test_a.py::test_b[toy:ring8]", 0)
    'tests_test_a.py_test_b_toy_ring8-fe60ff6e-1'
    """
    plain = re.sub(r"[^A-Za-z0-9.-]+", "_", nodeid).strip("_.")[:80]
    return f"{plain}-{hashlib.sha256(nodeid.encode()).hexdigest()[:8]}-{index + 1}"


def _document(nodeid: str, verdict: Verdict) -> bytes:
    from gandiag.gate.formats.json import document

    told = {"test": nodeid} | document(verdict)
    return (json.dumps(told, indent=1, allow_nan=False, sort_keys=True, default=str) + "\n").encode()
