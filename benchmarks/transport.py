"""Transport distances against POT, scipy and lap: ``python benchmarks/transport.py [--large]``.

Sliced and max-sliced distances, one dimension, exact distances by the solver that suits the shape, and a permutation
test of the sliced distance that sorts once. ``--large`` runs POT's sliced distance of 100 000 rows over all directions
at once (12 GB) instead of scaling up from some.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import ot
from _machine import Ceilings
from _timing import Row, Size, Timed, command, in_turn, report, scaled
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling
from gandiag.inference.permutation import permutation_null
from gandiag.metrics import sliced_wasserstein
from gandiag.metrics.max_sliced_wasserstein import max_sliced_wasserstein_distance
from gandiag.metrics.sliced_wasserstein import sliced_wasserstein_distance
from gandiag.numerics.slices import orthonormal_directions
from gandiag.numerics.solvers import ExactDistance, exact_wasserstein
from gandiag.numerics.transport import wasserstein_1d

Matrix = NDArray[np.float64]

TITLE = "Transport"
REASONS = {
    "exact": "the solver is the peer's own; what is added is the certificate, two passes over the costs",
    "sliced, permutation": "walking the pooled order costs one addition for every row, direction and relabelling",
    "sliced": "both sort as many numbers; the sort alone takes most of our time",
    "max-sliced": "every step projects and sorts both samples along every direction that it climbs from",
    "one dimension": "two sorts are all that is left",
}

L = 1000
_AGREED = 1e-9


def samples(n: int, d: int) -> tuple[Matrix, Matrix]:
    """Normal rows, and normal rows that are moved and stretched a little."""
    rng = np.random.default_rng(n + d)
    return rng.normal(size=(n, d)), 1.1 * rng.normal(size=(n, d)) + 0.3 / np.sqrt(d)


def near(a: float, b: float, tolerance: float = _AGREED) -> bool:
    """Tell whether two values agree, relative to the second."""
    return abs(a - b) <= tolerance * abs(b)


def sliced(n: int, d: int, found: Ceilings, runs: int, *, lines: int, peer_lines: int, target: float | None) -> Row:
    """Time W_2 averaged over many directions, on the same directions."""
    real, fake = samples(n, d)
    thetas = orthonormal_directions(d, lines, np.random.default_rng(0))
    routes: dict[str, Callable[[], Any]] = {
        "ours": lambda: sliced_wasserstein_distance(real, fake, thetas, 2.0),
        "peer": lambda: ot.sliced_wasserstein_distance(real, fake, projections=thetas[:peer_lines].T),
    }
    timed = in_turn(routes, runs=runs)
    nothing = Timed(seconds=0.0, fastest=0.0, megabytes=None, value=None, runs=runs)
    same = sliced_wasserstein_distance(real, fake, thetas[:peer_lines], 2.0)
    return Row(
        job=f"sliced W2, {n} x {d}, {lines} directions",
        ours=timed["ours"],
        peer=scaled(timed["peer"], nothing, lines / peer_lines),
        peer_name="POT" + ("" if peer_lines == lines else f" (scaled from {peer_lines}, memory as well for these)"),
        target=target,
        most=100.0,
        claims={"POT's value": near(same, timed["peer"].value, 1e-6)},
        floor=2.0 * n * lines / found.sort64 + 4.0 * n * d * lines / found.gemm64,
        note=f"{timed['ours'].value:.6f}",
    )


def max_sliced(n: int, d: int, found: Ceilings, runs: int, *, lines: int, target: float | None) -> Row:
    """Time the largest W_2 along a line against POT's best of many random directions."""
    real, fake = samples(n, d)
    routes: dict[str, Callable[[], Any]] = {
        "ours": lambda: max_sliced_wasserstein_distance(real, fake, 2.0, rng=np.random.default_rng(0))[0],
        "peer": lambda: ot.max_sliced_wasserstein_distance(real, fake, n_projections=lines, seed=0),
    }
    timed = in_turn(routes, runs=runs)
    ours, theirs = timed["ours"].value, float(timed["peer"].value)
    return Row(
        job=f"max-sliced W2, {n} x {d}",
        ours=timed["ours"],
        peer=timed["peer"],
        peer_name=f"POT, best of {lines} directions",
        target=target,
        claims={"a larger value than POT's": ours > theirs},
        note=f"{ours:.4f}, POT {theirs:.4f}",
    )


def sorted_again(comparison: Comparison, thetas: Matrix, labels: NDArray[np.bool_]) -> Matrix:
    """Compute sliced W_1 of every column of labels by sorting both sides again."""
    pool = comparison.pooled()[0]
    projected = thetas @ (pool - pool.mean(axis=0)).T
    out = [
        np.abs(np.sort(projected[:, real], axis=1) - np.sort(projected[:, ~real], axis=1)).mean() for real in labels.T
    ]
    return np.array(out)


