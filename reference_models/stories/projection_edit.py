"""Editing by projection: the image of the generator that is nearest, or that follows some strokes of a brush.

The generator is the WGAN that ships with the package. Its own samples, held-out digits and inverted digits are
projected into its latents; the error says how far each lies from what the generator can make. Then the middle of
held-out zeros is painted over, which makes no digit. The pasted paint is projected: the images found follow the brush,
and lie nearer to real digits than the pasted ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gandiag.numerics.nearest import nearest_rows
from gandiag.plots._style import FAKES, REAL, WRONG, labels, tidy, write
from reference_models.applications.projection_edit import project
from reference_models.core.model import Model
from reference_models.core.rng import Keys
from reference_models.core.stories import Story, Tale
from reference_models.core.trained import load
from reference_models.oracles.translation import TOP, Images, digits
from reference_models.stories._tiles import tiled
from reference_models.stories.latent_arithmetic import grey

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 9
TARGETS = ("own samples", "held-out digits", "inverted digits")
COLOURS = (FAKES[0], REAL, WRONG)
BRUSH = (slice(3, 5), slice(2, 6))  # rows and columns that are painted black
WEIGHT = 0.2  # of the pixels that no brush touched, over that of those it did


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Project three kinds of targets, then edit."""
    model, rows = load("wgan-digits").model, 20 if quick else 60
    search: dict[str, Any] = {"starts": 6 if quick else 16, "steps": 150 if quick else 300, "seed": seed}
    test, classes = digits("test")
    real = as_model(test)
    targets = (model.sample(rows, Keys(seed + 1)), real[:rows], -real[:rows])
    numbers: dict[str, Any] = {"targets": list(TARGETS), "rows": rows}
    errors, shown = [], []
    for i, target in enumerate(targets):
        found = project(model, target, **search)
        errors.append((found.errors / 4).tolist())
        shown += [grey(target[:SHOWN]), grey(found.images[:SHOWN])]
        if progress is not None:
            progress("projections", i + 1, len(targets))
    numbers |= {"median_error": [float(np.median(e)) for e in errors], "errors": errors}
    edits = edited(model, real[torch.as_tensor(classes == 0)][:rows], test, search)
    numbers |= edits["numbers"]
    shown += [images[:SHOWN] for images in edits["pictures"]]
    return Tale(numbers=numbers, figure=_figure(numbers, shown), holds=verdict(numbers))


def edited(model: Model[Any], zeros: Tensor, test: Images, search: dict[str, Any]) -> dict[str, Any]:
    """Paint on digits, project what was pasted with most weight on the brush, and measure."""
    pasted, mask = zeros.clone(), torch.full_like(zeros[:1], WEIGHT)
    pasted[:, :, *BRUSH] = 1.0
    mask[:, :, *BRUSH] = 1.0
    before, after = project(model, zeros, **search), project(model, pasted, mask, **search)
    ways = {"before": before.images, "after": after.images}
    strokes = {k: float((x[:, :, *BRUSH] - 1.0).square().mean() / 4) for k, x in ways.items()}
    return {
        "numbers": {
            "stroke_error_before": strokes["before"],
            "stroke_error_after": strokes["after"],
            "distance_pasted": to_real(grey(pasted), test),
            "distance_edited": to_real(grey(after.images), test),
        },
        "pictures": [grey(zeros), grey(pasted), grey(after.images)],
    }


def to_real(images: Images, real: Images) -> float:
    """Mean distance to the nearest real image, on the scale [0, 1] of grey levels."""
    one, other = (x.reshape(len(x), -1) / TOP for x in (images, real))
    return float(np.mean(nearest_rows(one, other)[0]))


def as_model(images: Images) -> Tensor:
    """Bring grey levels to the model's units, shape (n, 1, 8, 8)."""
    return torch.as_tensor(images[:, None] / (TOP / 2) - 1).float()


def verdict(numbers: dict[str, Any]) -> bool:
    """Check that errors are in order, that strokes are followed, and that edits are nearer to digits than paint."""
    own, real, inverted = numbers["median_error"]
    followed = numbers["stroke_error_after"] < 0.5 * numbers["stroke_error_before"]
    return bool(own < real < 0.2 * inverted and followed and numbers["distance_edited"] < numbers["distance_pasted"])


def _figure(numbers: dict[str, Any], shown: list[Images]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 3.4), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=[1.2, 1.0])
    ax = figure.add_subplot(grid[0])
    sheet = tiled(np.concatenate(shown), len(shown), SHOWN, between=0.5 * TOP)
    ax.imshow(sheet, cmap="gray_r", vmin=0, vmax=TOP, interpolation="nearest")
    ax.set_axis_off()
    names = [text for name in TARGETS for text in (name, "projected")] + ["zeros", "painted on", "projected"]
    for row, text in enumerate(names):
        write(ax, -2, 10 * row + 5, text, ha="right", va="center", fontsize=7)
    ax = figure.add_subplot(grid[1])
    heights = 1.03, 1.08, 1.03  # names of neighbours one above the other
    for name, errors, colour, height in zip(TARGETS, numbers["errors"], COLOURS, heights, strict=True):
        values = np.sort(errors)
        ax.plot(values, np.arange(1, len(values) + 1) / len(values), color=colour, linewidth=1.2)
        write(ax, float(np.median(values)), height, name, ha="center", color=colour, fontsize=7)
    ax.set_xscale("log")
    ax.set_ylim(0, 1.16)
    tidy(ax, grid="y")
    labels(ax, x="mean squared error of the projection, grey levels 0 to 1", y="share of images")
    return figure


STORY = Story(
    name="projection_edit",
    claim="Projection into its latents recovers a generator's own samples best, held-out digits a little worse and "
    "inverted digits not at all; strokes of a brush, projected, become images that follow them, nearer to digits.",
    run=run,
)
