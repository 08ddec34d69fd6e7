"""Score matching, Hyvarinen 2005 ("Estimation of non-normalized statistical models by score matching").

A model that gives only ``psi(x) = grad log p(x)`` needs no constant of normalisation. It is fitted by the Fisher
divergence ``E ||psi - grad log p||^2 / 2``, whose unknown part goes away in one of three ways::

    implicit    E [tr grad psi(x) + ||psi(x)||^2 / 2]                                    (Hyvarinen 2005, theorem 1)
    sliced      E [u' grad psi(x) u + ||psi(x)||^2 / 2],  u random signs                     (Song et al. 2019)
    denoising   E ||psi(x + s n) + n / s||^2 / 2,  n ~ N(0, I)                                  (Vincent 2011)

The trace takes one backward pass per dimension, slices one per direction, denoising none; but denoising learns the data
blurred by s. Between modes, where there are no data, a score is free; with noise of several levels the widest fill the
gaps, and the loss of each level is weighted by s^2 (Song & Ermon 2019, "Generative modeling by estimating gradients of
the data distribution").

Samples come from Langevin's walk ``x + (a / 2) psi(x) + sqrt(a) n``, through the levels from the widest to the finest.
It is not corrected by rejections, and so has a bias that goes with a: on N(0, v) it settles at ``v / (1 - a / (4 v))``.

Breaks by: blindness, for modes that lie apart have the same scores whatever their shares; scores that mean nothing in
empty space; an energy with rectifiers, whose second derivative is zero almost everywhere, so that the trace is lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.device import full_precision
from reference_models.core.model import Model, ModelSpec, Scalars, descend
from reference_models.core.rng import Keys
from reference_models.nets import mlp

Score = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "softplus": nn.Softplus,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}
LONGEST_TRACE = 16


@dataclass(frozen=True, kw_only=True)
class ScoreMatchingConfig:
    """Settings of a score model; noise levels are for denoising."""

    objective: Literal["implicit", "sliced", "denoising"] = "implicit"
    network: Literal["score", "energy"] = "score"
    activation: Literal["softplus", "silu", "tanh", "relu"] = "softplus"
    hidden: tuple[int, ...] = (64, 64)
    lr: float = 1e-3
    slices: int = 1
    levels: int = 1
    widest: float = 1.0
    finest: float = 1.0
    spread: float = 1.0  # standard deviation of the points where walks start
    walk: int = 200  # steps per level
    step_size: float = 0.1  # of the walk, as a share of the level's variance
    clean: bool = False  # end with the mean of the data given the noisy point, x + s^2 psi(x)


class ScoreNet(nn.Module):
    """``psi(x, s)``: a network of x and log s divided by s, for scores of noisy data grow as 1 / s."""

    def __init__(self, config: ScoreMatchingConfig, size: int) -> None:
        super().__init__()
        self.energy = config.network == "energy"
        sizes = [size + 1, *config.hidden, 1 if self.energy else size]
        self.net = mlp(sizes, ACTIVATIONS[config.activation])

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        """Compute the score, shapes (n, d) and (n,) to (n, d)."""
        scale = s[:, None]
        if not self.energy:
            score: Tensor = self.net(torch.cat([x, scale.log()], dim=1)) / scale
            return score
        keep = torch.is_grad_enabled()
        with torch.enable_grad():
            at = x if x.requires_grad else x.detach().requires_grad_(True)
            energy = self.net(torch.cat([at, scale.log()], dim=1)).sum()
            (slope,) = torch.autograd.grad(energy, at, create_graph=keep)
        return -slope / scale


def implicit(psi: Score, x: Tensor) -> Tensor:
    """Compute ``E [tr grad psi + ||psi||^2 / 2]``: the Fisher divergence less ``E ||grad log p||^2 / 2``."""
    x = x.detach().requires_grad_(True)
    value = psi(x)
    trace = sum(_slope(value[:, i], x)[:, i] for i in range(x.shape[1]))
    out: Tensor = (trace + 0.5 * value.square().sum(dim=1)).mean()
    return out


def sliced(psi: Score, x: Tensor, directions: Tensor) -> Tensor:
    """Compute the same with ``u' grad psi u`` for the trace, averaged over directions, shape (slices, n, d)."""
    x = x.detach().requires_grad_(True)
    value = psi(x)
    along = torch.stack([(_slope((value * u).sum(dim=1), x) * u).sum(dim=1) for u in directions])
    return (along.mean(dim=0) + 0.5 * value.square().sum(dim=1)).mean()


