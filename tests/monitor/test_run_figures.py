"""Figures of runs: what is drawn is what the history holds; they can be read, written and asked for by command."""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from histories import looks, rows_of

sys.path.insert(0, str(Path(__file__).parents[1] / "plots"))

from reading import alike, cut_off, written, written_over

from gandiag.cli.plot_command import command
from gandiag.errors import ConfigError, UnknownName
from gandiag.monitor import DualityGap, History, Monitor, plot_run, read_history
from gandiag.monitor.figure import RUN_FIGURES, drawable
from gandiag.monitor.sinks import JsonLines


def run() -> History:
    t = np.arange(12)
    train: dict[str, Any] = {"examples_per_second": 900.0 + t, "observer_share": 0.08 + 0 * t}
    train |= {"logged/d_real": 0.5 + 0.03 * t, "logged/d_fake": 0.5 - 0.03 * t}
    for i, name in enumerate(("D", "G", "E")):
        train |= {f"loss/{name}": 1.0 - 0.2 * i + 0.03 * t, f"loss/{name}.sd": np.full(12, 0.1)}
        train |= {f"gradient/{name}": 0.5 / (i + 1) + 0.01 * t, f"gradient/{name}.sd": np.full(12, 0.02)}
    score = looks(
        np.array([[50, 50, 0, 25], [25, 25, 25, 25], [100, 0, 0, 0]]),
        **{"score/energy": [0.5, 0.02, 0.4], "score/energy.floor": [0.01] * 3, "score/energy.floor_sd": [0.002] * 3,
           "value": [-1.2, -1.4, -1.0], "value.error": [0.01] * 3, "value.reference": [-math.log(4.0)] * 3},
    )  # fmt: skip
    gaps = {"duality/gap": [0.9, 0.5, 0.2], "duality/error": [0.05, 0.04, 0.03], "duality/half": [0.6, 0.4, 0.2]}
    alarm = {"kind": "alarm", "step": 333, "seconds": 1.0, "name": "mode_hopping", "sentence": "s", "evidence": {}}
    rows = [*rows_of("train", train), *score, *rows_of("gap", gaps, spacing=200), alarm]
    return History(sorted(rows, key=lambda row: row["step"]))


def series(ax: Any, label: str) -> tuple[list[float], list[float]]:
    line = next(line for line in ax.lines if str(line.get_label()).startswith(label))
    return [float(v) for v in line.get_xdata()], [float(v) for v in line.get_ydata()]


@pytest.mark.parametrize("name", RUN_FIGURES.names())
def test_a_figure_of_a_run_can_be_read_marks_alarms_and_refuses_what_is_not_there(name: str) -> None:
    ax = plot_run(run(), name)
    figure: Any = ax.figure
    texts = written(figure)
    assert (cut_off(texts, figure), written_over(texts), alike(ax)) == ([], [], [])
    assert [float(line.get_xdata()[0]) for line in ax.lines][-1] == 333
    assert "mode hopping" in [text.get_text() for text in ax.texts]
    assert name in dict(drawable(run()))
    bare = History(rows_of("train", {"nothing/of_it": [1.0]}))
    with pytest.raises(ConfigError, match=f"does not hold what `{name}` draws"):
        plot_run(bare, name)


@pytest.mark.parametrize("name", sorted({*RUN_FIGURES.names()} - {"mode_occupancy"}))
def test_the_name_of_an_alarm_is_written_over_no_line(name: str) -> None:
    ax = plot_run(run(), name)
    figure: Any = ax.figure
    figure.draw_without_rendering()
    box = next(text for text in ax.texts if text.get_text() == "mode hopping").get_window_extent()
    drawn = [line for line in ax.lines if len(line.get_xdata()) > 2]
    assert drawn
    for line in drawn:
        path = line.get_path().transformed(line.get_transform())
        assert not path.intersects_bbox(box, filled=False), line.get_label()


def test_losses_are_drawn_with_the_scatter_of_minibatches_and_their_equilibrium() -> None:
    ax = plot_run(run(), "losses")
    steps, values = series(ax, "G")
    assert steps == [50.0 * (i + 1) for i in range(12)]
    assert values == pytest.approx([0.8 + 0.03 * i for i in range(12)])
    band = ax.collections[2].get_paths()[0].vertices  # D, E, G
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((0.7, 1.23))
    flat = [float(y[0]) for line in ax.lines if len(y := line.get_ydata()) == 2 and y[0] == y[1]]
    assert flat == pytest.approx([2 * math.log(2.0), math.log(2.0)])  # E is no player: nothing is known of it


def test_the_gap_is_drawn_with_its_error_and_half_of_the_search() -> None:
    ax = plot_run(run(), "duality_gap")
    assert series(ax, "gap") == ([200.0, 400.0, 600.0], [0.9, 0.5, 0.2])
    assert series(ax, "after half")[1] == [0.6, 0.4, 0.2]
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(1.0)


def test_a_gap_is_recorded_at_the_last_step() -> None:
    monitor = Monitor()
    monitor.step(7, losses={"D": 1.0})
    found = DualityGap(gap=0.3, error=0.1, value=-1.0, worst=-0.8, best=-1.1, half=math.nan, steps=5, lr=0.1)
    row = monitor.record_gap(found)
    assert (row["kind"], row["step"], row["values"]["duality/gap"], row["values"]["duality/half"]) == (
        "gap",
        7,
        0.3,
        None,
    )
    assert monitor.history.series("duality/gap") == [(7, 0.3)]


def test_throughput_tells_rates_and_the_share_of_looks() -> None:
    ax = plot_run(run(), "throughput")
    assert series(ax, "all examples")[1] == [900.0 + i for i in range(12)]
    assert any("8 % of the clock" in str(line.get_label()) for line in ax.lines)
    assert ax.get_ylim()[0] == 0.0


def test_a_metric_that_no_look_took_is_refused() -> None:
    assert series(plot_run(run(), "score_course", metric="energy"), "Energy")[1] == [0.5, 0.02, 0.4]
    with pytest.raises(ConfigError, match=r"history holds.*recall.*energy"):
        plot_run(run(), "score_course", metric="recall")
    with pytest.raises(UnknownName, match="losses"):
        plot_run(run(), "loses")


def test_the_command_lists_and_draws_what_a_run_holds(tmp_path: Path) -> None:
    for row in run():
        JsonLines(tmp_path / "history.jsonl").write(row)
    assert len(read_history(tmp_path)) == len(run())
    listed = CliRunner().invoke(command, [str(tmp_path)], standalone_mode=False)
    assert {line.split()[0] for line in listed.output.splitlines()} == set(RUN_FIGURES.names())
    out = tmp_path / "modes.pdf"
    words = [str(tmp_path), "mode_occupancy", "--venue", "icml", "--out", str(out), "--csv"]
    assert CliRunner().invoke(command, words, standalone_mode=False).exception is None
    assert out.read_bytes().startswith(b"%PDF")
    cells = [r for r in csv.DictReader(out.with_suffix(".csv").read_text().splitlines()) if r["kind"] == "cell"]
    assert len(cells) == 4 * 3
    # The first mode held 50 of 125, then a quarter, then all: of a share of a quarter.
    assert [float(r["value"]) for r in cells[:3]] == pytest.approx([1.6, 1.0, 4.0])
    wrong = CliRunner().invoke(command, [str(tmp_path / "history.jsonl"), "losses", "--fake", "0"])
    assert wrong.exit_code == 2
    assert "a run has one sampler" in wrong.output
