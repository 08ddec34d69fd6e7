"""Histories of loops that the monitor did not watch: read, drawn with their equilibria, refused where they are none."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gandiag.cli.plot_command import command
from gandiag.errors import ConfigError
from gandiag.monitor import plot_run, plot_training, read_history
from gandiag.monitor.figure import drawable
from gandiag.monitor.flat_rows import name_of, row_of
from reference_models.core.running import train

LOG2 = math.log(2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "gan"
    train("gan", "smoke", steps=12, log_every=2, out=out, device="cpu")
    return out


def test_names_say_what_a_number_is() -> None:
    assert [name_of(n) for n in ("d_loss", "g_loss", "loss", "cycle_loss")] == [
        "loss/D",
        "loss/G",
        "loss/all",
        "loss/cycle",
    ]
    assert [name_of(n) for n in ("d_grad", "grad", "d_real", "kl")] == [
        "gradient/D",
        "gradient/all",
        "logged/d_real",
        "logged/kl",
    ]


@pytest.mark.parametrize(
    "row",
    [{"step": 1}, {"step": 1.5, "loss": 1}, {"loss": 1}, {"step": 1, "loss": "1"}, {"step": True, "loss": 1},
     {"step": 1, "loss": float("nan")}, {"step": 1, "values": {"loss/D": 1.0}}],
)  # fmt: skip
def test_what_is_no_row_of_numbers_is_none(row: dict[str, object]) -> None:
    assert row_of(row) is None


def test_every_number_of_a_reference_model_is_in_the_history(folder: Path) -> None:
    written = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    history = read_history(folder)
    assert history.torn == 0
    for key in written[0].keys() - {"step"}:
        assert history.series(name_of(key)) == [(int(row["step"]), row[key]) for row in written], key


def test_a_reference_model_is_drawn_with_its_equilibria(folder: Path) -> None:
    assert [name for name, _ in drawable(folder)] == ["gradients", "logged", "losses"]
    history = read_history(folder)

    def levels(kind: str) -> list[float]:
        ax = plot_run(history, kind)
        for line, name in zip(ax.lines, {"losses": ("loss/D",), "logged": ("logged/d_fake",)}[kind], strict=False):
            np.testing.assert_array_equal(np.transpose(line.get_data()), history.series(name))
        return [float(line.get_ydata()[0]) for line in ax.lines if len(line.get_ydata()) == 2]

    assert levels("losses") == pytest.approx([2 * LOG2, LOG2])
    assert levels("logged") == [0.5]
    assert len(plot_training(folder).axes) == 1


def test_equilibria_are_those_of_the_loss(tmp_path: Path) -> None:
    for loss, expected in (("saturating", [2 * LOG2, -LOG2]), ("least_squares", [0.25, 0.125])):
        out = tmp_path / loss
        train("gan", "smoke", steps=2, log_every=1, out=out, device="cpu", loss=loss)
        found = read_history(out).facts["equilibrium"]
        assert [found["loss/D"], found["loss/G"]] == pytest.approx(expected)
    train("gan", "smoke", steps=2, log_every=1, out=tmp_path / "smooth", device="cpu", smoothing=0.1)
    assert read_history(tmp_path / "smooth").facts == {"equilibrium": {}}


@pytest.mark.parametrize("beside", [None, "{", "[]", '{"equilibrium": 3}', '{"equilibrium": {"d_loss": "x"}}'])
def test_a_broken_file_beside_it_draws_no_line(tmp_path: Path, beside: str | None) -> None:
    (tmp_path / "history.jsonl").write_text('{"step": 1, "d_loss": 1.0}\n{"step": 2, "d_loss": 2.0}\nnot json\n')
    if beside is not None:
        (tmp_path / "checkpoint.json").write_text(beside)
    history = read_history(tmp_path)
    assert history.torn == 1
    assert len(plot_run(history, "losses").lines) == 1


def test_hostile_names_are_text(tmp_path: Path) -> None:
    names = ["$\\frac{$", "<script>alert(1)</script>", "=cmd()", "\u202eevil", "x" * 300]
    rows = [json.dumps({"step": step, **dict.fromkeys(names, 1.0 + step)}) for step in (1, 2)]
    (tmp_path / "history.jsonl").write_text("\n".join(rows))
    result = CliRunner().invoke(
        command, [str(tmp_path), "logged", "--out", str(tmp_path / "f.svg"), "--csv"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    drawn, cells = (tmp_path / "f.svg").read_text(), (tmp_path / "f.csv").read_text()
    assert "<script" not in drawn
    assert "\u202e" not in drawn + cells
    assert "x" * 100 not in drawn + cells
    assert not any(cell.startswith("=") for line in cells.splitlines() for cell in line.split(","))


def test_one_of_many_is_drawn_by_name(folder: Path) -> None:
    ax = plot_run(folder, "logged", metric="d_real")
    assert [str(line.get_label()) for line in ax.lines][:1] == ["d_real"]
    with pytest.raises(ConfigError, match="one that the history holds"):
        plot_run(folder, "logged", metric="d_reel")
