"""DiscoGAN, Kim, Cha, Kim, Lee & Kim 2017 ("Learning to discover cross-domain relations with GANs").

Two heaps of images, A and B, of which no two belong together; G takes A to B, F takes B to A, and both ways must lead
back (eqs. 3 to 9)::

    L_G = (1 - r) (L_GAN(G, D_B) + L_GAN(F, D_A)) + r (d(F(G(a)), a) + d(G(F(b)), b))
    L_D = -E log D_B(b) - E log(1 - D_B(G(a))) - E log D_A(a) - E log(1 - D_A(F(b)))

with d the squared error per pixel, and r small at first. As in the authors' code L_GAN is mixed with feature matching,
``(1 - m) E -log D(G(a)) + m sum_l |E phi_l(b) - E phi_l(G(a))|^2`` over the hidden layers of D, and D moves every
``every`` steps only. CycleGAN is the sibling of the same spring: least squares, absolute errors, pools, patches.

Two ablations of the paper (section 3.1, figure 3) are settings. ``gan``: G and D_B alone, so that many a may go to one
b. ``recongan``: one way back, F(G(a)) = a, so that B need not be covered. Two ways back make the map one to one.

Breaks by: which of the maps that are one to one is found is not said (an angle may come out reversed); nothing in the
losses uses pairs, and a port that compares G(a_i) with b_i is another model.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import Adam, Optimizer

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.nets import coders, leaky


@dataclass(frozen=True, kw_only=True)
class DiscoGANConfig:
    """Settings of a DiscoGAN."""

    variant: Literal["discogan", "recongan", "gan"] = "discogan"
    net: Literal["conv", "deep"] = "conv"  # convolutions that halve the sides, or fully connected layers
    code: int = 100  # numbers between the halves of a generator
    widths: tuple[int, ...] = (64, 128)  # of a generator's layers, from the data inwards; a discriminator has the same
    rate: float = 0.5  # r
    early_rate: float = 0.01  # r of the first steps ...
    early: int = 0  # ... and how many those are
    matching: float = 0.9  # m
    every: int = 3
    lr: float = 2e-4
    beta1: float = 0.5
    weight_decay: float = 1e-5

    def __post_init__(self) -> None:
        shares = (self.rate, self.early_rate, self.matching)
        if self.every < 1 or not all(0 <= share <= 1 for share in shares):
            raise ConfigError(
                "`every` must be at least 1, and `rate`, `early_rate` and `matching` must lie in [0, 1]",
                received=f"every={self.every}, shares {shares}",
                remedy="Pass every=3, rate=0.5, early_rate=0.01, matching=0.9 for the authors'.",
            )


class Judge(nn.Module):
    """A discriminator that shows its hidden layers."""

    def __init__(self, net: str, shape: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        conv = net == "conv"
        sizes = itertools.pairwise((shape[0] if conv else math.prod(shape), *widths))
        layers = [nn.Conv2d(m, n, 4, stride=2, padding=1) if conv else nn.Linear(m, n) for m, n in sizes]
        self.hidden = nn.ModuleList(nn.Sequential(layer, leaky()) for layer in layers)
        places = (shape[1] >> len(widths)) * (shape[2] >> len(widths)) if conv else 1
        self.flat, self.last = not conv, nn.Sequential(nn.Flatten(), nn.Linear(widths[-1] * places, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Judge images (n, channels, h, w): logits (n,), and the hidden layers."""
        layers: list[Tensor] = []
        x = x.flatten(1) if self.flat else x
        for layer in self.hidden:
            x = layer(x)
            layers.append(x)
        logit: Tensor = self.last(x)
        return logit[:, 0], layers


