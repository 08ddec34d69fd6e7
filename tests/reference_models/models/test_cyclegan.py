"""CycleGAN: the losses are the formulas, nothing is paired, and the pool is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Scalars
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.models import cyclegan
from reference_models.models.cyclegan import CycleGAN, CycleGANConfig, replay

SMALL = {"width": 4, "blocks": 1}


def built(kind: type[CycleGAN] = CycleGAN, side: int = 8, channels: int = 1, **settings: Any) -> CycleGAN:
    units = Units(shape=(channels, side, side), kind="image", channels_last=False, low=0, high=1, scale="symmetric")
    return kind(CycleGANConfig(**{**SMALL, **settings}), units, Keys(0))


class Fixed(Batches):
    """Two batches that do not change."""

    def __init__(self, a: Tensor, b: Tensor) -> None:
        self._both, self.size = (a, b), len(a)

    def __call__(self, domain: int = 0) -> Tensor:
        return self._both[domain]


def images(name: str, n: int = 6) -> Tensor:
    return Keys(5).uniform(name, n, 1, 8, 8) * 2 - 1


def test_the_losses_are_those_of_the_formula() -> None:
    a, b = images("a"), images("b")
    model, twin = built(identity=2.0), built(identity=2.0)
    with torch.no_grad():
        fake_b, fake_a = twin.G(a), twin.F(b)
        adversarial = 0.5 * (twin.D_B(fake_b) - 1).square().mean() + 0.5 * (twin.D_A(fake_a) - 1).square().mean()
        cycle = (twin.F(fake_b) - a).abs().mean() + (twin.G(fake_a) - b).abs().mean()
        identity = (twin.G(b) - b).abs().mean() + (twin.F(a) - a).abs().mean()
        d_a = 0.5 * (twin.D_A(a) - 1).square().mean() + 0.5 * twin.D_A(fake_a).square().mean()
        d_b = 0.5 * (twin.D_B(b) - 1).square().mean() + 0.5 * twin.D_B(fake_b).square().mean()
    found = model.step(Fixed(a, b), Keys(0))
    expected = {"g_loss": adversarial, "cycle": cycle, "identity": identity, "d_loss": d_a + d_b}
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name)
    assert float(built().step(Fixed(a, b), Keys(0))["identity"]) == 0.0


def test_the_log_loss_is_that_of_the_papers_formula() -> None:
    a, b = images("a"), images("b")
    model, twin = built(adversarial="log"), built(adversarial="log")
    with torch.no_grad():
        logit_b, logit_a = twin.D_B(twin.G(a)), twin.D_A(twin.F(b))
        d_loss = losses.discriminator_loss(twin.D_B(b), logit_b) + losses.discriminator_loss(twin.D_A(a), logit_a)
    found = model.step(Fixed(a, b), Keys(0))
    torch.testing.assert_close(found["g_loss"], -logit_b.sigmoid().log().mean() - logit_a.sigmoid().log().mean())
    torch.testing.assert_close(found["d_loss"], d_loss)


def test_the_generators_feel_cycle_and_identity_by_their_weights() -> None:
    a, b = images("a"), images("b")

    def gradient(**settings: float) -> Tensor:
        model = built(**{"lr": 0.0, **settings})
        model.step(Fixed(a, b), Keys(0))
        return torch.cat([w.grad.flatten() for w in model.G.parameters() if w.grad is not None])

    none, cycle, identity = gradient(cycle=0.0), gradient(cycle=1.0), gradient(cycle=0.0, identity=1.0)
    expected = none + 10 * (cycle - none) + 3 * (identity - none)
    torch.testing.assert_close(gradient(cycle=10.0, identity=3.0), expected, atol=1e-5, rtol=1e-3)
    assert not torch.allclose(none, cycle)
    assert not torch.allclose(none, identity)


class Paired(CycleGAN):
    """The wrong loss, as in a copy that is widely used: pixels of G(a_i) are held against b_i."""

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        a, b = batch(0), batch(1)
        paired = (self.G(a) - b).abs().mean().detach()
        found = super().step(batch, keys)
        return {**found, "g_loss": found["g_loss"] + paired}


@pytest.mark.parametrize(("kind", "same"), [(CycleGAN, True), (Paired, False)])
def test_shuffling_one_domain_changes_no_loss(kind: type[CycleGAN], same: bool) -> None:
    a = images("a")
    b = a.flip(3)
    shuffled = b[[3, 5, 0, 1, 2, 4]]
    one, other = (built(kind, identity=1.0).step(Fixed(a, y), Keys(0)) for y in (b, shuffled))
    assert all(torch.allclose(one[key], other[key], atol=1e-5) for key in one if "grad" not in key) == same


def numbered(start: int, n: int) -> Tensor:
    return torch.arange(start, start + n).float().reshape(n, 1, 1, 1)


def turns(times: int, size: int = 5, n: int = 4, exchange: Any = replay) -> tuple[list[float], bool, Tensor]:
    """Shares of old images shown once the pool is full, whether no image was lost or doubled, and the pool."""
    pool, shares, kept = torch.empty(0, 1, 1, 1), [], True
    for turn in range(times):
        keys, fresh, before = Keys(1, turn), numbered(turn * n, n), pool
        shown, pool = exchange(pool, fresh, size, keys.uniform("swap", n) < 0.5, keys.permutation("slots", size))
        entered = fresh[: len(pool) - len(before)]  # while the pool fills, these are shown and kept
        kept &= torch.equal(torch.cat([shown, pool]).sort(0).values, torch.cat([fresh, before, entered]).sort(0).values)
        if len(before) == size:
            shares.append(float((shown.flatten() < turn * n).float().mean()))
    return shares, kept, pool


def test_a_pool_fills_and_then_shows_old_images_half_of_the_time() -> None:
    shown, pool = replay(torch.empty(0, 1, 1, 1), numbered(0, 3), 5, torch.ones(3).bool(), torch.arange(5))
    assert torch.equal(shown, pool)
    shares, kept, pool = turns(300)
    assert kept
    assert len(pool) == 5
    error = 0.5 / np.sqrt(4 * len(shares))
    assert np.mean(shares) == pytest.approx(0.5, abs=4 * error)
    assert float(pool.min()) > 4 * 250  # old images do leave


def test_a_pool_that_does_not_store_what_it_exchanges_is_seen() -> None:
    def forgetting(pool: Tensor, fresh: Tensor, size: int, swap: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
        shown, _ = replay(pool.clone(), fresh, size, swap, slots)
        return shown, torch.cat([pool, fresh[: size - len(pool)]])

    _, kept, pool = turns(300, exchange=forgetting)
    assert not kept
    assert float(pool.max()) < 5


@pytest.mark.parametrize(("size", "n"), [(0, 4), (2, 7), (7, 2), (3, 3), (1, 1)])
def test_pools_and_batches_of_any_size(size: int, n: int) -> None:
    shares, kept, pool = turns(6, size=size, n=n)
    assert kept
    assert len(pool) == size
    assert size > 0 or max(shares) == 0.0


def test_the_discriminators_are_shown_the_pool_and_the_pools_are_state() -> None:
    run = begin("cyclegan", "smoke", device="cpu")
    model = run.model
    for step in range(3):
        model.step(Batches(run.data, Keys(0, step), 4, 1), Keys(0, step))
    pools = model.buffers()
    assert {name: len(pool) for name, pool in pools.items()} == {"pool_A": 6, "pool_B": 6}
    assert not torch.equal(pools["pool_A"], pools["pool_B"])
    model.load_buffers({name: pool + 1 for name, pool in pools.items()})
    assert torch.equal(model.buffers()["pool_A"], pools["pool_A"] + 1)


def test_translation_has_two_ways_and_nothing_is_drawn() -> None:
    model, x = built(), images("x")
    torch.testing.assert_close(model.translate(x), model.G(x))
    torch.testing.assert_close(model.translate(x, "a"), model.F(x))
    with pytest.raises(ConfigError, match="translates images and draws none"):
        model.sample(3, Keys(0))
    vectors = Units(shape=(3,), kind="vector", channels_last=False, low=0, high=0, scale="none")
    with pytest.raises(ConfigError, match="trained on images"):
        CycleGAN(CycleGANConfig(), vectors, Keys(0))


@pytest.mark.parametrize(("side", "halvings", "places"), [(8, 0, 4), (8, 1, 4), (28, 2, 7), (32, 2, 8)])
def test_images_keep_their_size_and_patches_are_judged(side: int, halvings: int, places: int) -> None:
    model = built(side=side, channels=3, halvings=halvings)
    x = Keys(0).uniform("x", 2, 3, side, side)
    assert model.translate(x).shape == x.shape
    assert model.D_A(x).shape == (2, 1, places, places)
    torch.testing.assert_close(model.translate(x)[:1], model.translate(x[:1]))


def test_rates_are_constant_and_then_fall_in_a_line() -> None:
    config = CycleGANConfig(lr=0.2, constant=10, decay=10)
    np.testing.assert_allclose([cyclegan.rate(config, step) for step in (0, 10, 15, 20, 30)], [0.2, 0.2, 0.1, 0, 0])
    assert cyclegan.rate(CycleGANConfig(lr=0.2), 10**6) == 0.2
