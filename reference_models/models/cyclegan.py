"""CycleGAN, Zhu, Park, Isola & Efros 2017 ("Unpaired image-to-image translation using cycle-consistent networks").

Two heaps of images, A and B, of which no two belong together; G takes A to B, F takes B to A:

    min_{G, F} max_{D_A, D_B}  L_GAN(G, D_B) + L_GAN(F, D_A) + lambda (E |F(G(a)) - a|_1 + E |G(F(b)) - b|_1)    (eq. 3)
                             [+ identity (E |G(b) - b|_1 + E |F(a) - a|_1)]

with L1 norms taken as means over pixels. L_GAN is the log loss in the paper's formula and least squares in its
experiments, and by default here. The discriminators judge patches, and see a *replay pool* of earlier fakes half of the
time, so that they do not forget what the generators used to do.

Breaks by: any pair of a map and its inverse has no cycle error (the identity, a permutation of the images, colours
inverted for ever), so only the discriminators hold the meaning; the identity loss fights maps that change all colours;
convolutions change texture and colour more readily than shape; what a picture cannot show, G may hide in it as noise
that F reads (Chu et al. 2017), which noise on G(a) uncovers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss
from torch.optim import Adam, Optimizer

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.nets import leaky

Adversarial = tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]
ADVERSARIAL: dict[str, Adversarial] = {
    "least_squares": (losses.least_squares_generator, losses.least_squares_discriminator),
    "log": (losses.non_saturating, losses.discriminator_loss),
}


@dataclass(frozen=True, kw_only=True)
class CycleGANConfig:
    """Settings of a CycleGAN."""

    width: int = 16  # channels of the finest convolution
    blocks: int = 1  # residual blocks of a generator
    halvings: int = 0  # of a generator's sides (a discriminator halves once at least); 2 for images of 28 and more
    adversarial: Literal["least_squares", "log"] = "least_squares"
    cycle: float = 10.0  # lambda
    identity: float = 0.0  # the paper's photographs of paintings: half of lambda
    pool: int = 50
    lr: float = 2e-4
    beta1: float = 0.5
    constant: int = 0  # steps of full learning rate ...
    decay: int = 0  # ... and then steps of its fall to zero in a line; 0 for never


class CycleGAN(Model[CycleGANConfig]):
    """Generators ``G`` (A to B) and ``F`` (B to A), discriminators ``D_A`` and ``D_B``, and a pool of fakes of each."""

    averaged = ("G", "F")
    domains = 2

    def build(self, config: CycleGANConfig, units: Units) -> None:
        """Make four networks, and two optimisers: one of the generators, one of the discriminators."""
        if units.kind != "image":
            raise ConfigError("a CycleGAN is trained on images", received=units.kind, remedy="Pass images.")
        channels = units.shape[0]
        self.G, self.F = (self.named(residual_generator(config, channels), name=n) for n in ("G", "F"))
        self.D_A, self.D_B = (self.named(patch_discriminator(config, channels), name=n) for n in ("D_A", "D_B"))
        self.pools = {name: torch.empty(0, *units.shape, device=self.device) for name in ("pool_A", "pool_B")}
        betas = (config.beta1, 0.999)
        self.optimizers = {
            "generators": Adam([*self.G.parameters(), *self.F.parameters()], lr=config.lr, betas=betas),
            "discriminators": Adam([*self.D_A.parameters(), *self.D_B.parameters()], lr=config.lr, betas=betas),
        }

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Move both generators, then both discriminators on real images and on fakes out of the pools."""
        config = self.config
        set_rates(self.optimizers, rate(config, keys.step))
        a, b = batch(0), batch(1)
        fake_b, fake_a = self.G(a), self.F(b)
        cycle = cycle_loss(a, self.F(fake_b)) + cycle_loss(b, self.G(fake_a))
        identity = cycle_loss(b, self.G(b)) + cycle_loss(a, self.F(a)) if config.identity else torch.zeros(())
        fooling, judging = ADVERSARIAL[config.adversarial]
        adversarial = fooling(self.D_B(fake_b)) + fooling(self.D_A(fake_a))
        descend(self.optimizers["generators"], adversarial + config.cycle * cycle + config.identity * identity)
        g_grad = losses.gradient_norm(self.G)
        shown_b = self.replayed("pool_B", fake_b.detach().float(), keys)
        shown_a = self.replayed("pool_A", fake_a.detach().float(), keys)
        d_loss = judging(self.D_B(b), self.D_B(shown_b)) + judging(self.D_A(a), self.D_A(shown_a))
        descend(self.optimizers["discriminators"], d_loss)
        return {
            "g_loss": adversarial.detach(),
            "d_loss": d_loss.detach(),
            "cycle": cycle.detach(),
            "identity": identity.detach(),
            "g_grad": g_grad,
        }

    def replayed(self, name: str, fresh: Tensor, keys: Keys) -> Tensor:
        """Put fresh fakes in a pool, and take out what its discriminator is shown."""
        draws = keys.uniform(f"{name} swap", len(fresh)) < 0.5, keys.permutation(f"{name} slots", self.config.pool)
        shown, self.pools[name] = replay(self.pools[name], fresh, self.config.pool, *draws)
        return shown

    def buffers(self) -> dict[str, Tensor]:
        """Give the pools: state like the weights."""
        return self.pools

    def load_buffers(self, buffers: dict[str, Tensor]) -> None:
        """Take the pools back."""
        self.pools = dict(buffers)

    def translate(self, x: Tensor, to: Literal["a", "b"] = "b") -> Tensor:
        """Translate images of the other domain, shape (n, channels, height, width), to domain ``to``."""
        return in_blocks({"a": self.F, "b": self.G}[to], x)

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Refuse: a translator makes nothing out of noise."""
        raise ConfigError(
            "a CycleGAN translates images and draws none", received=f"sample({n})", remedy="Call translate with images."
        )


def cycle_loss(x: Tensor, back: Tensor) -> Tensor:
    """Mean absolute difference per pixel, ``|back - x|_1``; 0 when the way back leads home. In float32."""
    return l1_loss(back.float(), x.float())


def replay(pool: Tensor, fresh: Tensor, size: int, swap: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
    """Exchange fresh images with a pool of old ones (Shrivastava et al. 2017, section 2.3).

    Parameters
    ----------
    pool : Tensor, shape (k, ...)
        At most ``size`` old images.
    fresh : Tensor, shape (n, ...)
    size : int
        While the pool is smaller, fresh images enter it and are shown as they are.
    swap : Tensor of bool, shape (n,)
        Which images of a full pool's turn are exchanged for an old one: half of them at random.
    slots : Tensor of int, shape (size,)
        A random order of the places, so that no two images of one turn meet in a place.

    Returns
    -------
    shown : Tensor, shape (n, ...)
    pool : Tensor, shape (min(size, k + n), ...)
    """
    entering = min(size - len(pool), len(fresh))
    pool, shown = torch.cat([pool, fresh[:entering]]), fresh.clone()
    rows = torch.arange(entering, min(len(fresh), entering + size), device=fresh.device)
    places = slots.to(fresh.device)[: len(rows)][swap[rows]]
    rows = rows[swap[rows]]
    shown[rows] = pool[places]
    pool[places] = fresh[rows]
    return shown, pool


def normed(layer: nn.Module, width: int, activation: nn.Module) -> list[nn.Module]:
    """Normalise what a convolution gives within each image, so that no image hangs on its batch."""
    return [layer, nn.InstanceNorm2d(width, affine=True), activation]


class Residual(nn.Module):
    """Two convolutions beside a straight way: ``x + h(x)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.net = nn.Sequential(*normed(first, width, nn.ReLU()), *normed(second, width, nn.Identity()))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to the same shape."""
        out: Tensor = x + self.net(x)
        return out


def residual_generator(config: CycleGANConfig, channels: int) -> nn.Module:
    """Halve the sides, think in residual blocks, double the sides; values in [-1, 1]."""
    widths = [config.width * 2**level for level in range(config.halvings + 1)]
    layers = normed(nn.Conv2d(channels, widths[0], 3, padding=1), widths[0], nn.ReLU())
    for narrow, wide in itertools.pairwise(widths):
        layers += normed(nn.Conv2d(narrow, wide, 4, stride=2, padding=1), wide, nn.ReLU())
    layers += [Residual(widths[-1]) for _ in range(config.blocks)]
    for wide, narrow in itertools.pairwise(widths[::-1]):
        layers += normed(nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1), narrow, nn.ReLU())
    return nn.Sequential(*layers, nn.Conv2d(widths[0], channels, 3, padding=1), nn.Tanh())


def patch_discriminator(config: CycleGANConfig, channels: int) -> nn.Module:
    """Judge patches: one number per place of the halved image, shape (n, 1, h, w)."""
    widths = [config.width * 2**level for level in range(max(config.halvings, 1) + 1)]
    layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, stride=2, padding=1), leaky()]
    for narrow, wide in itertools.pairwise(widths[:-1]):
        layers += normed(nn.Conv2d(narrow, wide, 4, stride=2, padding=1), wide, leaky())
    layers += normed(nn.Conv2d(widths[-2], widths[-1], 3, padding=1), widths[-1], leaky())
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 3, padding=1))


def rate(config: CycleGANConfig, step: int) -> float:
    """Learning rate of a step: constant, then down to zero in a line; a function of the step alone."""
    fallen = max(0, step - config.constant) / config.decay if config.decay else 0.0
    return config.lr * max(0.0, 1.0 - fallen)


def set_rates(optimizers: dict[str, Optimizer], lr: float) -> None:
    """Give all optimisers a learning rate."""
    for group in (group for optimizer in optimizers.values() for group in optimizer.param_groups):
        group["lr"] = lr


MODEL = ModelSpec(
    name="cyclegan",
    summary="CycleGAN: translation between two domains without pairs, with replay pools and identity loss.",
    formula="L_GAN(G, D_B) + L_GAN(F, D_A) + lambda (E |F(G(a)) - a|_1 + E |G(F(b)) - b|_1)",
    paper="Zhu et al. 2017, Unpaired image-to-image translation using cycle-consistent adversarial networks",
    model=CycleGAN,
    config=CycleGANConfig,
    abilities=frozenset({"translate"}),
)
