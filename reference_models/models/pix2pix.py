"""Paired translation, Isola et al. 2017 ("Image-to-image translation with conditional adversarial networks", pix2pix).

Every image a comes with its true image b:

    min_G max_D  E log D(a, b) + E log(1 - D(a, G(a))) + lambda E |b - G(a)|_1                          (eqs. 1, 3, 4)

with the L1 norm taken as a mean over pixels, and lambda 100. D sees the input beside the output, so a good image that
does not belong to a is a fake; it judges patches. The L1 term alone is the median of what is possible, which is soft
where much is; the adversarial term asks for one of the possible images. As the paper does, D's loss is halved and G
takes the non-saturating form.

G is a U-Net: what is lost on the way down is handed across. The paper's only noise is dropout, in training and in use;
here dropout, where it is asked for, ends with training, so that an image has one translation.

With pairs this is what CycleGAN does without them: a ceiling for it on the same two domains.

Breaks by: pairs that are out of step; noise ignored, so that one of many right answers is given for ever.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss
from torch.optim import Adam

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.models.cyclegan import CycleGANConfig, normed, patch_discriminator
from reference_models.nets import leaky


@dataclass(frozen=True, kw_only=True)
class Pix2PixConfig:
    """Settings of a paired translation; ``width`` is the number of channels at the finest grid, 64 in the paper."""

    width: int = 64
    halvings: int = 2  # of the sides, on the way down
    dropout: float = 0.0  # of what comes up from the coarsest grid; 0.5 in the paper
    distance: float = 100.0  # lambda
    adversarial: float = 1.0  # 0 for L1 alone
    lr: float = 2e-4
    beta1: float = 0.5


class UNet(nn.Module):
    """Image to image, (n, channels, h, w) to the same in [-1, 1]: down, and up with a bridge at every grid."""

    def __init__(self, config: Pix2PixConfig, channels: int) -> None:
        super().__init__()
        widths = [config.width * 2 ** min(level, 3) for level in range(config.halvings + 1)]
        self.first = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for fine, coarse in itertools.pairwise(widths):
            halve = nn.Conv2d(fine, coarse, 4, stride=2, padding=1)
            self.down.append(nn.Sequential(leaky(), *normed(halve, coarse, nn.Identity())))
        inner = widths[-1]
        for fine in reversed(widths[:-1]):
            double = nn.ConvTranspose2d(inner, fine, 4, stride=2, padding=1)
            self.up.append(nn.Sequential(nn.ReLU(), *normed(double, fine, nn.Dropout(config.dropout))))
            inner = 2 * fine
        self.last = nn.Sequential(nn.ReLU(), nn.Conv2d(inner, channels, 3, padding=1), nn.Tanh())

    def forward(self, a: Tensor) -> Tensor:
        """Translate images."""
        bridges = [self.first(a)]
        for step in self.down:
            bridges.append(step(bridges[-1]))
        inner = bridges.pop()
        for step in self.up:
            inner = torch.cat([step(inner), bridges.pop()], dim=1)
        out: Tensor = self.last(inner)
        return out


class Pix2Pix(Model[Pix2PixConfig]):
    """Generator ``G`` (a to b) and discriminator ``D`` of pairs (a, b)."""

    averaged = ("G",)
    domains = 2
    paired = True

    def build(self, config: Pix2PixConfig, units: Units) -> None:
        """Make both networks."""
        sides = units.shape[1:]
        if units.kind != "image" or any(side % 2**config.halvings or side >> config.halvings < 2 for side in sides):
            raise ConfigError(
                f"rows must be images that halve {config.halvings} times, to 2 pixels at least",
                received=f"{units.kind} rows of shape {units.shape}",
                remedy="Change `halvings`, or crop the images.",
            )
        channels = units.shape[0]
        judge = CycleGANConfig(width=config.width, halvings=config.halvings - 1)
        self.G = self.named(UNet(config, channels), name="G")
        self.D = self.named(patch_discriminator(judge, 2 * channels), name="D")
        betas = (config.beta1, 0.999)
        self.optimizers = {
            name: Adam(net.parameters(), lr=config.lr, betas=betas) for name, net in self.networks.items()
        }

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Take one step of D on true pairs and made ones, then one of G."""
        config, a, b = self.config, batch(0), batch(1)
        fake = self.G(a)
        real_logit, fake_logit = self.judged(a, b), self.judged(a, fake.detach())
        d_loss = losses.discriminator_loss(real_logit, fake_logit)
        descend(self.optimizers["D"], 0.5 * d_loss)
        d_grad = losses.gradient_norm(self.D)
        fooling, distance = losses.non_saturating(self.judged(a, fake)), l1_loss(fake.float(), b.float())
        descend(self.optimizers["G"], config.adversarial * fooling + config.distance * distance)
        g_grad = losses.gradient_norm(self.G)
        scalars = losses.game_scalars(d_loss, fooling, real_logit, fake_logit, g_grad, d_grad)
        return {**scalars, "l1": distance.detach()}

    def judged(self, a: Tensor, b: Tensor) -> Tensor:
        """Give the logits of D, one per patch, for b as an image of a."""
        logits: Tensor = self.D(torch.cat([a, b], dim=1))
        return logits

    def translate(self, x: Tensor) -> Tensor:
        """Translate images of the first domain, shape (n, channels, height, width)."""
        return in_blocks(self.G, x)

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Refuse: a translator makes nothing out of noise."""
        raise ConfigError(
            "pix2pix translates images and draws none", received=f"sample({n})", remedy="Call translate with images."
        )


MODEL = ModelSpec(
    name="pix2pix",
    summary="Paired image-to-image translation: conditional GAN plus L1, a U-Net and a judge of patches.",
    formula="min_G max_D E log D(a, b) + E log(1 - D(a, G(a))) + lambda E |b - G(a)|_1",
    paper="Isola et al. 2017, Image-to-image translation with conditional adversarial networks",
    model=Pix2Pix,
    config=Pix2PixConfig,
    abilities=frozenset({"translate"}),
)