def permutations(n: int, d: int, draws: int, timed_draws: int) -> Row:
    """Time the permutation test of the sliced distance, sorted once, against sorting every time."""
    rng = np.random.default_rng(n)
    real = rng.normal(size=(n, d))
    comparison = Comparison(real=real, fake=rng.normal(size=(n, d)) + 0.4 / np.sqrt(n), fit=real[:9])
    seen: list[NDArray[np.bool_]] = []

    def ours() -> Any:
        problem = sliced_wasserstein.measure(comparison, rng=np.random.default_rng(0)).null
        assert isinstance(problem, Relabelling)
        seen[:] = [problem.observed[:, None]]
        return permutation_null(problem, draws=draws, rng=np.random.default_rng(1))

    labels = np.random.default_rng(2).permuted(np.repeat(comparison.pooled()[1][None, :], timed_draws, axis=0), axis=1)
    thetas = orthonormal_directions(d, sliced_wasserstein.DIRECTIONS, np.random.default_rng(0))
    routes: dict[str, Callable[[], Any]] = {
        "ours": ours,
        "some": lambda: sorted_again(comparison, thetas, np.ascontiguousarray(labels.T)),
        "none": lambda: sorted_again(comparison, thetas, np.ascontiguousarray(labels[:0].T)),
    }
    timed = in_turn(routes, runs=1)
    null = timed["ours"].value
    used = len(null.estimates)
    observed = sorted_again(comparison, thetas, seen[0])[0]
    return Row(
        job=f"sliced, permutation test, n = m = {n}, d = {d}, {len(thetas)} directions, {used} permutations",
        ours=timed["ours"],
        peer=scaled(timed["some"], timed["none"], used / timed_draws),
        peer_name=f"sorting again (scaled from {timed_draws})",
        claims={"the same estimate": near(null.estimate, observed)},
        note=f"p = {null.p_value:.3f}",
    )


def one_dimension(n: int, found: Ceilings, runs: int, target: float | None) -> Row:
    """Time W_1 of numbers."""
    real, fake = (side[:, 0] for side in samples(n, 1))
    routes = {
        "ours": lambda: wasserstein_1d(real, fake),
        "peer": lambda: float(ot.emd2_1d(real, fake, metric="euclidean")),
    }
    timed = in_turn(routes, runs=runs)
    return Row(
        job=f"one dimension, W1, n = m = {n}",
        ours=timed["ours"],
        peer=timed["peer"],
        peer_name="POT emd2_1d",
        target=target,
        claims={"POT's value": near(timed["ours"].value, timed["peer"].value)},
        floor=2.0 * n / found.sort64,
        note="the ceiling is that of short rows",
    )


def by_pot(real: Matrix, fake: Matrix) -> float:
    """Find W_2 by POT's network simplex, cost matrix included."""
    weights = np.full(len(real), 1.0 / len(real))
    return float(np.sqrt(ot.emd2(weights, weights, ot.dist(real, fake), numItermax=10_000_000)))


def by_scipy(real: Matrix, fake: Matrix) -> float:
    """Find W_2 by scipy's assignment."""
    costs = ot.dist(real, fake)
    return float(np.sqrt(costs[linear_sum_assignment(costs)].mean()))


def exact(n: int, d: int, runs: int, targets: dict[str, float], solver: str | None = None) -> list[Row]:
    """Time exact W_2 by the solver that suits, its certificate included."""
    real, fake = samples(n, d)
    peers: dict[str, Callable[..., float]] = {"POT emd2": by_pot, "scipy": by_scipy}
    routes: dict[str, Callable[[], Any]] = {"ours": lambda: exact_wasserstein(real, fake, 2.0, solver=solver)}
    routes |= {name: lambda peer=peers[name]: peer(real, fake) for name in targets}
    timed = in_turn(routes, runs=runs)
    found: ExactDistance = timed["ours"].value
    return [
        Row(
            job=f"exact W2, {n} x {d}, {found.solver}",
            ours=timed["ours"],
            peer=timed[name],
            peer_name=name,
            target=target or None,
            claims={"certified": found.certified, "the peer's value": near(found.distance, timed[name].value, 1e-7)},
            note="uncertified" if found.gap is None else f"gap {found.gap:.0e}",
        )
        for name, target in targets.items()
    ]


def measured(found: Ceilings, size: Size) -> list[Row]:
    """Time every job of this area; a target of 0 is none."""
    if size == "quick":
        return [
            sliced(200, 3, found, 1, lines=20, peer_lines=10, target=None),
            max_sliced(200, 3, found, 1, lines=20, target=None),
            permutations(40, 3, 99, 5),
            one_dimension(1000, found, 1, None),
            *exact(60, 2, 1, {"POT emd2": 0.0, "scipy": 0.0}),
        ]
    rows = [
        sliced(10_000, 64, found, 3, lines=L, peer_lines=L, target=12.0),
        sliced(100_000, 2, found, 1, lines=L, peer_lines=L if size == "large" else 100, target=12.0),
        max_sliced(10_000, 64, found, 3, lines=L, target=20.0),
        permutations(2000, 64, 999, 20),
        one_dimension(1_000_000, found, 3, 1.5),
    ]
    # In few columns the peer's solver is ours: what is asked is that the certificate costs little.
    rows += exact(2000, 2, 3, {"POT emd2": 0.7, "scipy": 0.0}) + exact(4000, 64, 1, {"POT emd2": 2.0, "scipy": 2.0})
    rows += exact(4000, 2, 1, {"POT emd2": 0.4}, solver="lazy")
    rows += exact(8000, 64, 1, {"POT emd2": 2.0})
    return rows + (exact(8000, 2, 1, {"POT emd2": 0.4}) if size == "large" else [])


def page(size: Size) -> str:
    """Run the area and write its part of the page."""
    return report(measured, REASONS, size)


if __name__ == "__main__":
    command(page)
