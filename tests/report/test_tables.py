"""Tables of a report: digits by the error, bold only where it is earned, and harmless whatever a sampler is called."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner
from synthetic import make_report

from gandiag.api import Report
from gandiag.cli.table_command import command
from gandiag.core.results import Interval
from gandiag.errors import MissingExtra, UnknownName
from gandiag.report.tables.comparison import comparison
from gandiag.report.tables.latex import to_latex
from gandiag.report.tables.markdown import to_markdown
from gandiag.report.tables.rounding import Rounded, rounded
from gandiag.report.tables.tidy import COLUMNS, tidy_rows, to_csv

HOSTILE = "<script>alert(1)</script> \\input{/etc/passwd} a_b & 50% $x$ #1 {~^} \u202eRTL " + "x" * 300


@pytest.mark.parametrize(
    ("value", "ends", "expected"),
    [
        (3.14159, (3.0, 3.28), Rounded(value="3.14", below="0.14", above="0.14")),
        (3.14159, (3.0, 3.9), Rounded(value="3.14", below="0.14", above="0.76")),
        (12345.6, (12000.0, 12700.0), Rounded(value="12346", below="350", above="350")),
        (0.5, (0.4001, 0.5999), Rounded(value="0.50", below="0.10", above="0.10")),
        (1.23e-6, (1.13e-6, 1.33e-6), Rounded(value="1.23", below="0.10", above="0.10", exponent=-6)),
        (2.5e7, (2.4e7, 2.6e7), Rounded(value="2.50", below="0.10", above="0.10", exponent=7)),
        (-0.0001, (-0.02, 0.02), Rounded(value="0.000", below="0.020", above="0.020")),
        (1.0, (0.9, 1.0), Rounded(value="1.00", below="0.10", above="0.00")),
        (0.98, (None, None), Rounded(value="0.980")),
        (0.98, (0.98, 0.98), Rounded(value="0.980")),
        (0.0, (None, None), Rounded(value="0.00")),
        (1234.5, (None, None), Rounded(value="1234")),
    ],
)
def test_a_value_keeps_the_digits_that_its_error_leaves(value: float, ends: Any, expected: Rounded) -> None:
    found = rounded(value, *ends)
    assert (found.value, found.exponent) == (expected.value, expected.exponent)
    assert (found.below, found.above) == (expected.below, expected.above)


def made(*intervals: tuple[float, float, float] | None, direction: Any = "lower", metric: str = "frechet") -> Report:
    """Make a report whose samplers have these (estimate, low, high) of one metric."""
    base = make_report()
    result = next(r for r in base.fakes[0].results if r.metric == metric)
    fakes = []
    for i, given in enumerate(intervals):
        value, low, high = given or (1.0, 0.0, 0.0)
        interval = None if given is None else Interval(low=low, high=high, level=0.95, method="m")
        reasons = {**result.reasons, "interval": "none"}
        own = replace(result, estimate=value, interval=interval, direction=direction, reasons=reasons)
        fakes.append(replace(base.fakes[0], name=f"s{i}", results=(own,)))
    return Report.of(replace(base, fakes=tuple(fakes)))


def marks(found: Report) -> list[str]:
    return [cell.mark for cell in comparison(found).columns[0].cells]


def test_bold_needs_an_interval_that_lies_apart() -> None:
    assert marks(made((1.0, 0.9, 1.1), (2.0, 1.9, 2.1), (3.0, 2.5, 3.5))) == ["best", "", ""]
    assert marks(made((1.0, 0.9, 1.1), (2.0, 1.9, 2.1), direction="higher")) == ["", "best"]


def test_what_is_not_told_apart_from_the_best_is_tied_with_it() -> None:
    assert marks(made((1.0, 0.5, 1.5), (1.2, 0.7, 1.7), (9.0, 8.0, 10.0))) == ["tied", "tied", ""]


def test_nothing_is_marked_without_intervals_or_rivals_or_a_direction() -> None:
    assert marks(made((1.0, 0.9, 1.1), None)) == ["", ""]
    assert marks(made((1.0, 0.9, 1.1))) == [""]
    assert marks(made((1.0, 0.9, 1.1), (9.0, 8.9, 9.1), direction="target")) == ["", ""]


def test_latex_says_what_the_marks_mean_and_shows_the_floor() -> None:
    text = to_latex(made((1.0, 0.9, 1.1), (2.0, 1.9, 2.1)))
    assert r"s0 & \boldmath \textbf{\(1.00 \pm 0.10\)} \\" in text
    assert r"s1 & \(2.00 \pm 0.10\) \\" in text
    assert "% bold: significantly better than every other sampler" in text
    assert re.search(r"real against real & \\\([0-9.]+ \\pm [0-9.]+\\\)", text)
    assert r"Fr\'echet \(\downarrow\)" in text


def test_markdown_has_as_many_cells_in_every_row() -> None:
    lines = to_markdown(made((1.0, 0.9, 1.1), (1.05, 1.0, 1.3))).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in rows} == {3}
    assert any("<u>1.05 (+0.25, −0.05)</u>" in line for line in rows)


def test_hostile_names_are_text_in_every_form() -> None:
    found = made((1.0, 0.9, 1.1), (2.0, 1.9, 2.1))
    named = Report.of(
        replace(found, fakes=(replace(found.fakes[0], name=HOSTILE), replace(found.fakes[1], name="=cmd()")))
    )
    latex, markdown = to_latex(named), to_markdown(named)
    assert r"\input" not in latex
    assert r"\textbackslash{}input\{/etc/passwd\} a\_b \& 50\% \$x\$ \#1" in latex
    assert "<script>" not in markdown
    assert "\u202e" not in latex + markdown + to_csv(named)
    rows = list(csv.DictReader(io.StringIO(to_csv(named))))
    assert rows[1]["sampler"] == "'=cmd()"
    assert len(rows) == 2


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", " =x", "\t=x"])
def test_a_name_that_a_spreadsheet_would_run_is_disarmed(name: str) -> None:
    found = made((1.0, 0.9, 1.1))
    named = Report.of(replace(found, fakes=(replace(found.fakes[0], name=name),)))
    (row,) = csv.DictReader(io.StringIO(to_csv(named)))
    assert row["sampler"].startswith("'")


def test_the_long_form_keeps_every_digit_and_says_why_a_number_is_absent() -> None:
    found = Report.of(make_report())
    rows = tidy_rows(found)
    assert len(rows) == sum(len(fake.results) for fake in found.fakes)
    assert all(tuple(row) == COLUMNS for row in rows)
    read = list(csv.DictReader(io.StringIO(found.to_csv())))
    for row, line in zip(rows, read, strict=True):
        assert (row["estimate"] is None) == (line["estimate"] == "")
        if row["estimate"] is not None:
            assert float(line["estimate"]) == row["estimate"]
        else:
            assert line["reason"]


def test_columns_are_chosen_and_an_unknown_one_is_named() -> None:
    found = Report.of(make_report())
    assert [c.metric for c in comparison(found, ["recall", "mmd"]).columns] == ["recall", "mmd"]
    assert {row["metric"] for row in tidy_rows(found, ["mmd"])} == {"mmd"}
    with pytest.raises(UnknownName, match=r"recal.*recall"):
        found.to_latex(["recal"])


def test_a_data_frame_is_made_where_pandas_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("pandas")
    module.DataFrame = lambda rows, columns: (rows, columns)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", module)
    found = Report.of(make_report())
    assert found.to_pandas(["mmd"]) == (tidy_rows(found, ["mmd"]), list(COLUMNS))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match="pip install pandas, or write a CSV"):
        found.to_pandas()


def test_the_command_prints_and_writes_and_spares_the_report(tmp_path: Path) -> None:
    kept = tmp_path / "report.json"
    Report.of(make_report()).to_json(kept)
    printed = CliRunner().invoke(
        command, [str(kept), "--metrics", "mmd,recall", "--format", "markdown"], standalone_mode=False
    )
    assert "| MMD ↓ | Recall ↑ |" in printed.output
    out = tmp_path / "table.tex"
    CliRunner().invoke(command, [str(kept), "--out", str(out)], standalone_mode=False)
    assert out.read_text().endswith("\\end{tabular}\n")
    for spared in (kept, kept.with_suffix(".safetensors")):
        before = spared.read_bytes()
        assert CliRunner().invoke(command, [str(kept), "--out", str(spared)]).exit_code == 2
        assert spared.read_bytes() == before


LATEX = shutil.which("pdflatex")


@pytest.mark.skipif(LATEX is None, reason="LaTeX is not installed")
def test_latex_compiles_whatever_samplers_are_called(tmp_path: Path) -> None:
    found = made((1.0, 0.9, 1.1), (2.0, 1.9, 2.4), (3e-9, 2e-9, 4e-9))
    every = "".join(chr(i) for i in range(32, 127))
    names = (HOSTILE.replace("\u202e", ""), every, "é ± ≥ ≤ …")
    named = Report.of(replace(found, fakes=tuple(replace(f, name=n) for f, n in zip(found.fakes, names, strict=True))))
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
    (tmp_path / "t.tex").write_text(f"{head}{to_latex(named)}\\end{{document}}\n")
    words = [str(LATEX), "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
