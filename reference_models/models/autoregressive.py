"""Autoregressive model with masks, Germain, Gregor, Murray & Larochelle 2015 ("MADE").

The chain rule, one variable after the other (pixels by rows), each given those before it::

    log p(x) = sum_d log p(x_d | x_1, ..., x_{d-1})                                                            (eq. 3)

One network gives all conditionals in one pass. Each hidden unit k has a number m(k) from 1 to D - 1 and may see inputs
1 to m(k); what says how x_d is distributed may see units with m(k) < d only::

    input:  1[m(k) >= d],    hidden to hidden:  1[m(k') >= m(k)],    output:  1[d > m(k)]              (eqs. 8, 9, 13)

so that output d hangs on x_1, ..., x_{d-1} alone: the Jacobian is strictly triangular, and the product of conditionals
is a law that sums to one, whatever the weights. Values are whole grey levels, each conditional a table of logits over
them, so the likelihood is a probability: no bound, no noise between the levels.

Training is one pass (every conditional is given the true values before it), drawing is D passes, one per variable.

Breaks by: a mask that leaks (the likelihood is then too good to be true, and samples are not); slow drawing; errors
that add up along a sample; an order that suits the data badly.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.models.realnvp import refuse_between_levels


@dataclass(frozen=True, kw_only=True)
class AutoregressiveConfig:
    """Settings of an autoregressive model."""

    hidden: tuple[int, ...] = (256, 256)
    dropout: float = 0.0
    lr: float = 1e-3
    weight_decay: float = 0.0
    levels: int = 0  # of a variable; 0 reads them off the range, as for whole numbers from low to high


class Masked(nn.Linear):
    """A linear layer some of whose weights are held at zero; ``mask`` is 1 where a weight may be."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.float())

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs) to (n, outputs)."""
        return functional.linear(x, self.weight * self.mask, self.bias)


class Conditionals(nn.Module):
    """All conditionals in one pass: logits of the levels of every variable, given those before it."""

    def __init__(self, size: int, levels: int, config: AutoregressiveConfig) -> None:
        super().__init__()
        self.size, self.levels = size, levels
        *inner, last = masks(size, config.hidden)
        layers: list[nn.Module] = []
        for mask in inner:
            layers += [Masked(mask), nn.ReLU(), nn.Dropout(config.dropout)]
        self.net = nn.Sequential(*layers, Masked(last.repeat_interleave(levels, dim=0)))

    def forward(self, x: Tensor) -> Tensor:
        """Map values in [0, 1], shape (n, D), to logits, shape (n, D, levels)."""
        logits: Tensor = self.net(2 * x - 1)
        return logits.reshape(len(x), self.size, self.levels)


def masks(size: int, hidden: tuple[int, ...]) -> list[Tensor]:
    """Make the masks of a network with one output per variable (Germain et al. 2015, eqs. 8, 9 and 13).

    The numbers m(k) go round from 1 to ``size - 1``; the paper draws them.
    """
    numbers = [torch.arange(1, size + 1), *(torch.arange(width) % max(size - 1, 1) + 1 for width in hidden)]
    inner = [after[:, None] >= before for before, after in itertools.pairwise(numbers)]
    return [*inner, numbers[0][:, None] > numbers[-1]]


class Autoregressive(Model[AutoregressiveConfig]):
    """The conditionals ``C``."""

    averaged = ("C",)

    def build(self, config: AutoregressiveConfig, units: Units) -> None:
        """Make the network."""
        self.levels = levels_of(config, units)
        self.size = math.prod(units.shape)
        self.C = self.named(Conditionals(self.size, self.levels, config), name="C")
        self.optimizers = {"C": AdamW(self.C.parameters(), lr=config.lr, weight_decay=config.weight_decay)}

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Go up the likelihood."""
        x = batch()
        if keys.step == 0:
            refuse_between_levels(x, self.levels)
        loss = -self.log_prob(x).mean()
        descend(self.optimizers["C"], loss)
        bits = loss.detach() / (self.size * math.log(2))
        return {"loss": loss.detach(), "bits_per_dimension": bits, "grad": losses.gradient_norm(self.C)}

    def log_prob(self, x: Tensor) -> Tensor:
        """Evaluate the log-probability of rows in the model's units, shape (n,), in nats."""
        flat = x.flatten(1)
        return log_likelihood(self.C(flat), (flat * (self.levels - 1)).round().long())

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Draw one variable after the other, each given those before it."""
        return in_blocks(_Drawing(self.C, self.levels), keys.uniform("pixels", n, self.size)).reshape(
            n, *self.units.shape
        )


class _Drawing(nn.Module):
    """Uniform numbers to samples, by the inverse of every conditional's distribution function."""

    def __init__(self, conditionals: nn.Module, levels: int) -> None:
        super().__init__()
        self.conditionals, self.levels = conditionals, levels

    def forward(self, u: Tensor) -> Tensor:
        x = torch.zeros_like(u)
        for d in range(u.shape[1]):
            below = self.conditionals(x)[:, d].double().softmax(dim=1).cumsum(dim=1)
            level = (u[:, d, None] >= below[:, :-1]).sum(dim=1)
            x[:, d] = level / (self.levels - 1)
        return x


def log_likelihood(logits: Tensor, levels: Tensor) -> Tensor:
    """Chain rule: ``sum_d log softmax(logits_d)[x_d]``, from (n, D, L) and (n, D) to (n,), in nats (eq. 3)."""
    return logits.float().log_softmax(dim=2).gather(2, levels[..., None]).sum(dim=(1, 2))


def levels_of(config: AutoregressiveConfig, units: Units) -> int:
    """Count the levels of a variable; values that are no levels are refused."""
    if units.scale not in ("unit", "binary"):
        raise ConfigError(
            'values must come as levels, with scale = "unit" or "binary"',
            received=units.scale,
            remedy="Mend the preset, or take a model of densities, such as realnvp.",
        )
    return 2 if units.scale == "binary" else config.levels or round(units.high - units.low) + 1


MODEL = ModelSpec(
    name="autoregressive",
    summary="Autoregressive model with masks: exact log-probability of small pictures of whole grey levels.",
    formula="log p(x) = sum_d log p(x_d | x_1, ..., x_{d-1})",
    paper="Germain, Gregor, Murray & Larochelle 2015, MADE: masked autoencoder for distribution estimation",
    model=Autoregressive,
    config=AutoregressiveConfig,
    abilities=frozenset({"log_prob"}),
)
