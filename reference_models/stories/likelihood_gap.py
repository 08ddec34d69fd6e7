"""A model with a good likelihood whose samples are noise: 1 % data, 99 % noise, in more and more dimensions.

Data are N(0, I_d), noise is N(0, 9 I_d), the model is their mixture with 1 % data (Theis, van den Oord & Bethge 2016,
"A note on the evaluation of generative models", section 3.2). Left, what its log likelihood lacks; right, what a
classifier of samples says, beside the most that any classifier can say.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import gandiag
from gandiag.plots._style import FAKES, REAL, WRONG, labels, legend, new_pair, tidy, write
from reference_models.core.rng import Keys
from reference_models.core.stories import Story, Tale
from reference_models.oracles import noise_mixture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARE, NOISE_SD = 0.01, 3.0
BOUND = -math.log(SHARE)


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Measure gaps and advantages in several dimensions."""
    dimensions = [1, 8, 64] if quick else [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    n = 300 if quick else 2000
    columns: dict[str, list[float]] = {}
    for i, d in enumerate(dimensions):
        for name, value in measured(d, n, seed, permutations=40 if quick else 99).items():
            columns.setdefault(name, []).append(value)
        if progress is not None:
            progress("dimensions", i + 1, len(dimensions))
    numbers: dict[str, Any] = {"dimension": dimensions, "bound": BOUND, **columns}
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def verdict(numbers: dict[str, Any]) -> bool:
    """Check the bound on every row, the mean within 4.5 standard errors, and that samples tell from 8 columns on."""
    gaps, exact, errors = (np.array(numbers[name]) for name in ("gap", "gap_exact", "gap_error"))
    high = np.array(numbers["dimension"]) >= 8
    bounded = max(numbers["largest_gap"]) <= numbers["bound"] + 1e-9
    agrees = bool((np.abs(gaps - exact) <= 4.5 * errors + 1e-9).all())
    tells = bool((np.array(numbers["advantage"])[high] > 0.8).all()) and max(numbers["p_value"]) <= 0.05
    return bounded and agrees and tells


def log_densities(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Evaluate data and noise at rows."""
    squared, d = np.square(rows).sum(axis=1), rows.shape[1]
    data = -0.5 * (squared + d * math.log(2 * math.pi))
    noise = -0.5 * (squared / NOISE_SD**2 + d * math.log(2 * math.pi * NOISE_SD**2))
    return data, noise


def measured(d: int, n: int, seed: int, *, permutations: int) -> dict[str, float]:
    """Give the gap on held-out data and the classifier's advantage, each beside its exact value."""
    keys = Keys(seed, d)
    real = keys.numpy("real").standard_normal((n, d))
    fake = noise_mixture.sample(n, d, noise_sd=NOISE_SD, share=SHARE, rng=keys.numpy("fake"))
    gaps = noise_mixture.gap(*log_densities(real), share=SHARE)
    report = gandiag.score(real, fake, metrics=["c2st"], permutations=permutations, seed=seed)
    (c2st,) = report.fakes[0].results
    return {
        "gap": float(gaps.mean()),
        "gap_error": float(gaps.std() / math.sqrt(n)),
        "largest_gap": float(gaps.max()),
        "gap_exact": noise_mixture.expected_gap(d, noise_sd=NOISE_SD, share=SHARE),
        "advantage": float(c2st.estimate or 0.0),
        "p_value": 1.0 if c2st.p_value is None else float(c2st.p_value.value),
        "floor_high": float(c2st.floor.mean + 2 * c2st.floor.sd) if c2st.floor is not None else 0.0,
        "advantage_exact": noise_mixture.total_variation(d, noise_sd=NOISE_SD, share=SHARE),
    }


def _figure(numbers: dict[str, Any]) -> Figure:
    left, right = new_pair(width=7.6, height=3.2)
    _draw_gaps(left, numbers)
    _draw_advantages(right, numbers)
    for ax in (left, right):
        ax.set_xscale("log", base=2)
        ax.set_xticks(numbers["dimension"], [str(d) for d in numbers["dimension"]])
        ax.set_xlabel("dimension d", fontsize=7.0)
    figure: Figure = left.get_figure()
    return figure


def _draw_gaps(ax: Axes, numbers: dict[str, Any]) -> None:
    d = np.array(numbers["dimension"])
    gap = np.array(numbers["gap"])
    ax.axhline(BOUND, color=REAL, linestyle="--", linewidth=1.0)
    write(ax, d[0], BOUND + 0.12, "bound in any dimension: log 100 = 4.605", va="bottom")
    ax.plot(d, numbers["gap_exact"], color=FAKES[0], linewidth=1.2, label="gap, exact")
    bars = 2 * np.array(numbers["gap_error"])
    ax.errorbar(d, gap, yerr=bars, fmt="o", color=FAKES[0], markersize=4, label="gap, held-out rows (2 se)")
    ax.plot(d, gap / d, "^-", color=FAKES[4], markersize=4, linewidth=1.0, label="gap per dimension")
    ax.set_ylim(-0.2, 5.6)
    tidy(ax, grid="y")
    labels(ax, y="log likelihood below the truth (nats)")
    legend(ax, ncols=1)


def _draw_advantages(ax: Axes, numbers: dict[str, Any]) -> None:
    d = np.array(numbers["dimension"])
    ax.plot(d, numbers["advantage_exact"], color=REAL, linestyle="--", linewidth=1.0, label="most possible: TV, exact")
    ax.plot(d, numbers["advantage"], "s-", color=WRONG, markersize=4, linewidth=1.0, label="c2st on samples")
    ax.plot(d, numbers["floor_high"], color=REAL, linestyle=":", linewidth=1.0, label="floor: equal laws, mean + 2 sd")
    ax.set_ylim(-0.03, 1.08)
    tidy(ax, grid="y")
    labels(ax, y="classifier's advantage (0 = a coin, 1 = sure)")
    legend(ax, ncols=1)


STORY = Story(
    name="likelihood_gap",
    claim="A model of 1 % data and 99 % noise has a log likelihood at most log 100 = 4.605 nats below the truth in any "
    "dimension, while a classifier tells its samples from data almost surely.",
    run=run,
)
