"""Permutation tests by kernels against re-indexing, KID against torch-fidelity: ``python benchmarks/kernels.py``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from _timing import Ceilings, Row, Timed, ceilings, heading, in_turn, table

from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling
from gandiag.inference.permutation import PermutationNull, permutation_null
from gandiag.metrics import energy, kid, mmd
from gandiag.numerics.distances import off_diagonal, pooled_distances
from gandiag.numerics.kernels import gaussian_kernel

D = 64
DRAWS = 1000
NAIVE = 20  # re-indexed draws that are timed; the rest is scaled up
# Seconds of other packages at 1000 permutations, d = 64, two cores, as recorded on an idle machine.
RECORDED = {500: "alibi-detect MMDDrift 2.5 s, hyppo 54 s", 2000: "alibi-detect MMDDrift 83.6 s"}


def pair(n: int) -> Comparison:
    """Two samples that differ a little, so that no draw can be spared."""
    rng = np.random.default_rng(n)
    shift = 1.4 / np.sqrt(n)
    return Comparison(real=rng.normal(size=(n, D)), fake=rng.normal(size=(n, D)) + shift, fit=rng.normal(size=(9, D)))


def ours(metric: ModuleType, comparison: Comparison, draws: int, **options: Any) -> PermutationNull:
    """Run the whole test: distances, kernel, estimate and permutations."""
    null = metric.measure(comparison, rng=np.random.default_rng(0), **options).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(1))


def reindexed(comparison: Comparison, draws: int, *, distance: bool) -> float:
    """Cut the blocks out of the matrix again for every draw, in double precision."""
    rows, _ = comparison.pooled()
    matrix = pooled_distances(rows)
    if not distance:
        matrix = gaussian_kernel(matrix, float(np.median(off_diagonal(matrix))))
    n, rng, total = comparison.n, np.random.default_rng(1), 0.0
    for _ in range(draws):
        order = rng.permutation(len(matrix))
        k = matrix[np.ix_(order, order)]
        total += k[:n, :n].mean() + k[n:, n:].mean() - 2.0 * k[:n, n:].mean()
    return total


def scaled(timed: Timed, empty: Timed, factor: float) -> Timed:
    """Scale the time of some draws up to all of them; what comes before the draws counts once."""
    seconds = empty.seconds + factor * max(0.0, timed.seconds - empty.seconds)
    return replace(timed, seconds=seconds, fastest=seconds)


def permutations(n: int, found: Ceilings) -> list[Row]:
    """Time one kernel and the energy distance at n rows per side."""
    comparison = pair(n)
    rows = []
    for name, metric, options in (("MMD, one kernel", mmd, {"joined": False}), ("energy", energy, {})):
        distance = metric is energy
        routes: dict[str, Callable[[], Any]] = {
            "ours": lambda m=metric, o=options: ours(m, comparison, DRAWS, **o),
            "some": lambda d=distance: reindexed(comparison, NAIVE, distance=d),
            "none": lambda d=distance: reindexed(comparison, 0, distance=d),
        }
        timed = in_turn(routes)
        null = timed["ours"].value
        rows.append(
            Row(
                job=f"{name}, n = m = {n}, {len(null.estimates)} permutations",
                ours=timed["ours"],
                peer=scaled(timed["some"], timed["none"], DRAWS / NAIVE),
                peer_name=f"re-indexing (from {NAIVE} draws)",
                target=100.0 if n == 2000 else None,
                floor=(2 * n) ** 2 * DRAWS / found.gemm32,
                note=f"p = {null.p_value:.4f}; recorded: {RECORDED[n]}",
            )
        )
    return rows


def alone(n: int, draws: int, found: Ceilings, *, joined: bool) -> Row:
    """Time what no peer is run on: many draws, or the twenty joined kernels."""
    comparison = pair(n)
    timed = in_turn({"ours": lambda: ours(mmd, comparison, draws, joined=joined)}, runs=2)["ours"]
    used = len(timed.value.estimates)
    return Row(
        job=f"MMD, {'20 joined kernels' if joined else 'one kernel'}, n = m = {n}, {used} permutations",
        ours=timed,
        peer=None,
        floor=(2 * n) ** 2 * used * (21 if joined else 1) / found.gemm32,
        note=f"p = {timed.value.p_value:.4f}",
    )


def peer_kid() -> Callable[[np.ndarray, np.ndarray], dict[str, float]]:
    """Import torch-fidelity, beside a torchvision of another build too."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        peer_kid.library = library  # type: ignore[attr-defined]
    from torch_fidelity.metric_kid import kid_features_to_metric

    def distance(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
        found: dict[str, float] = kid_features_to_metric(torch.from_numpy(real), torch.from_numpy(fake), verbose=False)
        return found

    return distance


def kernel_inception(n: int, found: Ceilings, runs: int) -> Row:
    """Time KID of n against n rows of 2048 features."""
    rng = np.random.default_rng(0)
    scale = (np.arange(1, 2049) ** -0.25).astype(np.float32)
    real, fake = (np.abs(rng.standard_normal((n, 2048), dtype=np.float32)) * scale + shift for shift in (0.0, 0.01))
    real, fake = real.astype(np.float32), fake.astype(np.float32)
    peer = peer_kid()
    timed = in_turn({"ours": lambda: kid.kernel_distance(real, fake), "peer": lambda: peer(real, fake)}, runs=runs)
    value, error = timed["ours"].value
    theirs = timed["peer"].value
    return Row(
        job=f"KID of all pairs with its standard error, n = m = {n}, d = 2048",
        ours=timed["ours"],
        peer=timed["peer"],
        peer_name="torch-fidelity, 100 subsets of 1000",
        target=1.2,
        floor=(2.0 * n) ** 2 * 2048 / found.gemm32,
        note=f"{value:.6f} ± {error:.6f} (theirs {theirs['kernel_inception_distance_mean']:.6f})",
    )


def main() -> None:
    """Print the table."""
    found = ceilings()
    print(heading(found))
    rows = permutations(500, found) + permutations(2000, found)
    rows.append(alone(2000, 9999, found, joined=False))
    rows.append(alone(1000, 2499, found, joined=True))
    rows.append(kernel_inception(10_000, found, 1 if "--quick" in sys.argv else 2))
    print(table(rows))


if __name__ == "__main__":
    main()
