"""Scores do not see how probability is shared between modes that lie apart.

Two modes on the line, N(-a/2, 1) and N(a/2, 1). The Fisher divergence of shares .9 and .1 from equal shares, which is
what score matching minimises, dies with the distance a; the KL divergence grows to that of two coins. A score that was
learnt from data of shares .9 and .1 tells the mass left of the middle only where the modes overlap (Wenliang &
Kanagawa 2020, "Blindness of score-based methods to isolated components and mixing proportions").
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Adam

from gandiag.plots._style import FAKES, REAL, WRONG, labels, legend, new_pair, tidy
from reference_models.core.model import descend
from reference_models.core.rng import Keys
from reference_models.core.stories import Story, Tale
from reference_models.models.score_matching import ScoreMatchingConfig, ScoreNet, implicit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Vector = NDArray[np.float64]

SHARE = 0.9
APART = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0]
COINS = SHARE * math.log(SHARE / 0.5) + (1 - SHARE) * math.log((1 - SHARE) / 0.5)


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Integrate the divergences, and learn scores where the modes overlap and where they do not."""
    fisher, kl = zip(*(divergences(apart) for apart in APART), strict=True)
    seeds, steps = (2, 200) if quick else (3, 1200)
    tried = [3.0, 12.0] if quick else [3.0, 5.0, 8.0, 10.0, 12.0]
    masses: list[list[float]] = []
    for i, apart in enumerate(tried):
        if progress is not None:
            progress("scores learnt", i, len(tried))
        masses.append([learnt_mass(apart, steps, Keys(seed + j)) for j in range(seeds)])
    numbers: dict[str, Any] = {
        "apart": APART,
        "fisher": list(fisher),
        "kl": list(kl),
        "kl_of_coins": COINS,
        "learnt_apart": tried,
        "learnt_mass": masses,
        "mass": [left_mass(apart) for apart in tried],
    }
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def log_density(x: Vector, apart: float, share: float) -> Vector:
    """Evaluate the mixture's log-density."""
    left = math.log(share) - 0.5 * (x + apart / 2) ** 2
    right = math.log1p(-share) - 0.5 * (x - apart / 2) ** 2
    out: Vector = np.logaddexp(left, right) - 0.5 * math.log(2 * math.pi)
    return out


def exact_score(x: Vector, apart: float, share: float) -> Vector:
    """Evaluate its gradient: the modes' own scores, weighted by the chances that x is of each."""
    logit = math.log(share / (1 - share)) - apart * x
    left = 0.5 * (1 + np.tanh(0.5 * logit))
    out: Vector = -x + apart / 2 - apart * left
    return out


def divergences(apart: float) -> tuple[float, float]:
    """Integrate ``E_p |grad log p - grad log q|^2`` and ``KL(p || q)`` for shares .9 (p) and .5 (q)."""
    x = np.linspace(-apart / 2 - 10, apart / 2 + 10, 20_001)
    log_p, log_q = (log_density(x, apart, share) for share in (SHARE, 0.5))
    slopes = exact_score(x, apart, SHARE) - exact_score(x, apart, 0.5)
    weight = np.exp(log_p) * (x[1] - x[0])
    return float((weight * slopes**2).sum()), float((weight * (log_p - log_q)).sum())


def left_mass(apart: float) -> float:
    """Give the probability of x < 0 when the left mode has share .9."""
    inside = 0.5 * (1 + math.erf(apart / 2 / math.sqrt(2)))
    return SHARE * inside + (1 - SHARE) * (1 - inside)


def learnt_mass(apart: float, steps: int, keys: Keys) -> float:
    """Fit a score by the exact trace to data of share .9, and integrate it to the probability of x < 0."""
    with keys.everywhere("net"):
        net = ScoreNet(ScoreMatchingConfig(hidden=(32, 32)), 1)
    optimizer = Adam(net.parameters(), lr=5e-3)
    falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 - step / steps)

    def psi(x: Tensor) -> Tensor:
        out: Tensor = net(x, torch.ones(len(x)))
        return out

    for step in range(steps):
        now = keys.at(step)
        left = now.uniform("mode", 256, 1) < SHARE
        x = torch.where(left, -apart / 2, apart / 2) + now.normal("x", 256, 1)
        descend(optimizer, implicit(psi, x))
        falling.step()
    grid = torch.linspace(-apart / 2 - 4, apart / 2 + 4, 4001)[:, None]
    with torch.no_grad():
        slope = psi(grid)[:, 0].double()
    log_p = torch.cumulative_trapezoid(slope, dx=float(grid[1] - grid[0]))
    density = (log_p - log_p.max()).exp()
    return float(density[grid[1:, 0] < 0].sum() / density.sum())


def verdict(numbers: dict[str, Any]) -> bool:
    """Check that the loss goes blind while the law does not, and that a learnt mass is right only with overlap."""
    fisher, kl, masses = (np.array(numbers[name]) for name in ("fisher", "kl", "learnt_mass"))
    blind = fisher[-1] < 1e-4 * fisher.max() and abs(kl[-1] - COINS) < 1e-3
    error = np.abs(log_odds(masses) - log_odds(np.array(numbers["mass"]))[:, None]).max(axis=1)
    return bool(blind and error[0] < 0.25 and error[-1] > 0.5)


def log_odds(mass: Vector) -> Vector:
    """Give ``log m / (1 - m)``, in which every share counts alike; what is certain to 1e-6 counts as that."""
    m = np.clip(mass, 1e-6, 1 - 1e-6)
    out: Vector = np.log(m) - np.log1p(-m)
    return out


def _figure(numbers: dict[str, Any]) -> Figure:
    left, right = new_pair(width=7.6, height=3.2)
    _draw_divergences(left, numbers)
    _draw_masses(right, numbers)
    figure: Figure = left.get_figure()
    return figure


def _draw_divergences(ax: Axes, numbers: dict[str, Any]) -> None:
    ax.plot(numbers["apart"], numbers["kl"], "s-", color=FAKES[0], markersize=3, label="KL divergence (nats)")
    ax.plot(numbers["apart"], numbers["fisher"], "^-", color=WRONG, markersize=3, label="Fisher divergence")
    ax.set_yscale("log")
    ax.set_ylim(1e-8, 3)
    tidy(ax, grid="y")
    labels(ax, x="distance of the modes (standard deviations)", y="shares .9 / .1 from .5 / .5")
    legend(ax)


def _draw_masses(ax: Axes, numbers: dict[str, Any]) -> None:
    runs = len(numbers["learnt_mass"][0])
    for i in range(runs):
        found = log_odds(np.array([row[i] for row in numbers["learnt_mass"]]))
        name = f"learnt, {runs} runs each" if i == 0 else None
        ax.plot(numbers["learnt_apart"], found, "o", color=WRONG, markersize=4, alpha=0.8, label=name, clip_on=False)
    true = log_odds(np.array(numbers["mass"]))
    ax.plot(numbers["learnt_apart"], true, "_", color=REAL, markersize=14, markeredgewidth=1.5, label="true")
    ax.set_xlim(0, APART[-1] + 0.5)
    tidy(ax, grid="y")
    labels(ax, x="distance of the modes (standard deviations)", y="log odds of left against right of the middle")
    legend(ax)


STORY = Story(
    name="score_blindness",
    claim="Score matching cannot see how probability is shared between modes that lie apart: its loss does not change, "
    "and a learnt score tells the shares only where modes overlap.",
    run=run,
)
