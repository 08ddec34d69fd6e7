"""Two lines that never touch: which numbers, and which gradients, know how far apart they are.

Real rows are (0, u), fake rows (theta, u), with u uniform on [0, 1] (Arjovsky, Chintala & Bottou 2017, "Wasserstein
GAN", example 1). Left, exact values and estimates from samples; right, the push that a trained discriminator and a
trained critic give to the generator, per unit of theta.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam

import gandiag
from gandiag.plots._style import FAINT, FAKES, REAL, WRONG, labels, legend, new_pair, tidy, write
from reference_models import losses
from reference_models.core.model import descend
from reference_models.core.rng import Keys
from reference_models.core.stories import Story, Tale
from reference_models.nets import Flat, mlp
from reference_models.oracles.wasserstein_1d import parallel_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Matrix = NDArray[np.float64]

LOG_2 = float(np.log(2.0))
PUSHES = ("saturating", "non-saturating", "WGAN-GP critic")


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Measure divergences and pushes at several distances."""
    thetas = [0.1, 0.5, 2.0] if quick else [0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0]
    rows, steps = (300, 100) if quick else (1000, 500)
    measured: dict[str, list[float]] = {name: [] for name in ("w1", "js_critic", "js_cells", *PUSHES)}
    for i, theta in enumerate(thetas):
        for name, value in (divergences(theta, rows, seed) | pushes(theta, steps, Keys(seed))).items():
            measured[name].append(value)
        if progress is not None:
            progress("distances", i + 1, len(thetas))
    floor = float(np.mean([matched(*(lines(0.0, rows, Keys(seed, i), side) for side in "pq")) for i in range(8)]))
    numbers: dict[str, Any] = {"theta": thetas, **measured, "w1_floor": floor, "js_exact": LOG_2}
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def verdict(numbers: dict[str, Any]) -> bool:
    """Check that transport tells the distance, that the JSD does not, and whose push is left far away."""
    theta, floor = np.array(numbers["theta"]), numbers["w1_floor"]
    w1_tells = bool((np.abs(np.array(numbers["w1"]) - theta) <= 2.0 * floor).all())
    js_is_flat = min(numbers["js_critic"]) > 0.9 * LOG_2
    critic = np.array(numbers["WGAN-GP critic"])
    saturating = np.array(numbers["saturating"])
    return w1_tells and js_is_flat and bool((np.abs(critic - 1.0) < 0.4).all()) and bool(saturating[-1] < 0.1)


def lines(theta: float, n: int, keys: Keys, name: str) -> Matrix:
    """Draw from the line at theta."""
    drawn = gandiag.open_sampler(f"toy:parallel_lines?theta={theta}").sample(n, rng=keys.numpy(name))
    return np.asarray(drawn.values, dtype=np.float64)


def matched(x: Matrix, y: Matrix) -> float:
    """Give W1 of two samples of equal size: the mean distance of the best pairing."""
    from scipy.optimize import linear_sum_assignment

    costs = np.linalg.norm(x[:, None] - y[None], axis=2)
    return float(costs[linear_sum_assignment(costs)].mean())


def divergences(theta: float, rows: int, seed: int) -> dict[str, float]:
    """Estimate from samples: W1 by the best pairing, JSD by a held-out critic and by cells."""
    real, fake = (lines(at, rows, Keys(seed), name) for at, name in ((0.0, "real"), (theta, "fake")))
    report = gandiag.score(real, fake, metrics=["jsd", "plugin_jsd"], permutations=20, seed=seed)
    critic, cells = (float(result.estimate or 0.0) for result in report.fakes[0].results)
    return {"w1": matched(real, fake), "js_critic": critic, "js_cells": cells}


def pushes(theta: float, steps: int, keys: Keys) -> dict[str, float]:
    """Train a discriminator and a critic between the lines, and give each loss's slope in theta at the fakes."""
    with keys.everywhere("nets"):
        d, f = (Flat(mlp([2, 32, 32, 1], nn.Softplus)) for _ in range(2))
    fit(d, lambda real, fake, _: losses.discriminator_loss(d(real), d(fake)), theta, steps, keys)
    fit(
        f,
        lambda real, fake, mix: f(fake).mean() - f(real).mean() + 10 * losses.gradient_penalty(f, real, fake, mix),
        theta,
        steps,
        keys,
    )
    fake = pair(theta, 512, keys.at(-1))[1].requires_grad_(True)
    slopes = {
        "saturating": losses.saturating(d(fake)),
        "non-saturating": losses.non_saturating(d(fake)),
        "WGAN-GP critic": -f(fake).mean(),
    }
    # The losses are means, so the sum of slopes over rows is the slope in theta.
    return {name: float(torch.autograd.grad(loss, fake)[0][:, 0].sum()) for name, loss in slopes.items()}


