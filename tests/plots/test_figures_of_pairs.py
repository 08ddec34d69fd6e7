"""Figures of distances, pairs and shares: what is drawn is what the report holds."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from synthetic import make_report, with_images
from synthetic_evidence import with_evidence, with_rows

from gandiag.core.report import Report
from gandiag.errors import ConfigError
from gandiag.plots.collision_curve import plot_collision_curve
from gandiag.plots.duplicate_pairs import plot_duplicate_pairs
from gandiag.plots.nearest_training import plot_nearest_training
from gandiag.plots.spectrum import plot_spectrum
from gandiag.plots.transport_bracket import plot_transport_bracket
from gandiag.plots.uncovered import plot_uncovered
from gandiag.plots.wealth_path import plot_wealth_path


@pytest.fixture(scope="module")
def report() -> Report:
    return with_evidence(make_report())


@pytest.fixture(scope="module")
def of_images(report: Report) -> Report:
    return with_rows(with_images(report))


def line(ax: Any, start: str) -> Any:
    return next(drawn for drawn in ax.lines if str(drawn.get_label()).startswith(start))


def test_shares_of_pairs_are_drawn_where_there_are_any(report: Report) -> None:
    ax = plot_collision_curve(report, 0)
    assert len(line(ax, "real").get_xdata()) == 17
    assert len(line(ax, report.fakes[0].name).get_xdata()) == 19
    assert line(ax, "threshold").get_xdata()[0] == 0.01
    none = {f"0/near_duplicates/curve_{side}": np.zeros(20) for side in ("real", "fake")}
    with pytest.raises(ConfigError, match="no pairs within a distance"):
        plot_collision_curve(replace(report, arrays={**report.arrays, **none}), 0)


def test_pairs_are_laid_side_by_side_and_one_without_its_partner_is_left_out(of_images: Report) -> None:
    rows = {**of_images.arrays, "examples/0_rows": np.r_[0:3, 4:65]}  # row 3 is no example
    pixels = plot_duplicate_pairs(replace(of_images, arrays=rows), 0).images[0].get_array()
    images = of_images.arrays["examples/0"]
    assert pixels.shape[1] == 2 * 16 + 1  # two pairs of two images of 8 pixels, one gap
    for left, example in ((0, 2), (8, 3), (17, 5), (25, 9)):  # rows 2 and 4, then 6 and 10
        drawn = pixels[:, left : left + 8, 0].astype(float)
        assert np.corrcoef(drawn.ravel(), images[example].ravel())[0, 1] > 0.999


def test_exact_copies_are_called_so(of_images: Report) -> None:
    assert "0 to 0.25 apart" in plot_duplicate_pairs(of_images, 0).get_title(loc="left")
    same = {**of_images.arrays, "0/near_duplicates/closest_distances": np.zeros(3)}
    assert "exact copies" in plot_duplicate_pairs(replace(of_images, arrays=same), 0).get_title(loc="left")


def test_points_have_no_sheet_of_pairs(report: Report) -> None:
    with pytest.raises(ConfigError, match="or no images"):
        plot_duplicate_pairs(report, 0)


def test_the_share_of_copies_is_the_height_at_zero(report: Report) -> None:
    ax = plot_nearest_training(report, 0)
    x, y = line(ax, report.fakes[0].name).get_data()
    assert np.max(np.asarray(y)[np.asarray(x) == 0.0]) == pytest.approx(0.4)
    assert np.asarray(line(ax, "real").get_ydata())[-1] == 1.0
    assert ax.get_title(loc="left") == "fake is the closer in 80 %, 12 exact copies"


def test_wealth_starts_at_one_and_is_in_powers_of_ten(report: Report) -> None:
    ax = plot_wealth_path(report, 0)
    path = max((drawn.get_ydata() for drawn in ax.lines), key=len)
    assert path[0] == 0.0
    assert 10.0 ** path[-1] == pytest.approx(np.exp(8.0))
    assert {float(line(ax, start).get_ydata()[0]) for start in ("20", "1000")} == {np.log10(20.0), 3.0}


def test_tiny_shares_are_not_drawn(report: Report) -> None:
    ax = plot_spectrum(report, 0)
    assert np.asarray(line(ax, report.fakes[0].name).get_ydata()).tolist() == [0.4, 0.3, 0.2, 0.09, 0.00999]
    assert line(ax, "of as many real rows").get_xdata()[0] == 7.6
    assert line(ax, "effective number").get_xdata()[0] == report["vendi"].estimate


def test_the_ends_of_the_bracket_are_drawn_outwards(report: Report) -> None:
    ax = plot_transport_bracket(report, 0)
    drawn = {
        round(float(y[0])): np.asarray(x).tolist()
        for x, y in (drawn.get_data() for drawn in ax.lines)
        if len(x) == 2 and y[0] == y[1] and y[0] in (1, 2)
    }
    assert drawn[1] == pytest.approx([0.6, 0.7])
    assert drawn[2] == pytest.approx([0.4, 0.2])
    assert "3 blocks of 100 rows" in ax.get_xlabel()


def test_samples_out_of_reach_are_marked_where_they_lie(report: Report) -> None:
    """Examples of real are the odd rows: 1, 3 and 9 are the first, second and fifth of them, 4 is none."""
    ax = plot_uncovered(report, 0)
    marked = next(c for c in ax.collections if c.get_label() == "real, out of reach")
    assert np.asarray(marked.get_offsets()) == pytest.approx(report.arrays["examples/real"][[0, 1, 4]])
    assert ax.get_legend().get_title().get_text() == "4 of 1000 real samples are out of reach"
    with pytest.raises(ConfigError, match="no missed samples"):
        plot_uncovered(report, 0, metric="recall")


def test_images_out_of_reach_are_shown_farthest_first(of_images: Report) -> None:
    pixels = plot_uncovered(of_images, 0).images[0].get_array()
    first = of_images.arrays["examples/real"][1]
    assert np.corrcoef(pixels[:8, :8, 0].astype(float).ravel(), first.ravel())[0, 1] > 0.999