class DiscoGAN(Model[DiscoGANConfig]):
    """Generators ``G`` (A to B) and ``F`` (B to A), discriminators ``D_A`` and ``D_B``."""

    averaged = ("G", "F")
    domains = 2

    def build(self, config: DiscoGANConfig, units: Units) -> None:
        """Make four networks, and an optimiser for the generators and one for the discriminators."""
        if units.kind != "image" or units.scale != "symmetric":
            raise ConfigError(
                'a DiscoGAN is trained on images, with scale = "symmetric"',
                received=f"{units.kind}, {units.scale}",
                remedy="Mend the data or the preset.",
            )
        self.G, self.F = (self.named(translator(config, units.shape), name=name) for name in ("G", "F"))
        self.D_A, self.D_B = (
            self.named(Judge(config.net, units.shape, config.widths), name=name) for name in ("D_A", "D_B")
        )
        self.optimizers = {
            "generators": _adam(config, self.G, self.F),
            "discriminators": _adam(config, self.D_A, self.D_B),
        }

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Move the generators, and now and then the discriminators."""
        config, a, b = self.config, batch(0), batch(1)
        fake_b, both = self.G(a), config.variant == "discogan"
        fake_a = self.F(b) if both else None
        fooling = adversarial(self.D_B, b, fake_b, config.matching)
        back = mse_loss(self.F(fake_b), a) if config.variant != "gan" else torch.zeros((), device=self.device)
        if fake_a is not None:
            fooling = fooling + adversarial(self.D_A, a, fake_a, config.matching)
            back = back + mse_loss(self.G(fake_a), b)
        r = mixed(config, keys.step)
        descend(self.optimizers["generators"], (1 - r) * fooling + r * back)
        g_grad = losses.gradient_norm(self.G)
        d_loss = discrimination(self.D_B, b, fake_b.detach())
        if fake_a is not None:
            d_loss = d_loss + discrimination(self.D_A, a, fake_a.detach())
        if keys.step % config.every == 0:
            descend(self.optimizers["discriminators"], d_loss)
        return {
            "g_loss": fooling.detach(),
            "d_loss": d_loss.detach(),
            "reconstruction": back.detach(),
            "g_grad": g_grad,
        }

    def translate(self, x: Tensor, to: Literal["a", "b"] = "b") -> Tensor:
        """Translate images of the other domain, shape (n, channels, height, width), to domain ``to``."""
        return in_blocks({"a": self.F, "b": self.G}[to], x)

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Refuse: a translator makes nothing out of noise."""
        raise ConfigError(
            "a DiscoGAN translates images and draws none", received=f"sample({n})", remedy="Call translate with images."
        )


def adversarial(judge: nn.Module, real: Tensor, fake: Tensor, matching: float) -> Tensor:
    """Loss of a generator: ``(1 - m) E -log D(fake)`` plus m times the squared distances of mean hidden layers."""
    logit, layers = judge(fake)
    with torch.no_grad():
        _, wanted = judge(real)
    distances = [(f.float().mean(0) - w.float().mean(0)).square().mean() for f, w in zip(layers, wanted, strict=True)]
    return (1 - matching) * losses.non_saturating(logit) + matching * torch.stack(distances).sum()


def discrimination(judge: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Loss of a discriminator: cross-entropy."""
    return losses.discriminator_loss(judge(real)[0], judge(fake)[0])


def mixed(config: DiscoGANConfig, step: int) -> float:
    """Weight of the way back, r: none in the variant that has no way back."""
    if config.variant == "gan":
        return 0.0
    return config.early_rate if step < config.early else config.rate


def translator(config: DiscoGANConfig, shape: tuple[int, ...]) -> nn.Module:
    """Make a generator: down to a code, and up again; values in [-1, 1]."""
    down, up = coders(config.net, shape, config.widths, latent=config.code, out=config.code, last=nn.Tanh)
    return nn.Sequential(down, nn.ReLU(), up)


def _adam(config: DiscoGANConfig, *nets: nn.Module) -> Optimizer:
    weights = [w for net in nets for w in net.parameters()]
    return Adam(weights, lr=config.lr, betas=(config.beta1, 0.999), weight_decay=config.weight_decay)


MODEL = ModelSpec(
    name="discogan",
    summary="DiscoGAN: translation between two domains without pairs, two ways back; with the paper's two ablations.",
    formula="(1 - r) (L_GAN(G, D_B) + L_GAN(F, D_A)) + r (d(F(G(a)), a) + d(G(F(b)), b))",
    paper="Kim et al. 2017, Learning to discover cross-domain relations with generative adversarial networks",
    model=DiscoGAN,
    config=DiscoGANConfig,
    abilities=frozenset({"translate"}),
)
