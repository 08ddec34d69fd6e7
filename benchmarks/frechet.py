"""The Fréchet distance from features against torch-fidelity: ``python benchmarks/frechet.py [--large]``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from _timing import Ceilings, Row, ceilings, heading, in_turn, table

from gandiag.metrics.frechet import Moments, frechet_distance, frechet_from_moments
from gandiag.numerics.linalg import trace_root_product

D = 2048


def features(n: int, seed: int, d: int = D) -> np.ndarray:
    """Float32 features with a falling spectrum."""
    rng = np.random.default_rng(seed)
    spectrum = (np.arange(1, d + 1) ** -0.5).astype(np.float32)
    return rng.standard_normal((n, d), dtype=np.float32) * spectrum + np.float32(0.01 * seed)


def peer_distance() -> Callable[[np.ndarray, np.ndarray], float]:
    """Import torch-fidelity, beside a torchvision of another build too."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        peer_distance.library = library  # type: ignore[attr-defined]
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    def distance(real: np.ndarray, fake: np.ndarray) -> float:
        states = [fid_features_to_statistics(torch.from_numpy(side)) for side in (real, fake)]
        return float(fid_statistics_to_metric(*states, False)["frechet_inception_distance"])

    return distance


def whole(n: int, peer: Callable[..., float], found: Ceilings, runs: int, targets: dict[str, float]) -> list[Row]:
    """Time the whole distance of n against n rows."""
    real, fake = features(n, 1), features(n, 2)
    routes: dict[str, Callable[[], Any]] = {
        "stored": lambda: frechet_distance(real, fake),
        "double": lambda: frechet_distance(real, fake, precision="double"),
        "peer": lambda: peer(real, fake),
    }
    timed = in_turn(routes, runs=runs)
    rows = []
    for precision, rate in (("stored", found.gemm32), ("double", found.gemm64)):
        # Products by symmetry; then reduction, congruence and factor, about 3 d^3 together.
        floor = 2.0 * n * D**2 / rate + 3.0 * D**3 / found.gemm64 if n > D else None
        off = timed[precision].value / timed["double"].value - 1.0
        rows.append(
            Row(
                job=f"n = {n}, {precision} precision",
                ours=timed[precision],
                peer=timed["peer"],
                peer_name="torch-fidelity",
                target=targets[precision],
                floor=floor,
                note=f"relative to double: {off:.0e}, peer {timed['peer'].value / timed['double'].value - 1.0:.0e}",
            )
        )
    return rows


def trace_alone(found: Ceilings, runs: int) -> Row:
    """Time the trace of the root of the product of two covariances."""
    first, second = (Moments.of(features(3000, seed), precision="double").finalise()[1] for seed in (1, 2))
    routes: dict[str, Callable[[], Any]] = {
        "ours": lambda: trace_root_product(first, second)[0],
        "peer": lambda: float(np.sqrt(np.linalg.eigvals(first @ second).astype(complex)).real.sum()),
    }
    timed = in_turn(routes, runs=runs)
    floor = 3.0 * D**3 / found.gemm64
    return Row(job="trace alone", ours=timed["ours"], peer=timed["peer"], peer_name="eigvals", target=4.0, floor=floor)


def streamed(n: int, found: Ceilings) -> Row:
    """Time n rows of 64 columns that arrive in blocks."""

    def run() -> float:
        block = features(10_000, 1, d=64)
        states = [Moments.empty(64), Moments.empty(64)]
        for _ in range(n // 10_000):
            states = [state.update(block + np.float32(shift)) for state, shift in zip(states, (0.0, 0.1), strict=True)]
        return frechet_from_moments(*states)

    return Row(job=f"{n} x 64 streamed", ours=in_turn({"ours": run}, runs=1)["ours"], peer=None)


def main() -> None:
    """Print the table."""
    found, peer = ceilings(), peer_distance()
    print(heading(found))
    rows = whole(1000, peer, found, 3, {"stored": 12.0, "double": 12.0})
    rows += whole(10_000, peer, found, 3, {"stored": 3.0, "double": 2.2})
    if "--large" in sys.argv:
        rows += whole(50_000, peer, found, 1, {"stored": 2.3, "double": 1.6})
    rows.append(trace_alone(found, 3))
    rows += [streamed(n, found) for n in (10_000, 100_000, 1_000_000)]
    print(table(rows))


if __name__ == "__main__":
    main()
