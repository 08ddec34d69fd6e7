"""What a discriminator adds to super-resolution: detail, at the price of squared error.

Two networks alike make digits of 8 by 8 out of their averages over squares of 2 by 2. One is trained by squared error
alone; the other begins so, and then a discriminator joins in. Held-out digits are enlarged by both, by straight lines
and by linear regression. The squared error prefers the first network; the detail of the pictures, and the distance of
the heap to real digits in the features of a classifier, prefer the second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.plots._style import FAINT, FAKES, REAL, WRONG, labels, tidy, write
from reference_models.acceptance.restorations import finer
from reference_models.core.loop import fit
from reference_models.core.running import begin
from reference_models.core.stories import Story, Tale
from reference_models.oracles.translation import TOP, Images, Map, digits, one_way
from reference_models.stories._tiles import tiled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 8
WAYS = ("bilinear", "ridge regression", "squared error", "adversarial")
COLOURS = {"bilinear": FAINT, "ridge regression": FAKES[1], "squared error": WRONG, "adversarial": FAKES[0]}


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train with and without a discriminator, and measure both."""
    steps, judge = 300 if quick else 600, finer()
    maps: dict[str, Map] = {name: judge.fixtures[name] for name in WAYS[:2]}
    for i, (name, preset) in enumerate(zip(WAYS[2:], ("cpu-mse", "cpu"), strict=True)):
        run_ = fit(begin("srgan", preset, seed=seed, device="cpu", warm=steps // 3), steps)
        maps[name] = one_way(averaged(run_))
        if progress is not None:
            progress("models", i + 1, 2)
    numbers: dict[str, Any] = {"steps": steps, "ways": list(maps)}
    found = [judge.judge(m, seed=0) for m in maps.values()]
    for key in ("psnr", "detail", "frechet_to_floor", "label", "pooled"):
        numbers[key] = [row[key] for row in found]
    x = digits("test")[0][:SHOWN]
    pictures = {"digit": x, **{name: m(x) for name, m in maps.items()}}
    return Tale(numbers=numbers, figure=_figure(pictures, numbers), holds=verdict(numbers))


def averaged(run_: Any) -> Any:
    """Give a model the moving average of its weights."""
    for name, state in run_.average.state.items():
        run_.model.networks[name].load_state_dict(state)
    return run_.model


def verdict(numbers: dict[str, Any]) -> bool:
    """Check that squared error has the higher PSNR, and the other the nearer detail and the nearer heap."""
    soft, sharp = (
        {key: numbers[key][numbers["ways"].index(name)] for key in ("psnr", "detail", "frechet_to_floor")}
        for name in ("squared error", "adversarial")
    )
    nearer = abs(1 - sharp["detail"]) < abs(1 - soft["detail"]) and sharp["frechet_to_floor"] < soft["frechet_to_floor"]
    return bool(soft["psnr"] > sharp["psnr"] and soft["detail"] < 0.9 and nearer)


def _figure(pictures: dict[str, Images], numbers: dict[str, Any]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.2, 2.9), layout="constrained")
    grid = figure.add_gridspec(1, 4, width_ratios=[2.0, 1.0, 1.0, 1.0])
    ax = figure.add_subplot(grid[0])
    ax.imshow(
        tiled(np.concatenate(list(pictures.values())), len(pictures), SHOWN, between=0.5 * TOP),
        cmap="gray_r",
        vmin=0,
        vmax=TOP,
        interpolation="nearest",
    )
    ax.set_axis_off()
    for row, name in enumerate(pictures):
        write(ax, -2, 10 * row + 5, name, ha="right", va="center", fontsize=7)
    for place, (key, text, best) in enumerate(
        (
            ("psnr", "PSNR, decibels", None),
            ("detail", "detail, that of digits 1", 1.0),
            ("frechet_to_floor", "Fréchet distance, floor 1", 1.0),
        )
    ):
        _draw_bars(figure.add_subplot(grid[place + 1]), numbers, key, text, best)
    return figure


def _draw_bars(ax: Axes, numbers: dict[str, Any], key: str, text: str, best: float | None) -> None:
    names, values = numbers["ways"], numbers[key]
    ax.bar(names, values, color=[COLOURS[name] for name in names])
    for x, value in enumerate(values):
        ax.annotate(f"{value:.3g}", (x, value), ha="center", va="bottom", fontsize=7)
    if best is not None:
        ax.axhline(best, color=REAL, linewidth=0.8)
    if key == "frechet_to_floor":
        ax.set_yscale("log")
    tidy(ax, grid="y")
    ax.tick_params(axis="x", rotation=45, labelsize=7)
    labels(ax, y=text)


STORY = Story(
    name="srgan_blur",
    claim="In super-resolution squared error alone has the better PSNR and blurs; with a discriminator the enlarged "
    "digits have the detail of real ones, and lie nearer to them.",
    run=run,
)
