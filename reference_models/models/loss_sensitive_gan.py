"""Loss-sensitive GAN, Qi 2017/2020 ("Loss-sensitive generative adversarial networks on Lipschitz densities").

    L:  min  mu E L(x) + lambda E max(0, Delta(x, G(z)) + L(x) - L(G(z)))                                     (eq. 6)
    G:  min  E L(G(z))                                                                                        (eq. 7)

Not the least-squares GAN, though both are shortened to LSGAN. The loss L asks of a pair that the made sample cost more
than the real one by a margin that is the pair's distance, ``Delta = margin |x - G(z)|_1``: the closer the samples come,
the less L demands. A pair that has its margin gives L no gradient at all; G follows the slope of L itself, which has
no sigmoid to saturate in when L is ahead.

The distance is averaged over pixels here, so that one margin fits all sizes. The authors' code has mu = 0, for with
mu > 0 a shift of L alone lowers the first term for ever.

Breaks by: margins that are large beside the scale of L; slopes of L that nothing bounds, so that it drifts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.optim import Adam

from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.models.dcgan import REFERENCE, Discriminator, Generator, normalised_by


@dataclass(frozen=True, kw_only=True)
class LossSensitiveGANConfig:
    """Settings of a loss-sensitive GAN; networks are those of `reference_models.models.dcgan`."""

    latent: int = 100
    width: int = 64
    loss_width: int = 64
    smallest: int = 4
    margin: float = 2.5  # per mean absolute difference of pixels: 2e-4 per pixel at 64 x 64 x 3, as the authors have it
    first: float = 0.0  # mu
    weight: float = 1.0  # lambda
    decay: float = 0.0  # of the weights of L
    bn: Literal["batch", "running"] = "running"
    lr: float = 1e-4
    loss_lr: float = 1e-4
    beta1: float = 0.5


class LossSensitiveGAN(Model[LossSensitiveGANConfig]):
    """Generator ``G`` and loss ``L``."""

    averaged = ("G",)

    def build(self, config: LossSensitiveGANConfig, units: Units) -> None:
        """Make DCGAN's networks; L is its discriminator, read as a loss instead of a logit."""
        end = config.smallest
        self.G = self.named(Generator(config.latent, units.shape, width=config.width, smallest=end), name="G")
        self.L = self.named(Discriminator(units.shape, width=config.loss_width, smallest=end), name="L")
        betas = (config.beta1, 0.999)
        self.optimizers = {
            "G": Adam(self.G.parameters(), lr=config.lr, betas=betas),
            "L": Adam(self.L.parameters(), lr=config.loss_lr, betas=betas, weight_decay=config.decay),
        }

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Take one step of L on pairs of a real and a made sample, then one of G."""
        config, x = self.config, batch()
        fake = self.G(keys.normal("z_L", len(x), config.latent)).detach()
        on_real, on_fake = self.L(x), self.L(fake)
        lacking = shortfall(on_real, on_fake, config.margin * mean_distance(x, fake))
        loss = config.first * on_real.mean() + config.weight * lacking.mean()
        descend(self.optimizers["L"], loss)
        d_grad = losses.gradient_norm(self.L)
        g_loss = self.L(self.G(keys.normal("z_G", len(x), config.latent))).mean()
        descend(self.optimizers["G"], g_loss)
        return {
            "d_loss": loss.detach(),
            "g_loss": g_loss.detach(),
            "satisfied": (lacking.detach() == 0).float().mean(),
            "g_grad": losses.gradient_norm(self.G),
            "d_grad": d_grad,
        }

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Map noise."""
        reference = Keys(0).on(self.device).normal("reference", REFERENCE, self.config.latent)
        with normalised_by(self.config.bn, self.G, reference):
            return in_blocks(self.G, keys.normal("z", n, self.config.latent))


def mean_distance(x: Tensor, y: Tensor) -> Tensor:
    """Average ``|x - y|`` over the pixels of every pair, shape (n,)."""
    return (x - y).abs().flatten(1).mean(dim=1)


def shortfall(real: Tensor, fake: Tensor, margin: Tensor) -> Tensor:
    """Compute ``max(0, Delta + L(x) - L(G(z)))`` of every pair: what it lacks of its margin, 0 where it has it."""
    return (margin + real - fake).relu()


MODEL = ModelSpec(
    name="loss_sensitive_gan",
    summary="GAN whose loss asks a margin between real and made samples, as wide as they are apart.",
    formula="L: min mu E L(x) + lambda E max(0, Delta(x, G(z)) + L(x) - L(G(z))); G: min E L(G(z))",
    paper="Qi 2020, Loss-sensitive generative adversarial networks on Lipschitz densities",
    model=LossSensitiveGAN,
    config=LossSensitiveGANConfig,
)
