"""Figures of faults: answers to a severity, missing modes, pixels and filters are those that the report holds."""

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
from gandiag.core.results import Floor
from gandiag.errors import ConfigError
from gandiag.plots import _style
from gandiag.plots.critic_pixels import plot_critic_pixels
from gandiag.plots.learned_filters import plot_learned_filters
from gandiag.plots.missing_modes import plot_missing_modes
from gandiag.plots.mode_counts import plot_mode_counts
from gandiag.plots.severity_response import applies, plot_severity_response


@pytest.fixture(scope="module")
def report() -> Report:
    return with_evidence(make_report())


@pytest.fixture(scope="module")
def of_images(report: Report) -> Report:
    return with_rows(with_images(report))


def severities(report: Report, *sources: str) -> Report:
    """Make a report on one sampler per source, whose energy distance is 0.1 times its place."""
    fakes = []
    for i, source in enumerate(sources):
        result = replace(report["energy"], estimate=0.1 * i, floor=Floor(mean=0.02, sd=0.005, source="permutation"))
        fakes.append(replace(report.fakes[0], name=source, source=source, results=(result,)))
    return replace(report, fakes=tuple(fakes))


def curve(ax: Any) -> tuple[list[float], list[float]]:
    line = next(line for line in ax.lines if line.get_linestyle() == "-" and line.get_marker() == "None")
    return [float(v) for v in line.get_xdata()], pytest.approx([float(v) for v in line.get_ydata()])


def test_severities_are_put_in_order_with_the_healthy_source_at_none(report: Report) -> None:
    found = severities(report, "x.npy!noise=0.5", "x.npy", "x.npy!noise=2e-1", "y.npy!noise=0.9", "x.npy!blur=0.9")
    ax = plot_severity_response(found, 0, metric="energy")
    assert curve(ax) == ([0.0, 0.2, 0.5], [0.1, 0.2, 0.0])
    floor = next(line for line in ax.lines if line.get_label() == "real against real")
    assert set(floor.get_ydata()) == {0.02}
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.01, 0.03))
    assert ax.get_xlabel() == "noise: share of the draws that are noise"
    assert curve(plot_severity_response(found, 1))[0] == [0.0, 0.2, 0.5]  # asked of the healthy one, its first fault


def test_series_of_other_sources_and_other_options_are_not_mixed(report: Report) -> None:
    assert not applies(severities(report, "x.npy!noise=0.5", "y.npy!noise=0.2"), 0)
    assert not applies(severities(report, "x.npy!noise=0.5,seed=1", "x.npy!noise=0.2,seed=2"), 0)
    assert not applies(severities(report, "x.npy", "y.npy"), 0)
    assert not applies(severities(report, "x.npy!unheard_of=0.5", "x.npy!unheard_of=0.2"), 0)
    assert applies(severities(report, "x.npy!drop_modes=1!noise=0.5", "x.npy!drop_modes=1!noise=0.2"), 0)
    with pytest.raises(ConfigError, match="not two severities of one fault with mmd"):
        plot_severity_response(severities(report, "x.npy", "x.npy!noise=0.5"), 0, metric="mmd")


def test_filled_marks_differ_and_hollow_ones_do_not(report: Report) -> None:
    ax = plot_severity_response(report, 0, metric="mmd")
    marks = {str(line.get_label()): line for line in ax.lines if line.get_marker() in ("D", "o")}
    assert set(marks) == {"differs", "not told from the floor"}
    assert (marks["differs"].get_xdata()[0], marks["not told from the floor"].get_xdata()[0]) == (3.0, 0.0)


def test_missing_modes_show_their_real_images_by_name(of_images: Report) -> None:
    ax = plot_missing_modes(of_images, 0)
    names = [t.get_text() for t in ax.texts]
    assert names == ["45°", "180°"]  # modes 1 and 4; row 999 of the latter is no example
    assert {t.get_color() for t in ax.texts} == {_style.WRONG}
    sheet = np.asarray(ax.images[0].get_array())[..., 0].astype(float)
    real = of_images.arrays["examples/real"]
    for top, left, row in ((0, 0, 3), (0, 9, 5), (9, 0, 7)):
        shown = sheet[top : top + 8, left : left + 8]
        assert np.corrcoef(shown.ravel(), np.ravel(real[row]))[0, 1] > 0.999
    with pytest.raises(ConfigError, match="no image of a missing mode"):
        plot_missing_modes(
            replace(of_images, arrays={**of_images.arrays, "0/mode_coverage/missing_examples": np.zeros((0, 2))}), 0
        )


def test_bars_of_modes_carry_the_bounds_that_were_kept(report: Report) -> None:
    real, made = plot_mode_counts(report, 0).collections
    for lines, offset, ends in ((real, -0.2, (0.1, 0.15)), (made, 0.2, (0.0, 0.25))):
        drawn = np.array(lines.get_segments())  # type: ignore[attr-defined]
        np.testing.assert_allclose(drawn[:, :, 0], np.repeat(np.arange(8)[:, None] + offset, 2, axis=1))
        np.testing.assert_allclose(drawn[:, :, 1], np.tile(ends, (8, 1)))
    assert not list(plot_mode_counts(make_report(), 0).collections)  # of an earlier build, which kept none


def test_the_map_of_pixels_is_the_one_that_was_kept(report: Report) -> None:
    ax = plot_critic_pixels(report, 0)
    mesh: Any = ax.collections[0]
    assert np.array_equal(np.reshape(mesh.get_array(), (8, 8)), report.arrays["0/c2st_cnn/pixel_map"])
    assert ax.get_ylim() == (8.0, 0.0)  # the first row on top, as images are
    assert mesh.get_clim() == pytest.approx((-0.1, 0.5))


def test_filters_share_one_scale_on_which_0_is_grey(report: Report) -> None:
    ax = plot_learned_filters(report, 0)
    sheet = np.asarray(ax.images[0].get_array())
    solid = sheet[sheet[..., 3] == 255][:, 0]
    assert (solid.min(), solid.max()) == (0, 255)
    zero = {**report.arrays, "0/c2st_cnn/filters": np.array([np.zeros((3, 3, 1)), np.ones((3, 3, 1))])}
    sheet = np.asarray(plot_learned_filters(replace(report, arrays=zero), 0).images[0].get_array())
    assert abs(int(sheet[0, 0, 0]) - 128) <= 1
    with pytest.raises(ConfigError, match="no filters of mmd"):
        plot_learned_filters(report, 0, metric="mmd")
