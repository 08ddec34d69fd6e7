"""Figures of limits, curves and ranks: what is drawn is what the report holds."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from matplotlib.text import Text
from synthetic import make_report
from synthetic_evidence import with_evidence

from gandiag.core.report import Report
from gandiag.core.results import Interval
from gandiag.errors import ConfigError
from gandiag.plots.frechet_limit import plot_frechet_limit
from gandiag.plots.prd_curve import plot_prd_curve
from gandiag.plots.sampler_comparison import picked, plot_sampler_comparison


@pytest.fixture(scope="module")
def report() -> Report:
    return with_evidence(make_report())


def texts(ax: Any) -> list[str]:
    return [t.get_text() for t in ax.findobj(Text) if t.get_text()]


def changed(report: Report, metric: str, **fields: Any) -> Report:
    """Change one metric's result in all samplers; a callable gets the sampler's index."""
    fakes = []
    for i, sampler in enumerate(report.fakes):
        new = {key: value(i) if callable(value) else value for key, value in fields.items()}
        results = tuple(replace(r, **new) if r.metric == metric else r for r in sampler.results)
        fakes.append(replace(sampler, results=results))
    return replace(report, fakes=tuple(fakes))


def test_the_limit_is_the_one_that_the_result_tells(report: Report) -> None:
    ax = plot_frechet_limit(report, 0)
    marked = next(line for line in ax.lines if line.get_label() == "at infinitely many rows: 0.37")
    assert np.ravel(marked.get_data()).tolist() == pytest.approx([0.0, 0.37])
    bar = next(line for line in ax.lines if np.array_equal(np.ravel(line.get_xdata()), [0.0, 0.0]))
    assert np.ravel(bar.get_ydata()).tolist() == pytest.approx([0.30, 0.44])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["∞", "1000", "500", "333", "250"]


def test_no_limit_is_drawn_that_the_result_does_not_tell(report: Report) -> None:
    with pytest.raises(ConfigError, match="no line to infinitely many"):
        plot_frechet_limit(changed(report, "frechet", details={}), 0)
    with pytest.raises(ConfigError, match="no line to infinitely many"):
        plot_frechet_limit(report, 0, metric="mmd")


def test_the_best_f_score_is_on_the_curve(report: Report) -> None:
    ax = plot_prd_curve(report, 0)
    mark = next(line for line in ax.lines if line.get_marker() == "D")
    recall, precision = (float(v[0]) for v in mark.get_data())
    assert 2 * recall * precision / (recall + precision) == pytest.approx(0.7, abs=0.01)
    floor = next(line for line in ax.lines if line.get_label().startswith("real against real"))
    x, y = floor.get_data()
    assert 2 * x * y / (x + y) == pytest.approx(np.full(len(x), 0.98))
    assert np.max(y) <= 1.0 + 1e-12


def test_samplers_are_ranked_by_the_better_side(report: Report) -> None:
    for metric in ("frechet", "recall", "vendi"):  # lower, higher, and nearer to the floor
        ax = plot_sampler_comparison(report, 0, metric=metric)
        assert [t.get_text() for t in ax.get_yticklabels()] == [f.name for f in reversed(report.fakes)], metric
    assert "better →" in plot_sampler_comparison(report, 0, metric="recall").get_xlabel()
    assert "better" not in plot_sampler_comparison(report, 0, metric="vendi").get_xlabel()


def test_best_is_earned_and_ties_are_told(report: Report) -> None:
    assert "best" in texts(plot_sampler_comparison(report, 0, metric="recall"))
    wide = Interval(low=0.0, high=1.0, level=0.95, method="jackknife")
    tied = texts(plot_sampler_comparison(changed(report, "recall", interval=wide), 0, metric="recall"))
    assert tied.count("tied") == 2
    assert "best" not in tied
    unmarked = texts(plot_sampler_comparison(report, 0, metric="mmd"))
    assert not {"best", "tied"} & set(unmarked)


def test_a_metric_with_intervals_of_all_is_picked_first(report: Report) -> None:
    assert picked(report, None) == "c2st"
    assert picked(changed(report, "c2st", interval=None, reasons={"interval": "-", "e_value": "-"}), None) == "frechet"
    assert picked(replace(report, fakes=report.fakes[:1]), None) is None
    with pytest.raises(ConfigError, match="fewer than two samplers with authenticity"):
        plot_sampler_comparison(report, 0, metric="authenticity")
