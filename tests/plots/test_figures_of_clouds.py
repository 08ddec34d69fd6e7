"""Clouds of halves in the planes, and the bracket of a distance by size: what is drawn is what the report holds."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from synthetic import make_report
from synthetic_evidence import with_evidence

from gandiag.core.report import Report
from gandiag.errors import ConfigError
from gandiag.plots.density_coverage_plane import plot_density_coverage_plane
from gandiag.plots.precision_recall_plane import plot_precision_recall_plane
from gandiag.plots.transport_sizes import plot_transport_sizes

PLANES = {
    "precision": (plot_precision_recall_plane, "recall"),
    "density": (plot_density_coverage_plane, "coverage"),
}


@pytest.fixture(scope="module")
def report() -> Report:
    return with_evidence(make_report())


def line(ax: Any, start: str) -> Any:
    return next(drawn for drawn in ax.lines if str(drawn.get_label()).startswith(start))


@pytest.mark.parametrize("up", PLANES)
def test_the_clouds_are_those_that_the_metric_kept(report: Report, up: str) -> None:
    plot, right = PLANES[up]
    ax = plot(report, 0)
    for name, label in (("halves", "half of real against half of fake"), ("real_halves", "half of real against the")):
        kept = report.arrays[f"0/{up}/{name}"]
        np.testing.assert_array_equal(np.stack(line(ax, label).get_data(), axis=1), kept[:, ::-1])
        (left, low), (r, top) = (np.array(ax.viewLim.min), np.array(ax.viewLim.max))
        assert left < kept[:, 1].min() < kept[:, 1].max() < r
        assert low < kept[:, 0].min() < kept[:, 0].max() < top
    point = line(ax, report.fakes[0].name)
    assert np.ravel(point.get_data()).tolist() == [report[right].estimate, report[up].estimate]


def test_clouds_of_other_balls_are_left_out(report: Report) -> None:
    results = tuple(replace(r, details={**r.details, "k": 7}) if r.metric == "recall" else r
                    for r in report.fakes[0].results)  # fmt: skip
    other = replace(report, fakes=(replace(report.fakes[0], results=results), *report.fakes[1:]))
    drawn = {str(made.get_label()) for made in plot_precision_recall_plane(other, 0).lines}
    assert not any(name.startswith("half") for name in drawn)
    without = {key: value for key, value in report.arrays.items() if "halves" not in key}
    assert len(plot_precision_recall_plane(replace(report, arrays=without), 0).lines) == len(
        plot_precision_recall_plane(other, 0).lines
    )


def test_the_plane_of_density_needs_both(report: Report) -> None:
    results = tuple(r for r in report.fakes[0].results if r.metric != "coverage")
    without = replace(report, fakes=(replace(report.fakes[0], results=results), *report.fakes[1:]))
    with pytest.raises(ConfigError, match="no density or no coverage"):
        plot_density_coverage_plane(without, 0)


def test_the_ends_stand_at_their_sizes(report: Report) -> None:
    ax, table = plot_transport_sizes(report, 0), report.arrays["0/projected_wasserstein/by_size"]
    for label, column in (("real against fake", 1), ("less what", 3), ("real against real", 5), ("fake against", 6)):
        x, y = line(ax, label).get_data()
        np.testing.assert_array_equal(x, table[:, 0])
        np.testing.assert_array_equal(y, table[:, column])
    margins = [np.array(segment) for bars in ax.collections[1:] for segment in bars.get_segments()]
    np.testing.assert_array_equal([m[:, 1] for m in margins[:5]], table[:, 1:3])
    np.testing.assert_array_equal([m[:, 1] for m in margins[5:]], table[:, 3:5])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["12", "24", "48", "96", "192"]


def test_no_bracket_is_drawn_where_none_was_kept(report: Report) -> None:
    without = {key: value for key, value in report.arrays.items() if "by_size" not in key}
    with pytest.raises(ConfigError, match="no bracket at several sizes"):
        plot_transport_sizes(replace(report, arrays=without), 0)
