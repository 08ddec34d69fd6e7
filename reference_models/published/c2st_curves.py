"""Errors of classifier two-sample tests: equal Gaussians, Gaussian against Student's t, and sinusoids with noise.

Lopez-Paz & Oquab 2017 ("Revisiting classifier two-sample tests", figure 1). Their statistic is the accuracy on
held-out rows; it is tested here by Fisher's exact test, their normal law's exact form, of gandiag's metrics `c2st_knn`
and `c2st_mlp` (two hidden layers instead of their one of 20 units). Beside them, their theorem 1 with the best critic
there is, whose accuracy is ``1/2 + TV/2``: no accuracy test can have less type-II error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.plots._style import FAKES, REAL, labels, legend, tidy
from reference_models.core.published import Beside, Published
from reference_models.core.rng import Keys
from reference_models.core.stories import Tale
from reference_models.published._asking import Z_05, Matrix, asked, clearly_rises, error_of, too_many

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVEL = 0.05
CRITICS = {"knn": "c2st_knn", "mlp": "c2st_mlp"}
# The network takes half a second to learn, the neighbours none.
TRIED = {"equal": ("knn", "mlp"), "student": ("knn", "mlp"), "degrees": ("knn",), "noise": ("knn",)}
Draw = Callable[[int, np.random.Generator], tuple[Matrix, Matrix]]


def normals(n: int, rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Draw two samples of one law."""
    return rng.standard_normal((n, 1)), rng.standard_normal((n, 1))


def student(nu: float) -> Draw:
    """Draw N(0, 1) against Student's t of unit variance (nu above 2)."""
    return lambda n, rng: (rng.standard_normal((n, 1)), rng.standard_t(nu, (n, 1)) * math.sqrt((nu - 2.0) / nu))


def sinusoid(noise: float, frequency: float = 4.0) -> Draw:
    """Draw pairs ``(x, cos(frequency x) + noise e)`` against the same with y dealt anew: dependence as two samples."""

    def drawn(n: int, rng: np.random.Generator) -> tuple[Matrix, Matrix]:
        x = rng.standard_normal((2, n))
        y = np.cos(frequency * x) + noise * rng.standard_normal((2, n))
        return np.column_stack([x[0], y[0]]), np.column_stack([x[1], rng.permutation(y[1])])

    return drawn


def total_variation(nu: float) -> float:
    """Compute the total variation of N(0, 1) and Student's t of unit variance, by quadrature."""
    from scipy.stats import norm, t

    x = np.linspace(0.0, 60.0, 120_001)
    gap = np.abs(norm.pdf(x) - t.pdf(x, nu, scale=math.sqrt((nu - 2.0) / nu)))
    return float(np.trapezoid(gap, x))


