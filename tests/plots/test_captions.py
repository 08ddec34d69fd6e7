"""What is said beside figures: every one of ours has a caption and a text, and the texts hold the report's numbers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from synthetic import make_report, with_images
from synthetic_evidence import with_evidence, with_rows

from gandiag.core.report import Report
from gandiag.core.specs import PLOTS
from gandiag.report._alt_texts import alt_text
from gandiag.report._captions import CAPTIONS, ORDER
from gandiag.report._figures import figures, laid_out


@pytest.fixture(scope="module")
def report() -> Report:
    return with_evidence(make_report())


@pytest.mark.parametrize("name", PLOTS.names())
def test_every_figure_is_captioned_and_told(report: Report, name: str) -> None:
    assert name in CAPTIONS
    assert name in ORDER
    spec = PLOTS.get(name)
    assert spec.applies(report, 0) or spec.applies(with_rows(with_images(report)), 0)
    told = alt_text(spec, report, 0)
    assert told.startswith(f"{report.fakes[0].name}. ")
    assert spec.summary not in told
    assert len(told) < 500


def test_texts_hold_the_numbers(report: Report) -> None:
    def told(name: str) -> str:
        return alt_text(PLOTS.get(name), report, 0)

    assert "0.37 at infinitely many rows" in told("frechet_limit")
    assert "Columns that tell: 1." in told("critic_evidence")
    assert "distance 0.9 against a floor of 0.05" in told("worst_projection")
    assert "best F score 0.70 (floor 0.98)" in told("prd_curve")
    assert "Projected Wasserstein 0.6 (real against real 0.2)" in told("transport_bracket")
    assert "C2ST of 2 samplers" in told("sampler_comparison")
    assert "by severity of the fault drop modes: 0: " in told("severity_response")


def test_a_page_shows_evidence_where_there_is_some_and_compares_samplers_once(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    svg = '<svg viewBox="0 0 10 10"></svg>'  # what is drawn is tested with the figures
    monkeypatch.setattr("gandiag.report._figures.drawn_svg", lambda *args: svg)
    (collapsed, failed), (healthy, _) = figures(report, 0), figures(report, 1)
    assert not failed
    evidence = [
        "critic_evidence",
        "witness_map",
        "worst_projection",
        "prd_curve",
        "uncovered",
        "nearest_training",
        "critic_pixels",
    ]
    names = [figure.name for figure in healthy]
    assert names == [
        "samples_side_by_side",
        "metric_intervals",
        "mode_counts",
        "precision_recall_plane",
        "null_distribution",
        "frechet_limit",
    ]
    assert {figure.name for figure in collapsed} == {*names, *evidence, "sampler_comparison"}
    wide = laid_out(collapsed)[0]
    assert {figure.name for figure in wide} == {"samples_side_by_side", *evidence[:3]}
