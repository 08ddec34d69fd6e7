"""The Lightning callback, on a trainer that does what Lightning's does: Lightning itself is not installed here."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import gandiag
from gandiag.errors import MissingExtra
from gandiag.monitor.lightning import lightning_callback

REAL = np.random.default_rng(0).normal(size=(200, 2))


class Callback:
    """Lightning's base class."""


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.G = nn.Linear(2, 2)
        self.logged: list[dict[str, float]] = []

    def log_dict(self, values: dict[str, float], **_: Any) -> None:
        self.logged.append(values)


def installed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for absent in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, absent, None)
    fake = ModuleType(name)
    fake.Callback = Callback  # type: ignore[attr-defined]
    if "." in name:
        monkeypatch.setitem(sys.modules, name.partition(".")[0], ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, name, fake)


def played(callback: Any, net: Net, batches: int, trainer: Any) -> int:
    for i in range(batches):
        net.G(torch.randn(4, 2)).sum().backward()
        outputs = {"loss": torch.tensor(0.5), "fakes": torch.zeros(4, 2)}
        callback.on_train_batch_end(trainer, net, outputs, torch.zeros(4, 2), i)
        if trainer.should_stop:
            break
    callback.on_train_end(trainer, net)
    return i + 1


@pytest.mark.parametrize("name", ["lightning.pytorch", "pytorch_lightning"])
def test_the_callback_observes_every_batch_and_logs_every_look(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    installed(monkeypatch, name)
    net = Net()
    monitor = gandiag.Monitor(
        REAL, sampler=lambda n: net.G(torch.randn(n, 2)), metrics=["energy"], n=60, every=4, budget=None, window=4
    )
    callback = lightning_callback(monitor)
    assert isinstance(callback, Callback)
    played(callback, net, 8, SimpleNamespace(should_stop=False, is_global_zero=True))
    assert len(net.logged) == 2
    assert "gandiag/score/energy" in net.logged[0]
    assert monitor.history.series("loss/loss") == [(3, 0.5), (7, 0.5)]
    assert len(monitor.history.series("gradient/G")) == 2
    assert "loss/fakes" not in monitor.history.names()
    assert monitor.history.series("examples_per_second")


def test_the_callback_stops_the_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "lightning.pytorch")
    monitor = gandiag.Monitor(
        REAL,
        sampler=lambda n, rng: rng.normal(size=(n, 2)) + 3.0,
        metrics=["energy"],
        n=60,
        every=1,
        budget=None,
        patience=3,
        min_delta=10.0,
    )
    trainer = SimpleNamespace(should_stop=False)
    assert played(lightning_callback(monitor), Net(), 20, trainer) == 4
    trainer = SimpleNamespace(should_stop=False)
    assert played(lightning_callback(monitor, stop=False), Net(), 6, trainer) == 6


def test_other_ranks_do_not_observe(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "lightning.pytorch")
    monitor = gandiag.Monitor(window=1)
    played(lightning_callback(monitor), Net(), 3, SimpleNamespace(should_stop=False, is_global_zero=False))
    assert len(monitor.history) == 0


def test_losses_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "lightning.pytorch")
    monitor = gandiag.Monitor(window=1)
    callback = lightning_callback(monitor, losses=lambda outputs: {"G": outputs["loss"]})
    played(callback, Net(), 1, SimpleNamespace(should_stop=False))
    assert monitor.history.series("loss/G") == [(0, 0.5)]


def test_without_lightning_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for absent in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingExtra, match="needs the package lightning"):
        lightning_callback(gandiag.Monitor())
