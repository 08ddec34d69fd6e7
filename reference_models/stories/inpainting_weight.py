"""What the discriminator adds to inpainting, and from which weight on: nothing at the paper's, sharper strokes at 0.9.

Context encoders alike fill a hole of 4 by 4 pixels in digits of 8 by 8; they differ in the weight of the adversarial
term, the squared error having the rest. Squared error alone is best served by the mean of what may stand in the hole,
which is soft: ``detail`` (the mean square of the discrete Laplacian, over that of the true digits) stays below 1, and
the heap of fillings lies away from real digits in the features of a classifier (``frechet_to_floor``). A weight of
0.001, which the paper has for images of 128 by 128 pixels, moves nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.plots._style import FAKES, REAL, labels, tidy, write
from reference_models.acceptance.restorations import holes
from reference_models.core.loop import fit
from reference_models.core.running import begin
from reference_models.core.stories import Story, Tale
from reference_models.oracles.translation import TOP, Images, Map, digits, one_way
from reference_models.stories._tiles import tiled
from reference_models.stories.srgan_blur import averaged

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WEIGHTS = (0.0, 0.001, 0.1, 0.3, 0.6, 0.9)
NONE, PAPER, MOST = (WEIGHTS.index(weight) for weight in (0.0, 0.001, 0.9))
SEEDS, SHOWN = 3, 8
KEYS = ("mse", "detail", "frechet_to_floor", "label")


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train with each weight from several seeds, and measure the fillings of held-out digits."""
    steps, seeds = (400, [seed]) if quick else (800, [seed + i for i in range(SEEDS)])
    judge, maps = holes(), {}
    numbers: dict[str, Any] = {"weight": list(WEIGHTS), "runs": len(seeds)} | {key: [] for key in KEYS}
    for done, weight in enumerate(WEIGHTS):
        found = []
        for own in reversed(seeds):
            maps[weight] = filler(weight, own, steps)
            found.append(judge.judge(maps[weight], seed=0))
        for key in KEYS:
            numbers[key].append(round(float(np.median([row[key] for row in found])), 4))
        if progress is not None:
            progress("weights", done + 1, len(WEIGHTS))
    x = digits("test")[0][:SHOWN]
    pictures = {"digit": x, "hole": _holed(x), **{f"{weight:g}": maps[weight](x) for weight in WEIGHTS}}
    return Tale(numbers=numbers, figure=_figure(pictures, numbers), holds=verdict(numbers))


def filler(weight: float, seed: int, steps: int) -> Map:
    """Train a context encoder with an adversarial weight, and give the map that its average is."""
    run_ = begin(
        "context_encoder", "cpu", seed=seed, device="cpu", steps=steps, adversarial=weight, squared=1.0 - weight
    )
    return one_way(averaged(fit(run_)))


def verdict(numbers: dict[str, Any]) -> bool:
    """Ask that the largest weight buys detail and nearness with squared error, and that the paper's buys nothing."""
    detail, far, off = (numbers[key] for key in ("detail", "frechet_to_floor", "mse"))
    bought = abs(1.0 - detail[MOST]) < 2 / 3 * abs(1.0 - detail[NONE]) and far[MOST] < 0.85 * far[NONE]
    moved = abs(detail[PAPER] - detail[NONE])
    return bool(bought and off[MOST] > off[NONE] and moved < 0.25 * abs(detail[MOST] - detail[NONE]))


def _holed(x: Images) -> Images:
    out = x.copy()
    out[:, 2:6, 2:6] = TOP / 2
    return out


def _figure(pictures: dict[str, Images], numbers: dict[str, Any]) -> Figure:
    from matplotlib.figure import Figure as NewFigure

    figure = NewFigure(figsize=(8.2, 3.2), layout="constrained")
    grid = figure.add_gridspec(1, 4, width_ratios=[1.7, 1.0, 1.0, 1.0])
    ax = figure.add_subplot(grid[0])
    sheet = tiled(np.concatenate(list(pictures.values())), len(pictures), SHOWN, between=0.5 * TOP)
    ax.imshow(sheet, cmap="gray_r", vmin=0, vmax=TOP, interpolation="nearest")
    ax.set_axis_off()
    for row, name in enumerate(pictures):
        write(ax, -2, 10 * row + 5, name, ha="right", va="center", fontsize=7)
    for place, (key, text) in enumerate(
        (
            ("mse", "squared error in the hole"),
            ("detail", "detail, that of digits 1"),
            ("frechet_to_floor", "Fréchet distance, floor 1"),
        )
    ):
        _curve(figure.add_subplot(grid[place + 1]), numbers, key, text)
    return figure


def _curve(ax: Axes, numbers: dict[str, Any], key: str, text: str) -> None:
    at = range(len(numbers["weight"]))
    ax.plot(at, numbers[key], "o-", color=FAKES[0], linewidth=1.0, markersize=4)
    if key != "mse":
        ax.axhline(1.0, color=REAL, linewidth=0.8)
    ax.set_xticks(at, [f"{weight:g}" for weight in numbers["weight"]])
    ax.tick_params(axis="x", rotation=45, labelsize=7)
    tidy(ax, grid="y")
    labels(ax, x="adversarial weight", y=text)


STORY = Story(
    name="inpainting_weight",
    claim="With most of the weight a discriminator gives inpainted digits nearly the detail of real ones and brings "
    "them nearer, at a higher squared error; at the weight of 0.001 that the paper has it changes nothing here.",
    run=run,
)
