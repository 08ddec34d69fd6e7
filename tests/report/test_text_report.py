"""The printed report: the verdict first, every number whole, at any width and in any alphabet."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from rich.console import Console
from synthetic import make_report

from gandiag.core.report import Report
from gandiag.report.text import render, to_text


@pytest.fixture(scope="module")
def report() -> Report:
    return make_report(with_arrays=False)


def section(text: str) -> str:
    """Cut out what is said about the first sampler."""
    return text[text.index("ring_gan, step 4000 ·") : text.index("ring_gan, step 20000 ·")]


def test_the_verdict_comes_before_the_numbers(report: Report) -> None:
    said = section(to_text(report))
    assert said.index("Critical fault: 3 of 8 modes are never drawn") < said.index("metric") < said.index("Energy")
    assert "this explains: The overall distribution differs" in said


def test_the_table_holds_value_floor_excess_and_p(report: Report) -> None:
    line = next(x for x in section(to_text(report, 110)).splitlines() if x.startswith("Recall"))
    assert line.split() == [
        *("Recall", "0.614", "0.905", "±", "0.013", "-22.4", "sd", "0.006"),
        *("0.588", "to", "0.639", "(95", "%)", "differs"),
    ]


def test_a_far_value_whose_test_cannot_speak_is_not_called_at_its_floor(report: Report) -> None:
    recall = report["recall"]
    assert recall.p_value is not None
    weak = replace(recall, p_value=replace(recall.p_value, adjusted=0.04))
    lines = [
        next(x for x in to_text(replace(report, fakes=(replace(report.fakes[0], results=(r,)),))).splitlines()
             if x.startswith("Recall")) for r in (recall, weak)
    ]  # fmt: skip
    assert lines[0].endswith("differs")
    assert lines[1].endswith("unclear")


def test_what_is_absent_says_why(report: Report) -> None:
    said = to_text(report)
    assert "Authenticity: no training rows were given" in said
    assert "Wasserstein: NotConverged: the solver stopped after 100000 steps" in said


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 200])
def test_no_line_is_wider_than_asked_and_no_number_is_cut(report: Report, width: int) -> None:
    text = to_text(report, width)
    assert max(map(len, text.splitlines())) <= width
    rows = [x for x in text.splitlines() if x.startswith(("Energy ", "Mode coverage "))]
    assert len(rows) == 4
    if width >= 40:
        assert "…" not in "".join(rows)


def test_wider_pages_show_more(report: Report) -> None:
    heads = [next(x for x in to_text(report, w).splitlines() if x.startswith("metric")) for w in (40, 80, 120, 160)]
    assert [len(h.split()) for h in heads] == sorted({len(h.split()) for h in heads})


def test_names_cannot_steer_the_terminal(report: Report) -> None:
    evil = "\x1b]0;owned\x07[bold red]x[/] :smile: \u202eevil\r\n"
    fake = replace(report.fakes[0], name=evil, source=evil, notes=(evil,))
    text = to_text(replace(report, fakes=(fake,)))
    assert not any(c in text for c in "\x1b\x07\u202e\r")
    assert "[bold red]x[/]" in text
    assert ":smile:" in text


def test_no_color_is_honoured(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    def coloured() -> str:
        out = io.StringIO()
        render(report, Console(file=out, force_terminal=True, color_system="standard", width=80))
        return out.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;31m" in coloured()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31m" not in coloured()


def test_a_console_of_ascii_gets_ascii(report: Report) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    named = replace(report, fakes=(replace(report.fakes[0], name="modèle 模型"),))
    render(named, Console(file=out, width=90))
    out.flush()
    assert b"0.905 +/- 0.013" in raw.getvalue()
    assert b"mod\\xe8le" in raw.getvalue()


def test_a_sampler_without_results_or_findings_is_no_crash(report: Report) -> None:
    bare = replace(report, fakes=(replace(report.fakes[0], results=(), diagnoses=()),))
    assert "No verdict: No diagnosis was made." in to_text(bare)


@given(name=st.text(max_size=80), width=st.integers(1, 120))
def test_any_name_is_printable_at_any_width(name: str, width: int) -> None:
    report = make_report(with_arrays=False)
    text = to_text(replace(report, fakes=(replace(report.fakes[0], name=name),)), width)
    text.encode("utf-8")
    assert "\x1b" not in text


def test_the_size_of_a_sample_is_not_taken_for_that_of_its_features(report: Report) -> None:
    few = replace(report, real=replace(report.real, dim=64, features="pca:64->20:5a36871beff3"))
    told = " ".join(to_text(few, width=200).split())
    assert "1,000 vectors of 64 numbers, 500 more set aside for fitting; features: pca:64->20:5a36871beff3 " in told
    one = replace(report, real=replace(report.real, dim=1))
    assert "1,000 vectors of 1 number, 500" in to_text(one, width=200)
