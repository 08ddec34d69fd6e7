"""A report as one page: the verdict first, then why, then every number. It needs no network, script or other file.

Whatever others wrote (names, paths, messages) is escaped by jinja2; the only markup that is passed through is the SVG
that our own figures made, and the JSON of the report with ``<``, ``>`` and ``&`` written as escapes. A content-security
policy forbids every load and every script, and allows our own style by its hash (our SVG has style in attributes, too).
Equal reports give equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandiag.core import verdict as gate
from gandiag.core.files import write_files
from gandiag.core.pages import allowed, embedded
from gandiag.core.report import Diagnosis, FakeReport, Report
from gandiag.core.results import Result
from gandiag.core.wording import printable, short
from gandiag.plots._words import pretty, sds, worse_by, z_of
from gandiag.report._figures import Figure, figures, laid_out
from gandiag.report._gate import Gate, gate_of
from gandiag.report._reading import (
    GLOSSARY,
    LABELS,
    Row,
    Verdict,
    absences,
    command_again,
    farthest,
    flat,
    real_in_words,
    row,
    severity_class,
    tests_that_differ,
    verdict,
)
from gandiag.report.json import to_json

if TYPE_CHECKING:
    from jinja2 import Template

MOST_BYTES = 3_000_000
_FIGURE_BYTES = 1_900_000
_JSON_BYTES = 500_000


@dataclass(frozen=True, kw_only=True)
class Section:
    """What the page says about one sampler."""

    index: int
    name: str
    source: str
    n: str
    head: Verdict
    differ: str
    far: str
    findings: tuple[dict[str, Any], ...]
    figures: tuple[Figure, ...]
    columns: tuple[list[Figure], list[Figure], list[Figure]]
    rows: tuple[Row, ...]
    absent: tuple[tuple[str, list[tuple[str, str]]], ...]
    options: tuple[tuple[str, list[tuple[str, str]]], ...]
    notes: tuple[str, ...]


def to_html(report: Report) -> str:
    """Render a report as one self-contained HTML page of less than 3 MB.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
        The same for equal reports. Figures that would make it larger are left out, which the page says.
    """
    return _rendered(report, None)


def write_html(report: Report, path: str | Path) -> None:
    """Write the page to ``path``, whole or not at all."""
    write_files({Path(path): _encoded(to_html(report))})


def verdict_to_html(verdict: gate.Verdict) -> str:
    """Render the verdict of a gate as such a page: the conditions first, then the report that they rest on, if any.

    Parameters
    ----------
    verdict : Verdict
    """
    return _rendered(verdict.report, gate_of(verdict))


def write_verdict(verdict: gate.Verdict, path: str | Path) -> None:
    """Write the page of a verdict to ``path``, whole or not at all."""
    write_files({Path(path): _encoded(verdict_to_html(verdict))}, "a verdict")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", errors="backslashreplace")


def _rendered(report: Report | None, judged: Gate | None) -> str:
    from markupsafe import Markup

    told: dict[str, Any] = {} if report is None else _of_report(report)
    if judged is not None:
        told = _without_report(judged) | told | {"gate": judged}
    style = _own("page.css")
    own = {"labels": LABELS, "gate": None, "style": Markup(style), "style_hash": allowed(style)}
    return _template().render(own | told)


def _of_report(report: Report) -> dict[str, Any]:
    sections = _within_budget([_section(report, i) for i in range(len(report.fakes))])
    return {
        "title": _title(report),
        "report": report,
        "version": report.gandiag_version,
        "real": printable(report.real.source) or "real samples",
        "real_words": real_in_words(report.real),
        "real_notes": [printable(note) for note in report.real.notes],
        "sections": sections,
        "glossary": GLOSSARY,
        "provenance": flat(report.provenance),
        "command": command_again(report),
        "json": _embedded(report),
    }


def _without_report(judged: Gate) -> dict[str, Any]:
    """Fill the page of a verdict that rests on no report."""
    told = {"title": judged.fake or "Verdict", "version": judged.version, "real": judged.real or "real samples"}
    return {**told, "report": None, "real_words": "", "sections": (), "json": None}


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    # autoescape=True, not by file name: everything that is inserted is escaped, whatever the template is called.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_own("template.html"))


@cache
def _own(name: str) -> str:
    return files("gandiag.report").joinpath(name).read_text(encoding="utf-8")


def _title(report: Report) -> str:
    names = [printable(fake.name, longest=60) for fake in report.fakes]
    if len(names) == 1:
        return names[0] or "Sampler report"
    return f"{len(names)} samplers compared"


def _section(report: Report, index: int) -> Section:
    fake = report.fakes[index]
    drawn, failed = figures(report, index)
    far = farthest(fake)
    return Section(
        index=index,
        name=printable(fake.name) or f"sampler {index}",
        source=printable(fake.source),
        n=f"{fake.n:,}",
        head=verdict(fake),
        differ=tests_that_differ(fake),
        far="–" if far is None else f"{pretty(far.metric)} {sds(z_of(far) or 0.0)} sd",
        findings=tuple(_finding(d) for d in fake.diagnoses),
        figures=tuple(drawn),
        columns=laid_out(drawn),
        rows=tuple(row(r) for r in _worst_first(fake)),
        absent=tuple((pretty(r.metric), found) for r in fake.results if (found := absences(r))),
        options=tuple((pretty(r.metric), _facts(r)) for r in fake.results),
        notes=(*map(printable, fake.notes), *failed),
    )


def _worst_first(fake: FakeReport) -> list[Result]:
    def gravity(result: Result) -> tuple[bool, float]:
        place = worse_by(result)
        return place is None, -(place or 0.0)

    return sorted(fake.results, key=gravity)


def _finding(diagnosis: Diagnosis) -> dict[str, Any]:
    severity = severity_class(diagnosis.severity)
    return {
        "code": printable(diagnosis.code),
        "severity": severity,
        "grade": LABELS[severity],
        "sentence": printable(diagnosis.sentence),
        "evidence": [
            (pretty(e.metric), printable(e.says), "" if e.value is None else short(e.value)) for e in diagnosis.evidence
        ],
        "explains": [_finding(d) for d in diagnosis.explains],
    }


def _facts(result: Result) -> list[tuple[str, str]]:
    facts = [("name", printable(result.metric)), ("kind", result.kind.replace("_", " ")), ("unit", result.unit)]
    facts.append(("better", {"lower": "lower", "higher": "higher"}.get(result.direction, "at the floor")))
    if result.floor is not None:
        facts.append(("floor from", result.floor.source))
    if result.p_value is not None:
        draws = "" if result.p_value.draws is None else f", {result.p_value.draws:,} draws"
        facts.append(("p-value", f"{result.p_value.calibration}{draws}"))
    if result.interval is not None:
        facts.append(("interval", f"{result.interval.method}, {result.interval.sided}"))
    if result.e_value is not None:
        facts.append(("e-value", short(result.e_value)))
    if result.mde is not None:
        facts.append(("smallest visible effect", short(result.mde)))
    if result.options:
        facts += flat(result.options)
    return [(name, printable(value)) for name, value in facts]


def _within_budget(sections: list[Section]) -> list[Section]:
    left = _FIGURE_BYTES
    out = []
    for section in sections:
        kept = []
        for figure in section.figures:
            left -= len(figure.svg.encode("utf-8"))
            if left >= 0:
                kept.append(figure)
        dropped = len(section.figures) - len(kept)
        note = f"{dropped} figures were left out to keep this page small; their arrays lie beside report.json"
        notes = (*section.notes, note) if dropped else section.notes
        out.append(replace(section, figures=tuple(kept), columns=laid_out(kept), notes=notes))
    return out


def _embedded(report: Report) -> Mapping[str, Any]:
    """Give the report's JSON for reuse, with nothing in it that could end or start a tag."""
    from markupsafe import Markup

    text = to_json(report).decode("utf-8")
    if len(text) > _JSON_BYTES:
        return {"text": None, "size": f"{len(text) / 1e6:.1f} MB"}
    return {"text": Markup(embedded(text)), "size": ""}
