"""GeneGAN, Zhou, Xiao, Yang, Feng, He & He 2017 ("GeneGAN: learning object transfiguration and attribute subspace").

Two heaps of images: A with an object, B without. One network splits an image into a background and an object, another
joins the two; crossing the parts of two images puts the object of one on the other, and takes it from the first::

    split(a) = (A, u),    split(b) = (B, e),    join(A, u) = a',  join(B, 0) = b',  join(B, u) = bu,  join(A, 0) = a0

    L = |a' - a|_1 + |b' - b|_1              each image is what its parts make
      - E f_A(bu) - E f_B(a0)                what was crossed belongs to the other heap (critics f, as in a WGAN)
      + |e|_1                                where there is no object there is nothing in its code
      + p |a + b - bu - a0|_1                what one image gained the other has lost (the parallelogram)

A cycle must guess how much of the object to add on its way back; here the amount is in u and travels with it, and
``join(B, t u)`` for t from 0 to 1 goes from none of it to all.

The critics are kept 1-Lipschitz by a gradient penalty instead of the authors' clipped weights.

Breaks by: everything in the object's code (bu is then a) or nothing in it; a background that is not seen under the
object cannot be known, only guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.nets import conv_down

# How fast the memory of the mean object forgets.
_MEMORY = 0.99


@dataclass(frozen=True, kw_only=True)
class GeneGANConfig:
    """Settings of a GeneGAN."""

    width: int = 16  # channels of the finest convolution
    objects: int = 2  # of the code's channels, those of the object
    critic_widths: tuple[int, ...] = (32, 64)
    reconstruction: float = 1.0
    adversarial: float = 0.02
    nulling: float = 1.0
    parallelogram: float = 0.01  # p
    penalty: float = 10.0
    n_critic: int = 1
    lr: float = 1e-3
    betas: tuple[float, float] = (0.5, 0.9)


class Splitter(nn.Module):
    """Images (n, c, h, w) to background and object, each on the grid of halved sides."""

    def __init__(self, channels: int, width: int, objects: int) -> None:
        super().__init__()
        self.parts = (2 * width - objects, objects)
        self.net = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Split."""
        background, thing = self.net(x).split(self.parts, dim=1)
        return background, thing


