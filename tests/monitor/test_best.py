"""The best checkpoint: chosen by the metric's direction, written whole, read back, and said to be optimistic."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import gandiag
from gandiag.errors import ConfigError, FileFormatError, IntegrityError
from gandiag.monitor.best import Keeper, read_checkpoint

REAL = np.random.default_rng(0).normal(size=(300, 2))


def heard(keeper: Keeper, estimates: list[float], *, floor: float = 0.0, sd: float = 0.0) -> list[bool]:
    name = f"score/{keeper.metric}"
    return [
        keeper.hear(10 * i, {name: value, f"{name}.floor": floor, f"{name}.floor_sd": sd})
        for i, value in enumerate(estimates)
    ]


@pytest.mark.parametrize(
    ("metric", "floor", "better"),
    [
        ("frechet", 0.0, [True, True, False, False]),
        ("recall", 1.0, [True, False, True, False]),
        ("c2st", 0.5, [True, True, False, False]),
    ],
)
def test_the_direction_is_that_of_the_metric(metric: str, floor: float, better: list[bool]) -> None:
    keeper = Keeper(metric)
    assert heard(keeper, [0.6, 0.55, 0.9, 0.7], floor=floor) == better
    assert keeper.best is not None
    assert keeper.best.of == 4
    assert "optimistic" in keeper.best.note


def test_a_target_metric_is_best_at_its_floor() -> None:
    keeper = Keeper("frechet")
    keeper.direction = "target"
    assert heard(keeper, [0.2, 0.45, 0.9, 0.52], floor=0.5) == [True, True, False, True]


def test_an_improvement_within_the_noise_does_not_reset_the_patience() -> None:
    keeper = Keeper("frechet", patience=3)
    heard(keeper, [1.0, 0.95, 0.92], sd=0.1)
    assert (keeper.waited, keeper.should_stop) == (2, False)
    heard(keeper, [0.91], sd=0.1)
    assert keeper.should_stop
    assert keeper.best is not None
    assert keeper.best.estimate == 0.91
    heard(keeper, [0.5], sd=0.1)
    assert (keeper.waited, keeper.should_stop) == (0, False)


def test_noise_about_a_constant_stops_sooner_than_without_the_margin() -> None:
    """Negative control: records of pure noise keep a rule without a margin waiting."""
    lasted = {None: 0, 0.0: 0}
    for seed in range(60):
        values = np.random.default_rng(seed).normal(1.0, 0.1, 200).tolist()
        for margin in lasted:
            keeper = Keeper("frechet", patience=10, min_delta=margin)
            for i, value in enumerate(values):
                heard(keeper, [value], sd=0.1)
                if keeper.should_stop:
                    lasted[margin] += i
                    break
    assert lasted[None] < 0.8 * lasted[0.0]


def test_absent_scores_count_neither_way() -> None:
    keeper = Keeper("frechet", patience=1)
    heard(keeper, [1.0])
    assert not keeper.hear(5, {"score/frechet": None})
    assert not keeper.hear(6, {})
    assert keeper.waited == 0


def test_the_best_of_equal_checkpoints_is_lucky_by_the_quoted_amount() -> None:
    # E min of k normals is about -sd sqrt(2 log k) (from below): 1.87 sd for k = 20, against 2.45; said as "about".
    rng, lucky = np.random.default_rng(0), []
    for _ in range(400):
        keeper = Keeper("frechet")
        heard(keeper, rng.normal(10.0, 1.0, 20).tolist())
        assert keeper.best is not None
        lucky.append(10.0 - keeper.best.estimate)
    assert np.mean(lucky) == pytest.approx(1.867, abs=4 * 0.53 / math.sqrt(400))
    assert np.mean(lucky) < math.sqrt(2.0 * math.log(20))


def dialled(path: Path | None = None, **more: Any) -> tuple[gandiag.Monitor, nn.Module]:
    """A generator that is one shift of the real law, which the test turns."""
    shift = nn.Linear(1, 2, bias=True)
    with torch.no_grad():
        shift.weight.zero_()

    def sample(n: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        return rng.normal(size=(n, 2)) + shift.bias.detach().numpy()

    settings: dict[str, Any] = {"metrics": ["energy"], "n": 100, "every": 1, "budget": None, "permutations": 9}
    monitor = gandiag.Monitor(REAL, sampler=sample, modules={"G": shift}, out=path, **settings | more)
    return monitor, shift


def turned(monitor: gandiag.Monitor, shift: Any, values: list[float], start: int = 0) -> None:
    for i, value in enumerate(values):
        with torch.no_grad():
            shift.bias.fill_(value)
        monitor.step(start + i)


@pytest.mark.parametrize("on_disk", [True, False])
def test_the_best_checkpoint_comes_back(tmp_path: Path, on_disk: bool) -> None:
    monitor, shift = dialled(tmp_path if on_disk else None)
    turned(monitor, shift, [3.0, 1.0, 0.1, 2.0, 4.0])
    best = monitor.best
    assert best is not None
    assert (best.step, best.of) == (2, 5)
    again = monitor.rescore()["energy"]
    assert again.estimate != best.estimate  # fresh samples
    assert again.estimate < 0.1
    assert shift.bias.tolist() == [4.0, 4.0]  # the networks keep their own weights
    monitor.load_best()
    assert torch.allclose(shift.bias, torch.full((2,), 0.1))


def test_files_are_whole_and_only_the_best_stays(tmp_path: Path) -> None:
    monitor, shift = dialled(tmp_path)
    turned(monitor, shift, [3.0, 0.1, 2.0])
    assert sorted(p.name for p in tmp_path.glob("*")) == [
        "best-1.safetensors",
        "best.json",
        "history.csv",
        "history.jsonl",
    ]
    facts = json.loads((tmp_path / "best.json").read_text())
    assert facts["metric"] == "energy"
    assert facts["modules"] == ["G"]
    assert "optimistic" in facts["note"]
    assert torch.allclose(read_checkpoint(tmp_path)["G"]["bias"], torch.full((2,), 0.1))
    (tmp_path / "best-1.safetensors").write_bytes(b"other")
    with pytest.raises(IntegrityError, match="must be the file that best"):
        read_checkpoint(tmp_path)
    (tmp_path / "best.json").write_text('{"file": "../../etc/passwd", "sha256": ""}')
    with pytest.raises(FileFormatError, match="a best checkpoint is a best"):
        read_checkpoint(tmp_path)


def test_a_disk_that_fails_costs_an_event_and_not_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor, shift = dialled(tmp_path)
    turned(monitor, shift, [3.0])

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gandiag.monitor.best.replace_file", full)
    turned(monitor, shift, [0.1, 2.0], start=1)
    assert [row["name"] for row in monitor.history.of("event")] == ["checkpoint_failed"]
    # In memory the new best, on the disk the old one, whole.
    monitor.load_best()
    assert torch.allclose(shift.bias, torch.full((2,), 0.1))
    assert torch.allclose(read_checkpoint(tmp_path)["G"]["bias"], torch.full((2,), 3.0))


def test_a_continued_run_goes_on_with_its_best_and_its_patience(tmp_path: Path) -> None:
    whole, shift = dialled(None, patience=9)
    turned(whole, shift, [3.0, 0.2, 2.0, 1.0, 1.5, 2.5])
    first, shift = dialled(tmp_path, patience=9)
    turned(first, shift, [3.0, 0.2, 2.0])
    second, shift = dialled(tmp_path, patience=9, resume=True)
    assert second.best is not None
    assert second.best.step == 1
    turned(second, shift, [1.0, 1.5, 2.5], start=3)
    assert second.history.series("score/energy") == whole.history.series("score/energy")
    assert second._keeper is not None
    assert whole._keeper is not None
    assert second._keeper.waited == whole._keeper.waited
    second.load_best()
    assert torch.allclose(shift.bias, torch.full((2,), 0.2))


def test_without_a_checkpoint_it_says_so() -> None:
    with pytest.raises(ConfigError, match="a best checkpoint must be kept"):
        gandiag.Monitor(metrics=()).load_best()
    with pytest.raises(ConfigError, match="there must be a best checkpoint"):
        dialled()[0].load_best()
    with pytest.raises(ConfigError, match="`patience` needs a metric"):
        dialled(metrics=(), patience=3)
    with pytest.raises(ConfigError, match="`patience` must be at least 1"):
        Keeper("frechet", patience=0)
