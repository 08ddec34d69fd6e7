"""An InfoGAN's two numbers can be read back from the image; what they change in it is chance, and not one trait each.

Of fresh images we measure what Q reads of either number (correlation with the number that went in), and how the lean of
the stroke and the amount of ink follow it (Spearman's rank correlation within a category). A plain GAN gets the same
numbers and the same Q, which trains without a say in the generator. ``lean`` and ``ink`` are sizes, the mean of
``|rho|`` over the categories, of the number that does more; ``luck`` is the size with the numbers dealt anew. ``clean``
asks what the paper's picture shows: one number that leans all digits one way and the other that inks them one way. It
is the smaller of both mean correlations, signs and all, for the better of the two assignments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from gandiag.core.rng import stream
from gandiag.plots._style import FAKES, INK, SMALL, WRONG, labels, legend, tidy
from reference_models.core.loop import Run, fit
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.core.stories import Story, Tale
from reference_models.stories._tiles import tiled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

MODELS = {"InfoGAN": "cpu", "plain GAN": "cpu-plain"}
SEEDS = 3
ROWS = 4000
SHOWN, STOPS = 4, 9
BARS = {"read": (0.9, 0.6), "lean": (0.35, 0.25)}
CLEAN = 0.6


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train both models from several seeds; measure the numbers, and picture what they do."""
    steps, seeds = (300, [seed]) if quick else (1200, [seed + i for i in range(SEEDS)])
    numbers: dict[str, Any] = {"seed": seeds}
    first: Run | None = None
    for name, preset in MODELS.items():
        found = []
        for done, own in enumerate(seeds):
            trained = begin("infogan", preset, device="cpu", seed=own, steps=steps)
            fit(trained, steps)
            first = first or trained
            found.append(measured(trained, own))
            if progress is not None:
                progress(name, done + 1, len(seeds))
        for key in found[0]:
            numbers[f"{name}_{key}"] = [row[key] for row in found]
    return Tale(numbers=numbers, figure=_figure(numbers, first), holds=verdict(numbers))


def measured(trained: Run, seed: int) -> dict[str, float]:
    """Measure what can be read of the numbers, and what follows them, on fresh images."""
    model: Any = trained.model
    with torch.no_grad():
        z, category, codes = model.code(ROWS, Keys(seed, 1), "story")
        images = model.G(z)
        _, read = model.Q(model.D(images)[1])
    images, category, codes = images.numpy()[:, 0], category.numpy(), codes.numpy().astype(np.float64)
    followed = {
        trait.__name__: np.array([by_category(codes[:, i], trait(images), category) for i in range(2)])
        for trait in (lean, ink)
    }
    dealt = codes[stream(seed, "infogan_numbers").permutation(ROWS), 0]
    luck = np.abs(by_category(dealt, lean(images), category)).mean()
    return {
        "read": round(min(correlation(codes[:, i], read[:, i].double().numpy()) for i in range(2)), 4),
        **{name: round(float(np.abs(rho).mean(axis=1).max()), 4) for name, rho in followed.items()},
        "luck": round(float(luck), 4),
        "clean": round(clean(followed["lean"], followed["ink"]), 4),
    }


def correlation(code: Vector, read: Vector) -> float:
    """Correlate a number with what was read of it; 0 where the same is read of all."""
    return float(np.corrcoef(code, read)[0, 1]) if np.ptp(read) > 0.0 else 0.0


def lean(images: Matrix) -> Vector:
    """Give the slope of the stroke, columns to the right for each row further down, by the second moments of ink."""
    weight = np.clip((images + 1.0) / 2.0, 0.0, 1.0) + 1e-9
    y, x = np.indices(images.shape[1:], dtype=np.float64)
    mass = weight.sum(axis=(1, 2))[:, None, None]
    x = x - (weight * x).sum(axis=(1, 2), keepdims=True) / mass
    y = y - (weight * y).sum(axis=(1, 2), keepdims=True) / mass
    slope: Vector = (weight * x * y).sum(axis=(1, 2)) / (weight * y * y).sum(axis=(1, 2))
    return slope


def ink(images: Matrix) -> Vector:
    """Give the sum of the pixels."""
    total: Vector = images.sum(axis=(1, 2), dtype=np.float64)
    return total


