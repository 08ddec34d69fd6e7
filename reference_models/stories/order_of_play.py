"""Who moves first, and what finite steps do: matrix games, the bilinear game and the Dirac-GAN beside their formulas.

Top left, the three values of a game: leading with a pure strategy, mixed strategies, following. Top right, distance to
the equilibrium of ``x y`` under five ways of updating. Below, phase portraits of the Dirac-GAN (Mescheder, Geiger &
Nowozin 2018): plain gradient steps, and with the zero-centred gradient penalty R1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gandiag.plots._style import FAINT, FAKES, REAL, WRONG, labels, legend, tidy
from reference_models.core.stories import Story, Tale
from reference_models.oracles import bilinear_game, dirac_gan
from reference_models.oracles.matrix_games import (
    MATCHING_PENNIES,
    ROCK_PAPER_SCISSORS,
    bilinear_orders,
    modes_game,
    pure_orders,
    solve,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAMES = {
    "hide in 8 modes": modes_game(8),
    "pennies": MATCHING_PENNIES,
    "rock, paper, scissors": ROCK_PAPER_SCISSORS,
    "[[3, -1], [-2, 1]]": np.array([[3.0, -1.0], [-2.0, 1.0]]),
}
COLOURS = dict(zip(bilinear_game.METHODS, (WRONG, *FAKES[:4]), strict=True))
STEP, GAMMA = 0.2, 0.4
LOSSES = {"saturating": WRONG, "non-saturating": FAKES[4], "wasserstein": FAKES[0]}
START = (1.2, 0.0)


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Play every game."""
    steps = 60 if quick else 120
    numbers: dict[str, Any] = {"game": list(GAMES), **_values(), **_linear_model(), "step": STEP}
    paths = {method: bilinear_game.path(method, STEP, [1.0, 0.0], steps) for method in bilinear_game.METHODS}
    numbers["factor"] = [_growth(z) for z in paths.values()]
    numbers["factor_exact"] = [bilinear_game.factor(method, STEP) for method in paths]
    numbers["gap_at_the_end"] = [bilinear_game.duality_gap(z[-1, :1], z[-1, 1:]) for z in paths.values()]
    portraits = {
        (loss, gamma): dirac_gan.path(START, STEP, 2 * steps, loss=loss, gamma=gamma)
        for loss in LOSSES
        for gamma in (0.0, GAMMA)
    }
    for gamma, name in ((0.0, "plain"), (GAMMA, "r1")):
        numbers[f"dirac_{name}"] = [float(np.linalg.norm(portraits[loss, gamma][-1]) / START[0]) for loss in LOSSES]
    if progress is not None:
        progress("games", 1, 1)
    return Tale(numbers=numbers, figure=_figure(numbers, paths, portraits), holds=verdict(numbers))


def _values() -> dict[str, list[float]]:
    orders, found = [pure_orders(a) for a in GAMES.values()], [solve(a) for a in GAMES.values()]
    return {
        "leads": [o.row_leads for o in orders],
        "mixed": [f.value for f in found],
        "follows": [o.column_leads for o in orders],
        "exploitable": [f.gap for f in found],
    }


