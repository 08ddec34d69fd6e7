"""WGAN: the critic measures transport, clipping comes after the step, and the losses are the formulas."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from gandiag.datasets.parallel_lines import jsd_between
from gandiag.numerics.transport import exact_transport
from reference_models import losses
from reference_models.core.data import Units
from reference_models.core.loop import Run, fit
from reference_models.core.model import descend
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.models import wgan
from reference_models.models.wgan import WGAN, WGANConfig

SMALL = {"hidden": (8,), "critic_hidden": (32, 32), "latent": 2, "lr": 5e-3, "betas": (0.5, 0.9)}
HELD = 20_000  # rows of the estimate on fresh rows; its standard error is sqrt(2 / HELD) = 0.01
Draw = Callable[[int, Keys], tuple[Tensor, Tensor]]


def built(shape: tuple[int, ...], kind: type[WGAN] = WGAN, **settings: object) -> WGAN:
    image = "vector" if len(shape) == 1 else "image"
    units = Units(shape=shape, kind=image, channels_last=False, low=0, high=0, scale="none")
    return kind(WGANConfig(**{**SMALL, **settings}), units, Keys(0))  # type: ignore[arg-type]


def trained_critic(draw: Draw, width: int, steps: int, **settings: object) -> WGAN:
    """Train the critic alone between two fixed laws."""
    model = built((width,), **settings)
    for step in range(steps):
        keys = Keys(1, step)
        wgan.set_rates({"D": model.optimizers["D"]}, model.config.lr * (1 - step / steps))
        x, y = draw(256, keys)
        model.critic_step(x, y, keys.uniform("mix", len(x)))
    return model


def value(model: WGAN, draw: Draw) -> float:
    x, y = draw(HELD, Keys(2))
    with torch.no_grad():
        return -float(wgan.critic_loss(model.D(x), model.D(y)))


def gaussians(delta: float) -> Draw:
    def draw(n: int, keys: Keys) -> tuple[Tensor, Tensor]:
        return keys.normal("x", n, 1), keys.normal("y", n, 1) + delta

    return draw


def lines(theta: float) -> Draw:
    def draw(n: int, keys: Keys) -> tuple[Tensor, Tensor]:
        x, y = (
            torch.stack([torch.full((n,), at), keys.uniform(side, n)], 1) for side, at in (("x", 0.0), ("y", theta))
        )
        return x, y

    return draw


@pytest.mark.parametrize("delta", [0.5, -1.0])
def test_the_penalised_critic_gives_w1_of_shifted_gaussians(delta: float) -> None:
    assert value(trained_critic(gaussians(delta), 1, 100), gaussians(delta)) == pytest.approx(abs(delta), rel=0.1)


def test_a_critic_whose_slope_nobody_holds_gives_any_number() -> None:
    assert value(trained_critic(gaussians(1.0), 1, 60, penalty=0.0), gaussians(1.0)) != pytest.approx(1.0, rel=0.1)


def test_the_clipped_critic_is_monotone_in_the_shift_but_knows_no_scale() -> None:
    deltas = (0.25, 0.5, 1.0, 2.0)
    found = [value(trained_critic(gaussians(d), 1, 50, lipschitz="clip", clip=0.1), gaussians(d)) for d in deltas]
    assert all(b > 1.5 * a for a, b in itertools.pairwise(found)), found
    assert all(abs(v / d - 1) > 0.1 for v, d in zip(found, deltas, strict=True)), found


@pytest.mark.parametrize("theta", [1.0, -1.0])
def test_disjoint_lines_pull_at_each_other_where_the_jensen_shannon_divergence_is_flat(theta: float) -> None:
    draw = lines(theta)
    model = trained_critic(draw, 2, 60)
    at = torch.tensor(theta, requires_grad=True)
    x, y = draw(512, Keys(3))
    estimate = -wgan.critic_loss(model.D(x), model.D(torch.stack([at.expand(512), y[:, 1]], 1)))
    (slope,) = torch.autograd.grad(estimate, at)
    assert float(slope) == pytest.approx(np.sign(theta), abs=0.3)
    step = 1e-3
    assert jsd_between(0, theta + step) - jsd_between(0, theta - step) == 0.0


class ClippedBefore(WGAN):
    """The wrong order: clip, then step, so that the generator meets a critic out of bounds."""

    def critic_step(self, x: Tensor, fake: Tensor, mix: Tensor) -> tuple[Tensor, Tensor]:
        wgan.clip_weights(self.D, self.config.clip)
        loss = wgan.critic_loss(self.D(x), self.D(fake))
        descend(self.optimizers["D"], loss)
        return -loss.detach(), torch.zeros(())


def largest_weights(kind: type[WGAN]) -> list[float]:
    """Largest weight of the critic at every one of its values in three steps."""
    run = begin("wgan", "smoke", device="cpu", lipschitz="clip", lr=5e-3)
    run.model = built((2,), kind, lipschitz="clip", n_critic=2)
    seen: list[float] = []

    def note(net: nn.Module, inputs: object) -> None:
        seen.append(max(float(w.detach().abs().max()) for w in net.parameters()))

    run.model.networks["D"].register_forward_pre_hook(note)
    fit(run, 3)
    return seen


def test_every_value_is_of_a_critic_within_its_bounds() -> None:
    right, wrong = largest_weights(WGAN), largest_weights(ClippedBefore)
    assert len(right) == len(wrong) == 3 * (2 * 2 + 1)
    bound = WGANConfig().clip * (1 + 1e-6)
    assert max(right) <= bound
    assert max(wrong) > bound


class Reusing(Keys):
    """The wrong noise: the generator's step reuses that of the critic."""

    def generator(self, name: str, index: int = 0) -> torch.Generator:
        return super().generator("z_D" if name == "z_G" else name, index)


