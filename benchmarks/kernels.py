"""Permutation tests by kernels against re-indexing, KID against torch-fidelity: ``python benchmarks/kernels.py``.

``--large`` re-indexes every permutation at 2000 rows instead of scaling up from some, which takes minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from _machine import Ceilings
from _timing import Row, Size, command, in_turn, load_torchvision, report, scaled
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling
from gandiag.inference.permutation import PermutationNull, permutation_null, sequential_p_value
from gandiag.metrics import energy, kid, mmd
from gandiag.numerics.distances import off_diagonal, pooled_distances
from gandiag.numerics.kernels import gaussian_kernel

Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

TITLE = "Kernel tests and KID"
REASONS = {
    "KID": (
        "both are matrix products at the ceiling; subsets cost the same at every n, all pairs 4 n^2 d operations, "
        "which at 10 000 rows leaves a factor of 1.5 at most"
    ),
    "MMD, 20 joined": "one product with the masks for each of 21 kernels",
    "MMD": "half of the time goes into distances, the median and the masks, which no product speeds up",
    "energy": "half of the time goes into distances and the masks, which no product speeds up",
}

D = 64
DRAWS = 1000
SHIFT = 0.42
SEEDS = {500: 4}
# Seconds of the fastest package, which is not installed here: alibi-detect 0.13 with 1000 permutations, d = 64, on an
# idle machine with two cores. The targets: 0.8 s, under a hundredth of that, and 100 times the loop that is run here.
RECORDED = {2000: 83.6}
_NOTE = "alibi-detect, not run here: {} s on an idle machine"


def pair(n: int, shift: float = SHIFT) -> Comparison:
    """Two samples that differ a little: with p-values of a few per cent, no draw can be spared and ranks matter."""
    rng = np.random.default_rng(SEEDS.get(n, n))
    moved = shift / np.sqrt(n)
    return Comparison(real=rng.normal(size=(n, D)), fake=rng.normal(size=(n, D)) + moved, fit=rng.normal(size=(9, D)))


@dataclass(frozen=True, kw_only=True)
class Tested:
    """What a whole test found, and the relabellings that it drew."""

    null: PermutationNull
    labels: Labels


def ours(metric: ModuleType, comparison: Comparison, draws: int, **options: Any) -> Tested:
    """Run the whole test: distances, kernel, estimate and permutations."""
    problem = metric.measure(comparison, rng=np.random.default_rng(0), **options).null
    assert isinstance(problem, Relabelling)
    seen: list[Labels] = []

    def watched(labels: Labels) -> Any:
        seen.append(labels)
        return problem.statistic(labels)

    null = permutation_null(replace(problem, statistic=watched), draws=draws, rng=np.random.default_rng(1))
    return Tested(null=null, labels=np.concatenate(seen[1:], axis=1))


def reindexed(comparison: Comparison, labels: Labels, *, distance: bool) -> Vector:
    """Cut the blocks out of the matrix again for every draw, in double precision; the observed labels come first."""
    rows, is_real = comparison.pooled()
    matrix = pooled_distances(rows)
    if not distance:
        matrix = gaussian_kernel(matrix, float(np.median(off_diagonal(matrix))))
    statistic = _energy if distance else _unbiased
    return np.array([statistic(matrix, column) for column in np.concatenate([is_real[:, None], labels], axis=1).T])


def _blocks(matrix: Vector, is_real: Labels) -> tuple[Vector, Vector, Vector]:
    real, fake = np.flatnonzero(is_real), np.flatnonzero(~is_real)
    return matrix[np.ix_(real, real)], matrix[np.ix_(fake, fake)], matrix[np.ix_(real, fake)]


def _unbiased(matrix: Vector, is_real: Labels) -> float:
    xx, yy, xy = _blocks(matrix, is_real)
    n, m = xy.shape
    return float((xx.sum() - n) / (n * (n - 1)) + (yy.sum() - m) / (m * (m - 1)) - 2.0 * xy.mean())


def _energy(matrix: Vector, is_real: Labels) -> float:
    xx, yy, xy = _blocks(matrix, is_real)
    return float(2.0 * xy.mean() - xx.mean() - yy.mean())


def permutations(n: int, draws: int, timed_draws: int, found: Ceilings, runs: int) -> list[Row]:
    """Time one kernel and the energy distance at n rows per side, against re-indexing of the same relabellings."""
    comparison, rows = pair(n), []
    for name, metric, options in (("MMD, one kernel", mmd, {"joined": False}), ("energy", energy, {})):
        distance = metric is energy
        some = ours(metric, comparison, draws, **options).labels[:, :timed_draws]
        routes: dict[str, Callable[[], Any]] = {
            "ours": lambda m=metric, o=options: ours(m, comparison, draws, **o),
            "some": lambda d=distance, s=some: reindexed(comparison, s, distance=d),
            "none": lambda d=distance, s=some: reindexed(comparison, s[:, :0], distance=d),
        }
        timed = in_turn(routes, runs=runs)
        null, again = timed["ours"].value.null, timed["some"].value
        used = len(null.estimates)
        count = len(again) - 1
        rows.append(
            Row(
                job=f"{name}, n = m = {n}, {used} permutations",
                ours=timed["ours"],
                peer=scaled(timed["some"], timed["none"], used / count),
                peer_name="re-indexing" + ("" if count == used else f" (scaled from {count})"),
                target=100.0 if n in RECORDED else None,
                within=0.8 if n in RECORDED else None,
                claims={f"p-value of re-indexing ({count} draws)": _same_p(null, again)},
                floor=(2 * n) ** 2 * used / found.gemm32,
                note=f"p = {null.p_value:.4f}" + (f"; {_NOTE.format(RECORDED[n])}" if n in RECORDED else ""),
            )
        )
    return rows


def _same_p(null: PermutationNull, again: Vector) -> bool:
    """Compare with the p-value that re-indexing gives to the same relabellings, by the same rule."""
    return sequential_p_value(null.estimate, null.estimates[: len(again) - 1]) == sequential_p_value(
        again[0], again[1:]
    )


def alone(n: int, draws: int, found: Ceilings, *, joined: bool, within: float | None = None) -> Row:
    """Time what no peer is run on: many draws, or twenty joined kernels on one set of masks."""
    comparison = pair(n, 2.0 * SHIFT)  # a small p-value: no draw is spared
    timed = in_turn({"ours": lambda: ours(mmd, comparison, draws, joined=joined)}, runs=1)["ours"]
    null = timed.value.null
    used, kernels = len(null.estimates), 21 if joined else 1
    return Row(
        job=f"MMD, {'20 joined kernels on one set of masks' if joined else 'one kernel'}, n = m = {n}, "
        f"{used} permutations",
        ours=timed,
        peer=None,
        within=within,
        floor=(2 * n) ** 2 * used * kernels / found.gemm32,
        note=f"p = {null.p_value:.4f}",
    )


def peer_kid(subsets: int, size: int) -> Callable[[NDArray[Any], NDArray[Any]], dict[str, float]]:
    """Import torch-fidelity's KID."""
    import torch

    load_torchvision()
    from torch_fidelity.metric_kid import kid_features_to_metric

    def distance(real: NDArray[Any], fake: NDArray[Any]) -> dict[str, float]:
        options = {"kid_subsets": subsets, "kid_subset_size": size, "verbose": False}
        found: dict[str, float] = kid_features_to_metric(torch.from_numpy(real), torch.from_numpy(fake), **options)
        return found

    return distance


