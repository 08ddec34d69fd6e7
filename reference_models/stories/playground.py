"""A run as in a playground: D by plain SGD at 0.01, G by Adam at 0.01, batches of 15, 30 000 examples of digits.

Drawn beside the costs are their values at equilibrium: D's ``2 log 2`` and G's ``log 2`` (non-saturating). A cost of D
near 0 with one of G far above says that D wins. Examples per second are all examples through D over the wall clock of
all iterations, the measuring included; timing some iterations and scaling up flatters.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.plots._style import FAKES, INK, WRONG, labels, legend, tidy, write
from reference_models.core.loop import Run, fit
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.core.stories import Story, Tale
from reference_models.stories._tiles import tiled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH, EXAMPLES, WINDOW = 15, 30_000, 50
EQUILIBRIUM = {"d_loss": 2 * math.log(2), "g_loss": math.log(2)}


class Clock:
    """Notes the wall clock after every step."""

    def __init__(self, progress: Callable[[str, int, int], Any] | None) -> None:
        self.times, self._progress = [time.perf_counter()], progress

    def on_step(self, run: Run, scalars: object) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())
        if self._progress is not None and run.step % 50 == 0:
            self._progress("examples", run.step * BATCH, EXAMPLES)


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train on 30 000 examples, 7 500 in the quick form."""
    steps = EXAMPLES // BATCH // (4 if quick else 1)
    gan = begin(
        "gan",
        "cpu-digits",
        device="cpu",
        seed=seed,
        batch=BATCH,
        average=0.0,
        log_every=1,
        optimizer="adam",
        discriminator_optimizer="sgd",
        lr=0.01,
        discriminator_lr=0.01,
        beta1=0.9,
        hidden=[128],
        discriminator_hidden=[128],
    )
    clock = Clock(progress)
    fit(gan, steps, callbacks=[clock])
    times = np.array(clock.times) - clock.times[0]
    made = gan.model.sample(16, Keys(seed, 5)).cpu().numpy()[:, 0]
    columns = {key: smoothed([row[key] for row in gan.history]) for key in ("d_loss", "g_loss", "d_real", "d_fake")}
    numbers: dict[str, Any] = {
        "examples": steps * BATCH,
        "seconds": round(float(times[-1]), 2),
        "examples_per_second": round(steps * BATCH / float(times[-1]), 1),
        "equilibrium": EQUILIBRIUM,
        "every": WINDOW,
        **columns,
    }
    return Tale(numbers=numbers, figure=_figure(numbers, made), holds=verdict(numbers))


def smoothed(values: list[float]) -> list[float]:
    """Average over windows of 50 steps."""
    kept = len(values) // WINDOW * WINDOW
    return [round(float(v), 5) for v in np.array(values[:kept]).reshape(-1, WINDOW).mean(axis=1)]


def verdict(numbers: dict[str, Any]) -> bool:
    """Check that the run is out of balance: D's cost well below equilibrium, G's well above, and D knows both apart."""
    tail = {key: float(np.mean(numbers[key][len(numbers[key]) // 2 :])) for key in ("d_loss", "g_loss")}
    sure = float(np.mean(numbers["d_real"][-5:])) - float(np.mean(numbers["d_fake"][-5:]))
    low, high = 0.85, 1.2  # shares of the values at equilibrium
    return tail["d_loss"] < low * EQUILIBRIUM["d_loss"] and tail["g_loss"] > high * EQUILIBRIUM["g_loss"] and sure > 0.1


def _figure(numbers: dict[str, Any], made: Any) -> Figure:
    from matplotlib.figure import Figure as NewFigure

    figure = NewFigure(figsize=(8.0, 3.0), layout="constrained")
    costs, beliefs, grid = figure.subplots(1, 3, width_ratios=[1.3, 1.0, 0.9])
    at = BATCH * WINDOW * (1 + np.arange(len(numbers["d_loss"])))
    for key, colour, name in (("d_loss", FAKES[0], "D"), ("g_loss", WRONG, "G")):
        costs.plot(at, numbers[key], "-", color=colour, linewidth=1.0, label=f"cost of {name}")
        costs.axhline(EQUILIBRIUM[key], color=colour, linewidth=0.8, linestyle="--")
        write(costs, at[-1], EQUILIBRIUM[key], f"{name} at equilibrium", color=colour, ha="right", va="bottom")
    costs.set_ylim(bottom=0)
    tidy(costs, grid="y")
    labels(costs, x="examples", y="cost in nats, mean of 50 steps")
    legend(costs)
    for key, colour, name in (("d_real", FAKES[1], "real"), ("d_fake", WRONG, "made")):
        beliefs.plot(at, numbers[key], "-", color=colour, linewidth=1.0, label=f"D on {name}")
    beliefs.axhline(0.5, color=INK, linewidth=0.8, linestyle="--")
    beliefs.set_ylim(0, 1)
    beliefs.set_xticks([0, at[-1] // 2, at[-1]])  # three: more would run into each other
    tidy(beliefs)
    labels(beliefs, x="examples", y="mean of D")
    legend(beliefs)
    grid.imshow(tiled(made, 4, 4), cmap="gray_r", vmin=-1, vmax=1)
    grid.set_axis_off()
    speed = f"{numbers['examples_per_second']:.0f} examples/s, {numbers['seconds']:.1f} s"
    labels(grid, title=speed)
    return figure


STORY = Story(
    name="playground",
    claim="With plain SGD at 0.01 for D and Adam at 0.01 for G, in batches of 15, the two costs do not come to "
    "equilibrium: D tells real from made to the end.",
    run=run,
)
