"""Conditional GAN, Mirza & Osindero 2014 ("Conditional generative adversarial nets").

    min_G max_D  E log D(x, y) + E log(1 - D(G(z, y), y))                                                      (eq. 2)

Both networks are told the class: G makes an image *of* y, and D judges whether the image is real *and of* y. What G is
told for a made image is what D is told for it, so a good image of the wrong class is a bad one.

The networks are DCGAN's. G is given y as a one-hot code beside the noise, D as one constant channel per class beside
the image. Without classes in the data there is nothing to condition on, and the model refuses.

Breaks by: y ignored (the class of G(z, y) is chance); z ignored (one image per class).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.optim import Adam

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.models.dcgan import REFERENCE, Discriminator, Generator, normalised_by


@dataclass(frozen=True, kw_only=True)
class CGANConfig:
    """Settings of a conditional GAN; the networks' are those of `reference_models.models.dcgan`."""

    latent: int = 100
    width: int = 64
    discriminator_width: int = 64
    smallest: int = 4
    bn: Literal["batch", "running"] = "running"
    lr: float = 2e-4
    discriminator_lr: float = 2e-4
    beta1: float = 0.5


class ConditionalGenerator(nn.Module):
    """Noise (n, latent) and classes (n,) to images."""

    def __init__(self, config: CGANConfig, units: Units) -> None:
        super().__init__()
        self.classes, inputs = units.classes, config.latent + units.classes
        self.net = Generator(inputs, units.shape, width=config.width, smallest=config.smallest)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Make an image of each class."""
        image: Tensor = self.net(torch.cat([z, one_hot(y, self.classes).to(z)], dim=1))
        return image


class ConditionalDiscriminator(nn.Module):
    """Images (n, channels, h, w) and classes (n,) to logits (n,)."""

    def __init__(self, config: CGANConfig, units: Units) -> None:
        super().__init__()
        self.classes, (channels, *sides) = units.classes, units.shape
        shape = (channels + units.classes, *sides)
        self.net = Discriminator(shape, width=config.discriminator_width, smallest=config.smallest)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Judge whether images are real and of their classes."""
        told = one_hot(y, self.classes).to(x)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        logit: Tensor = self.net(torch.cat([x, told], dim=1))
        return logit


class CGAN(Model[CGANConfig]):
    """Generator ``G(z, y)`` and discriminator ``D(x, y)``."""

    averaged = ("G",)

    def build(self, config: CGANConfig, units: Units) -> None:
        """Make DCGAN's networks, told of classes."""
        if not units.classes:
            raise ConfigError(
                "a conditional GAN must be given classes",
                received="data without labels",
                remedy="Give labelled data, or train the model dcgan.",
            )
        self.G = self.named(ConditionalGenerator(config, units), name="G")
        self.D = self.named(ConditionalDiscriminator(config, units), name="D")
        betas = (config.beta1, 0.999)
        self.optimizers = {
            "G": Adam(self.G.parameters(), lr=config.lr, betas=betas),
            "D": Adam(self.D.parameters(), lr=config.discriminator_lr, betas=betas),
        }

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Take one step of D, then one of G, both on the classes of the real batch."""
        x, y = labelled(batch)
        fake = self.G(keys.normal("z_D", len(x), self.config.latent), y).detach()
        real_logit, fake_logit = self.D(x, y), self.D(fake, y)
        d_loss = losses.discriminator_loss(real_logit, fake_logit)
        descend(self.optimizers["D"], d_loss)
        d_grad = losses.gradient_norm(self.D)
        fake_again = self.G(keys.normal("z_G", len(x), self.config.latent), y)
        g_loss = losses.non_saturating(self.D(fake_again, y))
        descend(self.optimizers["G"], g_loss)
        g_grad = losses.gradient_norm(self.G)
        return losses.game_scalars(d_loss, g_loss, real_logit, fake_logit, g_grad, d_grad)

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Make images of the given classes, or of classes with the data's shares."""
        chosen = self.classes(n, keys) if labels is None else labels
        fixed = Keys(0).on(self.device)
        reference = fixed.normal("reference", REFERENCE, self.config.latent), self.classes(REFERENCE, fixed)
        with normalised_by(self.config.bn, self.G, *reference):
            return in_blocks(self.G, keys.normal("z", n, self.config.latent), chosen)

    def classes(self, n: int, keys: Keys) -> Tensor:
        """Draw classes with the data's shares."""
        shares = torch.tensor(self.units.shares)
        return torch.multinomial(shares, n, replacement=True, generator=keys.generator("y")).to(self.device)


def labelled(batch: Batches) -> tuple[Tensor, Tensor]:
    """Take a batch with its classes."""
    x, y = batch.labelled()
    if y is None:
        raise ConfigError("every batch must have classes", received="none", remedy="Give labelled data.")
    return x, y


MODEL = ModelSpec(
    name="cgan",
    summary="Class-conditional GAN of convolutions: G(z, y) and D(x, y).",
    formula="min_G max_D E log D(x, y) + E log(1 - D(G(z, y), y))",
    paper="Mirza & Osindero 2014, Conditional generative adversarial nets",
    model=CGAN,
    config=CGANConfig,
    abilities=frozenset({"conditional"}),
)
