"""Wasserstein GAN, Arjovsky, Chintala & Bottou 2017, and its gradient penalty, Gulrajani et al. 2017 ("WGAN-GP").

    W1(p, q) = max over 1-Lipschitz f of  E f(x) - E f(y),     x ~ p, y ~ q             (Kantorovich-Rubinstein duality)
    min_G max_f  E f(x) - E f(G(z))

Linear where the GAN has logarithms: the critic f says how far apart the laws are, so its value falls as samples
improve, and its slope moves samples even where the supports are disjoint and the Jensen-Shannon divergence is flat.

Two ways to hold the slope. *clip*: every weight is cut to [-c, c] after each step of the critic, which bounds the slope
by some K that nobody knows: the value is then at most ``K W1``. *penalty*: ``+ lambda E (|grad f(x)| - 1)^2`` on lines
between real and made samples, which holds the slope near one, at the cost of a second derivative.

Breaks by: clipping drives weights to the bounds and makes the critic too simple; the penalty costs about twice the
time and needs float32; batch normalisation in a critic ties rows together, so that no row has a slope of its own.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.nets import Flat, leaky, mlp


@dataclass(frozen=True, kw_only=True)
class WGANConfig:
    """Settings of a WGAN; those of the penalty by default."""

    latent: int = 32
    hidden: tuple[int, ...] = (128, 128, 128)
    critic_hidden: tuple[int, ...] = (128, 128, 128)
    width: int = 0  # channels of the finest convolution; 0 for fully connected layers
    bounded: bool = False  # a tanh at the end, for data in [-1, 1]
    lipschitz: Literal["penalty", "clip"] = "penalty"
    penalty: float = 10.0  # lambda
    clip: float = 0.01  # c
    n_critic: int = 5
    lr: float = 1e-4  # 5e-5 with clipping
    betas: tuple[float, float] = (0.5, 0.9)
    anneal: int = 0  # steps after which the learning rates have fallen to zero in a line; 0 for never


class WGAN(Model[WGANConfig]):
    """Generator ``G`` and critic ``D``, the f of the formulas: any number, not a logit."""

    averaged = ("G",)

    def build(self, config: WGANConfig, units: Units) -> None:
        """Make two networks; the critic has no batch normalisation."""
        generator, critic = conv_pair(config, units) if config.width else mlp_pair(config, units)
        self.G, self.D = self.named(generator, name="G"), self.named(critic, name="D")
        if config.n_critic < 1:
            raise ConfigError("`n_critic` must be at least 1", received=config.n_critic, remedy="Pass 5.")
        self.per_step = config.n_critic
        self.optimizers = {"G": optimizer(config, self.G), "D": optimizer(config, self.D)}
        if config.lipschitz == "clip":
            clip_weights(self.D, config.clip)

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Take n_critic steps of the critic on fresh data and noise, then one of the generator on fresh noise."""
        config = self.config
        set_rates(self.optimizers, rate(config, keys.step))
        for j in range(config.n_critic):
            x = batch()
            fake = self.G(keys.normal("z_D", len(x), config.latent, index=j)).detach()
            estimate, penalty = self.critic_step(x, fake, keys.uniform("mix", len(x), index=j))
        d_grad = losses.gradient_norm(self.D)  # before the generator's step adds to it
        g_loss = generator_loss(self.D(self.G(keys.normal("z_G", batch.size, config.latent))))
        descend(self.optimizers["G"], g_loss)
        return {
            "w_estimate": estimate,
            "penalty": penalty,
            "g_loss": g_loss.detach(),
            "g_grad": losses.gradient_norm(self.G),
            "d_grad": d_grad,
            "at_bound": at_bound(self.D, config.clip),
        }

    def critic_step(self, x: Tensor, fake: Tensor, mix: Tensor) -> tuple[Tensor, Tensor]:
        """Move the critic, hold its slope, and give the estimate of W1 and the penalty before the move."""
        config = self.config
        loss = critic_loss(self.D(x), self.D(fake))
        if config.lipschitz == "clip":
            descend(self.optimizers["D"], loss)
            clip_weights(self.D, config.clip)  # after the step: the next value is of a bounded critic
            return -loss.detach(), torch.zeros(())
        penalty = losses.gradient_penalty(self.D, x, fake, mix)
        descend(self.optimizers["D"], loss + config.penalty * penalty)
        return -loss.detach(), penalty.detach()

    def equilibrium(self) -> dict[str, float]:
        """Give the estimate of W1 between equal laws."""
        return {"w_estimate": 0.0}

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Map noise."""
        return in_blocks(self.G, keys.normal("z", n, self.config.latent))


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Loss of the critic, ``E f(G(z)) - E f(x)``: minus its estimate of W1; 0 for equal laws."""
    return fake.mean() - real.mean()


