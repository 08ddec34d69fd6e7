"""The duality gap and the rotation of players, on the bilinear game x y and on the Dirac-GAN.

Grnarova et al. 2019 ("A domain agnostic measure for monitoring and evaluating GANs"): the duality gap is 0 at
equilibrium and nowhere else, so it says whether training converges, which losses do not. Mescheder, Geiger & Nowozin
2018 ("Which training methods for GANs do actually converge?"): simultaneous steps spiral out, alternating ones circle,
the penalty R1 brings them in. Factors per step and turns are the exact ones of `reference_models.oracles`; the gap is
that of `gandiag.monitor`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from gandiag.monitor.duality import bilinear_gap
from gandiag.plots._style import FAKES, WRONG, labels, legend, tidy
from reference_models.core.published import Beside, Published
from reference_models.core.rng import Keys
from reference_models.core.stories import Tale
from reference_models.oracles import bilinear_game, dirac_gan
from reference_models.published._asking import Matrix
from reference_models.published._panels import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEP, DIRAC_STEP, GAMMA = 0.1, 0.2, 0.3
METHODS = ("simultaneous", "alternating", "extragradient")
DIRACS: dict[str, dict[str, Any]] = {
    "simultaneous": {},
    "alternating": {"alternating": True},
    "R1 penalty": {"gamma": GAMMA},
}
COLOURS = (WRONG, FAKES[4], FAKES[0])


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Play both games with every method."""
    steps = 189 if quick else 440
    start = _start(seed)
    numbers: dict[str, Any] = {"steps": steps, "start": start.tolist(), "step": STEP, "dirac_step": DIRAC_STEP}
    for method in METHODS:
        path = bilinear_game.path(method, STEP, 0.08 * start, steps)
        gap = [bilinear_gap([[1.0]], [x], [y]) for x, y in path]
        numbers[f"bilinear {method}"] = told(path, bilinear_game.factor(method, STEP)) | {"gap": rounded(gap)}
    for name, options in DIRACS.items():
        path = dirac_gan.path(0.01 * start, DIRAC_STEP, steps, loss="saturating", **options)
        numbers[f"dirac {name}"] = told(path, dirac_gan.factor(DIRAC_STEP, loss="saturating", **options))
    numbers["turns"] = bilinear_game.turns(STEP, steps)
    numbers["dirac_turns"] = steps * math.atan(0.5 * DIRAC_STEP) / (2.0 * math.pi)
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def _start(seed: int) -> Matrix:
    angle = 2.0 * math.pi * float(Keys(seed).numpy("angle").random())
    return np.array([math.cos(angle), math.sin(angle)])


def told(path: Matrix, exact: float) -> dict[str, Any]:
    """Measure a path: radius, turns, and the factor per step as the slope of the logarithm of the radius."""
    radius = np.hypot(path[:, 0], path[:, 1])
    angle = np.unwrap(np.arctan2(path[:, 1], path[:, 0]))
    slope = np.polyfit(np.arange(len(path)), np.log(radius), 1)[0]
    return {
        "radius": rounded(radius),
        "turns": float(abs(angle[-1] - angle[0]) / (2.0 * math.pi)),
        "factor": float(math.exp(slope)),
        "factor_exact": exact,
    }


def rounded(values: ArrayLike) -> list[float]:
    """Keep six digits: paths are long."""
    return [float(f"{value:.6g}") for value in np.asarray(values)]


