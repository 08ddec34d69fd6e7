"""Real NVP, Dinh, Sohl-Dickstein & Bengio 2017 ("Density estimation using Real NVP"): a density without approximation.

A chain of invertible layers takes data x to noise z, and the change of variables gives the exact density::

    log p(x) = log N(f(x); 0, I) + log |det df/dx|                                                           (eq. 3)

Each layer is an affine coupling: the part under the mask passes through, and tells how the rest is scaled and shifted::

    y1 = x1,    y2 = x2 * exp(s(x1)) + t(x1),    log |det| = sum s(x1)                                 (eqs. 4 to 8)

so that the inverse ``x2 = (y2 - t(y1)) * exp(-s(y1))`` costs as much as the way there, and s, t may be any networks.
The scale is bounded, ``s = a tanh(.)`` with a learnt ``a``: without, one large exponent ruins a run.

Pictures: three checkerboard couplings, a squeeze of 2 x 2 pixels into 4 channels, three channel-wise couplings, all
``squeezes`` times, and four checkerboard couplings at the end. Grey levels are whole numbers, on which a density has no
upper bound, so uniform noise fills the gaps: with L levels and D pixels ``y = (level + u) / L``, and ``E_u log p(y) <=
log P(levels) + D log L`` (Theis et al. 2016). Logits of ``alpha + (1 - 2 alpha) y`` bring [0, 1] to the whole line.

Left out of the paper's network for pictures: the multi-scale split that drops half of the dimensions after each
squeeze, batch normalisation, weight normalisation. The paper's logit shrinks from 0 alone; ours from both ends.

Breaks by: topology, for f is a bijection and joins disjoint modes by filaments; scales that explode; noise forgotten
(the density of whole numbers goes to infinity); z is as large as x, so that nothing is compressed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam

from gandiag.errors import ConfigError
from reference_models.core.data import Batches, Units
from reference_models.core.device import full_precision
from reference_models.core.model import Model, ModelSpec, Scalars
from reference_models.core.rng import Keys
from reference_models.nets import mlp


@dataclass(frozen=True, kw_only=True)
class RealNVPConfig:
    """Settings of a Real NVP; ``couplings`` is for vectors, the last four for pictures."""

    hidden: tuple[int, ...] = (64, 64)
    couplings: int = 8
    lr: float = 1e-3
    weight_decay: float = 0.0
    clip: float = 10.0  # of the gradient's norm; seldom reached, but one steep batch must not end a run
    squeezes: int = 1
    alpha: float = 0.05
    levels: int = 0  # grey levels; 0 reads them off the range, as for whole numbers from low to high


class Coupling(nn.Module):
    """One affine coupling; ``mask`` is 1 where values pass through, ``net`` gives the logits of s beside t."""

    mask: Tensor

    def __init__(self, mask: Tensor, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.bound = nn.Parameter(torch.ones(mask.shape))
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to y and the log-determinant, shape (n,), in nats."""
        s, t = self._scale_and_shift(x)
        with full_precision(x.device):
            return x * s.exp() + t, s.flatten(1).sum(dim=1)

    def inverse(self, y: Tensor) -> Tensor:
        """Map y back to x."""
        s, t = self._scale_and_shift(y)
        with full_precision(y.device):
            return (y - t) * (-s).exp()

    def _scale_and_shift(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logit, shift = self.net(x * self.mask).chunk(2, dim=1)  # these products alone may be in bfloat16
        free = 1 - self.mask
        return free * self.bound * logit.to(x.dtype).tanh(), free * shift.to(x.dtype)


class Squeeze(nn.Module):
    """Fold 2 x 2 pixels into channels: a permutation, whose determinant is one."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (n, c, h, w) to (n, 4 c, h / 2, w / 2)."""
        return functional.pixel_unshuffle(x, 2), x.new_zeros(len(x))

    def inverse(self, y: Tensor) -> Tensor:
        """Map back."""
        return functional.pixel_shuffle(y, 2)


class Logit(nn.Module):
    """Stretch the unit interval over the whole line: ``logit(alpha + (1 - 2 alpha) y)``."""

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Map y to logits and the log-determinant."""
        with full_precision(y.device):
            p = self.alpha + (1 - 2 * self.alpha) * y
            slope = math.log(1 - 2 * self.alpha) - p.log() - (1 - p).log()
            return p.log() - (1 - p).log(), slope.flatten(1).sum(dim=1)

    def inverse(self, x: Tensor) -> Tensor:
        """Map logits back; what lies beyond alpha falls outside of [0, 1]."""
        return (x.sigmoid() - self.alpha) / (1 - 2 * self.alpha)


class Flow(nn.Module):
    """The chain f."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x to z and the log-determinant, shape (n,)."""
        log_det = x.new_zeros(len(x))
        for layer in self.layers:
            x, more = layer(x)
            log_det = log_det + more
        return x, log_det

    def inverse(self, z: Tensor) -> Tensor:
        """Map z back to x."""
        for layer in reversed(self.layers):
            z = layer.inverse(z)  # type: ignore[operator]
        return z


def log_density(z: Tensor, log_det: Tensor) -> Tensor:
    """Change of variables: ``log N(z; 0, I) + log |det|``, shape (n,), in nats (eq. 3)."""
    flat = z.flatten(1)
    return log_det - 0.5 * (flat.square().sum(dim=1) + flat.shape[1] * math.log(2 * math.pi))


def dequantised(x: Tensor, u: Tensor, levels: int) -> Tensor:
    """Fill the gaps between grey levels: x in {0, 1 / (L - 1), ..., 1} to ``(level + u) / L`` in [0, 1)."""
    return ((x * (levels - 1)).round() + u) / levels


def bits_per_dimension(log_prob: Tensor, levels: int, size: int) -> Tensor:
    """Cost of a grey level in bits, ``(log L - log p(y) / D) / log 2``: lower is better; log2 L under uniform noise."""
    return (math.log(levels) - log_prob / size) / math.log(2)


class RealNVP(Model[RealNVPConfig]):
    """The flow ``F`` from data to noise."""

    averaged = ("F",)

    def build(self, config: RealNVPConfig, units: Units) -> None:
        """Stack the couplings, each the identity at first."""
        picture = units.kind == "image"
        self.levels = (config.levels or round(units.high - units.low) + 1) if picture else 0
        refuse_shape(config, units)
        layers = picture_layers(config, units.shape) if picture else vector_layers(config, units.shape[0])
        self.F = self.named(Flow(list(layers)), name="F")
        self.optimizers = {"F": Adam(self.F.parameters(), lr=config.lr, weight_decay=config.weight_decay)}

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Go up the likelihood."""
        x = batch()
        if keys.step == 0 and self.levels:
            refuse_between_levels(x, self.levels)
        loss = -self.log_prob(self.filled(x, keys)).mean()
        self.optimizers["F"].zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        grad = nn.utils.clip_grad_norm_(self.F.parameters(), self.config.clip)
        self.optimizers["F"].step()
        return {"loss": loss.detach(), "grad": grad}

    def filled(self, x: Tensor, keys: Keys) -> Tensor:
        """Add the noise between grey levels; vectors are left as they are."""
        return dequantised(x, keys.uniform("levels", *x.shape), self.levels) if self.levels else x

    def log_prob(self, x: Tensor) -> Tensor:
        """Evaluate the log-density, shape (n,), in nats; of pictures that are `filled`, as a density on [0, 1]^D."""
        z, log_det = self.F(x)
        with full_precision(x.device):
            return log_density(z, log_det)

    def encode(self, x: Tensor) -> Tensor:
        """Map x to noise."""
        z: Tensor = self.F(x)[0]
        return z

    def decode(self, z: Tensor) -> Tensor:
        """Map noise to x."""
        x: Tensor = self.F.inverse(z)  # type: ignore[operator]
        return x

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Map noise; pictures are brought to whole grey levels, as the data are."""
        noise = keys.normal("z", n, *self._latent)
        x = torch.cat([self.decode(part) for part in torch.split(noise, 512)])
        return (x * self.levels).floor().clamp(0, self.levels - 1) / (self.levels - 1) if self.levels else x

    @property
    def _latent(self) -> tuple[int, ...]:
        if not self.levels:
            return self.units.shape
        channels, height, width = self.units.shape
        fold = 2**self.config.squeezes
        return channels * fold**2, height // fold, width // fold


def vector_layers(config: RealNVPConfig, size: int) -> Iterator[nn.Module]:
    """Couplings of which every other one moves the odd entries."""
    for i in range(config.couplings):
        yield Coupling((torch.arange(size) + i) % 2.0, last_zero(mlp([size, *config.hidden, 2 * size], nn.SiLU)))


def picture_layers(config: RealNVPConfig, shape: tuple[int, ...]) -> Iterator[nn.Module]:
    """Make the layers in the order of the paper's section 3.6, without the split."""
    channels, height, width = shape
    yield Logit(config.alpha)
    for scale in range(config.squeezes + 1):
        last = scale == config.squeezes
        board = torch.arange(height)[:, None] + torch.arange(width)
        for i in range(4 if last else 3):
            mask = ((board + i) % 2.0).expand(channels, height, width)
            yield Coupling(mask.clone(), convolutions(channels, config.hidden))
        if last:
            return
        yield Squeeze()
        channels, height, width = 4 * channels, height // 2, width // 2
        for i in range(3):
            half = (torch.arange(channels) < channels // 2) == (i % 2 == 0)
            mask = half.float()[:, None, None].expand(channels, height, width)
            yield Coupling(mask.clone(), convolutions(channels, config.hidden))


def convolutions(channels: int, hidden: tuple[int, ...]) -> nn.Sequential:
    """Convolutions of 3 x 3 that keep the size."""
    sizes = [channels, *hidden, 2 * channels]
    layers: list[nn.Module] = []
    for wide, next_wide in itertools.pairwise(sizes):
        layers += [nn.Conv2d(wide, next_wide, 3, padding=1), nn.SiLU()]
    return last_zero(nn.Sequential(*layers[:-1]))


def last_zero(net: nn.Sequential) -> nn.Sequential:
    """Begin with zeros in the last layer, so that a coupling begins as the identity."""
    for weight in net[-1].parameters():
        nn.init.zeros_(weight)
    return net


def refuse_shape(config: RealNVPConfig, units: Units) -> None:
    """Refuse rows that cannot be parted or folded."""
    if units.kind == "vector" and units.shape[0] < 2:
        raise ConfigError(
            "a coupling needs at least two columns", received=units.shape, remedy="Add a column of noise."
        )
    if units.kind != "image":
        return
    if units.scale != "unit":
        raise ConfigError(
            'pictures must come with scale = "unit" for the logits', received=units.scale, remedy="Mend the preset."
        )
    if any(side % 2**config.squeezes for side in units.shape[1:]):
        raise ConfigError(
            f"both sides must be divisible by 2^{config.squeezes} to be folded {config.squeezes} times",
            received=units.shape[1:],
            remedy="Lower `squeezes`.",
        )


def refuse_between_levels(x: Tensor, levels: int) -> None:
    """Refuse pictures whose values are not on the grid of levels: noise as wide as a level would blur them."""
    place = x * (levels - 1)
    if float((place - place.round()).abs().max()) > 1e-3:
        raise ConfigError(
            f"pictures must have {levels} grey levels",
            received="values between them",
            remedy="Pass whole numbers, or set `levels`.",
        )


MODEL = ModelSpec(
    name="realnvp",
    summary="Real NVP: affine couplings with bounded scales; exact log-density, for vectors and small pictures.",
    formula="log p(x) = log N(f(x); 0, I) + sum s(x1), y2 = x2 exp(s(x1)) + t(x1)",
    paper="Dinh, Sohl-Dickstein & Bengio 2017, Density estimation using Real NVP",
    model=RealNVP,
    config=RealNVPConfig,
    abilities=frozenset({"log_prob", "encode", "decode"}),
)
