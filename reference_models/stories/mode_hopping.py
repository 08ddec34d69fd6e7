"""A GAN forgets modes while it finds others; a packed one at even rates, and one with a gradient penalty, hold all.

Eight Gaussians on a ring. Every model is sampled at regular steps; a mode is *held* when at least 1 % of the samples
lie within 0.3 of its centre, a fifth of the way to the next one: near enough to say which mode is meant early in
training, and no statement about quality. The strips show the samples over time (Metz et al. 2017, figure 2), and the
map below which mode holds what share when: a mode that is found and lost again is a hop, which no loss curve shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gandiag.datasets.ring8 import open_ring8
from gandiag.plots._style import FAKES, GRID, REAL, SMALL
from reference_models.core.loop import fit
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.core.stories import Story, Tale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Matrix = NDArray[np.float64]

CENTRES = open_ring8().centres
REACH = 0.3
HELD = 0.01
ROWS, SHOWN = 2000, 400
PANELS = 6


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train the three models, and watch which modes they hold."""
    numbers, pictures = watched(cast(quick), seed=seed, progress=progress)
    return Tale(numbers=numbers, figure=strips(numbers, pictures), holds=verdict(numbers))


def watched(
    models: dict[str, tuple[str, dict[str, Any], int]],
    *,
    seed: int,
    progress: Callable[[str, int, int], Any] | None,
) -> tuple[dict[str, Any], dict[str, list[Matrix]]]:
    """Train models (name, settings, steps), and give their shares of the modes and their samples at regular steps."""
    numbers: dict[str, Any] = {}
    pictures: dict[str, list[Matrix]] = {}
    for name, (model, settings, steps) in models.items():
        marks = np.linspace(0, steps, 3 * PANELS - 1).astype(int)[1:]
        trained = begin(model, "cpu", device="cpu", seed=seed, steps=steps, **settings)
        shares, points = [], []
        for mark in marks:
            fit(trained, int(mark))
            x = trained.model.sample(ROWS, Keys(seed, 77)).cpu().double().numpy()
            shares.append(occupancy(x).tolist())
            points.append(x[:SHOWN])
            if progress is not None:
                progress(name, int(mark), steps)
        numbers |= {f"{name}_step": marks.tolist(), f"{name}_shares": shares, **counts(name, np.array(shares))}
        pictures[name] = points
    return numbers, pictures


def cast(quick: bool) -> dict[str, tuple[str, dict[str, Any], int]]:
    """Name the models, their settings and their steps."""
    small = {"latent": 2, "hidden": [64, 64]}
    uneven = {"latent": 4, "batch": 128, "lr": 5e-3, "discriminator_lr": 1e-4}
    packs = {"latent": 4, "batch": 256, "pack": 4, "lr": 5e-4, "discriminator_lr": 5e-4}
    rounds = 500 if quick else 1500
    smooth = {**small, "critic_hidden": [64, 64], "batch": 128, "lr": 3e-3, "penalty": 0.1, "n_critic": 2}
    return {
        "GAN": ("gan", uneven, 1000),
        "packed GAN": ("gan", packs, 1500 if quick else 3000),
        "WGAN-GP": ("wgan", {**smooth, "anneal": rounds, "average": 0.0}, rounds),
    }


def occupancy(x: Matrix) -> Matrix:
    """Give the share of samples near every centre, shape (8,)."""
    near: Matrix = np.linalg.norm(x[:, None] - CENTRES, axis=2)
    out: Matrix = (near < REACH).mean(axis=0)
    return out


def counts(name: str, shares: Matrix) -> dict[str, float]:
    """Count the modes held at the end, and over the second half how many on average and how often one was lost."""
    held = shares >= HELD
    late = held[len(held) // 2 :]
    return {
        f"{name}_modes": int(held[-1].sum()),
        f"{name}_held": float(late.sum(axis=1).mean()),
        f"{name}_lost": int((late[:-1] & ~late[1:]).sum()),
    }


def verdict(numbers: dict[str, Any]) -> bool:
    """Check that the GAN keeps losing modes that it had, and that the other two end with all eight."""
    hops = numbers["GAN_lost"] >= 3 and numbers["GAN_held"] < 8
    return bool(hops and numbers["packed GAN_modes"] == 8 and numbers["WGAN-GP_modes"] == 8)


def strips(numbers: dict[str, Any], pictures: dict[str, list[Matrix]]) -> Figure:
    """Draw the samples of every model over time, and below them which mode held what share when."""
    from matplotlib.figure import Figure as NewFigure

    names = list(pictures)
    figure = NewFigure(figsize=(1.25 * PANELS + 0.9, 2.15 * len(names)), layout="constrained")
    grid = figure.add_gridspec(2 * len(names), PANELS, height_ratios=[1.0, 0.55] * len(names))
    for row, name in enumerate(names):
        steps = numbers[f"{name}_step"]
        for column in range(PANELS):
            at = 3 * column
            _strip(figure.add_subplot(grid[2 * row, column]), pictures[name][at], f"step {steps[at]}")
        modes, lost = numbers[f"{name}_modes"], numbers[f"{name}_lost"]
        title = f"{name}: {modes} of 8 at the end, modes lost in the second half {lost} times"
        _map(figure.add_subplot(grid[2 * row + 1, :]), np.array(numbers[f"{name}_shares"]), steps, title)
    return figure


def _strip(ax: Axes, x: Matrix, title: str) -> None:
    ax.plot(*CENTRES.T, "o", color=REAL, markersize=7, markerfacecolor="none", markeredgewidth=0.7)
    ax.plot(*x.T, ".", color=FAKES[0], markersize=1.5, alpha=0.6)
    ax.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[], yticks=[], aspect="equal")
    for side in ax.spines.values():
        side.set_color(GRID)
    ax.set_title(title, fontsize=SMALL, parse_math=False)


def _map(ax: Axes, shares: Matrix, steps: list[int], title: str) -> None:
    shown = ax.imshow(shares.T, aspect="auto", cmap="viridis", vmin=0.0, vmax=0.25, origin="lower")
    ax.set_xticks(range(0, len(steps), 3), [str(s) for s in steps[::3]], fontsize=SMALL)
    ax.set_yticks([0, 7], ["1", "8"], fontsize=SMALL)
    ax.set_ylabel("mode", fontsize=SMALL)
    ax.set_title(title, fontsize=SMALL, loc="left", parse_math=False)
    bar = ax.figure.colorbar(shown, ax=ax, pad=0.01, ticks=[0, 0.125, 0.25])
    bar.ax.set_yticklabels(["0", "1/8", "1/4"], fontsize=SMALL)


STORY = Story(
    name="mode_hopping",
    claim="A GAN whose generator outruns its discriminator finds modes and loses them again; at even rates, judged in "
    "packs of four, it ends with all eight, and so does WGAN-GP.",
    run=run,
)
