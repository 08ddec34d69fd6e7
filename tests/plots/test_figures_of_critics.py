"""Figures of tests that learn: the numbers drawn are those of the report, and say what it says."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from matplotlib.text import Text
from synthetic import make_report, with_images
from synthetic_evidence import with_evidence

from gandiag.core.report import Report
from gandiag.errors import ConfigError
from gandiag.plots import _style
from gandiag.plots._evidence import example_rows, shown
from gandiag.plots.critic_evidence import plot_critic_evidence
from gandiag.plots.critic_roc import plot_critic_roc
from gandiag.plots.witness_map import applies, plot_witness_map
from gandiag.plots.worst_projection import plot_worst_projection


@pytest.fixture(scope="module")
def report() -> Report:
    return with_evidence(make_report())


def texts(ax: Any) -> list[str]:
    return [t.get_text() for t in ax.findobj(Text) if t.get_text()]


def named(ax: Any, label: str) -> tuple[Any, Any]:
    line = next(line for line in ax.lines if line.get_label() == label)
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata())


def test_the_roc_its_threshold_and_its_band_are_those_of_the_result(report: Report) -> None:
    ax = plot_critic_roc(report, 0)
    assert np.array_equal(named(ax, "held-out rows"), report.arrays["0/c2st/roc"])
    assert np.ravel(named(ax, "the critic's threshold")).tolist() == [0.5, 0.93]
    band = ax.collections[0].get_paths()[0].vertices
    assert {round(float(y - x), 4) for x, y in band} == {0.0859, -0.0859}
    assert ax.get_title(loc="left").startswith("C2ST: area 0.856")


def test_columns_above_noise_are_filled_and_the_others_are_not(report: Report) -> None:
    pair = plot_critic_evidence(report, 0)
    bars = [patch for patch in pair[1].patches]
    assert [bar.get_width() for bar in bars] == pytest.approx([0.21, 0.02])
    assert [bar.get_facecolor()[3] for bar in bars] == [1.0, 0.0]
    assert [t.get_text() for t in pair[1].get_yticklabels()] == ["column 1", "column 0"]
    silent = replace(report.fakes[0], results=tuple(replace(r, details={}) for r in report.fakes[0].results))
    assert any("does not say" in t for t in texts(plot_critic_evidence(replace(report, fakes=(silent,)), 0)[1]))


def test_shares_of_scores_sum_to_one_on_either_side(report: Report) -> None:
    heights = [patch.get_height() for patch in plot_critic_evidence(report, 0)[0].patches]
    assert sum(heights) == pytest.approx(2.0)


def test_a_metric_that_kept_no_scores_is_refused(report: Report) -> None:
    for draw, what in ((plot_critic_roc, "ROC curve"), (plot_critic_evidence, "scores")):
        with pytest.raises(ConfigError, match=f"no {what} of mmd"):
            draw(report, 0, metric="mmd")


def test_named_rows_are_looked_up_among_the_examples(report: Report) -> None:
    """Examples of the sampler are the even rows: row 6 is the fourth example, and row 7 is none of them."""
    found, held = shown(report, 0, report["mmd"], np.array([7, 6, 0]))
    assert np.array_equal(found, report.arrays["examples/0"][[3, 0]])
    assert held.tolist() == [1, 2]


def test_rows_of_a_metric_that_drew_its_own_are_not_taken_for_rows_of_the_side(report: Report) -> None:
    few = replace(report["mmd"], n_fake=999)
    assert np.all(example_rows(report, 0, few) == -1)
    assert shown(report, 0, few, np.array([0]))[1].size == 0
    assert not np.any(example_rows(report, "real", few) == -1)


def test_images_that_the_critic_is_surest_of_are_shown(report: Report) -> None:
    rows = {f"examples/{side}_rows": np.arange(64) for side in ("real", "0", "1")}
    images = with_images(report)
    pair = plot_critic_evidence(replace(images, arrays={**images.arrays, **rows}), 0)
    assert len(pair[1].images) == 1
    shape = pair[1].images[0].get_array().shape
    assert shape[1] == 5 * 8 + 4  # five images of 8 pixels and four gaps


def test_both_sides_are_drawn_along_the_learnt_direction(report: Report) -> None:
    pair = plot_worst_projection(report, 0)
    projections = report.arrays["0/max_sliced_wasserstein/projections"]
    is_real = report.arrays["0/max_sliced_wasserstein/is_real"].astype(bool)
    x, y = pair[0].lines[1].get_data()
    assert np.median(x) == pytest.approx(np.median(projections[is_real]), abs=0.02)
    assert np.median(y) == pytest.approx(np.median(projections[~is_real]), abs=0.02)
    assert sum(patch.get_height() for patch in pair[1].patches) == pytest.approx(2.0)


def test_the_witness_is_drawn_at_the_rows_that_it_was_taken_at(report: Report) -> None:
    pair = plot_witness_map(report, 0)
    witness = report.arrays["0/mmd/witness"]
    for axes, expected in zip(pair, (witness[:1000][1::2], witness[1000:][0::2]), strict=True):
        drawn = np.concatenate([np.asarray(c.get_array()) for c in axes.collections])
        assert np.sort(drawn) == pytest.approx(np.sort(expected))
    low, high = pair[0].collections[0].get_clim()
    assert low == -high  # nothing is pale but what agrees


def test_without_the_rows_of_the_examples_there_is_no_map(report: Report) -> None:
    arrays = {key: value for key, value in report.arrays.items() if not key.endswith("_rows")}
    assert applies(report, 0)
    assert not applies(replace(report, arrays=arrays), 0)


def test_witness_images_are_those_with_the_largest_and_the_smallest(report: Report) -> None:
    images = with_images(report)
    rows = {f"examples/{side}_rows": np.arange(64) for side in ("real", "0", "1")}
    witness = np.zeros(2000)
    witness[5], witness[1007] = 1.0, -1.0
    held = replace(images, arrays={**images.arrays, **rows, "0/mmd/witness": witness})
    pair = plot_witness_map(held, 0)
    for axes, image in zip(pair, (images.arrays["examples/real"][5], images.arrays["examples/0"][7]), strict=True):
        corner = axes.images[0].get_array()[:8, :8, 0].astype(float)
        assert np.corrcoef(corner.ravel(), image.ravel())[0, 1] > 0.999
    assert pair[0].get_title(loc="left").startswith("real")
    assert _style.fake_name(report, 0) in pair[1].get_title(loc="left")
