"""Whatever others call their samplers, metrics and modes: in every form it is text, and steers nothing."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from junit_schema import breaches
from synthetic import make_report

from gandiag.api import Report
from gandiag.core.report import Diagnosis, FakeReport
from gandiag.core.verdict import Judgement, Verdict
from gandiag.gate.formats import FORMATS, rendered
from gandiag.monitor.sinks import Csv
from gandiag.plots._pgf import tex_program
from gandiag.report.html import to_html, verdict_to_html
from gandiag.report.text import to_text

NAMES = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</title></style></svg>--> ]]> <!--",
    "'\"`;|&& rm -rf / #",
    "\u202egpj.exe \u2066x\u2069 \u200f",
    "n" * 300,
    "=cmd()|' /C calc'!A0",
    "@SUM(1+1)",
    "\t=1+1",
    "\uff1dcmd()",
    "a;=cmd()",
    r"\input{/etc/passwd} \write18{id} $x_1$ 50% #1 ^~{}",
    "x\n::error title=a::b\r::set-output name=c::d",
    "%0A::error::x",
    "\x1b]0;owned\x07\x1b[31m[bold red]x[/] :smile:",
    "{{ 7 * 7 }} {% raw %} ${7*7} <%= 7 %>",
    "a | b | [c](javascript:alert(1)) ![d](http://127.0.0.1/e) @all #1 $x$",
    ") Tj /JS (app.alert(1)) /OpenAction <<",
    "\ud800 lone \x00 null",
)


@cache
def report() -> Report:
    """Make a report in which every text of others is one of the names."""
    base = make_report(with_arrays=False)
    results = base.fakes[0].results

    def fake(name: str) -> FakeReport:
        modes = [{"name": name, "real": 5, "fake": 0, "missing": True, "imbalanced": False}] * 2
        own = [
            replace(results[0], unit=name, warnings=(name,)),
            replace(results[7], details={"modes": modes}),
            replace(results[8], metric=f"mine {name}", options={name: name}),
        ]
        told = Diagnosis(code="shifted", severity="major", sentence=name)
        return FakeReport(name=name, source=name, n=9, results=tuple(own), diagnoses=(told,), notes=(name,))

    real = replace(base.real, source=NAMES[0], features=NAMES[6], notes=NAMES)
    return Report.of(
        replace(base, real=real, fakes=tuple(map(fake, NAMES)), provenance={"command": NAMES[12], NAMES[0]: NAMES[0]})
    )


@cache
def verdict() -> Verdict:
    found = tuple(Judgement(condition=name, outcome="fail", says=name, p_value=0.5, observed=1.0) for name in NAMES)
    told: dict[str, Any] = {"gate": NAMES[12], "real": NAMES[11], "fake": NAMES[0], "gandiag_version": "1"}
    return Verdict(outcome="fail", judgements=found, alpha=0.01, warnings=NAMES, ended=NAMES[14], **told)


FORMS: dict[str, Callable[[], str]] = {
    "html": lambda: to_html(replace(report(), fakes=report().fakes[:1])),
    "verdict page": lambda: verdict_to_html(verdict()),
    "text": lambda: to_text(report()),
    "markdown": lambda: report().to_markdown(),
    "latex": lambda: report().to_latex(),
    "csv": lambda: report().to_csv(),
    **{f"gate {name}": (lambda name=name: rendered([verdict()], name)) for name in FORMATS.names()},  # type: ignore[misc]
}


@cache
def written(form: str) -> str:
    return FORMS[form]()


@pytest.mark.parametrize("form", FORMS)
def test_no_character_steers_a_terminal_or_turns_a_line_round(form: str) -> None:
    text = written(form)
    text.encode("utf-8")
    steering = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\n"}
    assert not steering


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.handlers: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.handlers |= {key for key, _ in attrs if key.startswith("on")}


@pytest.mark.parametrize("form", ["html", "verdict page"])
def test_a_page_gets_no_tag_of_others(form: str) -> None:
    tags = Tags(written(form))
    assert "img" not in tags.seen
    assert not tags.handlers
    embedded = ['<script type="application/json" id="report-json">'] if form == "html" else []
    assert re.findall("<script[^>]*>", written(form)) == embedded
    assert ">49" not in written(form)


@pytest.mark.parametrize("form", ["markdown", "gate markdown"])
def test_markdown_gets_no_markup_mention_or_cell(form: str) -> None:
    table = [line for line in written(form).splitlines() if line.startswith("|")]
    assert len({re.sub(r"\\.|&#\d+;", "", line).count("|") for line in table}) == 1
    ours = re.sub(r"</?(u|sup)>|<!-- -->|\*\*|\*real against real\*|\(by \w+\)|\(\+[^)]*\)", "", "\n".join(table))
    bare = re.sub(r"\\[^\w\s]|&\w+;|&#\d+;", "", ours).replace("---:", "")
    assert not set("<>`*[]()$:") & set(bare)
    assert "@all" not in written(form)


def test_latex_gets_no_command() -> None:
    lines = [line for line in written("latex").splitlines() if not line.startswith("%")]
    allowed = {"begin", "end", "toprule", "midrule", "bottomrule", "textbackslash", "textasciitilde", "textasciicircum",
               "textless", "textgreater", "textbar", "char", "ldots", "pm",
               "downarrow", "uparrow", "boldmath", "textbf", "underline", "times", "geq", "leq"}  # fmt: skip
    assert set(re.findall(r"\\([a-zA-Z]+)", "\n".join(lines))) <= allowed
    assert not re.search(r"(?<!\\)[%#]", "\n".join(lines))


def cells(text: str) -> list[str]:
    """Take a CSV apart as programs do that split at commas, and as others do that split at semicolons."""
    at_semicolons = [cell for line in text.splitlines() for cell in line.split(";")]
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row] + at_semicolons


@pytest.mark.parametrize("form", ["csv", "figure", "monitor"])
def test_a_cell_is_no_formula(form: str, tmp_path: Path) -> None:
    if form == "csv":
        text = written("csv")
    elif form == "figure":
        report().plot("sampler_comparison", tmp_path / "f.svg", csv=True)
        text = (tmp_path / "f.csv").read_text()
    else:
        for name in NAMES:
            Csv(tmp_path / "m.csv").write({"step": 1, "seconds": 0.0, "kind": "score", "values": {name: 1.0}})  # type: ignore[typeddict-item]
        text = (tmp_path / "m.csv").read_text()
    found = [cell for cell in cells(text) if re.match(r"\s*[=+\-@＝]", cell)]
    assert [cell for cell in found if not re.fullmatch(r"-?[\d.e+-]+", cell)] == []
    assert any(cell.startswith("'=") for cell in cells(text))
    # The negative control: the same names as they are would be run.
    assert any(re.match(r"\s*[=+\-@＝]", name) for name in NAMES)


def test_junit_and_github_hold_one_case_and_one_command_each() -> None:
    assert breaches(written("gate junit")) == []
    assert len(list(ET.fromstring(written("gate junit")).iter("testcase"))) == len(NAMES)
    commands = [line for line in written("gate github").splitlines() if line.lstrip().startswith("::")]
    assert all(line.startswith("::error title=fail%3A ") or "more: see the log" in line for line in commands)
    assert len(commands) == 10
    json.loads(written("gate json"))


@pytest.mark.parametrize("kind", ["sampler_comparison", "metric_intervals", "mode_counts"])
def test_a_figure_holds_names_as_letters(kind: str, tmp_path: Path) -> None:
    number = 2 if kind == "mode_counts" else 17
    svg = report().plot(kind, tmp_path / "f.svg", fake=number)[0].read_text(encoding="utf-8")
    root = ET.fromstring(svg)
    assert {e.tag.partition("}")[2] for e in root.iter()} <= {
        "svg", "metadata", "RDF", "Work", "type", "title", "format", "creator", "Agent", "date", "defs", "style",
        "g", "path", "use", "clipPath", "rect", "pattern", "image"}  # fmt: skip
    assert not [key for e in root.iter() for key in e.attrib if key.lower().startswith("on")]
    report().plot(kind, tmp_path / "f.pdf", fake=number)
    pdf = (tmp_path / "f.pdf").read_bytes()
    assert not [word for word in (b"/JS", b"/JavaScript", b"/OpenAction", b"/URI", b"/Launch") if word in pdf]


LATEX = shutil.which("pdflatex")


@pytest.mark.slow
@pytest.mark.skipif(
    tex_program() is None or LATEX is None or not subprocess.run(["kpsewhich", "pgf.sty"], capture_output=True).stdout,
    reason="LaTeX with pgf is not installed",
)
def test_pgf_compiles_whatever_samplers_are_called(tmp_path: Path) -> None:
    plain = [name for name in NAMES if name.isascii()]
    fakes = tuple(fake for fake in report().fakes if fake.name in plain)
    named = Report.of(replace(report(), fakes=fakes))
    for kind in ("sampler_comparison", "mode_counts"):
        named.plot(kind, tmp_path / f"{kind}.pgf", fake=plain.index(NAMES[11]))
    lines = (tmp_path / "mode_counts.pgf").read_text().splitlines()
    assert not [line for line in lines if r"\input{" in line and not line.startswith("%")]
    (tmp_path / "t.tex").write_text(
        r"\documentclass{article}\usepackage{pgf}\begin{document}"
        r"\input{sampler_comparison.pgf}\input{mode_counts.pgf}\end{document}"
    )
    words = [str(LATEX), "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
