"""CycleGAN on digits, with the true map as its judge: what works, and what looks as if it worked.

Domain b holds inverted digits, of other digits than domain a. Without identity loss the translation finds the true map.
With a strong identity loss, which asks G to leave images of b as they are, the cycle closes as well, but the pictures
are wrong: no error of the cycle tells, the true map does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gandiag.datasets.domains import true_map
from gandiag.plots._style import FAKES, WRONG, write
from reference_models.acceptance.bars import failed
from reference_models.core.loop import fit
from reference_models.core.running import begin
from reference_models.core.stories import Story, Tale
from reference_models.oracles.translation import BARS, TOP, bundled, digits, judged, translators

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "invert"
SHOWN = 8
WEIGHTS = {"no identity loss": 0.0, "identity loss, weight 20": 20.0}
ROWS = ("digit a", "G(a)", "true map", "F(G(a))")


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Train with and without identity loss, and judge both."""
    steps = 160 if quick else 600
    numbers: dict[str, Any] = {"steps": steps}
    pictures = {}
    for i, (name, weight) in enumerate(WEIGHTS.items()):
        settings: dict[str, Any] = {"identity": weight, "constant": steps // 2, "decay": steps // 2}
        one = fit(begin("cyclegan", "cpu", seed=seed, device="cpu", **settings), steps)
        there, back = translators(one.model)
        found = judged(there, back, bundled(KIND))
        numbers[name] = {**found, "misses": failed(list(BARS), found)}
        x = digits("test")[0][:SHOWN]
        pictures[name] = np.stack([x, there(x), true_map(x, KIND), back(there(x))])
        if progress is not None:
            progress("models", i + 1, len(WEIGHTS))
    return Tale(numbers=numbers, figure=_figure(numbers, pictures), holds=verdict(numbers))


def verdict(numbers: dict[str, Any]) -> bool:
    """Check that one translation is the true map's, and that the other closes its cycle and is not."""
    good, bad = (numbers[name] for name in WEIGHTS)
    found = good["paired_to_offset"] <= 0.5 and good["label"] >= 0.9
    missed = bad["paired_to_offset"] > 0.5 or bad["label"] < 0.9
    return bool(found and missed and bad["cycle"] <= 0.1 and bad["paired"] > 2 * good["paired"])


def _figure(numbers: dict[str, Any], pictures: dict[str, NDArray[np.float64]]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 2.5), layout="constrained")
    for ax, (name, rows), colour in zip(figure.subplots(1, 2), pictures.items(), (FAKES[0], WRONG), strict=True):
        ax.imshow(_tiled(rows), cmap="gray", vmin=0, vmax=TOP, interpolation="nearest")
        ax.set_axis_off()
        found = numbers[name]
        text = f"cycle error {found['cycle']:.3f}, error to the true map {found['paired']:.3f}"
        write(ax, 0, 1.15, name, transform=ax.transAxes, color=colour, fontweight="bold", fontsize=8)
        write(ax, 0, 1.03, f"{text}, digits kept {found['label']:.0%}", transform=ax.transAxes)
        for row, label in enumerate(ROWS):
            write(ax, -1.5, 9 * row + 4, label, ha="right", va="center", fontsize=6)
    return figure


def _tiled(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lay images side by side with a grey line between, shape (9 k - 1, 9 n - 1)."""
    k, n = rows.shape[:2]
    out = np.full((9 * k, 9 * n), 0.5 * TOP)
    for i in range(k):
        for j in range(n):
            out[9 * i : 9 * i + 8, 9 * j : 9 * j + 8] = rows[i, j]
    return out[:-1, :-1]


STORY = Story(
    name="cyclegan_digits",
    claim="A CycleGAN finds the inversion of digits without a single pair; with a strong identity loss its cycle "
    "closes as well and the translation is wrong, which only the true map tells.",
    run=run,
)
