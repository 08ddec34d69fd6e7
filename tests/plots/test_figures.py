"""Every figure: draws into what it is given, leaves nothing behind, shows what the report says, and runs no text."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from matplotlib.figure import Figure
from matplotlib.text import Text
from synthetic import make_report, with_images, with_many_modes
from synthetic_evidence import with_evidence, with_rows

from gandiag.core.plane import planes
from gandiag.core.report import Report
from gandiag.core.results import Floor
from gandiag.core.specs import PLOTS
from gandiag.core.wording import printable, short_p
from gandiag.errors import ConfigError
from gandiag.plots import _style
from gandiag.plots._words import differs, pretty, sds, worse_by
from gandiag.plots.metric_intervals import plot_metric_intervals
from gandiag.plots.mode_counts import plot_mode_counts
from gandiag.plots.null_distribution import plot_null_distribution
from gandiag.plots.precision_recall_plane import plot_precision_recall_plane
from gandiag.plots.samples_side_by_side import plot_samples_side_by_side

PAYLOAD = r"$\frac{1}{ \input{/etc/passwd} <b>&amp;"


@pytest.fixture(scope="module")
def report() -> Report:
    return make_report()


@pytest.fixture(scope="module")
def full(report: Report) -> Report:
    return with_evidence(report)


@pytest.fixture(scope="module")
def of_images(full: Report) -> Report:
    return with_rows(with_images(full))


IMAGES_ALONE = ("duplicate_pairs", "missing_modes")  # what a report on points has nothing to draw of


def first(ax: Any) -> Any:
    return np.asarray(ax, dtype=object).ravel()[0]


def texts(ax: Any) -> list[str]:
    return [t.get_text() for t in first(ax).figure.findobj(Text) if t.get_text()]


def renamed(report: Report, name: str) -> Report:
    return replace(report, fakes=(replace(report.fakes[0], name=name), *report.fakes[1:]))


@pytest.mark.parametrize("name", PLOTS.names())
def test_a_figure_is_made_without_pyplot_and_without_touching_the_settings(
    full: Report, of_images: Report, name: str
) -> None:
    before = dict(matplotlib.rcParams)
    ax = PLOTS.get(name).draw(of_images if name in IMAGES_ALONE else full, 0)
    first(ax).figure.savefig(io.BytesIO(), format="png", dpi=50)
    assert dict(matplotlib.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


@pytest.mark.parametrize("name", PLOTS.names())
def test_a_figure_is_drawn_into_the_axes_that_are_given(full: Report, of_images: Report, name: str) -> None:
    figure = Figure()
    given: Any = figure.subplots(1, 2) if PLOTS.get(name).panels == 2 else figure.subplots()
    drawn = PLOTS.get(name).draw(of_images if name in IMAGES_ALONE else full, 1, ax=given)
    assert np.array_equal(np.ravel(drawn), np.ravel(given))
    assert len(figure.axes) == np.size(given)


@pytest.mark.parametrize("name", PLOTS.names())
def test_a_name_with_tex_is_printed_and_never_run(full: Report, of_images: Report, name: str) -> None:
    ax = PLOTS.get(name).draw(renamed(of_images if name in IMAGES_ALONE else full, PAYLOAD), 0)
    first(ax).figure.savefig(io.BytesIO(), format="svg")
    ours = [t for t in first(ax).figure.findobj(Text) if "frac" in t.get_text()]
    assert all(not t.get_parse_math() for t in ours)


def test_the_payload_would_break_a_figure_that_ran_it() -> None:
    ax = _style.new_axes()
    ax.set_title(PAYLOAD + "$", parse_math=True)
    with pytest.raises(ValueError, match="frac"):
        ax.figure.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize("name", PLOTS.names())
def test_a_figure_refuses_a_report_without_its_numbers(report: Report, name: str) -> None:
    bare = replace(report, arrays={}, fakes=(replace(report.fakes[0], results=()),))
    assert not PLOTS.get(name).applies(bare, 0)
    with pytest.raises(ConfigError, match="does not hold what"):
        PLOTS.get(name).draw(bare, 0)
    with pytest.raises(ConfigError, match="index of one of the 1 samplers"):
        PLOTS.get(name).draw(bare, 3)


def test_missing_modes_are_marked_and_the_others_are_not(report: Report) -> None:
    ax = plot_mode_counts(report, 0)
    marked = {t.get_text() for t in ax.get_xticklabels() if t.get_color() == _style.WRONG}
    assert marked == {"45°", "180°", "270°"}
    assert "missing (3 of 8)" in texts(ax)
    assert not any("missing" in t for t in texts(plot_mode_counts(report, 1)))


def test_bars_are_shares_so_that_sides_of_different_size_compare(report: Report) -> None:
    heights = [p.get_height() for p in plot_mode_counts(report, 0).patches]
    assert sum(heights[:8]) == pytest.approx(1.0)
    assert sum(heights[8:]) == pytest.approx(1.0)


def test_a_thousand_modes_are_drawn_as_a_falling_curve(report: Report) -> None:
    ax = plot_mode_counts(with_many_modes(report), 0)
    assert not ax.patches
    real = next(line for line in ax.lines if line.get_label() == "real, sorted").get_ydata()
    assert len(real) == 1000
    assert np.all(np.diff(np.asarray(real)) <= 0)


def test_right_is_worse_whatever_the_direction(report: Report) -> None:
    """Recall falls and the energy distance rises when a sampler collapses: both must stand on the right."""
    ax = plot_metric_intervals(report, 0)
    rows = [t.get_text() for t in ax.get_yticklabels()]
    places = {rows[round(float(y))]: float(x) for line in ax.lines if line.get_marker() in ("D", "o")
              for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)}  # fmt: skip
    assert places["Recall"] == pytest.approx(22.4)
    assert places["Energy"] == pytest.approx(212.6)
    assert places["Vendi"] == pytest.approx(27.0)
    raw = {pretty(r.metric): r.z for r in report.fakes[0].results}
    assert raw["Recall"] < 0 < raw["Energy"]  # the unturned sign would put them on two sides
    assert rows[0] == "Energy"


def test_a_row_without_a_number_says_so(report: Report) -> None:
    shown = texts(plot_metric_intervals(report, 0))
    assert {"not measured (undefined)", "not measured (failed)", "no floor to compare with"} <= set(shown)


def test_the_observed_line_stands_at_the_estimate(report: Report) -> None:
    ax = plot_null_distribution(report, 1, metric="mmd")
    assert report.fakes[1]["mmd"].estimate == pytest.approx(float(np.asarray(ax.lines[0].get_xdata())[0]))
    assert sum(p.get_height() for p in ax.patches) == 1999


def test_a_far_value_is_pointed_at_and_the_null_stays_legible(report: Report) -> None:
    ax = plot_null_distribution(report, 0, metric="energy")
    low, high = ax.get_xlim()
    null = report.arrays["0/energy/null"]
    assert (null.max() - null.min()) / (high - low) > 0.3
    assert any("far beyond this axis" in t for t in texts(ax))
    with pytest.raises(ConfigError, match="no null draws of nothing"):
        plot_null_distribution(report, 0, metric="nothing")


def test_a_null_without_spread_is_drawn(report: Report) -> None:
    flat = replace(report, arrays={"0/mmd/null": np.zeros(99)})
    ax = plot_null_distribution(flat, 0)
    assert [p.get_height() for p in ax.patches] == [99]  # one bar, however far the observed value lies


def test_precision_is_up_and_recall_is_right(report: Report) -> None:
    ax = plot_precision_recall_plane(report, 0)
    point = next(line for line in ax.lines if line.get_label() == "ring_gan, step 4000")
    assert float(np.asarray(point.get_xdata())[0]) == pytest.approx(report["recall"].estimate)
    assert float(np.asarray(point.get_ydata())[0]) == pytest.approx(report["precision"].estimate)
    assert any("coverage 0.64 (floor 0.97" in t for t in texts(ax))


def test_images_are_laid_out_on_the_scale_of_the_real_ones(report: Report) -> None:
    images = with_images(report)
    pair = plot_samples_side_by_side(images, 0)
    pixels = np.asarray(pair[0].images[0].get_array())
    assert pixels.shape == (71, 71, 4)  # eight rows of eight pixels and seven gaps of one
    real = images.arrays["examples/real"][0]
    scaled = (real - images.arrays["examples/real"].min()) / np.ptp(images.arrays["examples/real"])
    assert np.abs(pixels[:8, :8, 0] / 255 - scaled).max() <= 0.5 / 255 + 1e-12
    assert pixels[8, 0, 3] == 0


@pytest.mark.parametrize("shape", [(30, 8, 8, 3), (30, 8, 8, 1), (30, 5, 9), (1, 4, 4)])
def test_images_of_any_layout_are_drawn(report: Report, shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    arrays = {"examples/real": values, "examples/0": values[:1]}
    drawn = plot_samples_side_by_side(replace(report, real=replace(report.real, kind="image"), arrays=arrays), 0)
    assert np.asarray(drawn[0].images[0].get_array()).shape[-1] == 4


def test_many_columns_are_shown_in_the_plane_that_the_report_holds(report: Report) -> None:
    rng = np.random.default_rng(3)
    rows = {f"examples/{side}": rng.standard_normal((50, 5)) for side in ("real", "0")}
    places = {f"{key}_plane": rng.standard_normal((50, 2)) for key in rows}
    pair = plot_samples_side_by_side(replace(report, arrays=rows | places), 0)
    for axes, place in zip(pair, places.values(), strict=True):
        assert np.array_equal(np.asarray(axes.collections[0].get_offsets()), place)
    with pytest.raises(ConfigError, match="no plane to see them in"):
        plot_samples_side_by_side(replace(report, arrays=rows), 0)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_constant_samples_of_any_width_are_drawn(report: Report, width: int) -> None:
    arrays = {"examples/real": np.zeros((10, width)), "examples/0": np.zeros((4, width))}
    arrays |= planes({f"{key}_features": rows for key, rows in arrays.items()})
    pair = plot_samples_side_by_side(replace(report, arrays=arrays), 0)
    pair[0].figure.savefig(io.BytesIO(), format="png", dpi=40)
    with pytest.raises(ConfigError, match="a pair of axes"):
        plot_samples_side_by_side(replace(report, arrays=arrays), 0, ax=pair[0])


def test_large_clouds_are_rasterised_and_small_ones_are_not(report: Report) -> None:
    big = {"examples/real": np.random.default_rng(0).standard_normal((5000, 2)), "examples/0": np.zeros((3, 2))}
    pair = plot_samples_side_by_side(replace(report, arrays=big), 0)
    assert [bool(axes.collections[0].get_rasterized()) for axes in pair] == [True, False]


def test_words_are_those_of_a_reader(report: Report) -> None:
    assert pretty("ks_marginals") == "KS marginals"
    assert pretty("js_distance") == "JS distance"
    assert pretty("mode_coverage") == "Mode coverage"
    assert printable("a\x1b[31mb\u202ec\r\nd\ud800") == "a[31mbc  d"
    assert printable("x" * 50, longest=10) == "x" * 9 + "…"
    assert [short_p(p) for p in (1.0, 0.5, 0.0123, 0.0005, 1e-9)] == ["1.00", "0.50", "0.012", "0.00050", "1e-09"]
    assert [sds(v) for v in (0.0, -0.01, 1.25, -212.6, 2e15)] == ["0.0", "0.0", "+1.2", "-213", "+2e+15"]
    assert worse_by(report["recall"]) == pytest.approx(22.4)
    assert differs(report["recall"])
    assert not differs(report["density"])


def test_a_floor_whose_spread_is_rounding_gives_no_distance(report: Report) -> None:
    coverage = report["mode_coverage"]
    for sd in (0.0, 1e-16):
        flat = replace(coverage, floor=Floor(mean=1.0, sd=sd, source="permutation"), z=-1e15, p_value=None,
                       reasons={**coverage.reasons, "p_value": "none"})  # fmt: skip
        assert worse_by(flat) is None
        assert differs(flat)
        assert not differs(replace(flat, estimate=1.0, excess=0.0))
        odd = replace(report, fakes=(replace(report.fakes[0], results=(flat, report["recall"])),))
        assert "beyond a floor without spread: 0.625" in texts(plot_metric_intervals(odd, 0))
    assert worse_by(coverage) == pytest.approx(93.75)
