"""Density and coverage against precision and recall: one real outlier, and modes that are dropped.

Naeem, Oh, Uh, Choi & Yoo 2020 ("Reliable fidelity and diversity metrics for generative models", sections 3 and 4). A
single real outlier has a ball so large that fakes far away lie in it: precision is 1 there, density 1/k. Dropping
modes one after another, or all but one bit by bit, lowers coverage to a value that is exact when every mode holds a
fixed number of rows and modes lie apart: ``null_mean(n_j, m_j, k)`` averaged over the modes. Density then stays at 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.metrics.coverage import null_mean
from gandiag.numerics.balls import neighbourhoods
from gandiag.plots._style import FAKES, REAL, WRONG, labels, legend, tidy
from reference_models.core.published import Beside, Published
from reference_models.core.rng import Keys
from reference_models.core.stories import Tale
from reference_models.published._asking import student
from reference_models.published._panels import panels, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS, K, MODES, APART = 64, 5, 10, 60.0
SCORES = ("precision", "recall", "density", "coverage")


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Measure all four over the shift of the fakes, and over the share of dropped modes."""
    each, times = (20, 8) if quick else (80, 10)
    shifts = [-1.0, 0.0, 1.0] if quick else [-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0]
    drops = [0, 5, 9] if quick else [0, 1, 3, 5, 7, 9]
    numbers: dict[str, Any] = {"rows": each * MODES, "times": times, "shift": shifts, "dropped": drops}
    kinds: dict[str, list[float] | list[int]] = {
        "clean": shifts,
        "outlier": shifts,
        "sequential": drops,
        "simultaneous": drops,
    }
    for place, (kind, at) in enumerate(kinds.items()):
        cells = [averaged(kind, value, each, times, Keys(seed, i)) for i, value in enumerate(at)]
        numbers[kind] = {name: [cell[name] for cell in cells] for name in cells[0]}
        if progress is not None:
            progress("settings", place + 1, len(kinds))
    for kind in ("sequential", "simultaneous"):
        numbers[kind]["exact"] = [expected_coverage(fakes(kind, j, each), each) for j in drops]
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def fakes(kind: str, dropped: int, each: int) -> list[int]:
    """Count the fakes of every mode: so many modes dropped, or that share of all modes but the first."""
    if kind == "sequential":
        left = MODES - dropped
        return [each * MODES // left + (j < each * MODES % left) for j in range(left)] + [0] * dropped
    kept = round(each * (1.0 - dropped / MODES))
    return [each * MODES - kept * (MODES - 1)] + [kept] * (MODES - 1)


def expected_coverage(counts: list[int], each: int) -> float:
    """Average the exact mean of coverage over modes that lie apart."""
    return float(np.mean([null_mean(each, m, K) if m else 0.0 for m in counts]))


def averaged(kind: str, value: float, each: int, times: int, keys: Keys) -> dict[str, float]:
    """Average the scores of several draws, each with its standard error."""
    found: dict[str, list[float]] = {name: [] for name in SCORES}
    for i in range(times):
        rng = keys.numpy(kind, i)
        rows = each * MODES
        real, fake = rng.standard_normal((2, rows, COLUMNS))
        if kind in ("clean", "outlier"):
            fake += value
            if kind == "outlier":
                real[0] = 3.0
        else:
            centres = APART * np.eye(MODES, COLUMNS)
            real += np.repeat(centres, each, axis=0)
            fake += np.repeat(centres, fakes(kind, int(value), each), axis=0)
        balls = neighbourhoods(real, fake, K)
        for name in SCORES:
            found[name].append(getattr(balls, name))
    return {name: float(np.mean(values)) for name, values in found.items()} | {
        f"{name}_error": float(np.std(values, ddof=1) / math.sqrt(times)) for name, values in found.items()
    }


def verdict(numbers: dict[str, Any]) -> bool:
    """Check the outlier's exact ends, and coverage and density against their exact means, by Student's law."""
    outlier, clean = numbers["outlier"], numbers["clean"]
    fooled = outlier["precision"][-1] > 0.99 and outlier["precision"][0] < 0.01 and clean["precision"][-1] < 0.01
    sober = outlier["density"][-1] <= 1.5 / K and outlier["coverage"][-1] < 0.05
    within, far, four_rows = True, student(numbers["times"]), 4.0 / numbers["rows"]
    for kind in ("sequential", "simultaneous"):
        cells = {name: np.array(values) for name, values in numbers[kind].items()}
        within &= bool((np.abs(cells["coverage"] - cells["exact"]) <= far * cells["coverage_error"] + four_rows).all())
        within &= bool((np.abs(cells["density"] - 1.0) <= far * cells["density_error"] + 1e-3).all())
    middle = numbers["dropped"].index(5)
    # Half of every mode but one is gone: recall hardly sees it, coverage does.
    blind = numbers["simultaneous"]["recall"][0] - numbers["simultaneous"]["recall"][middle]
    seen = numbers["simultaneous"]["coverage"][0] - numbers["simultaneous"]["coverage"][middle]
    return bool(fooled and sober and within and seen > blind)


def beside(numbers: dict[str, Any]) -> list[Beside]:
    """Compare with the exact values."""
    clean, outlier, at = numbers["clean"], numbers["outlier"], numbers["shift"].index(0.0)
    middle = numbers["dropped"].index(5)
    lines = [
        Beside(
            what="coverage, equal laws",
            ours=clean["coverage"][at],
            known=null_mean(numbers["rows"], numbers["rows"], K),
            by="exact mean",
        ),
        Beside(what="density, equal laws", ours=clean["density"][at], known=1.0, by="exact mean"),
        Beside(what="precision, equal laws", ours=clean["precision"][at], known="none", by="depends on law and d"),
        Beside(
            what="precision at shift 1, one real outlier",
            ours=outlier["precision"][-1],
            known=1.0,
            by="all lie in its ball",
        ),
        Beside(what="density there", ours=outlier["density"][-1], known=1.0 / K, by="one ball of k"),
    ]
    for kind in ("sequential", "simultaneous"):
        lines.append(
            Beside(
                what=f"coverage, {kind} drop of 5 in 10",
                ours=numbers[kind]["coverage"][middle],
                known=numbers[kind]["exact"][middle],
                by="exact mean",
            )
        )
        lines.append(
            Beside(what=f"recall, {kind} drop of 5 in 10", ours=numbers[kind]["recall"][middle], known="", by="")
        )
    return lines


def _figure(numbers: dict[str, Any]) -> Figure:
    axes = panels(4, width=2.5, height=3.0, sharey=True)
    colours = dict(zip(SCORES, (WRONG, FAKES[4], FAKES[0], FAKES[1]), strict=True))
    drops = np.array(numbers["dropped"]) / MODES
    titles = {
        "clean": ("fakes shifted", "shift of every column", numbers["shift"]),
        "outlier": ("the same, one real outlier", "shift of every column", numbers["shift"]),
        "sequential": ("modes dropped one by one", "share of modes dropped", drops),
        "simultaneous": ("all but one fade", "share of their fakes gone", drops),
    }
    for ax, (kind, (title, x, at)) in zip(axes, titles.items(), strict=True):
        for name in SCORES:
            points(
                ax, at, numbers[kind][name], numbers[kind][f"{name}_error"], colour=colours[name], label=name, fmt="o-"
            )
        if "exact" in numbers[kind]:
            ax.plot(at, numbers[kind]["exact"], "--", color=REAL, linewidth=1.2, label="coverage, exact")
        ax.set_ylim(-0.03, 1.3)
        tidy(ax, grid="y")
        labels(ax, title=title, x=x, y="score" if kind == "clean" else "")
    legend(axes[-1], loc="lower left", bbox_to_anchor=(0.0, 0.0), ncols=1)
    figure: Figure = axes[0].get_figure(root=True)  # type: ignore[assignment]
    return figure


FIGURE = Published(
    name="density_coverage",
    title="Density and coverage against precision and recall",
    source="Naeem, Oh, Uh, Choi & Yoo 2020, figures on outliers and mode dropping",
    shows="One outlier makes precision call distant fakes faithful; recall misses modes that fade, coverage does not.",
    claim="With one real outlier precision is 1 for fakes a standard deviation off in every column, where density is "
    "1/k; coverage falls with dropped modes along its exact mean, and density does not.",
    run=run,
    beside=beside,
    deviates="800 rows instead of 10 000; the outlier lies at 3 in every one of 64 columns. Modes lie so far apart, "
    "and hold so exactly as many rows, that the mean of coverage is known; the paper draws the mode of each row.",
)
