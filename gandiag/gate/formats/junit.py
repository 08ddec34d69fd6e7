"""JUnit XML: one suite per verdict, one case per condition, as Jenkins, GitLab and others read it.

``failure`` is a condition that failed, ``error`` one that could not be judged, and an inconclusive one passes with a
word in ``system-out``, unless the gate is strict. The structure is that of the schema of Jenkins' xUnit plug-in:
properties belong to a suite, and time may be left out, so that equal verdicts are equal bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from gandiag.core.verdict import Judgement, Verdict
from gandiag.gate.formats._spec import FormatSpec, is_open, safe, title, told_error

# XML 1.0 has no way to write these.
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(verdicts: Sequence[Verdict]) -> str:
    """Write verdicts as one document."""
    root = ET.Element("testsuites")
    for verdict in verdicts:
        _suite(root, verdict)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _clean(text: object) -> str:
    return _FORBIDDEN.sub("", safe(text))


def _suite(root: ET.Element, verdict: Verdict) -> None:
    suite = ET.SubElement(root, "testsuite", name=_clean(title(verdict)))
    properties = ET.SubElement(suite, "properties")
    told = {
        "outcome": verdict.outcome,
        "alpha": f"{verdict.alpha:g}",
        "strict": str(verdict.strict).lower(),
        "gandiag_version": verdict.gandiag_version,
        **{key: verdict.provenance[key] for key in ("seed", "n", "permutations") if key in verdict.provenance},
    }
    for name, value in told.items():
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    if verdict.error is not None:
        case = ET.SubElement(suite, "testcase", name="comparison", classname=_classname(verdict))
        ET.SubElement(case, "error", type=type(verdict.error).__name__, message=_clean(told_error(verdict)))
    for judgement in verdict.judgements:
        _case(suite, verdict, judgement)
    counts = {kind: len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "error")}
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))


def _classname(verdict: Verdict) -> str:
    return _clean(f"gandiag.{verdict.gate or 'gate'}")


def _case(suite: ET.Element, verdict: Verdict, judgement: Judgement) -> None:
    case = ET.SubElement(suite, "testcase", name=_clean(judgement.condition), classname=_classname(verdict))
    said = _clean(judgement.says)
    if judgement.outcome == "fail" or is_open(verdict, judgement):
        ET.SubElement(case, "failure", type=judgement.outcome, message=said)
    elif judgement.outcome == "error":
        ET.SubElement(case, "error", type="error", message=said)
    else:
        ET.SubElement(case, "system-out").text = f"{judgement.outcome}: {said}"


FORMAT = FormatSpec(name="junit", summary="JUnit XML: a case per condition.", suffix=".xml", render=render)
