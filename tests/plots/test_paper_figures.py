"""Figures for papers: the venue's width, fonts that may be embedded, the same bytes, and the numbers beside them."""

from __future__ import annotations

import csv
import re
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from synthetic import make_report, with_images
from synthetic_evidence import with_evidence, with_rows

from gandiag.api import Report
from gandiag.cli.plot_command import command
from gandiag.core.specs import PLOTS
from gandiag.errors import ConfigError, MissingExtra, UnknownName
from gandiag.plots._drawing import draw
from gandiag.plots._paper import VENUES, drawn_numbers, width_of
from gandiag.plots._words import worse_by


@pytest.fixture(scope="module")
def report() -> Report:
    return Report.of(with_evidence(make_report()))


def streams(data: bytes) -> bytes:
    """Everything in a PDF, packed streams unpacked."""
    out = [data]
    for found in re.finditer(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
        try:
            out.append(zlib.decompress(found.group(1)))
        except zlib.error:
            continue
    return b"".join(out)


@pytest.mark.parametrize("kind", PLOTS.names())
def test_a_pdf_embeds_truetype_and_never_type_3(report: Report, tmp_path: Path, kind: str) -> None:
    if not PLOTS.get(kind).applies(report, 0):
        report = Report.of(with_rows(with_images(report)))
    report.plot(kind, tmp_path / "f.pdf", venue="neurips")
    found = streams((tmp_path / "f.pdf").read_bytes())
    assert b"/FontFile2" in found
    assert not re.search(rb"/Subtype\s*/Type3", found)


def test_the_search_for_type_3_finds_one(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.text(0.5, 0.5, "words")
    with matplotlib.rc_context({"pdf.fonttype": 3}):
        figure.savefig(tmp_path / "f.pdf")
    assert re.search(rb"/Subtype\s*/Type3", streams((tmp_path / "f.pdf").read_bytes()))


@pytest.mark.parametrize("ending", ["pdf", "svg", "png"])
def test_the_same_report_gives_the_same_bytes(report: Report, tmp_path: Path, ending: str) -> None:
    for name in ("one", "other"):
        report.plot("null_distribution", tmp_path / f"{name}.{ending}", venue="icml", metric="mmd")
    assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"other.{ending}").read_bytes()


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("columns", [1, 2])
def test_a_figure_is_as_wide_as_the_venue_asks(report: Report, venue: str, columns: int) -> None:
    figure = draw(report, "metric_intervals", fake=0, venue=venue, columns=columns)
    widths = VENUES[venue]
    assert figure.get_size_inches()[0] == pytest.approx(widths.column if columns == 1 else widths.text)
    assert figure.get_size_inches()[1] < 6


def test_widths_are_those_of_tueplots_where_both_know_the_venue() -> None:
    figsizes = pytest.importorskip("tueplots.figsizes")
    pairs = {
        "icml": ("icml2024_half", "icml2024_full"),
        "aistats": ("aistats2025_half", "aistats2025_full"),
        "cvpr": ("cvpr2024_half", "cvpr2024_full"),
        "neurips": ("neurips2024", "neurips2024"),
        "iclr": ("iclr2024", "iclr2024"),
        "jmlr": ("jmlr2001", "jmlr2001"),
        "tmlr": ("tmlr2023", "tmlr2023"),
    }
    for venue, names in pairs.items():
        theirs = [getattr(figsizes, name)()["figure.figsize"][0] for name in names]
        assert list(VENUES[venue][:2]) == pytest.approx(theirs), venue
    assert width_of("aaai", 1).column == pytest.approx(figsizes.aaai2024_half()["figure.figsize"][0])


def test_a_venue_that_nobody_knows_is_refused_with_the_nearest(report: Report) -> None:
    with pytest.raises(UnknownName, match=r"neurisp.*neurips"):
        draw(report, "mode_counts", fake=0, venue="neurisp", columns=1)
    with pytest.raises(ConfigError, match="must be 1 or 2"):
        draw(report, "mode_counts", fake=0, venue="icml", columns=3)


def test_the_users_settings_neither_show_nor_change(report: Report, tmp_path: Path) -> None:
    report.plot("metric_intervals", tmp_path / "plain.svg", venue="icml")
    with matplotlib.rc_context({"font.size": 31, "axes.facecolor": "red", "lines.linewidth": 9}):
        before = dict(matplotlib.rcParams)
        report.plot("metric_intervals", tmp_path / "loud.svg", venue="icml")
        assert dict(matplotlib.rcParams) == before
    assert (tmp_path / "plain.svg").read_bytes() == (tmp_path / "loud.svg").read_bytes()


def test_the_numbers_beside_a_figure_are_those_of_the_report(report: Report, tmp_path: Path) -> None:
    files = report.plot("metric_intervals", tmp_path / "f.svg", fake=1, csv=True)
    assert files == [tmp_path / "f.svg", tmp_path / "f.csv"]
    rows = list(csv.DictReader((tmp_path / "f.csv").read_text().splitlines()))
    shown = {row["name"]: float(row["x"]) for row in rows if row["kind"] == "line"}
    for metric, name in (("recall", "Recall"), ("mmd", "MMD"), ("frechet", "Fréchet")):
        assert shown[name] == pytest.approx(worse_by(report.fakes[1][metric]) or 0.0)


def test_bars_are_given_by_two_corners(report: Report) -> None:
    figure = draw(report, "null_distribution", fake=0, venue=None, columns=1, metric="mmd")
    bars = [row for row in drawn_numbers(figure) if row["kind"] == "bar"]
    null = np.ravel(report.arrays["0/mmd/null"])
    assert sum(row["y2"] - row["y"] for row in bars) == len(null)
    assert bars[0]["x"] <= null.min()
    assert bars[-1]["x2"] >= null.max()


def test_a_name_in_the_numbers_is_text(report: Report, tmp_path: Path) -> None:
    fakes = (replace(report.fakes[0], name="\u202e=cmd()\n,x"), *report.fakes[1:])
    named = Report.of(replace(report, fakes=fakes))
    named.plot("precision_recall_plane", tmp_path / "f.svg", csv=True)
    rows = list(csv.DictReader((tmp_path / "f.csv").read_text().splitlines()))
    assert any(row["series"] == "'=cmd() ,x" for row in rows)


def test_what_cannot_be_drawn_or_written_is_told_and_leaves_nothing(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"known kind.*f\.jpg"):
        report.plot("mode_counts", tmp_path / "f.jpg")
    with pytest.raises(ConfigError, match="colour"):
        report.plot("mode_counts", tmp_path / "f.pdf", colour="red")
    with pytest.raises(UnknownName, match="mode_count"):
        report.plot("mode_count", tmp_path / "f.pdf")
    monkeypatch.setattr("shutil.which", lambda program: None)
    with pytest.raises(MissingExtra, match="needs LaTeX"):
        report.plot("mode_counts", tmp_path / "f.pgf")
    with pytest.raises(ConfigError, match="folder that exists"):
        report.plot("mode_counts", tmp_path / "no" / "f.pdf")
    assert list(tmp_path.iterdir()) == []


def test_the_command_lists_and_draws_and_spares_the_report(report: Report, tmp_path: Path) -> None:
    kept = tmp_path / "report.json"
    report.to_json(kept)
    listed = CliRunner().invoke(command, [str(kept)], standalone_mode=False).output
    assert "mode_counts" in listed
    out = tmp_path / "f.pdf"
    words = [str(kept), "null_distribution", "--metric", "mmd", "--venue", "cvpr", "--columns", "2", "--out", str(out)]
    assert (
        CliRunner().invoke(command, [*words, "--fake", report.fakes[1].name, "--csv"], standalone_mode=False).exception
        is None
    )
    assert out.read_bytes().startswith(b"%PDF")
    assert out.with_suffix(".csv").exists()
    before = kept.read_bytes()
    assert CliRunner().invoke(command, [str(kept), "mode_counts", "--out", str(kept)]).exit_code == 2
    assert CliRunner().invoke(command, [str(kept), "mode_counts", "--fake", "9"]).exit_code == 2
    assert kept.read_bytes() == before
