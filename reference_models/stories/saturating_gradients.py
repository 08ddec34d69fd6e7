"""Why the minimax loss is not used as it is written: its gradient dies where the discriminator wins.

A generator stands still and its discriminator learns on. The norm of the generator's gradient is measured at every
stage under both losses (Goodfellow et al. 2014, section 3). Sample by sample the minimax gradient is ``D / (1 - D)``
times the non-saturating one, so the whole falls with D's belief in the samples, to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gandiag.plots._style import FAKES, INK, WRONG, labels, legend, new_pair, tidy
from reference_models.core.loop import fit
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.core.stories import Story, Tale
from reference_models.models.gan import GENERATOR_LOSSES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = {"saturating": (WRONG, "x"), "non_saturating": (FAKES[0], "+"), "least_squares": (FAKES[1], ".")}
ROWS = 256


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train D against a generator that stands still, and measure the generator's gradients meanwhile."""
    steps = 300 if quick else 2000
    stages = np.unique(np.geomspace(1, steps, 16).astype(int))
    gan = begin(
        "gan",
        "smoke",
        device="cpu",
        seed=seed,
        batch=128,
        lr=0.0,
        discriminator_lr=1e-2,
        discriminator_hidden=[64, 64],
        hidden=[64],
    )
    z = Keys(seed, 1).normal("shown", ROWS, 4)
    found: dict[str, Any] = {"step": [], "d_fake": [], **{name: [] for name in GENERATOR_LOSSES}}
    for stage in stages:
        fit(gan, int(stage))
        found["step"].append(int(stage))
        for key, value in measured(gan.model, z).items():
            found[key].append(value)
        if progress is not None:
            progress("D learns", int(stage), steps)
    return Tale(numbers=found, figure=_figure(found), holds=verdict(found))


def measured(model: Any, z: Tensor) -> dict[str, float]:
    """Measure how likely D thinks the samples, and the norm of G's gradient under each loss."""
    norms = {}
    for name, loss in GENERATOR_LOSSES.items():
        gradients = torch.autograd.grad(loss(model.D(model.G(z))), list(model.G.parameters()))
        norms[name] = float(torch.cat([g.flatten() for g in gradients]).norm())
    with torch.no_grad():
        belief = model.D(model.G(z)).sigmoid().mean()
    return {"d_fake": float(belief), **norms}


def verdict(numbers: dict[str, Any]) -> bool:
    """Check the start, where both are alive, and the end, where only one is."""
    saturating, other = np.array(numbers["saturating"]), np.array(numbers["non_saturating"])
    alive = other[-1] > 0.3 * other[0]
    return bool(saturating[0] / other[0] > 0.3 and saturating[-1] / other[-1] < 1e-2 and alive)


def _figure(numbers: dict[str, Any]) -> Figure:
    left, right = new_pair(width=7.4, height=3.0)
    for name, (colour, marker) in STYLES.items():
        words = name.replace("_", "-")
        left.plot(numbers["step"], numbers[name], f"{marker}-", color=colour, linewidth=1.0, markersize=4, label=words)
    left.set_xscale("log")
    left.set_yscale("log")
    tidy(left, grid="y")
    labels(left, x="steps of D, G standing still", y="norm of G's gradient")
    legend(left)
    ratio = np.array(numbers["saturating"]) / np.array(numbers["non_saturating"])
    d = np.array(numbers["d_fake"])
    right.plot(d / (1 - d), d / (1 - d), "-", color=INK, linewidth=0.8, label="were D the same for all samples")
    right.plot(d / (1 - d), ratio, "x", color=WRONG, markersize=5, label="measured")
    right.set_xscale("log")
    right.set_yscale("log")
    tidy(right, grid="both")
    labels(right, x="D / (1 - D) at the mean D", y="saturating over non-saturating norm")
    legend(right)
    figure: Figure = left.get_figure()
    return figure


STORY = Story(
    name="saturating_gradients",
    claim="As the discriminator wins, the gradient of the saturating loss falls below a hundredth of the "
    "non-saturating one's, which lives on.",
    run=run,
)