def by_category(code: Vector, trait: Vector, category: NDArray[np.int64]) -> Vector:
    """Give Spearman's rank correlation of a number and a trait within each category; 0 where a trait is constant."""
    from scipy.stats import rankdata

    found = np.zeros(int(category.max()) + 1)
    for k in range(len(found)):
        own = category == k
        if own.sum() > 1 and np.ptp(trait[own]) > 0.0:
            found[k] = np.corrcoef(rankdata(code[own]), rankdata(trait[own]))[0, 1]
    return found


def clean(leans: Matrix, inks: Matrix) -> float:
    """Say how nearly one number leans all categories one way and the other inks them one way; 1 is perfect.

    Both are of shape (2, categories): the correlations of either number.
    """
    leaning, inking = np.abs(leans.mean(axis=1)), np.abs(inks.mean(axis=1))
    return float(max(min(leaning[0], inking[1]), min(leaning[1], inking[0])))


def verdict(numbers: dict[str, Any]) -> bool:
    """Ask that in every run the numbers are read back and one of them leans the digits, and that no run is clean.

    A plain GAN's are neither read nor lean anything.
    """
    told = all(
        min(numbers[f"InfoGAN_{key}"]) >= least and max(numbers[f"plain GAN_{key}"]) <= most
        for key, (least, most) in BARS.items()
    )
    return bool(told and max(numbers["InfoGAN_clean"]) < CLEAN)


def _figure(numbers: dict[str, Any], trained: Run | None) -> Figure:
    from matplotlib.figure import Figure as NewFigure

    figure = NewFigure(figsize=(8.2, 4.0), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=[1.25, 1.0])
    if trained is not None:
        for number in range(2):
            _moved(figure.add_subplot(grid[number, 0]), trained, number)
    ax = figure.add_subplot(grid[:, 1])
    keys = ("read", "lean", "ink", "clean")
    for name, colour, marker, aside in (("InfoGAN", FAKES[0], "+", -0.12), ("plain GAN", WRONG, "x", 0.12)):
        points = [(place + aside, value) for place, key in enumerate(keys) for value in numbers[f"{name}_{key}"]]
        ax.scatter(*zip(*points, strict=True), color=colour, marker=marker, linewidth=1.0, label=name)
    ax.axhline(max(numbers["InfoGAN_luck"]), color=INK, linewidth=0.8, linestyle=":", label="size of lean by luck")
    ax.set_xticks(range(len(keys)), ["read back", "size of lean", "size of ink", "one trait each"])
    ax.set_ylim(-0.03, 1.03)
    tidy(ax, grid="y")
    labels(ax, y=f"correlation with a number, {len(numbers['seed'])} run(s) of each")
    legend(ax)
    return figure


def _moved(ax: Axes, trained: Run, number: int) -> None:
    """Picture a few categories while one number goes from -2 to 2 and all else stays."""
    model: Any = trained.model
    stops = torch.linspace(-2.0, 2.0, STOPS)
    z, _, _ = model.code(SHOWN, Keys(0, 5), "shown", torch.arange(SHOWN))
    z = z.repeat_interleave(STOPS, dim=0)
    z[:, -2:] = 0.0
    z[:, number - 2] = stops.repeat(SHOWN)
    with torch.no_grad():
        images = model.G(z).numpy()[:, 0]
    ax.imshow(tiled(images, SHOWN, STOPS), cmap="gray_r", vmin=-1, vmax=1)
    side = images.shape[-1] + 2
    places = [side * (stop + 0.5) - 0.5 for stop in (0, 2, 4, 6, 8)]
    ax.set_xticks(places, ["-2", "-1", "0", "1", "2"], fontsize=SMALL)
    ax.set_yticks([side * (k + 0.5) - 0.5 for k in range(SHOWN)], [str(k) for k in range(SHOWN)], fontsize=SMALL)
    ax.axvline(side * 2 - 0.5, color=INK, linewidth=0.8, linestyle="--")
    ax.axvline(side * 7 - 0.5, color=INK, linewidth=0.8, linestyle="--")
    labels(ax, x=f"number {number + 1}; trained between the dashed lines", y="category")


STORY = Story(
    name="infogan_numbers",
    claim="An InfoGAN's two numbers can be read back from the image and one of them leans the digits, which a plain "
    "GAN's cannot; but which one, which way, and what the other does is chance: they are not angle and stroke.",
    run=run,
)
