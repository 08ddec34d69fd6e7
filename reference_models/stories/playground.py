"""A run as in a playground: D by plain SGD at 0.01, G by Adam at 0.01, batches of 15, 30 000 examples of digits.

Drawn beside the costs are their values at equilibrium: D's ``2 log 2`` and G's ``log 2`` (non-saturating). A cost of D
near 0 with one of G far above says that D wins. Examples per second are all examples through D over the wall clock of
all iterations, the measuring included; timing some iterations and scaling up flatters. Below stand real images and made
ones with D's verdicts in per cent, from least to most real.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.plots._style import FAKES, INK, REAL, WRONG, labels, legend, tidy, write
from gandiag.verdict_grid import VerdictGrid, plot_verdicts, verdict_grid
from reference_models.core.loop import Run, fit
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.core.stories import Story, Tale

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH, EXAMPLES, WINDOW, JUDGED = 15, 30_000, 50, 1000
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
    grid = verdict_grid(gan.model.networks["D"], gan.data.domains[0].values, gan.model.sample(JUDGED, Keys(seed, 5)))
    columns = {key: smoothed([row[key] for row in gan.history]) for key in ("d_loss", "g_loss", "d_real", "d_fake")}
    numbers: dict[str, Any] = {
        "examples": steps * BATCH,
        "seconds": round(float(times[-1]), 2),
        "examples_per_second": round(steps * BATCH / float(times[-1]), 1),
        "equilibrium": EQUILIBRIUM,
        "every": WINDOW,
        **columns,
        "d_rejects": round(grid.rejected, 4),
        "d_passes": round(grid.passed, 4),
        "d_on_real": [round(float(v), 3) for v in grid.on_real],
        "d_on_made": [round(float(v), 3) for v in grid.on_fake],
    }
    return Tale(numbers=numbers, figure=_figure(numbers, grid), holds=verdict(numbers))


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


def _figure(numbers: dict[str, Any], verdicts: VerdictGrid) -> Figure:
    from matplotlib.figure import Figure as NewFigure

    figure = NewFigure(figsize=(8.0, 5.4), layout="constrained")
    parts: Any = figure.subfigures(2, 1)
    above, below = parts
    costs, beliefs = above.subplots(1, 2)
    at = BATCH * WINDOW * (1 + np.arange(len(numbers["d_loss"])))
    for key, colour, name, dashes in (("d_loss", FAKES[0], "D", "-"), ("g_loss", WRONG, "G", (0, (6, 1.5)))):
        costs.plot(at, numbers[key], color=colour, linewidth=1.0, linestyle=dashes, label=f"cost of {name}")
        costs.axhline(EQUILIBRIUM[key], color=colour, linewidth=0.8, linestyle=(0, (1, 1.5)))
        write(costs, at[-1], EQUILIBRIUM[key], f"{name} at equilibrium", color=colour, ha="right", va="bottom")
    costs.set_ylim(bottom=0)
    tidy(costs, grid="y")
    labels(costs, x="examples", y="cost in nats, mean of 50 steps")
    legend(costs)
    for key, colour, name, dashes in (("d_real", REAL, "real", "-"), ("d_fake", FAKES[0], "made", (0, (6, 1.5)))):
        beliefs.plot(at, numbers[key], color=colour, linewidth=1.0, linestyle=dashes, label=f"D on {name}")
    beliefs.axhline(0.5, color=INK, linewidth=0.8, linestyle=(0, (1, 1.5)))
    beliefs.set_ylim(0, 1)
    beliefs.set_xticks([0, at[-1] // 2, at[-1]])  # three: more would run into each other
    tidy(beliefs)
    speed = f"{numbers['examples_per_second']:.0f} examples/s over {numbers['seconds']:.1f} s"
    labels(beliefs, x=f"examples ({speed})", y="mean of D")
    legend(beliefs)
    plot_verdicts(verdicts, ax=below.subplots(1, 2))
    return figure


STORY = Story(
    name="playground",
    claim="With plain SGD at 0.01 for D and Adam at 0.01 for G, in batches of 15, the two costs do not come to "
    "equilibrium: D tells real from made to the end.",
    run=run,
)
