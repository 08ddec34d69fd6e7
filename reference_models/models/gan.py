"""Generative adversarial network, Goodfellow et al. 2014 ("Generative adversarial nets"), Algorithm 1.

    min_G max_D  E log D(x) + E log(1 - D(G(z)))                                                              (eq. 1)

k steps of the discriminator on fresh data and fresh noise, then one of the generator on fresh noise. At the optimum
``D* = p / (p + q)``, and the value is ``2 JSD(p, q) - log 4``.

Three losses of the generator: the minimax one *saturates* (its gradient on a sample is ``D / (1 - D)`` times that of
the second, so it dies where the discriminator wins), the *non-saturating* one is the paper's remedy, and *least
squares* is Mao et al. 2017's. Cures that are settings: one-sided label smoothing (Salimans et al. 2016), and packing,
where the discriminator judges ``pack`` samples at once and sees that they are alike (Lin et al. 2018, "PacGAN").

Breaks by: saturation, oscillation, modes lost and hopped between, collapse to the points that D likes best.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.nets import Flat, leaky, mlp

GENERATOR_LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "saturating": losses.saturating,
    "non_saturating": losses.non_saturating,
    "least_squares": losses.least_squares_generator,
}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "leaky": leaky}


@dataclass(frozen=True, kw_only=True)
class GANConfig:
    """Settings of a GAN.

    ``k`` steps of D are taken per step of G; real labels are ``1 - smoothing``; D judges ``pack`` samples at once.
    """

    latent: int = 32
    hidden: tuple[int, ...] = (128, 128)
    discriminator_hidden: tuple[int, ...] = (128, 128)
    activation: Literal["relu", "tanh", "leaky"] = "relu"
    loss: Literal["saturating", "non_saturating", "least_squares"] = "non_saturating"
    k: int = 1
    smoothing: float = 0.0
    pack: int = 1
    bounded: bool = False  # a tanh at the end, for data in [-1, 1]
    optimizer: Literal["adam", "sgd"] = "adam"
    discriminator_optimizer: Literal["adam", "sgd"] = "adam"
    lr: float = 1e-3
    discriminator_lr: float = 1e-4
    beta1: float = 0.5

    def __post_init__(self) -> None:
        if min(self.k, self.pack, self.latent) < 1 or not 0 <= self.smoothing < 1:
            raise ConfigError(
                "`k`, `pack` and `latent` must be at least 1, and `smoothing` must lie in [0, 1)",
                received=f"k={self.k}, pack={self.pack}, latent={self.latent}, smoothing={self.smoothing}",
                remedy="Pass k=1, pack=1, smoothing=0 for the plain GAN.",
            )


class GAN(Model[GANConfig]):
    """Generator ``G`` and discriminator ``D``; D returns logits."""

    averaged = ("G",)

    def build(self, config: GANConfig, units: Units) -> None:
        """Make two networks of fully connected layers."""
        size, act = math.prod(units.shape), ACTIVATIONS[config.activation]
        last = nn.Tanh if config.bounded else None
        generator = mlp([config.latent, *config.hidden, size], act, last=last)
        critic = mlp([size * config.pack, *config.discriminator_hidden, 1], leaky)
        self.G = self.named(Flat(generator, units.shape), name="G")
        self.D = self.named(Flat(critic), name="D")
        self.per_step = config.k
        betas = (config.beta1, 0.999)
        self.optimizers = {
            "G": _optimizer(config.optimizer, self.G, config.lr, betas),
            "D": _optimizer(config.discriminator_optimizer, self.D, config.discriminator_lr, betas),
        }

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Algorithm 1: k steps of D, then one of G."""
        config = self.config
        for j in range(config.k):
            x = batch()
            fake = self.G(keys.normal("z_D", len(x), config.latent, index=j)).detach()
            real_logit, fake_logit = self.D(packed(x, config.pack)), self.D(packed(fake, config.pack))
            d_loss = discriminator_loss(config, real_logit, fake_logit)
            descend(self.optimizers["D"], d_loss)
        d_grad = losses.gradient_norm(self.D)  # now: the generator's step goes back through D and adds to its gradients
        g_loss = self.generator_loss(batch, keys)
        descend(self.optimizers["G"], g_loss)
        g_grad = losses.gradient_norm(self.G)
        return losses.game_scalars(d_loss, g_loss, real_logit, fake_logit, g_grad, d_grad)

    def generator_loss(self, batch: Batches, keys: Keys) -> Tensor:
        """Compute the loss of G on fresh noise."""
        fake = self.G(keys.normal("z_G", batch.size, self.config.latent))
        return GENERATOR_LOSSES[self.config.loss](self.D(packed(fake, self.config.pack)))

    def equilibrium(self) -> dict[str, float]:
        """Give the values at D = 1/2."""
        return losses.equilibrium(self.config.loss, smoothing=self.config.smoothing)

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Map noise."""
        return in_blocks(self.G, keys.normal("z", n, self.config.latent))


def discriminator_loss(config: GANConfig, real: Tensor, fake: Tensor) -> Tensor:
    """Compute the loss of D that belongs to the generator's: least squares, or cross-entropy with smoothing."""
    if config.loss == "least_squares":
        return losses.least_squares_discriminator(real, fake)
    return losses.discriminator_loss(real, fake, smoothing=config.smoothing)


def packed(x: Tensor, pack: int) -> Tensor:
    """Lay ``pack`` rows side by side, shape (n // pack, pack, ...); spare rows are left out.

    D must be shown rows of one side only, all real or all made: a mixed pack would have no label.
    """
    if len(x) < pack:
        raise ConfigError("a batch must fill a pack", received=f"{len(x)} rows, pack={pack}", remedy="Raise `batch`.")
    return x if pack == 1 else x[: len(x) // pack * pack].reshape(len(x) // pack, pack, *x.shape[1:])


def _optimizer(kind: str, net: nn.Module, lr: float, betas: tuple[float, float]) -> Optimizer:
    makers: dict[str, Callable[[], Optimizer]] = {
        "adam": lambda: Adam(net.parameters(), lr=lr, betas=betas),
        "sgd": lambda: SGD(net.parameters(), lr=lr),
    }
    return makers[kind]()


MODEL = ModelSpec(
    name="gan",
    summary="GAN with minimax, non-saturating or least-squares loss, k steps of D, smoothing and packing.",
    formula="min_G max_D E log D(x) + E log(1 - D(G(z)))",
    paper="Goodfellow et al. 2014, Generative adversarial nets",
    model=GAN,
    config=GANConfig,
)
