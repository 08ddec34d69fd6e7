"""Sums of latents, counted: what bold digits have and thin ones lack is added to other digits.

The generator is the WGAN that ships with the package. Its digits are read by a classifier, and their ink and lean are
measured. The trait is the difference of the mean latents of digits 0 to 4 that have it and that lack it; it is added to
latents of digits 5 to 9 that lack it. Beside it stands a random step of the same length, another one for each digit.
Ways between latents are measured as well: halfway along a line the latents are shorter than any the generator was
trained on, halfway along a great circle they are not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gandiag.datasets.captions import measured
from gandiag.plots._style import FAINT, FAKES, labels, legend, tidy, write
from reference_models.applications.latent_arithmetic import great_circle, random_steps, trait_of, worth
from reference_models.core.model import Model, evaluating
from reference_models.core.rng import Keys
from reference_models.core.stories import Story, Tale
from reference_models.core.trained import load
from reference_models.oracles.translation import TOP, Domains, Images, digits
from reference_models.stories._tiles import tiled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = dict[str, Any]
TRAITS = ("bold", "leaning right")  # the upper thirds of ink and of lean
SHOWN = 6


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Find both traits, add them, and count."""
    model, rows = load("wgan-digits").model, 6000 if quick else 30_000
    real = digits("train")
    reader = Domains(ones=real, others=real, true=lambda x: x).reader
    z = Keys(seed).normal("latents", rows, model.config.latent)
    with torch.no_grad(), evaluating(model.networks.values()):
        decode = model.networks["G"]
        images = grey(decode(z))
        shown = reader.read(images)
        thirds = measured(images, shown)
        numbers: dict[str, Any] = {"rows": rows, "traits": list(TRAITS), "norms": norms(z)}
        pictures = []
        for name, third, which in zip(TRAITS, thirds, (0, 1), strict=True):
            source = torch.as_tensor(shown < 5)
            step = trait_of(z[source & torch.as_tensor(third == 2)], z[source & torch.as_tensor(third == 0)])
            start = z[torch.as_tensor((shown >= 5) & (third == 0))]
            pictures.append(_measured(model, start, step, (which, reader), numbers, name, seed))
    return Tale(numbers=numbers, figure=_figure(numbers, pictures), holds=verdict(numbers))


def _measured(
    model: Model[Any],
    start: Tensor,
    step: Tensor,
    reads: tuple[int, Any],
    numbers: dict[str, Any],
    name: str,
    seed: int,
) -> Images:
    """Count what the trait and random steps do, and give some pictures: as it is, with the trait, with a step."""
    which, reader = reads

    def shows(x: Tensor) -> Tensor:
        return torch.as_tensor(reader.read(grey(x)))

    def has(x: Tensor) -> Tensor:
        return torch.as_tensor(measured(grey(x), shows(x).numpy())[which] == 2)

    decode, other = model.networks["G"], random_steps(step, len(start), Keys(seed))
    found = {
        "trait": worth(decode, start, step, has=has, shows=shows),
        "random": worth(decode, start, other, has=has, shows=shows),
    }
    numbers[name] = {"length": float(step.norm()), "of": len(start)}
    numbers[name] |= {f"{way} {k}": v for way, one in found.items() for k, v in vars(one).items()}
    some = slice(0, SHOWN)
    return np.concatenate([grey(decode(z)) for z in (start[some], start[some] + step, start[some] + other[some])])


def norms(z: Tensor) -> dict[str, float]:
    """Give the mean norm of latents, and halfway between pairs of them along a line and along a great circle."""
    one, other = z[::2], z[1::2]
    ways = {"ends": one, "line": torch.lerp(one, other, 0.5), "great circle": great_circle(one, other, 0.5)}
    return {name: float(way.norm(dim=1).mean()) for name, way in ways.items()}


def grey(x: Tensor) -> Images:
    """Bring images of the model to whole grey levels, shape (n, 8, 8)."""
    out: Images = ((x[:, 0].double().clamp(-1, 1) + 1) / 2 * TOP).round().cpu().numpy()
    return out


def verdict(numbers: Numbers) -> bool:
    """Check that traits come by five standard errors more often than by chance, also on kept digits, and the norms."""
    good = True
    for name in TRAITS:
        one = numbers[name]
        for what in ("flipped", "both"):
            trait, chance = one[f"trait {what}"], one[f"random {what}"]
            error = np.sqrt((trait * (1 - trait) + chance * (1 - chance)) / one["of"])
            good &= trait - chance > 5 * error
    halfway = numbers["norms"]
    ratio = {way: halfway[way] / halfway["ends"] for way in ("line", "great circle")}
    return bool(good and abs(ratio["great circle"] - 1) < 0.02 and abs(ratio["line"] - np.sqrt(0.5)) < 0.02)


def _figure(numbers: dict[str, Any], pictures: list[Images]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 2.6), layout="constrained")
    grid = figure.add_gridspec(1, 3, width_ratios=[1.3, 1.3, 1.5])
    for place, (name, images) in enumerate(zip(TRAITS, pictures, strict=True)):
        ax = figure.add_subplot(grid[place])
        ax.imshow(tiled(images, 3, SHOWN, between=0.5 * TOP), cmap="gray_r", vmin=0, vmax=TOP, interpolation="nearest")
        ax.set_axis_off()
        for row, text in enumerate(("as it is", f"+ {name}", "+ random")):
            write(ax, -2, 10 * row + 5, text, ha="right", va="center", fontsize=7)
    ax = figure.add_subplot(grid[2])
    at = np.arange(2 * len(TRAITS))
    for shift, way, colour in ((-0.2, "trait", FAKES[0]), (0.2, "random", FAINT)):
        heights = [numbers[name][f"{way} {what}"] for name in TRAITS for what in ("flipped", "kept")]
        bars = ax.bar(at + shift, heights, width=0.38, color=colour, label=f"{way} step")
        ax.bar_label(bars, [f"{h:.0%}" for h in heights], fontsize=6)
    ax.set_xticks(at, [text for name in TRAITS for text in (name.replace(" ", "\n"), "same\ndigit")], fontsize=7)
    ax.set_ylim(0, 1.25)
    ax.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    tidy(ax, grid="y")
    labels(ax, y="share of digits 5 to 9")
    legend(ax, ncols=2)
    return figure


STORY = Story(
    name="latent_arithmetic",
    claim="What the mean latents of bold digits have and those of thin ones lack makes other digits bold many times as "
    "often as a random step of that length does, and so with their lean; the digit stays no oftener than under that.",
    run=run,
)
