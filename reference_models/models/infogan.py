"""InfoGAN, Chen et al. 2016 ("Interpretable representation learning by information maximizing GANs").

    min_{G, Q} max_D  V(D, G) - lambda L_I(G, Q),     L_I = E log Q(c | G(z, c)) + H(c)  <=  I(c; G(z, c))   (eq. 5, 6)

G is given noise z and a code c: one category, and numbers uniform in [-1, 1]. Q reads the code back from the image, on
D's own trunk. L_I bounds the mutual information from below; raising it, G can no longer ignore the code, and with luck
the categories become the classes of the data, which nobody named. Which category is which class is chance.

Q's answer for the category are logits, which go to the cross-entropy as they are (a softmax before it, as in several
copies, can never reach L_I = H(c)); for the numbers it is the mean of a Gaussian of variance 1, whose log density is
``-|c - Q|^2 / 2`` up to a constant. L_I is reported for the category alone: it is at most ``log(categories)``.

Breaks by: the code latches on to stroke or slant rather than class; lambda 0 leaves it ignored, and L_I near 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from torch.optim import Adam

from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, in_blocks
from reference_models.core.rng import Keys
from reference_models.models.dcgan import REFERENCE, Generator, Trunk, normalised_by, small_normal
from reference_models.nets import leaky


@dataclass(frozen=True, kw_only=True)
class InfoGANConfig:
    """Settings of an InfoGAN; ``information`` is lambda, and 0 gives a plain GAN whose Q still watches."""

    latent: int = 62
    categories: int = 10
    numbers: int = 2
    information: float = 1.0
    width: int = 64
    discriminator_width: int = 64
    smallest: int = 4
    bn: Literal["batch", "running"] = "running"
    lr: float = 1e-3
    discriminator_lr: float = 2e-4
    beta1: float = 0.5


class Reader(nn.Module):
    """D's trunk and D's logit."""

    def __init__(self, config: InfoGANConfig, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.trunk = Trunk(shape, width=config.discriminator_width, smallest=config.smallest)
        self.head = nn.Conv2d(self.trunk.features, 1, self.trunk.base).apply(small_normal)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give logits (n,), and the features that they were read from."""
        features = self.trunk(x)
        return self.head(features).flatten(), features


class Q(nn.Module):
    """Reads the code from features of D's trunk: logits of the category (n, categories), means (n, numbers)."""

    def __init__(self, config: InfoGANConfig, trunk: Trunk) -> None:
        super().__init__()
        self.sizes = [config.categories, config.numbers]
        self.net = nn.Sequential(
            nn.Conv2d(trunk.features, 128, trunk.base, bias=False),
            nn.BatchNorm2d(128),
            leaky(),
            nn.Conv2d(128, sum(self.sizes), 1),
        ).apply(small_normal)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Read the code."""
        category, numbers = self.net(features).flatten(1).split(self.sizes, dim=1)
        return category, numbers


class InfoGAN(Model[InfoGANConfig]):
    """Generator ``G``, discriminator ``D``, and ``Q`` on D's trunk."""

    averaged = ("G",)

    def build(self, config: InfoGANConfig, units: Units) -> None:
        """Make the networks; Q and G are trained together on L_I."""
        inputs = config.latent + config.categories + config.numbers
        maker = Generator(inputs, units.shape, width=config.width, smallest=config.smallest)
        judge = Reader(config, units.shape)
        self.G, self.D = self.named(maker, name="G"), self.named(judge, name="D")
        self.Q = self.named(Q(config, judge.trunk), name="Q")
        betas = (config.beta1, 0.999)
        self.optimizers = {
            "G": Adam(self.G.parameters(), lr=config.lr, betas=betas),
            "D": Adam(self.D.parameters(), lr=config.discriminator_lr, betas=betas),
            "Q": Adam(self.Q.parameters(), lr=config.lr, betas=betas),
        }

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Take one step of D on V - lambda L_I, then one of G and Q."""
        config, x = self.config, batch()
        z, category, numbers = self.code(len(x), keys, "D")
        real_logit, _ = self.D(x)
        fake_logit, features = self.D(self.G(z).detach())
        d_loss = losses.discriminator_loss(real_logit, fake_logit)
        read = self.told(features, category, numbers)
        self._descend(("D",), d_loss - config.information * (read[0] + read[1]))
        d_grad = losses.gradient_norm(self.D)
        z, category, numbers = self.code(len(x), keys, "G")
        logit, features = self.D(self.G(z))
        about_category, about_numbers = self.told(features, category, numbers)
        g_loss = losses.non_saturating(logit)
        heard = config.information * (about_category + about_numbers)
        if config.information == 0:  # Q still learns to read what there is, but G and D do not hear of it
            heard = heard + torch.stack(self.told(features.detach(), category, numbers)).sum()
        self._descend(("G", "Q"), g_loss - heard)
        return {
            "d_loss": d_loss.detach(),
            "g_loss": g_loss.detach(),
            "information": about_category.detach(),
            "d_real": real_logit.detach().sigmoid().mean(),
            "d_fake": fake_logit.detach().sigmoid().mean(),
            "g_grad": losses.gradient_norm(self.G),
            "d_grad": d_grad,
        }

    def told(self, features: Tensor, category: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Compute what Q reads of the code from features of D's trunk."""
        logits, means = self.Q(features)
        return information(logits, means, category, numbers)

    def _descend(self, names: tuple[str, ...], loss: Tensor) -> None:
        for name in names:
            self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for name in names:
            self.optimizers[name].step()

    def code(self, n: int, keys: Keys, name: str, category: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Draw G's inputs (n, latent + categories + numbers); also return the categories and the numbers in them."""
        config = self.config
        chosen = keys.integers(f"category_{name}", config.categories, n) if category is None else category
        numbers = 2 * keys.uniform(f"numbers_{name}", n, config.numbers) - 1
        noise = keys.normal(f"z_{name}", n, config.latent)
        return torch.cat([noise, one_hot(chosen, config.categories).to(noise), numbers], dim=1), chosen, numbers

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Map noise and codes; ``labels`` are categories of the code, drawn at random when absent."""
        reference, _, _ = self.code(REFERENCE, Keys(0).on(self.device), "reference")
        with normalised_by(self.config.bn, self.G, reference):
            return in_blocks(self.G, self.code(n, keys, "sample", labels)[0])


def information(logits: Tensor, means: Tensor, category: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Compute L_I of the category, ``E log Q(c) + log(categories)`` in nats, and of the numbers up to a constant."""
    about_category = math.log(logits.shape[1]) - cross_entropy(logits, category)
    about_numbers = -0.5 * (numbers - means).square().sum(dim=1).mean()
    return about_category, about_numbers


MODEL = ModelSpec(
    name="infogan",
    summary="GAN whose code can be read back from the image: one category and some numbers.",
    formula="min_{G,Q} max_D V(D, G) - lambda (E log Q(c | G(z, c)) + H(c))",
    paper="Chen et al. 2016, InfoGAN: Interpretable representation learning by information maximizing GANs",
    model=InfoGAN,
    config=InfoGANConfig,
)