def pair(theta: float, n: int, keys: Keys) -> tuple[Tensor, Tensor]:
    """Draw real and fake rows as tensors."""
    u = keys.uniform("u", n, 2)
    return torch.stack([torch.zeros(n), u[:, 0]], dim=1), torch.stack([torch.full((n,), theta), u[:, 1]], dim=1)


def fit(net: nn.Module, loss: Callable[[Tensor, Tensor, Tensor], Tensor], theta: float, steps: int, keys: Keys) -> None:
    """Train one network on fresh rows."""
    optimizer = Adam(net.parameters(), lr=5e-3, betas=(0.5, 0.9))
    for step in range(steps):
        real, fake = pair(theta, 64, keys.at(step))
        descend(optimizer, loss(real, fake, keys.at(step).uniform("mix", 64)))


def _figure(numbers: dict[str, Any]) -> Figure:
    left, right = new_pair(width=7.6, height=3.4)
    _draw_divergences(left, numbers)
    _draw_pushes(right, numbers)
    figure: Figure = left.get_figure()
    return figure


def _draw_divergences(ax: Axes, numbers: dict[str, Any]) -> None:
    theta = numbers["theta"]
    far = np.linspace(0.001, max(theta) * 1.05, 100)
    exact = [parallel_lines(t) for t in far]
    ax.plot(far, [e["w1"] for e in exact], color=FAKES[0], linewidth=1.2)
    ax.plot(far, [e["js"] for e in exact], color=FAKES[2], linewidth=1.2)
    ax.plot(far, [e["tv"] for e in exact], color=FAINT, linewidth=1.2, linestyle="--", label="TV, exact (1)")
    ax.plot(theta, numbers["w1"], "o", color=FAKES[0], markersize=4.5, label="W1, matched samples")
    ax.plot(theta, numbers["js_critic"], "s", color=FAKES[2], markersize=4.5, label="JSD, held-out critic (nats)")
    ax.plot(theta, numbers["js_cells"], "^", color=FAKES[4], markersize=4.5, label="JSD, cells of real rows (nats)")
    ax.axhline(numbers["w1_floor"], color=REAL, linestyle=":", linewidth=1.0)
    write(ax, far[-1], numbers["w1_floor"] + 0.04, "floor of W1", ha="right", va="bottom")
    write(ax, far[-1], LOG_2 - 0.04, "JSD, exact: log 2", ha="right", va="top", color=FAKES[2])
    write(ax, 0.02, 0.99, "KL is infinite at every theta but 0", transform=ax.transAxes, va="top")
    ax.set_ylim(-0.05, max(theta) * 1.15)
    tidy(ax, grid="y")
    labels(ax, x="theta: distance of the lines", y="divergence of fake from real")
    legend(ax, ncols=2)


def _draw_pushes(ax: Axes, numbers: dict[str, Any]) -> None:
    theta: Sequence[float] = numbers["theta"]
    styles = {"saturating": (WRONG, "s"), "non-saturating": (FAKES[4], "^"), "WGAN-GP critic": (FAKES[0], "o")}
    ax.axhline(1.0, color=REAL, linestyle="--", linewidth=1.0)
    write(ax, max(theta), 1.6, "slope of W1, exact: 1", ha="right", va="bottom")
    for name, (colour, marker) in styles.items():
        seen = np.maximum(numbers[name], 1e-12)
        ax.plot(theta, seen, marker=marker, color=colour, linewidth=1.0, markersize=4.5, label=name)
    ax.set_yscale("log")
    ax.set_ylim(top=1e4)
    tidy(ax, grid="y")
    labels(ax, x="theta: distance of the lines", y="push on theta (slope of the generator's loss)")
    legend(ax)


STORY = Story(
    name="disjoint_supports",
    claim="Of two lines that share no point JSD, TV and KL say the same at every distance and the saturating loss has "
    "no slope, while W1 and its critic tell how far, with a slope of 1.",
    run=run,
)
