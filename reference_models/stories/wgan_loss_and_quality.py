"""A loss that means something: the WGAN's falls with the distance to the data, the GAN's does not.

Both are trained on the ring of eight modes. Along the way the exact W1 between 400 real and 400 made rows is computed
by the best pairing, and the modes are counted; the losses are means of the last twenty steps. The WGAN's is minus its
critic's loss, which estimates W1; the GAN's is the loss of its generator. Of two samples W1 is not 0 even for equal
laws: the dotted line is what two real ones have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gandiag
from gandiag.core.rng import stream
from gandiag.numerics.transport import assignment_cost
from gandiag.plots._style import FAKES, REAL, labels, legend, new_pair, tidy, write
from reference_models.core.loop import Run, fit
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.core.stories import Story, Tale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Matrix = NDArray[np.float64]

DATA = "toy:ring8"
ROWS = 400
SIGMAS = 3.0
SHOWN = {"wgan": ("w_estimate", "critic's estimate"), "gan": ("g_loss", "generator's loss")}


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train both, and measure along the way."""
    steps, marks = (400, 8) if quick else (2500, 14)
    runs = {name: begin(name, "cpu", seed=seed, device="cpu", average=0.0, log_every=1) for name in SHOWN}
    at = [round(float(step)) for step in np.geomspace(25, steps, marks)]
    numbers: dict[str, Any] = {"step": at}
    for i, (name, one) in enumerate(runs.items()):
        numbers[name] = followed(one, at, SHOWN[name][0])
        if progress is not None:
            progress("models", i + 1, len(runs))
    numbers["w1_floor"] = floor()
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def followed(run: Run, at: list[int], loss: str) -> dict[str, Any]:
    """Train, and give the loss, the exact distance and the number of modes at some steps."""
    rows = []
    for step in at:
        fit(run, step)
        x = run.model.sample(ROWS, Keys(0)).double().numpy()
        recent = [row[loss] for row in run.history[-20:]]
        rows.append((float(np.mean(recent)), distance(real(0), x), modes(x)))
    losses, distances, counts = (list(column) for column in zip(*rows, strict=True))
    return {"loss": losses, "w1": distances, "modes": counts, "rank_correlation": rank_correlation(losses, distances)}


def verdict(numbers: dict[str, Any]) -> bool:
    """Check that one loss ranks the checkpoints as the exact distance does, and that the other does not."""
    return bool(numbers["wgan"]["rank_correlation"] >= 0.8 and numbers["gan"]["rank_correlation"] < 0.5)


def real(part: int) -> Matrix:
    """Draw from the ring."""
    drawn = gandiag.open_sampler(DATA).sample(ROWS, rng=stream(part, "wgan_loss_and_quality"))
    return np.asarray(drawn.values, dtype=np.float64)


def distance(x: Matrix, y: Matrix) -> float:
    """Give W1 of two samples of equal size."""
    return assignment_cost(np.linalg.norm(x[:, None] - y[None], axis=2))


def floor() -> float:
    """Give the mean W1 of two real samples."""
    return float(np.mean([distance(real(2 * i), real(2 * i + 1)) for i in range(8)]))


def modes(x: Matrix) -> int:
    """Count modes with at least 1 % of the rows within three standard deviations."""
    angles = 2 * np.pi * np.arange(8) / 8
    centres = 2.0 * np.column_stack([np.cos(angles), np.sin(angles)])
    near = np.linalg.norm(x[:, None] - centres[None], axis=2) <= SIGMAS * 0.02
    return int((near.mean(axis=0) >= 0.01).sum())


def rank_correlation(one: list[float], other: list[float]) -> float:
    """Give Spearman's correlation."""
    first, second = (np.argsort(np.argsort(values)).astype(float) for values in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


def _figure(numbers: dict[str, Any]) -> Figure:
    axes = new_pair(width=7.6, height=3.2)
    for ax, (name, (_, loss)), title in zip(axes, SHOWN.items(), ("WGAN-GP", "GAN, non-saturating"), strict=True):
        _draw(ax, numbers, name, loss)
        labels(ax, title=title, x="step of the generator", y="W1, and the loss in its own units")
    top = max(max(numbers[name][key]) for name in SHOWN for key in ("loss", "w1"))
    for ax in axes:
        ax.set_ylim(0, 1.35 * top)
    figure: Figure = axes[0].get_figure()
    return figure


def _draw(ax: Axes, numbers: dict[str, Any], name: str, loss: str) -> None:
    at, found = numbers["step"], numbers[name]
    ax.plot(at, found["w1"], "o-", color=REAL, linewidth=1.0, markersize=3.5, label="W1 to the data, exact")
    ax.plot(at, found["loss"], "s-", color=FAKES[0], linewidth=1.2, markersize=3.5, label=loss)
    ax.axhline(numbers["w1_floor"], color=REAL, linestyle=":", linewidth=0.9, label="W1 of two real samples")
    for step, count, height in zip(at, found["modes"], found["w1"], strict=True):
        write(ax, step, height, f"{count}", ha="center", va="bottom", fontsize=6)
    ax.set_xscale("log")
    ax.set_xticks(at[::2], [str(step) for step in at[::2]])
    ax.minorticks_off()
    tidy(ax, grid="y")
    write(ax, 0.97, 0.95, f"rank correlation {found['rank_correlation']:.2f}", transform=ax.transAxes, ha="right")
    legend(ax, loc="upper right", bbox_to_anchor=(1.0, 0.94), ncols=1)
    write(ax, 0.97, 0.6, "numbers: modes held, of 8", transform=ax.transAxes, ha="right")


STORY = Story(
    name="wgan_loss_and_quality",
    claim="The WGAN's critic estimates a distance that falls as samples improve; a GAN's loss does not.",
    run=run,
)
