"""The figure of a run draws what the history holds, where it holds it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from histories import looks, rows_of

from gandiag.errors import ConfigError
from gandiag.monitor import History, plot_training
from gandiag.monitor.sinks import JsonLines


def run(name: str = "D") -> History:
    t = np.arange(12)
    train = rows_of(
        "train", {f"loss/{name}": 1.0 + 0.03 * t, f"loss/{name}.sd": np.full(12, 0.1), "loss/G": 0.7 + 0 * t}
    )
    counts = np.tile([50, 50, 0, 25], (6, 1))
    more: dict[str, Any] = {
        "score/energy": [0.5, 0.3, 0.02, 0.04, 0.05, 0.06],
        "score/energy.floor": [0.01] * 6,
        "score/energy.floor_sd": [0.002] * 6,
        "value": [-1.2] * 6,
        "value.error": [0.01] * 6,
        "value.reference": [-math.log(4.0)] * 6,
    }
    score = looks(counts, **more)
    for row in score:
        row["step"] *= 2
        row["values"] = more_first(row["values"])
    alarm = {"kind": "alarm", "step": 333, "seconds": 1.0, "name": "mode_hopping", "sentence": "s", "evidence": {}}
    return History(sorted([*train, *score, alarm], key=lambda row: row["step"]))


def more_first(values: dict[str, float]) -> dict[str, float]:
    """Put the energy distance in front, as the observer's metrics stand."""
    return {"score/energy": values["score/energy"], **values}


def levels(ax: Any) -> list[float]:
    """List the heights of the horizontal reference lines."""
    return [
        float(line.get_ydata()[0])
        for line in ax.lines
        if len(set(line.get_ydata())) == 1 and len(line.get_ydata()) == 2
    ]


def test_every_panel_marks_its_equilibrium() -> None:
    figure = plot_training(run())
    losses, value, score, modes = figure.axes[:4]
    assert levels(losses)[:2] == pytest.approx([2 * math.log(2.0), math.log(2.0)])
    assert levels(value)[0] == pytest.approx(-math.log(4.0))
    star = next(line for line in score.lines if line.get_marker() == "*")
    assert (float(star.get_xdata()[0]), float(star.get_ydata()[0])) == (300.0, 0.02)
    shares = np.asarray(modes.collections[0].get_array()).reshape(4, 6)
    np.testing.assert_allclose(shares[:, 0], [1.6, 1.6, 0.0, 0.8])
    for ax in (losses, value, score, modes):
        assert [line.get_xdata()[0] for line in ax.lines][-1] == 333
    assert any(text.get_text() == "mode hopping" for text in losses.texts)
    figure.canvas.draw()


def test_no_equilibrium_is_drawn_for_an_unknown_game() -> None:
    rows = rows_of("train", {"loss/D": [1.0] * 3})
    assert levels(plot_training(History(rows)).axes[0]) == []
    assert levels(plot_training(History(rows), game="wgan").axes[0]) == [0.0]


def test_it_draws_from_the_folder_and_only_what_is_there(tmp_path: Path) -> None:
    for row in rows_of("train", {"loss/G": [1.0, 2.0]}):
        JsonLines(tmp_path / "history.jsonl").write(row)
    assert len(plot_training(tmp_path).axes) == 1
    with pytest.raises(ConfigError, match="must hold losses or scores to be drawn"):
        plot_training(History())


def test_names_are_text_and_never_mathematics() -> None:
    figure = plot_training(run("$\\frac{$\u202e"))
    figure.canvas.draw()
    assert "$\\frac{$" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