def verdict(numbers: dict[str, Any]) -> bool:
    """Check factors and turns against the exact ones, and that the gap falls where players converge and only there."""
    # Alternating play and R1 keep an ellipse: the fitted slope wobbles by its axes over the steps.
    loose = 10.0 / numbers["steps"] ** 2
    agree = all(abs(n["factor"] - n["factor_exact"]) <= loose for n in _games(numbers).values())
    turns = abs(numbers["bilinear simultaneous"]["turns"] - numbers["turns"]) <= 1e-6
    # The logits are near enough to 0 for the linear law, up to a tenth of a turn.
    dirac = abs(numbers["dirac simultaneous"]["turns"] - numbers["dirac_turns"]) <= 0.1
    gaps = {m: np.array(numbers[f"bilinear {m}"]["gap"]) for m in METHODS}
    radii = {m: np.array(numbers[f"bilinear {m}"]["radius"]) for m in METHODS}
    # |x| + |y| lies between the radius and sqrt(2) of it.
    bounded = all(
        bool(((gaps[m] >= (1.0 - 1e-5) * radii[m]) & (gaps[m] <= (1.0 + 1e-5) * math.sqrt(2.0) * radii[m])).all())
        for m in METHODS
    )
    told_apart = (
        gaps["simultaneous"][-1] > gaps["simultaneous"][0]
        and gaps["extragradient"][-1] < gaps["extragradient"][0] / 1.5
    )
    return bool(agree and turns and dirac and bounded and told_apart)


def _games(numbers: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: value for name, value in numbers.items() if name.startswith(("bilinear ", "dirac "))}


def beside(numbers: dict[str, Any]) -> list[Beside]:
    """Compare factors and turns with the exact ones."""
    lines = [
        Beside(
            what=f"factor per step, {name}",
            ours=f"{game['factor']:.7f}",
            known=f"{game['factor_exact']:.7f}",
            by="exact",
        )
        for name, game in _games(numbers).items()
    ]
    return [
        *lines,
        Beside(
            what="turns, bilinear simultaneous",
            ours=numbers["bilinear simultaneous"]["turns"],
            known=numbers["turns"],
            by="exact",
        ),
        Beside(
            what="turns, dirac simultaneous",
            ours=numbers["dirac simultaneous"]["turns"],
            known=numbers["dirac_turns"],
            by="exact near 0",
        ),
    ]


def _figure(numbers: dict[str, Any]) -> Figure:
    left, middle, right = panels(3)
    steps = np.arange(numbers["steps"] + 1)
    for method, colour in zip(METHODS, COLOURS, strict=True):
        game = numbers[f"bilinear {method}"]
        left.plot(steps, game["radius"], color=colour, linewidth=1.0, label=method)
        middle.plot(steps, game["gap"], color=colour, linewidth=1.0, label=method)
    for name, colour in zip(DIRACS, COLOURS, strict=True):
        game = numbers[f"dirac {name}"]
        right.plot(steps, np.array(game["radius"]) / game["radius"][0], color=colour, linewidth=1.0, label=name)
    for ax, title, y in (
        (left, f"x y, step {STEP:g}", "distance to equilibrium"),
        (middle, f"x y, step {STEP:g}", "duality gap"),
        (right, f"Dirac-GAN, step {DIRAC_STEP:g}", "distance, in units of the start"),
    ):
        ax.set_yscale("log")
        tidy(ax, grid="y")
        labels(ax, title=title, x="steps", y=y)
    legend(left, loc="upper left", bbox_to_anchor=(0.0, 1.0), ncols=1)
    legend(right, loc="lower left", bbox_to_anchor=(0.0, 0.0), ncols=1)
    figure: Figure = left.get_figure(root=True)  # type: ignore[assignment]
    return figure


FIGURE = Published(
    name="game_rotation",
    title="Duality gap and rotation",
    source="Grnarova et al. 2019, the duality gap; Mescheder, Geiger & Nowozin 2018, the Dirac-GAN",
    shows="Simultaneous steps spiral out, alternating ones circle, extragradient and R1 converge; the duality gap "
    "tells them apart where no loss does.",
    claim="Factors per step and turns are the exact ones of the eigenvalues, and the duality gap falls to 0 where the "
    "players converge and only there.",
    run=run,
    beside=beside,
    deviates="Both papers also train networks; here are the two games in which everything is known. The gap is that "
    "of the game on boxes, the Dirac-GAN starts near its equilibrium, and R1 has gamma = 0.3.",
)
