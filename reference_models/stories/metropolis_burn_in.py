"""Burn-in of a Metropolis walk, exact and measured, and the walk that never arrives.

A walk on a graph of two cliques that one edge joins, towards a law that prefers one of them (Metropolis et al. 1953,
"Equation of state calculations by fast computing machines"). The total variation between the law after t steps and the
target is known exactly; 20 000 chains measure it; a walk that forgets the states' degrees stops short of 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gandiag.plots._style import FAKES, REAL, REAL_HATCH, WRONG, labels, legend, new_pair, tidy, write
from reference_models.core.rng import Keys
from reference_models.core.stories import Story, Tale
from reference_models.oracles import metropolis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Vector = NDArray[np.float64]

LARGE, SMALL = 6, 3  # states of the two cliques
STEPS = 200


def run(*, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
    """Walk right and wrong, exactly and by chains."""
    graph, target = two_cliques(), np.array([1.0] * LARGE + [4.0] * SMALL)
    start = np.eye(LARGE + SMALL)[0]
    right = metropolis.transition(graph, target)
    wrong = metropolis.transition(graph, target, accept=metropolis.without_degrees)
    times = [0, 1, 2, 5, 10, 20, 50, 100, 200]
    n = 2000 if quick else 20_000
    measured = []
    for i, t in enumerate(times):
        rng = Keys(seed, t).numpy("chains")
        at = metropolis.sample(graph, np.log(target), start=0, steps=t, n=n, rng=rng)
        measured.append(distance(at, target))
        if progress is not None:
            progress("walks", i + 1, len(times))
    pi = metropolis.law(target)
    perfect = [distance(Keys(seed, i).numpy("perfect").choice(len(pi), size=n, p=pi), target) for i in range(50)]
    numbers: dict[str, Any] = {
        "steps": times,
        "measured": measured,
        "exact": metropolis.burn_in(right, target, start, STEPS).tolist(),
        "without_degrees": metropolis.burn_in(wrong, target, start, STEPS).tolist(),
        "bound": metropolis.mixing_bound(right, target, 0, STEPS).tolist(),
        "floor": float(np.mean(perfect)),
        "floor_sd": float(np.std(perfect)),
        "gap": metropolis.spectral_gap(right, target),
        "imbalance": metropolis.imbalance(right, target),
        "imbalance_without_degrees": metropolis.imbalance(wrong, target),
        "target": pi.tolist(),
        "stationary_without_degrees": metropolis.stationary(wrong).tolist(),
    }
    return Tale(numbers=numbers, figure=_figure(numbers), holds=verdict(numbers))


def two_cliques() -> NDArray[np.int64]:
    """Join a clique of six and a clique of three by one edge."""
    edges = np.zeros((LARGE + SMALL, LARGE + SMALL), dtype=np.int64)
    edges[:LARGE, :LARGE], edges[LARGE:, LARGE:] = 1, 1
    edges[LARGE - 1, LARGE] = edges[LARGE, LARGE - 1] = 1
    np.fill_diagonal(edges, 0)
    return edges


def distance(at: NDArray[np.int64], target: Vector) -> float:
    """Measure the total variation between the chains' frequencies and the target."""
    return float(0.5 * np.abs(np.bincount(at, minlength=len(target)) / len(at) - metropolis.law(target)).sum())


def verdict(numbers: dict[str, Any]) -> bool:
    """Check balance, the bound, the chains against the exact burn-in, and that the wrong walk stays away."""
    exact, bound, measured = (np.array(numbers[name]) for name in ("exact", "bound", "measured"))
    floor, spread = numbers["floor"], numbers["floor_sd"]
    # Frequencies add at most about a floor to the exact distance, and four of its standard deviations with bad luck.
    agrees = bool((np.abs(measured - exact[numbers["steps"]]) <= floor + 4 * spread).all())
    balanced = numbers["imbalance"] < 1e-15 < 1e-3 < numbers["imbalance_without_degrees"]
    arrives = measured[-1] <= floor + 4 * spread
    return bool(balanced and agrees and arrives and (exact <= bound + 1e-12).all()) and (
        numbers["without_degrees"][-1] > floor + 4 * spread
    )


def _figure(numbers: dict[str, Any]) -> Figure:
    left, right = new_pair(width=7.6, height=3.3)
    _draw_burn_in(left, numbers)
    _draw_laws(right, numbers)
    figure: Figure = left.get_figure()
    return figure


def _draw_burn_in(ax: Axes, numbers: dict[str, Any]) -> None:
    ax.plot(numbers["exact"], color=FAKES[0], linewidth=1.4, label="Metropolis, exact")
    ax.plot(numbers["steps"], numbers["measured"], "o", color=FAKES[0], markersize=4, label="Metropolis, chains")
    ax.plot(numbers["without_degrees"], color=WRONG, linewidth=1.4, linestyle="-.", label="degrees left out, exact")
    ax.plot(np.minimum(numbers["bound"], 1.5), color=REAL, linewidth=0.9, linestyle="--", label="bound by spectral gap")
    ax.axhline(numbers["floor"], color=REAL, linestyle=":", linewidth=1.0)
    write(ax, 0, numbers["floor"] * 0.93, "floor: as many perfect draws", va="top")
    ax.set_yscale("log")
    ax.set_ylim(1e-3, 1.5)
    tidy(ax, grid="y")
    labels(ax, x="steps of the walk", y="total variation to the target")
    legend(ax, ncols=2)


def _draw_laws(ax: Axes, numbers: dict[str, Any]) -> None:
    states = np.arange(LARGE + SMALL)
    ax.bar(states - 0.2, numbers["target"], 0.38, color="none", edgecolor=REAL, hatch=REAL_HATCH, label="target")
    ax.bar(
        states + 0.2,
        numbers["stationary_without_degrees"],
        0.38,
        color=WRONG,
        label="where the walk without degrees ends",
    )
    ax.set_xticks(states)
    tidy(ax, grid="y")
    labels(ax, x="state (0 to 5: clique of six, 6 to 8: clique of three)", y="probability")
    legend(ax, ncols=1)


STORY = Story(
    name="metropolis_burn_in",
    claim="A Metropolis walk in detailed balance comes as near to its target as perfect draws do, at the rate of its "
    "spectral gap; a walk that leaves the degrees out never does.",
    run=run,
)
