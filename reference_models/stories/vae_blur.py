"""Why the samples of a VAE look soft: its decoder's mean is an average over images that share a code.

The sharpness of an image is its share of fine detail: the mean square of its discrete Laplacian. Copies and decoded
means have less of it than the data. Drawing from the model as it is, with the noise of its Gaussian head, brings power
back at high frequencies, but as grain on every pixel, blank paper included, and not as edges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

import gandiag
from gandiag.plots._style import FAINT, FAKES, REAL, WRONG, labels, legend, tidy
from reference_models.acceptance.restorations import detail
from reference_models.core.rng import Keys
from reference_models.core.running import train
from reference_models.core.stories import Story, Tale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Images = NDArray[np.float64]
SHOWN = 9
COLOURS = {"data": REAL, "copies": FAKES[0], "means": FAKES[1], "with noise": WRONG}


def grain(x: Images, data: Images) -> float:
    """Mean square of the pixels that are blank in the data: 0 on clean paper."""
    return float(np.square(x[:, data.mean(axis=0) < 0.01]).mean())


def spectrum(x: Images) -> list[float]:
    """Mean power at 1, 2, ... waves per image, averaged over directions."""
    power = np.square(np.abs(np.fft.fft2(x))).mean(axis=0) / x[0].size
    waves = np.fft.fftfreq(x.shape[1], 1 / x.shape[1])
    radius = np.rint(np.hypot(*np.meshgrid(waves, waves, indexing="ij"))).astype(int)
    return [float(power[radius == r].mean()) for r in range(1, x.shape[1] // 2 + 1)]


def accuracy(real: Images, fake: Images, seed: int) -> float:
    """Measure the held-out accuracy of a two-sample classifier; 0.5 is guessing."""
    found = gandiag.score(real, fake, metrics=["c2st"], seed=seed)["c2st"].estimate
    return 0.5 if found is None else 0.5 * (1 + found)


def laws(*, seed: int, steps: int, callbacks: list[Any]) -> dict[str, Images]:
    """Train a VAE on one half of the digits, and give the other half, its copies, and both kinds of samples."""
    run = train("vae", "cpu", seed=seed, steps=steps, device="cpu", callbacks=callbacks)
    sampler = gandiag.open_sampler("data:digits?split=test")
    real = sampler.sample(sampler.size or 0, rng=np.random.default_rng(seed))
    x, keys, model = run.data.units.to_model(np.asarray(real.values)), Keys(seed), run.model
    with torch.no_grad():
        out = model.networks["decoder"](keys.normal("z", len(x), model.config.latent))
        found = {
            "data": x,
            "copies": model.decode(model.encode(x)),  # type: ignore[attr-defined]
            "means": model.head.mean(out),  # type: ignore[attr-defined]
            "with noise": model.head.observe(out, keys),  # type: ignore[attr-defined]
        }
    return {name: rows[:, 0].clamp(0, 1).double().numpy() for name, rows in found.items()}


class Watch:
    """Passes the steps of training on."""

    def __init__(self, progress: Callable[[str, int, int], Any], total: int) -> None:
        self.progress, self.total = progress, total

    def on_step(self, run: Any, scalars: Any) -> None:
        """Report every tenth step."""
        if run.step % 10 == 0:
            self.progress("VAE", run.step, self.total)


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train, and measure sharpness and what a classifier sees."""
    steps = 300 if quick else 4000
    found = laws(seed=seed, steps=steps, callbacks=[] if progress is None else [Watch(progress, steps)])
    numbers: dict[str, Any] = {
        "laws": list(found),
        "detail": [detail(x) for x in found.values()],
        "grain": [grain(x, found["data"]) for x in found.values()],
        "spectrum": [spectrum(x) for x in found.values()],
        "accuracy": [accuracy(found["data"], found[name], seed) for name in ("means", "with noise")],
    }
    return Tale(numbers=numbers, figure=_figure(found, numbers), holds=verdict(numbers))


def verdict(numbers: dict[str, Any]) -> bool:
    """Check that copies and means are smoother than data by a tenth, and that noise adds power, on blank paper too."""
    fine, dirt = (dict(zip(numbers["laws"], numbers[key], strict=True)) for key in ("detail", "grain"))
    finest = dict(zip(numbers["laws"], (s[-1] for s in numbers["spectrum"]), strict=True))
    soft = max(fine["copies"], fine["means"]) < 0.9 * fine["data"] and finest["means"] < 0.9 * finest["data"]
    grainy = dirt["with noise"] > 2 * max(dirt["data"], dirt["means"])
    return bool(soft and grainy and finest["with noise"] > 1.1 * finest["means"])


def _figure(found: dict[str, Images], numbers: dict[str, Any]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 2.9), layout="constrained")
    grid = figure.add_gridspec(1, 3, width_ratios=[2.3, 1.0, 1.1])
    told = dict(zip(("means", "with noise"), numbers["accuracy"], strict=True))
    titles = [f"{name}\ntold apart: {told[name]:.0%}" if name in told else name for name in found]
    _draw_pictures(figure.add_subplot(grid[0]), found, titles)
    _draw_detail(figure.add_subplot(grid[1]), numbers)
    _draw_spectrum(figure.add_subplot(grid[2]), numbers)
    return figure


def _draw_pictures(ax: Axes, found: dict[str, Images], titles: list[str]) -> None:
    side = next(iter(found.values())).shape[1]
    tile = side + 1
    sheet = np.full((len(found) * tile - 1, SHOWN * tile - 1), np.nan)
    for row, images in enumerate(found.values()):
        for column, image in enumerate(images[:SHOWN]):
            sheet[row * tile : row * tile + side, column * tile : column * tile + side] = image
    ax.imshow(sheet, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([row * tile + side / 2 for row in range(len(found))], titles)
    for edge in ax.spines.values():
        edge.set_color(FAINT)
    ax.tick_params(labelsize=8, length=0)


def _draw_detail(ax: Axes, numbers: dict[str, Any]) -> None:
    ax.bar(numbers["laws"], numbers["detail"], color=[COLOURS[name] for name in numbers["laws"]])
    for x, value in enumerate(numbers["detail"]):
        ax.annotate(f"{value:.2f}", (x, value), ha="center", va="bottom", fontsize=7)
    tidy(ax, grid="y")
    ax.tick_params(axis="x", rotation=30)
    labels(ax, y="detail: mean square of the Laplacian")


def _draw_spectrum(ax: Axes, numbers: dict[str, Any]) -> None:
    for name, marker, power in zip(numbers["laws"], "o+xs", numbers["spectrum"], strict=True):
        waves = range(1, len(power) + 1)
        ax.plot(waves, power, f"{marker}-", color=COLOURS[name], markersize=4, linewidth=1.0, label=name)
    ax.set_yscale("log")
    ax.set_yticks([0.01, 0.02, 0.05, 0.1, 0.2, 0.5], ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5"])
    ax.minorticks_off()
    ax.set_xticks(list(waves))
    tidy(ax, grid="y")
    labels(ax, x="waves per image", y="power")
    legend(ax, ncols=2)


STORY = Story(
    name="vae_blur",
    claim="What a VAE decodes is smoother than data; the noise of its head brings power back at high frequencies, but "
    "as grain, on blank paper too.",
    run=run,
)
