"""Training is bit for bit the same with and without the observer; each thing that is put back is needed for it."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from small_gan import SmallGan, trained
from torch import nn

import gandiag
from gandiag.monitor import restoring
from gandiag.monitor.restoring import modules_within, undisturbed

STEPS = 24


def noisy(gan: SmallGan) -> Callable[[torch.Tensor], torch.Tensor]:
    """A discriminator that draws from every global generator, as augmenting ones do."""

    def judge(x: torch.Tensor) -> torch.Tensor:
        return gan.D(x + 1e-3 * torch.randn_like(x)) + random.random() + np.random.rand()  # noqa: NPY002

    return judge


def watching(gan: SmallGan, **more: Any) -> gandiag.Monitor:
    settings: dict[str, Any] = {
        "sampler": gan.sample,
        "modules": gan.modules,
        "optimisers": {"G": gan.opt_g, "D": gan.opt_d},
        "discriminator": noisy(gan),
        "every": 5,
        "budget": None,
        "metrics": ["energy", "frechet"],
        "n": 100,
        "window": 4,
        "permutations": 9,
        "strict": True,
    }
    return gandiag.Monitor(np.random.default_rng(1).normal(size=(200, 2)), **settings | more)


@pytest.fixture(scope="module")
def alone() -> torch.Tensor:
    return trained(STEPS)[0]


def test_training_is_bit_identical_with_and_without_the_observer(alone: torch.Tensor) -> None:
    weights, monitor = trained(STEPS, watching)
    assert len(monitor.history.of("score")) == 4
    assert torch.equal(weights, alone)


def test_training_is_bit_identical_where_the_networks_are_found_in_the_sampler_alone(alone: torch.Tensor) -> None:
    weights, monitor = trained(STEPS, lambda gan: watching(gan, modules=None, optimisers=None))
    assert len(monitor.history.of("score")) == 4
    assert torch.equal(weights, alone)


def test_a_rescore_and_a_broken_sampler_change_nothing_either(alone: torch.Tensor) -> None:
    def watch(gan: SmallGan) -> gandiag.Monitor:
        def breaks(n: int) -> torch.Tensor:
            gan.G.train()
            out = gan.G(torch.randn(n, 3))
            if monitor_calls.append(n) or len(monitor_calls) % 2:
                raise RuntimeError("out of luck")
            return out

        return watching(gan, sampler=breaks, strict=False)

    monitor_calls: list[int] = []
    weights, monitor = trained(STEPS, watch)
    assert {row["name"] for row in monitor.history.of("event")} == {"scoring_failed"}
    assert len(monitor.history.of("score")) > 0
    assert torch.equal(weights, alone)


@pytest.mark.parametrize("left_out", ["_generators", "_module"])
def test_without_the_restoring_training_differs(
    monkeypatch: pytest.MonkeyPatch, alone: torch.Tensor, left_out: str
) -> None:
    monkeypatch.setattr(restoring, left_out, lambda *_: nullcontext())
    assert not torch.equal(trained(STEPS, watching)[0], alone)


def test_everything_is_put_back_after_an_interrupt() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout())
    net[2].eval()  # a mixed state: the dropout is frozen, the rest trains
    net(torch.randn(8, 2)).sum().backward()
    grads = [p.grad for p in net.parameters()]
    before = [g.clone() for g in grads]
    buffers = [b.clone() for b in net.buffers()]
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    threads = torch.get_num_threads()

    def look() -> None:
        with undisturbed([net]):
            assert not net.training
            net.train()
            net[0].weight.requires_grad_(False)
            with torch.enable_grad():
                net(torch.randn(8, 2)).sum().backward()
            random.random(), np.random.rand()  # noqa: NPY002
            torch.set_default_dtype(torch.float64)
            torch.set_num_threads(threads + 1)
            raise KeyboardInterrupt("now")

    with pytest.raises(KeyboardInterrupt, match="now"):
        look()
    assert [m.training for m in net] == [True, True, False]
    assert all(p.requires_grad for p in net.parameters())
    assert all(p.grad is g for p, g in zip(net.parameters(), grads, strict=True))
    assert all(torch.equal(p.grad, g) for p, g in zip(net.parameters(), before, strict=True))
    assert all(torch.equal(b, old) for b, old in zip(net.buffers(), buffers, strict=True))
    assert random.getstate() == states[0]
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[2])
    assert torch.get_default_dtype() == torch.float32
    assert torch.get_num_threads() == threads
    assert torch.is_grad_enabled()


def test_the_networks_of_a_sampler_are_found() -> None:
    a, b, c = nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)
    nets = {"c": c}

    class Holder:
        def __init__(self) -> None:
            self.net = a

        def sample(self, n: int) -> None:
            """Draw nothing."""

    assert modules_within(a) == [a]
    assert modules_within(Holder()) == [a]
    assert modules_within(Holder().sample) == [a]
    assert modules_within(lambda n: b(a(n))) == [b, a] or modules_within(lambda n: b(a(n))) == [a, b]
    assert modules_within(lambda n: nets["c"](n)) == [c]
    assert modules_within(lambda n: n) == []
    assert modules_within("toy:ring8") == []