def _linear_model() -> dict[str, float]:
    """Play mean matching, ``w' (mean - theta)``: linear in both players, on boxes and on their corners alone."""
    box = np.array([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
    generators, coupling = np.column_stack([np.ones(4), box]), np.vstack([[0.3, -0.2], -np.eye(2)])
    return {
        "cost_of_leading_convex": bilinear_orders(generators, box, coupling, convex=True).cost_of_leading,
        "cost_of_leading_corners": bilinear_orders(generators, box, coupling, convex=False).cost_of_leading,
    }


def _growth(z: NDArray[np.float64]) -> float:
    """Measure the factor per step over whole turns, so that the wobble of an ellipse does not count."""
    radius = np.linalg.norm(z, axis=1)
    turn = round(2 * np.pi / STEP)
    return float((radius[-1] / radius[-1 - turn]) ** (1 / turn))


def verdict(numbers: dict[str, Any]) -> bool:
    """Check weak duality, its equality in mixed strategies, every factor, and that only R1 ends at the equilibrium."""
    leads, mixed, follows = (np.array(numbers[name]) for name in ("leads", "mixed", "follows"))
    ordered = bool((follows <= mixed + 1e-9).all() and (mixed <= leads + 1e-9).all() and (leads - follows).max() > 0.5)
    equal = max(numbers["exploitable"]) < 1e-9 and abs(numbers["cost_of_leading_convex"]) < 1e-9
    equal = equal and numbers["cost_of_leading_corners"] > 0.1
    factors = bool(np.abs(np.array(numbers["factor"]) - np.array(numbers["factor_exact"])).max() < 2e-3)
    dirac = min(numbers["dirac_plain"]) > 0.4 and max(numbers["dirac_r1"]) < 0.1
    return ordered and equal and factors and dirac


def _figure(numbers: dict[str, Any], paths: dict[str, Any], portraits: dict[tuple[str, float], Any]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 6.6), layout="constrained")
    axes = figure.subplots(2, 2)
    _draw_values(axes[0, 0], numbers)
    _draw_radii(axes[0, 1], numbers, paths)
    _draw_portrait(axes[1, 0], portraits, 0.0, "Dirac-GAN, plain steps: none arrives", circle=math.sqrt(2 * STEP))
    _draw_portrait(axes[1, 1], portraits, GAMMA, f"Dirac-GAN with R1, gamma = {GAMMA}: all arrive")
    return figure


def _draw_values(ax: Axes, numbers: dict[str, Any]) -> None:
    rows = np.arange(len(numbers["game"]))[::-1]
    ax.hlines(rows, numbers["follows"], numbers["leads"], color=FAINT, linewidth=1.0)
    for name, colour, marker, title in (
        ("leads", WRONG, ">", "generator leads (min max)"),
        ("mixed", REAL, "o", "mixed strategies, any order"),
        ("follows", FAKES[0], "<", "generator follows (max min)"),
    ):
        ax.plot(numbers[name], rows, marker, color=colour, markersize=6, linestyle="none", label=title)
    ax.set_yticks(rows, numbers["game"])
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.locator_params(axis="x", nbins=5)
    tidy(ax, grid="x")
    labels(ax, x="what the generator pays")
    legend(ax, ncols=1)


def _draw_radii(ax: Axes, numbers: dict[str, Any], paths: dict[str, Any]) -> None:
    for (method, z), exact in zip(paths.items(), numbers["factor_exact"], strict=True):
        style = "--" if method == "implicit" else "-"
        ax.plot(
            np.linalg.norm(z, axis=1),
            style,
            color=COLOURS[method],
            linewidth=1.4,
            label=f"{method}: {exact:.4f} per step",
        )
    ax.set_yscale("log")
    tidy(ax, grid="y")
    labels(ax, x=f"step (h = {STEP})", y="distance to the equilibrium of x y")
    legend(ax, ncols=1)


def _draw_portrait(
    ax: Axes, portraits: dict[tuple[str, float], Any], gamma: float, title: str, *, circle: float = 0.0
) -> None:
    ticks = np.linspace(-2.2, 2.2, 13)
    theta, psi = np.meshgrid(ticks, ticks)
    arrows = np.array(
        [
            dirac_gan.field(t, p, loss="non-saturating", gamma=gamma)
            for t, p in zip(theta.ravel(), psi.ravel(), strict=True)
        ]
    )
    arrows /= np.linalg.norm(arrows, axis=1, keepdims=True) + 1e-9
    ax.quiver(theta.ravel(), psi.ravel(), *arrows.T, color=FAINT, alpha=0.5, width=0.003, scale=28)
    for loss, colour in LOSSES.items():
        ax.plot(*portraits[loss, gamma].T, color=colour, linewidth=1.0, label=loss)
    ax.plot(*START, "s", color=REAL, markersize=4, linestyle="none", label="start")
    ax.plot(0, 0, "o", color=REAL, markersize=5, linestyle="none", label="equilibrium")
    if circle:
        turn = np.linspace(0, 2 * np.pi, 200)
        ax.plot(circle * np.cos(turn), circle * np.sin(turn), ":", color=REAL, linewidth=1.2, label="r = sqrt(2 h)")
    ax.set_xlim(-2.4, 2.4)
    ax.set_ylim(-2.4, 2.4)
    tidy(ax)
    labels(ax, x=f"theta: the generator's point\n{title}", y="psi: the discriminator's slope")
    legend(ax, ncols=3)


STORY = Story(
    name="order_of_play",
    claim="In pure strategies leading costs and in mixed or linear ones it does not; simultaneous gradient steps leave "
    "the equilibrium of x y by exactly sqrt(1 + h^2) per step, and no Dirac-GAN reaches its own without a penalty.",
    run=run,
)