def generator_loss(fake: Tensor) -> Tensor:
    """Loss of the generator: ``-E f(G(z))``."""
    return -fake.mean()


@torch.no_grad()
def clip_weights(net: nn.Module, bound: float) -> None:
    """Cut every weight of a network to [-bound, bound]."""
    for weight in net.parameters():
        weight.clamp_(-bound, bound)


@torch.no_grad()
def at_bound(net: nn.Module, bound: float) -> Tensor:
    """Share of a network's weights on or beyond the bounds, in [0, 1]; near 1 the critic is but a sum of signs."""
    weights = nn.utils.parameters_to_vector(net.parameters())
    return (weights.abs() >= bound).float().mean()


def mlp_pair(config: WGANConfig, units: Units) -> tuple[nn.Module, nn.Module]:
    """Fully connected generator and critic."""
    size = math.prod(units.shape)
    last = nn.Tanh if config.bounded else None
    generator = mlp([config.latent, *config.hidden, size], last=last)
    return Flat(generator, units.shape), Flat(mlp([size, *config.critic_hidden, 1], leaky))


def conv_pair(config: WGANConfig, units: Units) -> tuple[nn.Module, nn.Module]:
    """Convolutional generator and critic for square images of 8, 28, 32 or 64 pixels a side.

    Sides are halved down to 4 (7 for 28) and channels doubled. The generator is normalised within each image, so that
    a sample does not hang on its batch; the critic not at all.
    """
    channels, side, _ = units.shape
    widths = [config.width]
    while side > 4 and side % 2 == 0:
        side, widths = side // 2, [*widths, 2 * widths[-1]]
    up: list[nn.Module] = [nn.Linear(config.latent, widths[-1] * side**2), nn.Unflatten(1, (widths[-1], side, side))]
    down: list[nn.Module] = [nn.Conv2d(channels, widths[0], 3, padding=1), leaky()]
    for narrow, wide in itertools.pairwise(widths):
        down += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), leaky()]
    for wide, narrow in itertools.pairwise(widths[::-1]):
        up += [nn.GroupNorm(4, wide), nn.ReLU(), nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1)]
    up += [nn.GroupNorm(4, widths[0]), nn.ReLU(), nn.Conv2d(widths[0], channels, 3, padding=1)]
    critic = nn.Sequential(*down, nn.Flatten(), nn.Linear(widths[-1] * side**2, 1), nn.Flatten(0))
    return nn.Sequential(*up, *([nn.Tanh()] if config.bounded else [])), critic


def optimizer(config: WGANConfig, net: nn.Module) -> Optimizer:
    """RMSprop for clipping, whose authors found momentum unstable; Adam for the penalty."""
    if config.lipschitz == "clip":
        return RMSprop(net.parameters(), lr=config.lr)
    return Adam(net.parameters(), lr=config.lr, betas=config.betas)


def rate(config: WGANConfig, step: int) -> float:
    """Learning rate of a step: it hangs on the step alone, so a resumed run has the same."""
    return config.lr * (max(0.0, 1 - step / config.anneal) if config.anneal else 1.0)


def set_rates(optimizers: dict[str, Optimizer], lr: float) -> None:
    """Give all optimisers a learning rate."""
    for group in (group for optimizer in optimizers.values() for group in optimizer.param_groups):
        group["lr"] = lr


MODEL = ModelSpec(
    name="wgan",
    summary="Wasserstein GAN: a critic of slope one, held by a gradient penalty (WGAN-GP) or by clipped weights.",
    formula="min_G max_{f 1-Lipschitz} E f(x) - E f(G(z))",
    paper="Arjovsky, Chintala & Bottou 2017, Wasserstein GAN; Gulrajani et al. 2017, Improved training of WGANs",
    model=WGAN,
    config=WGANConfig,
)
