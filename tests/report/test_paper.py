"""One command from samplers to a figure over two columns and a booktabs table, and to a page that LaTeX compiles."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from synthetic import make_report

from gandiag.api import Report
from gandiag.cli.score_command import command
from gandiag.errors import UnknownName

LATEX = shutil.which("pdflatex")
FILES = ("paper.tex", "figure.pdf", "figure.csv", "table.tex")
needs_latex = pytest.mark.skipif(LATEX is None, reason="LaTeX is not installed")


def compiled(folder: Path) -> str:
    """Compile the page and give what LaTeX said."""
    words = [str(LATEX), "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


def scored(folder: Path, *more: str) -> list[str]:
    rng = np.random.default_rng(0)
    for name, shift in (("real", 0.0), ("mine", 0.1), ("theirs", 1.5)):
        np.save(folder / f"{name}.npy", rng.normal(shift, size=(120, 2)))
    sources = [str(folder / f"{name}.npy") for name in ("real", "mine", "theirs")]
    return [*sources, "--metrics", "energy,precision", "--permutations", "99", "--no-cache", *more]


def test_one_command_writes_a_figure_a_table_and_a_page_that_holds_both(tmp_path: Path) -> None:
    words = scored(tmp_path, "--paper", str(tmp_path / "paper"), "--venue", "icml")
    done = CliRunner().invoke(command, words, standalone_mode=False)
    assert done.exception is None, done.output
    assert sorted(p.name for p in (tmp_path / "paper").iterdir()) == sorted(FILES)
    page, table = ((tmp_path / "paper" / name).read_text() for name in ("paper.tex", "table.tex"))
    assert r"\documentclass[10pt,twocolumn]{article}" in page
    assert r"\begin{figure*}" in page
    assert all(rule in table for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    assert re.findall(r"(?m)^(\w+) .*&", table) == ["metric", "Energy", "Precision"]
    box = re.search(rb"/MediaBox \[ 0 0 ([0-9.]+) ", (tmp_path / "paper" / "figure.pdf").read_bytes())
    assert box is not None
    assert float(box[1]) / 72 == pytest.approx(6.75, abs=0.01)
    rows = list(csv.DictReader((tmp_path / "paper" / "figure.csv").read_text().splitlines()))
    assert {row["panel"] for row in rows} == {"0", "1"}
    if LATEX is not None:
        said = compiled(tmp_path / "paper")
        assert "Output written on paper.pdf (1 page" in said
        assert "Overfull" not in said


@needs_latex
def test_the_page_compiles_whatever_samplers_are_called_and_however_many(tmp_path: Path) -> None:
    report = make_report()
    every = "".join(chr(i) for i in range(32, 127))
    names = ("<script>\\input{/etc/passwd}" + "n" * 300, every, every[40:] + every[:40], "=cmd()", "\u202egan", "f")
    fakes = tuple(replace(report.fakes[i % 2], name=name) for i, name in enumerate(names))
    many = Report.of(replace(report, fakes=fakes, arrays={}))
    many.to_paper(tmp_path / "many", venue="neurips")
    assert r"\documentclass[10pt]{article}" in (tmp_path / "many" / "paper.tex").read_text()
    assert "% no mark in a row" in (tmp_path / "many" / "table.tex").read_text()
    said = compiled(tmp_path / "many")
    assert "Output written on paper.pdf (1 page" in said
    assert "Overfull" not in said


def test_the_same_report_gives_the_same_bytes_and_chosen_metrics_are_the_rows(tmp_path: Path) -> None:
    made = make_report(with_arrays=False)
    report = Report.of(replace(made, fakes=made.fakes[:1]))
    for folder in ("a", "b"):
        written = report.to_paper(tmp_path / folder, venue="cvpr", metrics=["recall", "mmd"])
        assert [path.name for path in written] == list(FILES)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert re.findall(r"(?m)^(\w+) .*&", (tmp_path / "a" / "table.tex").read_text()) == ["metric", "Recall", "MMD"]


def test_of_more_metrics_than_a_page_holds_the_farthest_are_shown_and_that_is_said(tmp_path: Path) -> None:
    made = make_report(with_arrays=False)
    results = made.fakes[0].results
    more = tuple(replace(results[i % 12], metric=f"own_{i:02d}") for i in range(40))
    many = Report.of(replace(made, fakes=(replace(made.fakes[0], results=results + more),)))
    many.to_paper(tmp_path / "p", venue="icml")
    rows = (tmp_path / "p" / "table.tex").read_text().split(r"\midrule")[1].count("&")
    assert rows == 30 * 2  # a sampler, and real against real
    page = (tmp_path / "p" / "paper.tex").read_text()
    assert "30 of the 53 metrics that were measured" in page
    assert "Energy" in (tmp_path / "p" / "table.tex").read_text()
    assert "Density" not in (tmp_path / "p" / "table.tex").read_text()
    if LATEX is not None:
        assert "Overfull" not in compiled(tmp_path / "p")


def test_a_venue_that_nobody_knows_leaves_nothing(tmp_path: Path) -> None:
    report = Report.of(make_report(with_arrays=False))
    with pytest.raises(UnknownName, match=r"neurisp.*neurips"):
        report.to_paper(tmp_path / "p", venue="neurisp")
    assert not (tmp_path / "p").exists()


def test_a_paper_is_not_written_over_what_is_read(tmp_path: Path) -> None:
    place = tmp_path / "paper"
    place.mkdir()
    np.savetxt(place / "figure.csv", np.zeros((9, 2)), delimiter=",")
    before = (place / "figure.csv").read_bytes()
    words = [str(place / "figure.csv"), "toy:ring8", "--n", "9", "--paper", str(place)]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 2
    assert "would be written over" in done.output
    assert (place / "figure.csv").read_bytes() == before
