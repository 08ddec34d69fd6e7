"""FID's bias against 1/N, rankings that flip with it, and the limit at infinitely many rows, on Gaussians.

Chong & Forsyth 2020 ("Effectively unbiased FID and inception score", section 3): FID is biased by about C/N with a C
that depends on the generator, so of two generators the worse one may have the better FID; a line through FID at
several N gives the limit. On Gaussian rows all is known: the distance itself, and the bias under equal laws
(`gaussian_floor`). Generator A spreads too wide, generator B too little; A is better, and reads worse where N is
small.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.numerics.frechet_distance import frechet_distance, gaussian_floor
from gandiag.numerics.frechet_limit import frechet_limit
from gandiag.plots._style import FAKES, REAL, labels, legend, tidy
from reference_models.core.published import Beside, Published
from reference_models.core.rng import Keys
from reference_models.core.stories import Tale
from reference_models.published._asking import Matrix
from reference_models.published._panels import panels, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 16
SPREAD = {"equal": 1.0, "A": 1.09, "B": 0.875}
EXACT = {name: COLUMNS * (1.0 - spread) ** 2 for name, spread in SPREAD.items()}


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Measure the distance at several N, and the limit at the largest."""
    rows = [100, 1600] if quick else [100, 200, 400, 800, 1600]
    times = 12 if quick else 60
    numbers: dict[str, Any] = {"rows": rows, "times": times, "exact": EXACT}
    numbers["floor"] = [gaussian_floor(np.eye(COLUMNS), n, n)[0] for n in rows]
    for name in (*EXACT, "A less B"):
        numbers[name] = {"mean": [], "error": []}
    for place, n in enumerate(rows):
        # One set of rows for all generators: their difference is then known far better than each.
        found = {
            g: np.array([frechet_distance(*drawn(g, n, Keys(seed, n).numpy("rows", i))) for i in range(times)])
            for g in EXACT
        }
        for name, values in (*found.items(), ("A less B", found["A"] - found["B"])):
            _keep(numbers[name], values)
        if progress is not None:
            progress("sizes", place + 1, len(rows))
    for g in EXACT:
        numbers[g]["limit"] = _keep({"mean": [], "error": []}, limits(g, rows[-1], times, seed))
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def drawn(generator: str, n: int, rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Draw n real rows of N(0, I) and n of a generator."""
    real, fake = rng.standard_normal((2, n, COLUMNS))
    return real, fake * SPREAD[generator]


def limits(generator: str, n: int, times: int, seed: int) -> Matrix:
    """Extrapolate to infinitely many rows, again and again."""
    found = []
    for i in range(max(4, times // 4)):
        rng = Keys(seed, n).numpy(f"{generator} limit", i)
        real, fake = drawn(generator, n, rng)
        limit = frechet_limit(real, fake, full=frechet_distance(real, fake), rng=rng)
        if limit is not None:
            found.append(limit.value)
    return np.array(found)


def _keep(kept: dict[str, list[float]], found: Matrix) -> dict[str, list[float]]:
    kept["mean"].append(float(np.mean(found)))
    kept["error"].append(float(np.std(found, ddof=1) / math.sqrt(len(found))))
    return kept


def verdict(numbers: dict[str, Any]) -> bool:
    """Check bias at equal laws and limits (4.5 se and the next order of 1/N), and the flip of the ranking."""
    rows, floor = np.array(numbers["rows"]), np.array(numbers["floor"])
    equal = {name: np.array(numbers["equal"][name]) for name in ("mean", "error")}
    # The floor is the first order in 1/N; the next is d/N of it.
    floors = np.abs(equal["mean"] - floor) <= 4.5 * equal["error"] + floor * COLUMNS / rows
    limits_hold = all(
        abs(numbers[g]["limit"]["mean"][0] - numbers["exact"][g])
        <= 4.5 * numbers[g]["limit"]["error"][0] + floor[-1] * 4.0 * COLUMNS / rows[-1]
        for g in EXACT
    )
    gap, error = (np.array(numbers["A less B"][name]) for name in ("mean", "error"))
    flips = gap[0] > 3 * error[0] and gap[-1] < -3 * error[-1]
    biased = all(numbers[g]["mean"][0] > numbers[g]["mean"][-1] > numbers["exact"][g] for g in EXACT)
    return bool(floors.all() and limits_hold and flips and biased)


def beside(numbers: dict[str, Any]) -> list[Beside]:
    """Compare readings and limits with the exact distances."""
    rows = numbers["rows"]
    lines = [
        Beside(
            what=f"one law, N = {n}",
            ours=numbers["equal"]["mean"][i],
            known=numbers["floor"][i],
            by="(2/N) d (d + 5)/4, first order",
        )
        for i, n in enumerate(rows)
        if i in (0, len(rows) - 1)
    ]
    for i in (0, len(rows) - 1):
        gap = numbers["exact"]["A"] - numbers["exact"]["B"]
        lines.append(
            Beside(
                what=f"A less B, N = {rows[i]}", ours=numbers["A less B"]["mean"][i], known=gap, by="exact: A is better"
            )
        )
    for generator in ("A", "B"):
        cells = numbers[generator]
        lines += [
            Beside(
                what=f"generator {generator}, N = {rows[0]}",
                ours=cells["mean"][0],
                known=numbers["exact"][generator],
                by="exact",
            ),
            Beside(
                what=f"generator {generator}, the limit (± {cells['limit']['error'][0]:.2g})",
                ours=cells["limit"]["mean"][0],
                known=numbers["exact"][generator],
                by="exact",
            ),
        ]
    return lines


def _figure(numbers: dict[str, Any]) -> Figure:
    (ax,) = panels(1, width=4.6, height=3.3)
    x = 1.0 / np.array(numbers["rows"])
    colours = {"equal": REAL, "A": FAKES[0], "B": FAKES[1]}
    titles = {"equal": "one law", "A": "A: too wide", "B": "B: too narrow"}
    for generator, colour in colours.items():
        cells = numbers[generator]
        points(ax, x, cells["mean"], cells["error"], colour=colour, label=titles[generator], fmt="o-")
        limit = cells["limit"]
        points(ax, [0.0], limit["mean"], limit["error"], colour=colour, label="_", fmt="D", mfc="white")
        ax.plot([-0.0006], [numbers["exact"][generator]], ">", color=colour, markersize=6)
    ax.plot(x, numbers["floor"], ":", color=REAL, linewidth=1.2, label="bias under one law, first order")
    tidy(ax, grid="y")
    labels(ax, x="1 / N (at 0: the limit, diamonds; exact, triangles)", y=f"Fréchet distance, d = {COLUMNS}")
    legend(ax, loc="upper left", bbox_to_anchor=(0.0, 1.0), ncols=1)
    figure: Figure = ax.get_figure(root=True)  # type: ignore[assignment]
    return figure


FIGURE = Published(
    name="frechet_bias",
    title="FID's bias, rankings that flip, and the limit",
    source="Chong & Forsyth 2020, FID against 1/N and FID at infinity",
    shows="FID falls along a line in 1/N whose slope depends on the generator, so rankings depend on N; the line's "
    "value at 0 does not.",
    claim="On Gaussians the reading falls like 1/N to the exact distance, the better of two generators reads worse at "
    "N = 100 and better at many rows, and the extrapolated limit is the exact value.",
    run=run,
    beside=beside,
    deviates="The paper extrapolates Inception features of images over 15 sizes from 5 000 to 50 000 and draws "
    "quasi-random latents; here rows are Gaussian in 16 columns, so that the truth is known, and sizes are disjoint "
    "quarters and more.",
)
