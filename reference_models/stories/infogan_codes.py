"""An InfoGAN's code lines up with the digits, though nobody told it what a digit is; a plain GAN's code says nothing.

Both models get one category of ten beside their noise, and the same Q reads it back. Only the first is trained on the
bound ``L_I = E log Q(c | G(z, c)) + H(c)`` (at most log 10). NMI is the normalised mutual information between the
category and the class that a classifier of real digits, trained on the held-out half, sees in the picture: 0 when they
are independent, 1 when one tells the other. Which category is which digit is chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import gandiag
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

MODELS = {"InfoGAN": "cpu", "plain GAN": "cpu-plain"}
CODES, EACH = 10, 8
ROWS = 1000
BAR = 0.8 * math.log(CODES)


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train both models; measure L_I and NMI on the way, and picture the codes at the end."""
    steps = 300 if quick else 1200
    judge = classifier()
    numbers: dict[str, Any] = {"bar": round(BAR, 4), "step": np.linspace(0, steps, 7).astype(int)[1:].tolist()}
    pictures = {}
    for name, preset in MODELS.items():
        trained = begin("infogan", preset, device="cpu", seed=seed, steps=steps)
        found = []
        for mark in numbers["step"]:
            fit(trained, mark)
            found.append(measured(trained, judge, seed))
            if progress is not None:
                progress(name, mark, steps)
        for key in found[0]:
            numbers[f"{name}_{key}"] = [row[key] for row in found]
        codes = torch.arange(CODES).repeat_interleave(EACH)
        pictures[name] = trained.model.sample(len(codes), Keys(seed, 3), codes).cpu().numpy()[:, 0]
    return Tale(numbers=numbers, figure=_figure(numbers, pictures), holds=verdict(numbers))


def classifier() -> Any:
    """Train a classifier on the held-out half of the digits."""
    from sklearn.neighbors import KNeighborsClassifier

    source = gandiag.open_sampler("data:digits?split=test")
    drawn = source.sample(source.size or 1, rng=stream(0, "infogan_codes"))
    return KNeighborsClassifier(3).fit(np.asarray(drawn.values).reshape(len(drawn), -1), drawn.labels)


def measured(trained: Run, judge: Any, seed: int) -> dict[str, float]:
    """Measure L_I on fresh pictures, and NMI of code and class."""
    from sklearn.metrics import normalized_mutual_info_score

    model: Any = trained.model
    with torch.no_grad():
        z, category, numbers = model.code(ROWS, Keys(seed, 1), "story")
        bound = float(model.told(model.D(model.G(z))[1], category, numbers)[0])
    codes = torch.arange(ROWS) % CODES
    images = model.units.to_data(model.sample(ROWS, Keys(seed, 2), codes))
    together = normalized_mutual_info_score(codes.numpy(), judge.predict(images.reshape(ROWS, -1)))
    return {"L_I": round(bound, 4), "NMI": round(float(together), 4)}


def verdict(numbers: dict[str, Any]) -> bool:
    """Check L_I against 0.8 log 10 and NMI against 0.5, above for the one and below for the other."""
    codes = numbers["InfoGAN_L_I"][-1] >= BAR and numbers["InfoGAN_NMI"][-1] >= 0.5
    return bool(codes and numbers["plain GAN_L_I"][-1] < BAR / 2 and numbers["plain GAN_NMI"][-1] < 0.25)


def _figure(numbers: dict[str, Any], pictures: dict[str, Any]) -> Figure:
    from matplotlib.figure import Figure as NewFigure

    figure = NewFigure(figsize=(8.2, 4.0), layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=[1.0, 1.0, 1.15])
    for column, (name, images) in enumerate(pictures.items()):
        _codes(figure.add_subplot(grid[:, column]), images, f"{name}: one row per code")
    for row, (key, top, bar) in enumerate((("L_I", math.log(CODES), BAR), ("NMI", 1.0, 0.5))):
        ax = figure.add_subplot(grid[row, 2])
        for name, colour, marker in (("InfoGAN", FAKES[0], "+"), ("plain GAN", WRONG, "x")):
            ax.plot(numbers["step"], numbers[f"{name}_{key}"], f"{marker}-", color=colour, linewidth=1.0, label=name)
        ax.axhline(bar, color=INK, linewidth=0.8, linestyle=":", label="bar")
        ax.axhline(top, color=INK, linewidth=0.8, linestyle="--", label="largest value")
        tidy(ax, grid="y")
        unit = "L_I of the category, nats" if key == "L_I" else "NMI of code and class"
        labels(ax, x="step" if row else "", y=unit)
        if row == 0:
            legend(ax)
    return figure


def _codes(ax: Axes, images: Any, title: str) -> None:
    ax.imshow(tiled(images, CODES, EACH), cmap="gray_r", vmin=-1, vmax=1)
    side = images.shape[-1] + 2
    ax.set_yticks([side * (code + 0.5) - 0.5 for code in range(CODES)], [str(c) for c in range(CODES)], fontsize=SMALL)
    ax.set_xticks([])
    labels(ax, title=title, y="code")


STORY = Story(
    name="infogan_codes",
    claim="An InfoGAN's category can be read back from the image and lines up with the digits, unlabelled; the same "
    "category given to a plain GAN does neither.",
    run=run,
)
