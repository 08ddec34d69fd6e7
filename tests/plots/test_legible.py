"""Figures can be read: no text is cut off or written over another, at every width, in grey and by any eye."""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from reading import CLEAR, alike, cut_off, written, written_over
from synthetic import make_report, with_images, with_many_modes
from synthetic_evidence import with_evidence, with_rows
from vision import SIGHTS, apart, grey, lab

from gandiag.core.report import Report
from gandiag.core.specs import PLOTS
from gandiag.plots import _style
from gandiag.plots._drawing import draw
from gandiag.plots._paper import VENUES, paper_style


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    full = with_evidence(make_report())
    return [full, with_rows(with_images(full)), with_many_modes(full)]


def legible(report: Report, name: str, venue: str | None, columns: int) -> Figure:
    figure = draw(report, name, fake=0, venue=venue, columns=columns)
    with paper_style(venue, columns=columns):  # its letters are looked up when they are drawn
        texts = written(figure)
    assert (name, cut_off(texts, figure), written_over(texts)) == (name, [], [])
    return figure


@pytest.mark.parametrize("name", PLOTS.names())
def test_a_figure_in_one_column_of_wide_letters_can_be_read_by_any_eye(reports: list[Report], name: str) -> None:
    report = next(r for r in reports if PLOTS.get(name).applies(r, 0))
    figure = legible(report, name, "nature", 1)
    assert [pair for ax in figure.axes for pair in alike(ax)] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PLOTS.names())
@pytest.mark.parametrize(("venue", "columns"), [(None, 1), *((v, c) for v in VENUES for c in (1, 2))])
def test_no_text_is_cut_off_or_written_over(reports: list[Report], name: str, venue: str | None, columns: int) -> None:
    for report in reports:
        if PLOTS.get(name).applies(report, 0):
            legible(report, name, venue, columns)


def test_a_text_that_is_cut_off_or_written_over_is_found() -> None:
    ax = _style.new_axes()
    ax.set_title("a title that is far too long for a figure of one column and runs out of it", loc="left")
    ax.text(0.5, 0.5, "one")
    ax.text(0.51, 0.51, "other")
    figure: Any = ax.figure
    texts = written(figure)
    assert len(cut_off(texts, figure)) == 1
    assert written_over(texts) == [("one", "other")]


def test_series_that_only_a_colour_tells_apart_are_found() -> None:
    ax = _style.new_axes()
    for shade, name in (("#d55e00", "vermilion"), ("#009e73", "green")):
        ax.plot([0, 1], color=shade, label=name)
    assert ("vermilion", "green", "grey") in alike(ax)
    ax.lines[1].set_linestyle((0, (4, 2)))
    assert alike(ax) == []
    for shade, name in (("#ff0000", "red"), ("#008a00", "green too")):
        ax.bar([0], [1], color=shade, label=name)
    assert {sight for *_, sight in alike(ax)} >= {"grey"}


def test_sights_are_those_that_are_known() -> None:
    """Greys stay as they are for every eye; red and green of one lightness become one hue without the middle cones."""
    for sight in SIGHTS:
        assert apart(to_rgb("#808080"), to_rgb("#808080"), sight) == 0.0
        seen = SIGHTS[sight](np.array(to_rgb("#808080")))
        assert np.abs(seen - seen.mean()).max() < 0.01
    red, green = to_rgb("#c04040"), to_rgb("#407040")
    assert apart(red, green, "usual") > 60
    assert apart(red, green, "deuteranopia") < 30
    assert apart(to_rgb("#0000ff"), to_rgb("#ffff00"), "deuteranopia") > 100
    assert lab(grey(np.array([1.0, 1.0, 1.0]))) == pytest.approx([100.0, 0.0, 0.0], abs=0.1)


def test_our_colours_stay_apart_for_every_eye_and_in_grey_need_a_mark() -> None:
    ours = (_style.REAL, _style.WRONG, *_style.FAKES)
    near = {s: [(a, b) for a, b in combinations(ours, 2) if apart(to_rgb(a), to_rgb(b), s) < CLEAR] for s in SIGHTS}
    assert near["usual"] == near["deuteranopia"] == near["protanopia"] == []
    # Why no figure may tell series by colour alone.
    assert (_style.FAKES[1], _style.FAKES[2]) in near["grey"]