def kernel_inception(n: int, d: int, found: Ceilings, runs: int) -> Row:
    """Time KID of n against n rows of features like Inception's."""
    rng = np.random.default_rng(0)
    scale = (np.arange(1, d + 1) ** -0.25).astype(np.float32)
    real, fake = (np.abs(rng.standard_normal((n, d), dtype=np.float32)) * scale + np.float32(s) for s in (0.0, 0.01))
    subsets, size = 100, min(1000, n)
    peer = peer_kid(subsets, size)
    timed = in_turn({"ours": lambda: kid.kernel_distance(real, fake), "peer": lambda: peer(real, fake)}, runs=runs)
    value, error = timed["ours"].value
    theirs = timed["peer"].value
    mean, spread = (theirs[f"kernel_inception_distance_{name}"] for name in ("mean", "std"))
    return Row(
        job=f"KID of all pairs with its standard error, n = m = {n}, d = {d}",
        ours=timed["ours"],
        peer=timed["peer"],
        peer_name=f"torch-fidelity, {subsets} subsets of {size}",
        target=1.2 if d == 2048 else None,
        claims={"within 5 errors of the subsets' mean": abs(value - mean) <= 5.0 * (error + spread / subsets**0.5)},
        floor=(2.0 * n) ** 2 * d / found.gemm32,
        note=f"{value:.6f} ± {error:.6f} (theirs {mean:.6f})",
    )


def measured(found: Ceilings, size: Size) -> list[Row]:
    """Time every job of this area."""
    if size == "quick":
        rows = permutations(60, 49, 49, found, 1)
        return [*rows, alone(40, 99, found, joined=True), kernel_inception(100, 32, found, 1)]
    rows = permutations(500, DRAWS, DRAWS, found, 3)
    rows += permutations(2000, DRAWS, DRAWS if size == "large" else 30, found, 3 if size == "default" else 1)
    rows.append(alone(2000, 9999, found, joined=False, within=6.0))
    rows.append(alone(1000, 2499, found, joined=True))
    return [*rows, kernel_inception(10_000, 2048, found, 1)]


def page(size: Size) -> str:
    """Run the area and write its part of the page."""
    return report(measured, REASONS, size)


if __name__ == "__main__":
    command(page)
