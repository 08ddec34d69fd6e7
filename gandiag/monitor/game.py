"""The value function of the game: ``V(G, D) = E a(D(x)) + E b(D(G(z)))``, with what it is at equilibrium.

For the minimax GAN ``a = log sigmoid``, ``b = log(1 - sigmoid)`` of the logit; at equilibrium D = 1/2 and V = -log 4
(Goodfellow et al. 2014, theorem 1). For the Wasserstein GAN ``a = id``, ``b = -id`` of the critic; V = 0 there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gandiag.core.checks import require_one_of
from gandiag.errors import SamplerContractError


@dataclass(frozen=True, kw_only=True)
class Game:
    """One value function.

    Parameters
    ----------
    real, fake : callable
        Of the discriminator's outputs, elementwise.
    reference : float
        Value at equilibrium.
    losses : mapping
        What the usual losses are at equilibrium.
    has_accuracy : bool
        Whether outputs above 0 mean "real".
    """

    name: str
    real: Callable[[Any], Any]
    fake: Callable[[Any], Any]
    reference: float
    losses: tuple[tuple[str, float], ...] = ()
    has_accuracy: bool = False


def _log_sigmoid(logits: Any) -> Any:
    import torch

    return torch.nn.functional.logsigmoid(logits)


GAMES = {
    "gan": Game(
        name="gan",
        real=_log_sigmoid,
        fake=lambda logits: _log_sigmoid(-logits),
        reference=-math.log(4.0),
        losses=(("D", 2.0 * math.log(2.0)), ("G", math.log(2.0))),
        has_accuracy=True,
    ),
    "wgan": Game(name="wgan", real=lambda out: out, fake=lambda out: -out, reference=0.0, losses=(("D", 0.0),)),
}


def game_of(name: str) -> Game:
    """Choose a game by name."""
    require_one_of(name, GAMES, name="game")
    return GAMES[name]


def outputs(discriminator: Any, rows: Any, *, batch: int = 256) -> Any:
    """Run a discriminator over rows in batches; one float64 number per row, on its device."""
    import torch

    parts = []
    for start in range(0, len(rows), batch):
        out = discriminator(rows[start : start + batch])
        if not isinstance(out, torch.Tensor) or out.numel() != len(rows[start : start + batch]):
            raise SamplerContractError(
                "the discriminator must return one number per row (a logit, not a probability)",
                received=f"shape {tuple(getattr(out, 'shape', ()))} for {len(rows[start : start + batch])} rows",
                remedy="Wrap it: discriminator=lambda x: D(x).mean((1, 2, 3)).",
            )
        parts.append(out.reshape(-1).double())
    return torch.cat(parts)


def mean_and_error(terms: Any) -> tuple[Any, float]:
    """Return a mean (a tensor) and its squared standard error."""
    n = len(terms)
    return terms.mean(), float(terms.detach().var(unbiased=True)) / n if n > 1 else math.inf
