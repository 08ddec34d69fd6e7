"""The Fréchet distance from features against torch-fidelity: ``python benchmarks/frechet.py [--large]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from _machine import Ceilings
from _timing import Row, Size, command, in_turn, load_torchvision, report

from gandiag.numerics.frechet_distance import frechet_distance
from gandiag.numerics.linalg import trace_root_product
from gandiag.numerics.moments import Moments

TITLE = "Fréchet distance from features"
REASONS = {
    "n = 1000,": "both covariances are singular there; the singular values of one product are what is left",
    "n =": (
        "the covariances are matrix products at the ceiling for either package, and a symmetric eigenproblem, "
        "slower than a product, is what is left; the more rows, the nearer to the ratio of the products alone"
    ),
    "trace": "the eigenvalues of one symmetric matrix, whose reduction runs at half the rate of a product",
}
D = 2048


def features(n: int, seed: int, d: int = D) -> np.ndarray:
    """Float32 features with a falling spectrum."""
    rng = np.random.default_rng(seed)
    spectrum = (np.arange(1, d + 1) ** -0.5).astype(np.float32)
    return rng.standard_normal((n, d), dtype=np.float32) * spectrum + np.float32(0.01 * seed)


def peer_distance() -> Callable[[np.ndarray, np.ndarray], float]:
    """Import torch-fidelity's distance."""
    import torch

    load_torchvision()
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    def distance(real: np.ndarray, fake: np.ndarray) -> float:
        states = [fid_features_to_statistics(torch.from_numpy(side)) for side in (real, fake)]
        return float(fid_statistics_to_metric(*states, False)["frechet_inception_distance"])

    return distance


def whole(
    n: int, peer: Callable[..., float], found: Ceilings, runs: int, targets: dict[str, float], d: int = D
) -> list[Row]:
    """Time the whole distance of n against n rows."""
    real, fake = features(n, 1, d), features(n, 2, d)
    routes: dict[str, Callable[[], Any]] = {
        "stored": lambda: frechet_distance(real, fake),
        "double": lambda: frechet_distance(real, fake, precision="double"),
        "peer": lambda: peer(real, fake),
    }
    timed = in_turn(routes, runs=runs)
    rows = []
    for precision, rate in (("stored", found.gemm32), ("double", found.gemm64)):
        # Products by symmetry; then reduction, congruence and factor, about 3 d^3 together.
        floor = 2.0 * n * d**2 / rate + 3.0 * d**3 / found.gemm64 if n > d else None
        off = timed[precision].value / timed["double"].value - 1.0
        rows.append(
            Row(
                job=f"n = {n}, d = {d}, {precision} precision",
                ours=timed[precision],
                peer=timed["peer"],
                peer_name="torch-fidelity",
                target=targets.get(precision),
                claims={"1e-6 of double precision": abs(off) < 1e-6},
                floor=floor,
                note=f"relative to double: {off:.0e}, peer {timed['peer'].value / timed['double'].value - 1.0:.0e}",
            )
        )
    return rows


def trace_alone(found: Ceilings, runs: int, target: float | None, d: int = D) -> Row:
    """Time the trace of the root of the product of two covariances."""
    first, second = (Moments.of(features(3 * d // 2, seed, d), precision="double").finalise()[1] for seed in (1, 2))
    routes: dict[str, Callable[[], Any]] = {
        "ours": lambda: trace_root_product(first, second)[0],
        "peer": lambda: float(np.sqrt(np.linalg.eigvals(first @ second).astype(complex)).real.sum()),
    }
    timed = in_turn(routes, runs=runs)
    return Row(
        job=f"trace alone, d = {d}",
        ours=timed["ours"],
        peer=timed["peer"],
        peer_name="eigvals",
        target=target,
        claims={"the peer's value": abs(timed["ours"].value / timed["peer"].value - 1.0) < 1e-6},
        floor=3.0 * d**3 / found.gemm64,
    )


def measured(found: Ceilings, size: Size) -> list[Row]:
    """Time every job of this area."""
    peer = peer_distance()
    if size == "quick":
        rows = whole(30, peer, found, 1, {}, 40) + whole(100, peer, found, 1, {}, 40)
        return [*rows, trace_alone(found, 1, None, 40)]
    rows = whole(1000, peer, found, 3, {"stored": 12.0, "double": 12.0})
    rows += whole(10_000, peer, found, 3, {"stored": 3.0, "double": 2.2})
    if size == "large":
        rows += whole(50_000, peer, found, 1, {"stored": 2.3, "double": 1.6})
    return [*rows, trace_alone(found, 3, 4.0)]


def page(size: Size) -> str:
    """Run the area and write its part of the page."""
    return report(measured, REASONS, size)


if __name__ == "__main__":
    command(page)