def noise_of_a_step(keys: Keys) -> list[bytes]:
    run = begin("wgan", "smoke", device="cpu", n_critic=3)
    run.keys = keys
    seen: list[bytes] = []
    run.model.networks["G"].register_forward_pre_hook(lambda net, given: seen.append(given[0].numpy().tobytes()))
    fit(run, 1)
    return seen


def test_every_noise_of_a_step_is_fresh() -> None:
    assert len(set(noise_of_a_step(Keys(0)))) == 3 + 1
    assert len(set(noise_of_a_step(Reusing(0)))) == 3


@pytest.mark.parametrize("shape", [(7,), (1, 8, 8), (3, 8, 8)])
@pytest.mark.parametrize("rows", [1, 33])
def test_the_penalty_of_a_linear_critic_is_exact_whatever_the_shape(shape: tuple[int, ...], rows: int) -> None:
    model, keys = built(shape, critic_hidden=()), Keys(4)
    x, y, mix = keys.normal("x", rows, *shape), keys.normal("y", rows, *shape), keys.uniform("mix", rows)
    (norm,) = (float(w.detach().norm()) for w in model.D.parameters() if w.ndim == 2)
    _, penalty = model.critic_step(x, y, mix)
    assert float(penalty) == pytest.approx((norm - 1) ** 2, rel=1e-4)


def test_the_losses_have_the_signs_of_the_paper() -> None:
    real, fake = torch.tensor([3.0, 1.0]), torch.tensor([0.5, -0.5])
    assert float(wgan.critic_loss(real, fake)) == -2.0  # the value is E f(x) - E f(G(z)); the critic goes up
    assert float(wgan.generator_loss(fake + 1)) == -1.0
    net = nn.Linear(1, 4)
    nn.init.constant_(net.weight, 0.3)
    nn.init.constant_(net.bias, 0.1)
    assert float(wgan.at_bound(net, 0.3)) == 0.5


@pytest.mark.parametrize("side", [8, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_convolutions_take_every_size_and_keep_rows_apart(side: int, channels: int) -> None:
    model = built((channels, side, side), width=4, bounded=True)
    x = model.sample(3, Keys(0))
    assert x.shape == (3, channels, side, side)
    assert model.D(x).numel() == 3
    torch.testing.assert_close(model.D(x)[:1], model.D(x[:1]))
    torch.testing.assert_close(model.G(Keys(5).normal("z", 3, 2))[:1], model.G(Keys(5).normal("z", 3, 2)[:1]))
    assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.D.modules())


def test_rates_fall_in_a_line_by_the_step_alone() -> None:
    config = WGANConfig(lr=0.1, anneal=10)
    np.testing.assert_allclose([wgan.rate(config, step) for step in (0, 5, 10, 20)], [0.1, 0.05, 0.0, 0.0])
    assert wgan.rate(WGANConfig(lr=0.1), 10**6) == 0.1


def exact_w1(run: Run, n: int = 300) -> float:
    x = run.data.domains[0].sampler.sample(n, rng=np.random.default_rng(9)).values
    y = run.model.sample(n, Keys(9)).double().numpy()
    return exact_transport(np.linalg.norm(np.asarray(x)[:, None] - y[None], axis=-1)).cost


@pytest.mark.slow
def test_the_estimate_falls_with_the_exact_distance_and_the_slope_stays_near_one() -> None:
    run = begin("wgan", "cpu", device="cpu", log_every=1)
    estimates, distances = [], []
    for step in range(60, 721, 60):
        fit(run, step)
        estimates.append(float(np.mean([row["w_estimate"] for row in run.history[-20:]])))
        distances.append(exact_w1(run))
    assert stats.spearmanr(estimates, distances).statistic >= 0.8, (estimates, distances)
    assert 0.8 <= mean_slope(run) <= 1.2
    # The wrong sign, as the loss is often plotted.
    assert stats.spearmanr([-e for e in estimates], distances).statistic < 0.8


def mean_slope(run: Run) -> float:
    """Mean norm of the critic's gradient between real and made samples."""
    model = run.model
    assert isinstance(model, WGAN)
    x = torch.tensor(np.array(run.data.domains[0].sampler.sample(512, rng=np.random.default_rng(3)).values)).float()
    mix = Keys(3).uniform("mix", 512)[:, None]
    between = (mix * x + (1 - mix) * model.sample(512, Keys(3))).requires_grad_(True)
    (slope,) = torch.autograd.grad(model.D(between).sum(), between)
    return float(slope.norm(dim=1).mean())


def test_the_penalty_in_the_loss_is_the_shared_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "gradient_penalty", lambda *_: torch.tensor(7.0, requires_grad=True))
    model = built((2,))
    _, penalty = model.critic_step(torch.ones(4, 2), torch.zeros(4, 2), torch.rand(4))
    assert float(penalty) == 7.0
