"""The observer's schedule, budget, records, and what it does when something breaks."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import gandiag
from gandiag.errors import ConfigError
from gandiag.monitor.restoring import undisturbed
from gandiag.monitor.scoring import Scorer

REAL = np.random.default_rng(0).normal(size=(300, 2))


def good(n: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    return rng.normal(size=(n, 2))


class Ticking:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def made(sampler: Any = good, **more: Any) -> gandiag.Monitor:
    settings: dict[str, Any] = {"metrics": ["energy"], "n": 60, "every": 2, "permutations": 9, "budget": None}
    return gandiag.Monitor(REAL, sampler=sampler, **settings | more)


def test_it_scores_at_every_so_many_steps_and_returns_that_row() -> None:
    monitor = made(every=3)
    rows = [monitor.step(step) for step in range(9)]
    assert [row is not None for row in rows] == [False, False, True] * 3
    assert [row["step"] for row in monitor.history.of("score")] == [2, 5, 8]
    assert rows[2] is not None
    assert set(rows[2]["values"]) == {f"score/energy{part}" for part in ("", ".floor", ".floor_sd", ".p")}


def test_looks_draw_afresh_and_a_repeated_run_scores_alike() -> None:
    runs = []
    for _ in range(2):
        monitor = made()
        for step in range(6):
            monitor.step(step)
        runs.append([value for _, value in monitor.history.series("score/energy")])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 3


def test_the_budget_holds_whatever_a_look_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Ticking()
    look = Scorer.look

    def dear(self: Scorer, *names: str, n: int | None = None) -> Any:
        clock.time += 5.0
        return look(self, *names, n=n)

    monkeypatch.setattr(Scorer, "look", dear)
    monitor = made(every=1, budget=0.1, clock=clock)
    for step in range(400):
        clock.time += 1.0
        monitor.step(step)
    looks = monitor.history.of("score")
    # 400 s of training leave 400 * 0.1 / 0.9 = 44 s for looks of 5 s; the first may come before it is affordable.
    assert 8 <= len(looks) <= 9
    assert monitor.overhead <= 0.1 + 1e-9
    assert all(row["backed_off"] for row in looks[1:])
    free = made(every=1, budget=None, clock=clock)
    for step in range(10):
        free.step(step)
    assert len(free.history.of("score")) == 10


def test_the_first_look_is_afforded_and_the_second_waits_for_the_budget() -> None:
    monitor = made(every=1, budget=0.01)
    for step in range(5):
        monitor.step(step)  # no training at all: every second goes to the observer
    assert [row["step"] for row in monitor.history.of("score")] == [0]


def test_examples_per_second_count_all_steps_and_leave_the_observer_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Ticking()
    look = Scorer.look

    def dear(self: Scorer, *names: str, n: int | None = None) -> Any:
        clock.time += 50.0
        return look(self, *names, n=n)

    monkeypatch.setattr(Scorer, "look", dear)
    monitor = made(every=5, window=11, clock=clock)
    for step in range(11):
        # The first step begins the clock; the slow ones count like any other.
        clock.time += 9.0 if step == 7 else 1.0
        monitor.step(step, examples=np.zeros((36, 2)))
    row = monitor.history.of("train")[0]
    assert row["values"]["examples_per_second"] == pytest.approx(36 * 10 / 18.0)
    assert row["seconds"] == pytest.approx(18.0 + 2 * 50.0)
    assert row["values"]["observer_share"] == pytest.approx(100.0 / 118.0)


def test_rows_hold_means_and_the_spread_between_minibatches() -> None:
    monitor = gandiag.Monitor(window=100)
    losses = np.random.default_rng(1).gamma(4.0, size=100)
    for step, loss in enumerate(losses):
        monitor.step(step, losses={"G": torch.tensor(loss), "W": loss - 4.0})
    values = monitor.history.of("train")[0]["values"]
    assert values["loss/G"] == pytest.approx(losses.mean(), rel=1e-6)
    assert values["loss/G.relative_sd"] == pytest.approx(losses.std(ddof=1) / losses.mean(), rel=1e-6)
    assert values["loss/W.sd"] == pytest.approx(losses.std(ddof=1), rel=1e-6)
    assert "loss/W.relative_sd" not in values  # a mean about 0 is no unit


def test_the_relative_spread_of_a_gradient_is_that_of_its_law() -> None:
    # Gradient norms |g| of a linear loss g w with g ~ N(10, 1): relative sd 0.1; se of an sd from 400 draws is 3.5 %.
    w = nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([w], lr=0.0)
    monitor = gandiag.Monitor(window=400, optimisers={"G": optimiser})
    rng = np.random.default_rng(0)
    for step in range(400):
        optimiser.zero_grad()
        (w * float(rng.normal(10.0, 1.0))).sum().backward()
        optimiser.step()
        monitor.step(step)
    values = monitor.history.of("train")[0]["values"]
    assert values["gradient/G"] == pytest.approx(10.0, abs=4 / math.sqrt(400))
    assert values["gradient/G.relative_sd"] == pytest.approx(0.1, rel=4 * 0.035)


def test_gradients_are_read_when_they_are_applied() -> None:
    """D's gradient at its own step, not what the generator's loss leaves in it afterwards."""
    d = nn.Parameter(torch.ones(1))
    optimiser = torch.optim.SGD([d], lr=0.0)
    monitor = gandiag.Monitor(window=1, optimisers={"D": optimiser})
    (3.0 * d).sum().backward()
    optimiser.step()
    (100.0 * d).sum().backward()
    monitor.step(0)
    assert monitor.history.series("gradient/D") == [(0, 3.0)]
    monitor.close()
    optimiser.step()
    monitor.step(1)
    assert len(monitor.history.series("gradient/D")) == 1  # the hook is gone


def test_sparse_and_half_precision_gradients_have_norms_too() -> None:
    table = nn.Embedding(5, 2, sparse=True)
    table(torch.tensor([1, 2, 2])).sum().backward()
    half = nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    (300.0 * half).sum().backward()
    both = gandiag.Monitor(window=1)
    both.step(0, modules={"G": table, "D": nn.ParameterList([half])})
    assert both.history.series("gradient/G") == [(0, pytest.approx(math.sqrt(2 * 1.0 + 2 * 4.0)))]
    assert both.history.series("gradient/D") == [(0, 600.0)]


def test_without_optimisers_gradients_are_read_from_the_networks() -> None:
    net = nn.Linear(1, 1, bias=False)
    (net(torch.tensor([[4.0]])) * 0.5).sum().backward()
    monitor = gandiag.Monitor(window=1)
    monitor.step(0, modules={"G": net})
    assert monitor.history.series("gradient/G") == [(0, 2.0)]


def test_the_value_is_minus_log_4_at_equilibrium_and_0_when_the_discriminator_wins() -> None:
    blind = made(discriminator=lambda x: torch.zeros(len(x)))
    row = blind.score()
    assert row is not None
    assert row["values"]["value"] == pytest.approx(-math.log(4.0), abs=1e-12)
    assert row["values"]["value.reference"] == -math.log(4.0)
    far = made(lambda n, rng: rng.normal(size=(n, 2)) + 50.0, discriminator=lambda x: 20.0 - x[:, 0])
    row = far.score()
    assert row is not None
    assert row["values"]["value"] == pytest.approx(0.0, abs=1e-3)
    assert row["values"]["accuracy/real"] == row["values"]["accuracy/fake"] == 1.0
    critic = made(discriminator=lambda x: x[:, 0], game="wgan")
    row = critic.score()
    assert row is not None
    assert abs(row["values"]["value"]) < 4 * row["values"]["value.error"]
    assert row["values"]["value.reference"] == 0.0


def test_images_reach_the_discriminator_with_their_channels_first() -> None:
    seen: list[tuple[int, ...]] = []

    def judge(x: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(x.shape[1:]))
        return x.mean((1, 2, 3))

    real = np.random.default_rng(0).random((80, 1, 8, 8)).astype(np.float32)
    monitor = gandiag.Monitor(
        real, sampler=lambda n, rng: rng.random((n, 1, 8, 8)), discriminator=judge, metrics=["energy"], n=40
    )
    row = monitor.score()
    assert row is not None
    assert row["status"] == {"energy": "ok", "value": "ok"}
    assert set(seen) == {(1, 8, 8)}


def test_occupancy_follows_the_modes_of_a_law_and_the_classes_of_data() -> None:
    law = gandiag.Monitor("toy:ring8", sampler="toy:ring8!drop_modes=3", metrics=["mode_coverage"], permutations=9)
    row = law.score()
    assert row is not None
    assert row["occupancy"]["source"] == "known"
    assert sorted(np.array(row["occupancy"]["fake"]) == 0) == [False] * 5 + [True] * 3
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 400)
    real = rng.normal(size=(400, 2)) * 0.1 + 5.0 * np.eye(3)[classes][:, :2]
    data = gandiag.Monitor(
        real, labels=classes, sampler=lambda n, rng: rng.normal(size=(n, 2)) * 0.1, metrics=["mode_coverage"], n=200
    )
    row = data.score()
    assert row is not None
    assert row["occupancy"]["source"] == "labels"
    assert len(row["occupancy"]["missing"]) == 2


def test_a_broken_sampler_is_an_event_and_never_a_score(caplog: pytest.LogCaptureFixture) -> None:
    def broken(n: int) -> Any:
        raise ZeroDivisionError("no luck")

    with caplog.at_level(logging.WARNING, "gandiag"):
        monitor = made(broken)
        for step in range(6):
            monitor.step(step)
    events = monitor.history.of("event")
    assert [row["name"] for row in events] == ["scoring_failed"] * 3
    assert "no luck" in events[0]["message"]
    assert monitor.history.of("score") == []
    assert monitor.best is None
    assert len([r for r in caplog.records if "scoring failed" in r.message]) == 1
    with pytest.raises(gandiag.SamplerError, match="no luck"):
        made(broken, strict=True).score()


def test_samples_that_are_not_numbers_raise_the_nan_alarm() -> None:
    monitor = made(lambda n: np.full((n, 2), np.nan))
    monitor.step(0)
    monitor.step(1)
    assert [alarm.name for alarm in monitor.alarms] == ["nan"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_passes(stop: type[BaseException]) -> None:
    def judge(x: torch.Tensor) -> torch.Tensor:
        raise stop("enough")

    with pytest.raises(stop, match="enough"):
        made(discriminator=judge).score()


def test_a_failing_discriminator_has_a_status_and_no_value() -> None:
    monitor = made(discriminator=lambda x: torch.zeros(3))
    row = monitor.score()
    assert row is not None
    assert row["status"]["value"].startswith("failed: the discriminator must return one number per row")
    assert "value" not in row["values"]
    assert [row["name"] for row in monitor.history.of("event")] == ["metric_failed"]


def test_a_wrong_argument_in_the_loop_is_an_event() -> None:
    monitor = gandiag.Monitor(window=2)
    for step in range(5):
        monitor.step(step, losses={"G": torch.zeros(3)})
    events = monitor.history.of("event")
    assert len(events) == 1  # once, not at every step
    assert "must be one number" in events[0]["message"]
    with pytest.raises(gandiag.DataError, match="must be one number"):
        gandiag.Monitor(strict=True).step(0, losses={"G": torch.zeros(3)})


def test_a_wrong_constructor_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="no metric of that name"):
        made(metrics=["frechett"])
    with pytest.raises(ConfigError, match="must be a list of names"):
        made(metrics="frechet")
    with pytest.raises(ConfigError, match="`best` must be one of the metrics"):
        made(best="frechet")
    with pytest.raises(ConfigError, match="`every` must be at least 1 step"):
        made(every=0)
    with pytest.raises(ConfigError, match="`budget` must be a share"):
        made(budget=5)
    with pytest.raises(ConfigError, match="no alarm of that name"):
        made(alarms=["colapse"])
    with pytest.raises(ConfigError, match="a sink must be a path"):
        made(sinks=[3])
    with pytest.raises(ConfigError, match="names without a dot"):
        made(modules={"G.x": nn.Linear(1, 1)})
    with pytest.raises(ConfigError, match="`game` must be one of gan, wgan"):
        made(game="poker")
    with pytest.raises(ConfigError, match="real data and a sampler belong together"):
        gandiag.Monitor(REAL)
    with pytest.raises(ConfigError, match="real data and a sampler belong together"):
        gandiag.Monitor(sampler=good)
    with pytest.raises(ConfigError, match="`patience` counts looks at a sampler"):
        gandiag.Monitor(patience=3)
    with pytest.raises(ConfigError, match="needs real data and a sampler"):
        gandiag.Monitor().score()


def test_the_history_of_a_diverged_run_is_strict_json(tmp_path: Path) -> None:
    monitor = made(out=tmp_path / "run", window=2)
    for step in range(4):
        monitor.step(step, losses={"G": math.nan if step == 3 else 1.0, "D": math.inf})
    monitor.close()
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()

    def refuse(text: str) -> None:
        raise AssertionError(text)

    rows = [json.loads(line, parse_constant=refuse) for line in lines]
    assert rows == monitor.history.rows
    bad = [row for row in rows if row["kind"] == "train"][1]
    assert bad["values"]["loss/G"] is None
    assert bad["nonfinite"]["loss/G"] == 3
    assert [alarm.name for alarm in monitor.alarms] == ["nan"]
    assert monitor.alarms[0].evidence["first_step"] == 0


def test_nothing_but_numpy_is_needed() -> None:
    with undisturbed():
        pass
    monitor = gandiag.Monitor(REAL, sampler=good, metrics=["energy"], n=60, every=1, permutations=9)
    assert monitor.step(losses={"loss": np.float32(1.5)}, examples=[1, 2, 3]) is not None
    monitor.close()
    assert monitor.history.series("loss/loss") == [(0, 1.5)]
