"""GeneGAN gives one image the object of another, about as bright; more of its code is more of it, not in proportion.

The objects are squares of known brightness in the corner of digits, so that the true crossing is known. *arrived* is
the brightness read off a digit that had no square, after the square of another was put on it; a map without a code for
the object, such as a cycle's, could at best put on the mean object, whatever was sent. ``put`` and ``left`` are the
shares of images with a square after one was put on and after it was taken, ``amount`` the correlation of the brightness
that arrives with the one that was sent, ``monotone`` the share of digits on which more of the code is never a fainter
square, ``put_to_none`` the error over that of no change at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from gandiag.core.rng import stream
from gandiag.datasets._finite import digits
from gandiag.datasets.boxes import BRIGHTEST, FAINTEST, boxed, read_amounts
from gandiag.plots._style import FAKES, INK, SMALL, WRONG, labels, legend, tidy
from reference_models.acceptance.objects import Objects, crossing
from reference_models.core.loop import fit
from reference_models.core.model import Model, evaluating
from reference_models.core.running import begin
from reference_models.core.stories import Story, Tale
from reference_models.stories._tiles import tiled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Images = NDArray[np.float64]
Vector = NDArray[np.float64]

ROWS, SHOWN = 200, 6
PARTS = (0.0, 0.25, 0.5, 0.75, 1.0)
KEPT = ("put", "left", "amount", "monotone", "put_to_none")


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train it, measure crossings on the way, and picture parts of an object."""
    steps = 700 if quick else 1400
    trained = begin("genegan", "cpu", device="cpu", seed=seed, steps=steps, average=0.0)
    numbers: dict[str, Any] = {"step": np.linspace(0, steps, 8).astype(int)[1:].tolist()}
    found = []
    for mark in numbers["step"]:
        fit(trained, mark)
        judged = Objects().judge(crossing(trained.model), seed=seed)
        found.append({key: round(judged[key], 4) for key in KEPT})
        if progress is not None:
            progress("GeneGAN", mark, steps)
    numbers |= {key: [row[key] for row in found] for key in KEPT}
    a, b, sent = pairs(seed)
    arrived = read_amounts(crossing(trained.model).cross(a, b, 1.0)[0])
    guessed = read_amounts(with_mean_object(trained.model, b))
    numbers["amount_of_the_mean_object"] = round(correlation(guessed, sent), 4)
    figure = _figure(trained.model, (a, b, sent), arrived, guessed)
    return Tale(numbers=numbers, figure=figure, holds=verdict(numbers))


def pairs(seed: int) -> tuple[Images, Images, Vector]:
    """Draw digits with a square, other digits without, and how bright each square is.

    The model was trained on the former without and on the latter with a square.
    """
    rng = stream(seed, "object_crossing")
    plain, other = (digits(part)[0][rng.permutation(898)[:ROWS]] for part in ("train", "test"))
    amounts = rng.integers(FAINTEST, BRIGHTEST, size=ROWS, endpoint=True).astype(np.float64)
    return boxed(plain, amounts), other, amounts


def with_mean_object(model: Model[Any], images: Images) -> Images:
    """Put the mean object of the training on each image: all that a map without a code for it can do."""
    with torch.no_grad(), evaluating(model.networks.values()):
        return model.units.to_data(model.translate(model.units.to_model(images), "a"))  # type: ignore[attr-defined]


def correlation(arrived: Vector, sent: Vector) -> float:
    """Correlate; 0 where what arrives does not vary."""
    return float(np.corrcoef(arrived, sent)[0, 1]) if arrived.std() > 1e-9 else 0.0


def verdict(numbers: dict[str, Any]) -> bool:
    """Ask that squares are put and taken, and that their brightness travels, which the mean object's does not."""
    moved = numbers["put"][-1] >= 0.9 and numbers["left"][-1] <= 0.1 and numbers["monotone"][-1] >= 0.95
    return bool(moved and numbers["amount"][-1] >= 0.7 and abs(numbers["amount_of_the_mean_object"]) <= 0.3)


def _figure(model: Model[Any], drawn: tuple[Images, Images, Vector], arrived: Vector, guessed: Vector) -> Figure:
    from matplotlib.figure import Figure as NewFigure

    a, b, sent = drawn
    figure = NewFigure(figsize=(8.2, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.2, 1.0])
    _crossed(left, model, a[:SHOWN], b[:SHOWN])
    jitter = stream(0, "object_crossing", "jitter").uniform(-0.25, 0.25, size=len(sent))
    right.scatter(sent + jitter, arrived, s=12, color=FAKES[0], marker="o", linewidth=0, label="crossed")
    right.scatter(sent + jitter, guessed, s=12, color=WRONG, marker="x", linewidth=0.8, label="mean object")
    right.plot(
        [FAINTEST, BRIGHTEST], [FAINTEST, BRIGHTEST], color=INK, linewidth=0.8, linestyle="--", label="the truth"
    )
    tidy(right, grid="y")
    labels(right, x="brightness sent", y="brightness arrived")
    legend(right)
    return figure


def _crossed(ax: Axes, model: Model[Any], a: Images, b: Images) -> None:
    """Picture both images, the second with parts of the first's object, and the first without it."""
    cross = crossing(model).cross
    rows = {"with": a, "other": b}
    rows |= {f"+ {part:g}": cross(a, b, part)[0] for part in PARTS}
    rows["taken"] = cross(a, b, 1.0)[1]
    ax.imshow(
        tiled(np.concatenate(list(rows.values())), len(rows), len(a), between=0.0), cmap="gray_r", vmin=0, vmax=16
    )
    side = a.shape[-1] + 2
    ax.set_yticks([side * (row + 0.5) - 0.5 for row in range(len(rows))], list(rows), fontsize=SMALL)
    ax.set_xticks([])
    for spine in ax.spines.values():
        spine.set_linewidth(0.5)


STORY = Story(
    name="object_crossing",
    claim="A GeneGAN puts the square of one digit on another about as bright as it was, and more of its code is never "
    "a fainter square; a map without a code for the object can only guess how bright.",
    run=run,
)