def denoising(psi: Callable[[Tensor, Tensor], Tensor], x: Tensor, noise: Tensor, s: Tensor) -> Tensor:
    """Compute ``E s^2 ||psi(x + s n, s) + n / s||^2 / 2``, with one level s per row, shape (n,)."""
    scale = s[:, None]
    return 0.5 * (scale * psi(x + scale * noise, s) + noise).square().sum(dim=1).mean()


def langevin(psi: Score, x: Tensor, steps: int, step_size: float, keys: Keys, name: str = "walk") -> Tensor:
    """Walk ``x + (a / 2) psi(x) + sqrt(a) n`` so many steps, without rejections."""
    for j in range(steps):
        x = x + 0.5 * step_size * psi(x) + math.sqrt(step_size) * keys.normal(name, *x.shape, index=j)
    return x


def _slope(y: Tensor, x: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    return slope


class ScoreMatching(Model[ScoreMatchingConfig]):
    """The score network ``S``; rows are flattened."""

    averaged = ("S",)

    def build(self, config: ScoreMatchingConfig, units: Units) -> None:
        """Make the network and the levels, from the widest to the finest."""
        self.size = math.prod(units.shape)
        refuse_degenerate(config, self.size)
        low, high = math.log(config.finest), math.log(config.widest)
        self.levels = torch.linspace(high, low, config.levels).exp().to(self.device)
        if config.objective != "denoising":
            self.levels = torch.ones(1, device=self.device)  # the data as they are; the unit is that of the walk
        self.S = self.named(ScoreNet(config, self.size), name="S")
        self.optimizers = {"S": Adam(self.S.parameters(), lr=config.lr)}

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Go down the objective, in full precision: it is made of derivatives."""
        with full_precision(self.device):
            loss = self.loss(batch().flatten(1), keys)
            descend(self.optimizers["S"], loss)
        return {"loss": loss.detach(), "grad": losses.gradient_norm(self.S)}

    def loss(self, x: Tensor, keys: Keys) -> Tensor:
        """Compute the objective of the config on rows of shape (n, d)."""
        if self.config.objective == "denoising":
            s = self.levels[keys.integers("level", len(self.levels), len(x))]
            return denoising(self.S, x, keys.normal("noise", *x.shape), s)
        if self.config.objective == "sliced":
            signs = 2.0 * keys.integers("slices", 2, self.config.slices, *x.shape) - 1
            return sliced(self.score, x, signs)
        return implicit(self.score, x)

    def score(self, x: Tensor, level: int = -1) -> Tensor:
        """Compute ``grad log p``, shape (n, d), of the data blurred by a level of noise; the finest by default."""
        out: Tensor = self.S(x, self.levels[level].expand(len(x)))
        return out

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Walk from a wide Gaussian through the levels, each with a step in proportion to its variance."""
        x = self.config.spread * keys.normal("start", n, self.size)
        for level, s in enumerate(self.levels.tolist()):

            def psi(at: Tensor, level: int = level) -> Tensor:
                return self.score(at, level)

            x = langevin(psi, x, self.config.walk, self.config.step_size * s**2, keys, f"walk {level}")
        if self.config.clean:
            x = x + self.levels[-1] ** 2 * self.score(x)
        return x.reshape(n, *self.units.shape)


def refuse_degenerate(config: ScoreMatchingConfig, size: int) -> None:
    """Refuse an energy without second derivative, and traces that take too many backward passes."""
    if config.network == "energy" and config.activation == "relu":
        raise ConfigError(
            "an energy must have a second derivative",
            received="relu, whose score is constant in pieces and whose trace is zero",
            remedy="Take softplus, silu or tanh.",
        )
    if config.objective == "implicit" and size > LONGEST_TRACE:
        raise ConfigError(
            f"the exact trace takes one backward pass per column, for at most {LONGEST_TRACE}",
            received=size,
            remedy='Take objective = "sliced" or "denoising".',
        )


MODEL = ModelSpec(
    name="score_matching",
    summary="Score matching: implicit, sliced or denoising, with samples by (annealed) Langevin walks.",
    formula="min E [tr grad psi(x) + ||psi(x)||^2 / 2], psi = grad log p",
    paper="Hyvarinen 2005, Estimation of non-normalized statistical models by score matching",
    model=ScoreMatching,
    config=ScoreMatchingConfig,
    abilities=frozenset({"score"}),
)