def theorem_1(advantage: float, tested: int) -> float:
    """Give the type-II error at 5 % of a critic with that true advantage on so many held-out rows (their theorem 1)."""
    from scipy.special import ndtr

    e = min(advantage, 1.0 - 1e-9) / 2.0
    return float(1.0 - ndtr((e * math.sqrt(tested) - Z_05 / 2.0) / math.sqrt(0.25 - e * e)))


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Count rejections of every critic on every setting."""
    times = {"knn": 40, "mlp": 1} if quick else {"knn": 200, "mlp": 30}
    rows = [40, 300] if quick else [50, 100, 200, 400]
    fixed = rows[-1]
    axes: dict[str, tuple[list[float], list[tuple[int, Draw]]]] = {
        "equal": ([float(n) for n in rows], [(n, normals) for n in rows]),
        "student": ([float(n) for n in rows], [(n, student(3.0)) for n in rows]),
        "degrees": (nus := [3.0, 12.0] if quick else [3.0, 4.0, 6.0, 10.0, 20.0], [(fixed, student(v)) for v in nus]),
        "noise": (sds := [0.25, 3.0] if quick else [0.25, 0.5, 1.0, 2.0, 3.0], [(fixed, sinusoid(s)) for s in sds]),
    }
    numbers: dict[str, Any] = {"level": LEVEL, "rows": rows, "fixed_rows": fixed, "times": times}
    done, total = 0, sum(len(cells) for _, cells in axes.values())
    for axis, (at, cells) in axes.items():
        numbers[axis] = {"at": at, **{critic: [] for critic in TRIED[axis]}}
        for i, (n, draw) in enumerate(cells):
            for critic in TRIED[axis]:
                numbers[axis][critic].append(rejections(critic, draw, n, times[critic], Keys(seed, i), axis))
            done += 1
            if progress is not None:
                progress("settings", done, total)
    tv = total_variation(3.0)
    numbers["tv_of_3"] = tv
    numbers["student"]["best"] = [theorem_1(tv, n) for n in rows]
    numbers["degrees"]["best"] = [theorem_1(total_variation(nu), fixed) for nu in nus]
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def rejections(critic: str, draw: Draw, n: int, times: int, keys: Keys, axis: str) -> int:
    """Count the tests at 5 % that reject, with n rows of either side, half of them to learn on."""
    count = 0
    for i in range(times):
        rng = keys.numpy(f"{axis} {critic}", i)
        found = asked(CRITICS[critic], *draw(n, rng), rng=rng)
        count += found.details["fisher_p"] <= LEVEL
    return count


def verdict(numbers: dict[str, Any]) -> bool:
    """Check the level, that more rows and less noise help, and that no critic beats the best one (exactly or 3 se)."""
    times = numbers["times"]
    level = not any(too_many(h, times[c], LEVEL) for c in CRITICS for h in numbers["equal"][c])
    knn = {axis: np.array(numbers[axis]["knn"]) / times["knn"] for axis in ("student", "degrees", "noise")}
    helped = (
        clearly_rises(knn["student"][0], knn["student"][-1], times["knn"])
        and clearly_rises(knn["degrees"][-1], knn["degrees"][0], times["knn"])
        and clearly_rises(knn["noise"][-1], knn["noise"][0], times["knn"])
    )
    # Fisher's test on its grid of p-values is a little off the normal law of the theorem: four points of a hundred.
    beaten = any(
        too_many(h, times[c], 1.0 - best + 0.04)
        for a in ("student", "degrees")
        for c in TRIED[a]
        for h, best in zip(numbers[a][c], numbers[a]["best"], strict=True)
    )
    return level and helped and not beaten


def beside(numbers: dict[str, Any]) -> list[Beside]:
    """Compare with theorem 1 and the level."""
    times, rows = numbers["times"], numbers["rows"]

    def type_2(axis: str, critic: str, i: int) -> float:
        return 1.0 - float(numbers[axis][critic][i] / times[critic])

    lines = [
        Beside(
            what=f"type-I error, {c}, all n", ours=max(numbers["equal"][c]) / times[c], known="≤ 0.05", by="the level"
        )
        for c in CRITICS
    ]
    for c in CRITICS:
        lines.append(
            Beside(
                what=f"type-II error, t with 3 degrees, n = {rows[-1]}, {c}",
                ours=type_2("student", c, -1),
                known=numbers["student"]["best"][-1],
                by="least possible: theorem 1 with the best critic",
            )
        )
    lines.append(Beside(what="TV of N(0, 1) and t with 3 degrees", ours=numbers["tv_of_3"], known="", by="quadrature"))
    return lines


def _figure(numbers: dict[str, Any]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 2.9), layout="constrained")
    axes = figure.subplots(1, 4, sharey=True)
    titles = {
        "equal": ("N(0,1) against itself", "rows of either side"),
        "student": ("against t, 3 degrees", "rows of either side"),
        "degrees": (f"against t, n = {numbers['fixed_rows']}", "degrees of freedom"),
        "noise": (f"sinusoids, n = {numbers['fixed_rows']}", "noise"),
    }
    for ax, (axis, (title, x)) in zip(axes, titles.items(), strict=True):
        at = numbers[axis]["at"]
        for colour, marker, critic in zip(FAKES, "os", TRIED[axis], strict=False):
            times = numbers["times"][critic]
            rejected = np.array(numbers[axis][critic]) / times
            y = rejected if axis == "equal" else 1.0 - rejected
            bars = [2 * error_of(float(v), times) for v in y]
            ax.errorbar(at, y, yerr=bars, fmt=f"{marker}-", color=colour, markersize=3.5, linewidth=1.0, label=critic)
        if "best" in numbers[axis]:
            ax.plot(at, numbers[axis]["best"], color=REAL, linestyle="--", linewidth=1.0, label="best possible")
        if axis == "equal":
            ax.axhline(LEVEL, color=REAL, linestyle=":", linewidth=1.0, label="5 %")
        if axis != "noise":
            ax.set_xscale("log")
            ax.set_xticks(at, [f"{v:g}" for v in at])
            ax.minorticks_off()
        ax.set_ylim(-0.05, 1.05)
        tidy(ax, grid="y")
        labels(
            ax, title=title, x=x, y="type-I error" if axis == "equal" else "type-II error" if axis == "student" else ""
        )
        if axis in ("equal", "student"):
            legend(ax, loc="upper right", bbox_to_anchor=(1.0, 1.0), ncols=1)
    return figure


FIGURE = Published(
    name="c2st_curves",
    title="Classifier two-sample tests: type-I and type-II errors",
    source="Lopez-Paz & Oquab 2017, figure 1",
    shows="Type-I error stays at the level; type-II error falls with the rows, and grows as Student's t nears the "
    "normal law and as noise hides a sinusoid.",
    claim="Classifier tests by neighbours and by a network keep their level on equal laws, gain power with rows, lose "
    "it with degrees of freedom and with noise, and never beat the best critic of theorem 1.",
    run=run,
    beside=beside,
    deviates="The paper plots more tests (MMD, ME, SCF, Kolmogorov-Smirnov, Kuiper) on up to 2 000 rows; here are the "
    "two classifier tests, at up to 400 (the network at two settings, for its time). Accuracy is tested by Fisher's "
    "exact law instead of the normal one, so the level is kept exactly. The network has two hidden layers of 32 units "
    "and stops early. The paper's numbers are in a figure alone, so the exact bound stands beside ours.",
)