class Joiner(nn.Module):
    """Background and object to an image with values in [-1, 1]."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(2 * width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, channels, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, background: Tensor, thing: Tensor) -> Tensor:
        """Join."""
        image: Tensor = self.net(torch.cat([background, thing], dim=1))
        return image


class GeneGAN(Model[GeneGANConfig]):
    """Networks ``split`` and ``join``, critics ``f_A`` and ``f_B``; domain a is with the object."""

    averaged = ("split", "join")
    domains = 2

    def build(self, config: GeneGANConfig, units: Units) -> None:
        """Make four networks, and an optimiser for the makers and one for the critics."""
        if units.kind != "image" or units.scale != "symmetric":
            raise ConfigError(
                'a GeneGAN is trained on images, with scale = "symmetric"',
                received=f"{units.kind}, {units.scale}",
                remedy="Mend the data or the preset.",
            )
        channels, height, width = units.shape
        self.split = self.named(Splitter(channels, config.width, config.objects), name="split")
        self.join = self.named(Joiner(channels, config.width), name="join")
        self.f_A, self.f_B = (self.named(critic(config, units.shape), name=name) for name in ("f_A", "f_B"))
        self.typical = torch.zeros(config.objects, height // 2, width // 2, device=self.device)
        self.per_step = 1
        makers, critics = ([w for net in nets for w in net.parameters()] for nets in self._sides())
        self.optimizers = {
            "makers": Adam(makers, lr=config.lr, betas=config.betas),
            "critics": Adam(critics, lr=config.lr, betas=config.betas),
        }

    def _sides(self) -> tuple[tuple[nn.Module, ...], tuple[nn.Module, ...]]:
        return (self.split, self.join), (self.f_A, self.f_B)

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Move the critics on what is crossed, then split and join."""
        config, a, b = self.config, batch(0), batch(1)
        with torch.no_grad():
            crossed = self.cross(a, b)
        for j in range(config.n_critic):
            found = self.criticism(a, b, *crossed, keys, j)
            descend(self.optimizers["critics"], found)
        parts = self.parts(a, b)
        descend(self.optimizers["makers"], total(config, parts))
        with torch.no_grad():
            self.typical = _MEMORY * self.typical + (1 - _MEMORY) * self.split(a)[1].float().mean(dim=0)
        return {"critic": found.detach(), **{name: value.detach() for name, value in parts.items()}}

    def criticism(self, a: Tensor, b: Tensor, put: Tensor, taken: Tensor, keys: Keys, j: int) -> Tensor:
        """Loss of the critics: crossed images below real ones, and slopes of one in between."""
        loss = torch.zeros((), device=self.device)
        for name, judge, real, fake in (("A", self.f_A, a, put), ("B", self.f_B, b, taken)):
            mix = keys.uniform(f"mix {name}", len(real), index=j)
            slopes = losses.gradient_penalty(judge, real, fake, mix)
            loss = loss + judge(fake).mean() - judge(real).mean() + self.config.penalty * slopes
        return loss

    def parts(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        """Compute the terms of the loss of split and join."""
        (back_a, u), (back_b, e) = self.split(a), self.split(b)
        none = torch.zeros_like(u)
        put, taken = self.join(back_b, u), self.join(back_a, none)
        return {
            "reconstruction": (self.join(back_a, u) - a).abs().mean() + (self.join(back_b, none) - b).abs().mean(),
            "adversarial": -self.f_A(put).mean() - self.f_B(taken).mean(),
            "nulling": e.abs().mean(),
            "parallelogram": (a + b - put - taken).abs().mean(),
        }

    def cross(self, a: Tensor, b: Tensor, amount: float = 1.0) -> tuple[Tensor, Tensor]:
        """Put the objects of ``a`` on ``b``, ``amount`` of each, and take them from ``a``."""
        (back_a, u), (back_b, _) = self.split(a), self.split(b)
        return self.join(back_b, amount * u), self.join(back_a, torch.zeros_like(u))

    def buffers(self) -> dict[str, Tensor]:
        """Give the mean object."""
        return {"typical": self.typical}

    def load_buffers(self, buffers: dict[str, Tensor]) -> None:
        """Take it back."""
        self.typical = buffers["typical"]

    def translate(self, x: Tensor, to: Literal["a", "b"] = "b") -> Tensor:
        """Take the objects away (to "b"), or put the mean object of the training on each image (to "a")."""

        def changed(rows: Tensor) -> Tensor:
            background, thing = self.split(rows)
            new = torch.zeros_like(thing) if to == "b" else self.typical.to(thing).expand_as(thing)
            image: Tensor = self.join(background, new)
            return image

        return in_blocks(changed, x)  # type: ignore[arg-type]

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Refuse: what crosses images makes none out of noise."""
        raise ConfigError(
            "a GeneGAN crosses images and draws none", received=f"sample({n})", remedy="Call cross or translate."
        )


def total(config: GeneGANConfig, parts: dict[str, Tensor]) -> Tensor:
    """Weigh the terms."""
    weights = {name: float(getattr(config, name)) for name in parts}
    return torch.stack([weights[name] * value.float() for name, value in parts.items()]).sum()


def critic(config: GeneGANConfig, shape: tuple[int, ...]) -> nn.Module:
    """Make a critic: images (n, c, h, w) to one number each, shape (n, 1)."""
    return conv_down(shape, config.critic_widths, 1)


MODEL = ModelSpec(
    name="genegan",
    summary="GeneGAN: splits images into background and object, and crosses them; the amount of an object travels too.",
    formula="|a'-a| + |b'-b| - E f_A(join(B, u)) - E f_B(join(A, 0)) + |e|_1 + p |a + b - bu - a0|_1",
    paper="Zhou et al. 2017, GeneGAN: learning object transfiguration and attribute subspace from unpaired data",
    model=GeneGAN,
    config=GeneGANConfig,
    abilities=frozenset({"translate"}),
)
