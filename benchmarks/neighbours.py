"""Precision, recall, density and coverage, near and exact duplicates: ``python benchmarks/neighbours.py [--large]``.

Peers: the prdc package; the same four numbers from a flat faiss index and one product; faiss range search and
scikit-learn's brute force; ``np.unique`` over rows.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from _machine import Ceilings
from _timing import Row, Size, command, in_turn, report

from gandiag.numerics.balls import neighbourhoods
from gandiag.numerics.close_pairs import close_pairs
from gandiag.numerics.equal_rows import distinct_rows

TITLE = "Neighbours and duplicates"
REASONS = {
    "four scores": (
        "one matrix product of all pairs is most of the work for either; ours adds the bound of rounding and measures "
        "again what it leaves open, the peer from faiss does not"
    ),
    "near": "the sketch is one product of all rows, and candidates are measured again in double precision",
    "distinct": "every byte is read once, and the equal checksums are compared",
}
K = 5
Scores = tuple[float, float, float, float]


def ours(real: np.ndarray, fake: np.ndarray) -> Scores:
    """Compute the four scores by our route."""
    found = neighbourhoods(real, fake, K)
    return found.precision, found.recall, found.density, found.coverage


def by_prdc(real: np.ndarray, fake: np.ndarray) -> Scores:
    """Compute the four scores by the prdc package."""
    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        found = compute_prdc(real, fake, K)
    return tuple(float(found[name]) for name in ("precision", "recall", "density", "coverage"))  # type: ignore[return-value]


def by_faiss(real: np.ndarray, fake: np.ndarray) -> Scores:
    """Compute the four scores from the radii of a flat index and products of blocks, in single precision."""
    import faiss

    sides = [np.ascontiguousarray(side, dtype=np.float32) for side in (real, fake)]
    radii = []
    for side in sides:
        index = faiss.IndexFlatL2(side.shape[1])
        index.add(side)
        radii.append(index.search(side, K + 1)[0][:, K])
    around = np.zeros(len(fake), dtype=np.int64)
    held, reached = np.zeros(len(real), dtype=np.int64), np.zeros(len(real), dtype=np.int64)
    squares = [np.einsum("ij,ij->i", side, side) for side in sides]
    for start in range(0, len(real), 2048):
        part = slice(start, start + 2048)
        tile = squares[0][part, None] + squares[1][None, :] - 2.0 * (sides[0][part] @ sides[1].T)
        inside = tile < radii[0][part, None]
        around += inside.sum(axis=0)
        held[part] = inside.sum(axis=1)
        reached[part] = (tile < radii[1][None, :]).sum(axis=1)
    return float((around > 0).mean()), float((reached > 0).mean()), float(around.mean()) / K, float((held > 0).mean())


def scores(n: int, d: int, found: Ceilings, runs: int, targets: dict[str, float]) -> list[Row]:
    """Time the four scores of n against n rows."""
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((n, d)), rng.standard_normal((n, d))
    peers: dict[str, Callable[..., Scores]] = {"prdc": by_prdc, "faiss": by_faiss}
    routes: dict[str, Callable[[], Any]] = {name: lambda peer=peer: peer(real, fake) for name, peer in peers.items()}
    timed = in_turn({"ours": lambda: ours(real, fake)} | routes, runs=runs)
    floor = 4.0 * n**2 * d / found.gemm32  # half of each side against itself, and all pairs across
    rows = []
    for name in peers:
        off = max(abs(a - b) for a, b in zip(timed["ours"].value, timed[name].value, strict=True))
        rows.append(
            Row(
                job=f"four scores, {n} x {d}",
                ours=timed["ours"],
                peer=timed[name],
                peer_name=name,
                target=targets.get(name),
                claims={"the peer's values to 1e-3": off < 1e-3},
                floor=floor,
                note=f"largest difference {off:.0e}",
            )
        )
    return rows


def with_copies(n: int, d: int) -> np.ndarray:
    """Draw normal rows, one in a hundred copied with a small change."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((n, d))
    copies = n // 100
    rows[:copies] = rows[copies : 2 * copies] + 1e-3 * rng.standard_normal((copies, d))
    return rows


def near_duplicates(n: int, d: int, runs: int, target: float | None) -> list[Row]:
    """Time the search for all pairs within a hundredth of a typical distance."""
    import faiss
    from sklearn.neighbors import NearestNeighbors

    rows, radius = with_copies(n, d), 0.01 * d**0.5

    def faiss_range() -> int:
        single = rows.astype(np.float32)
        index = faiss.IndexFlatL2(d)
        index.add(single)
        return (len(index.range_search(single, radius**2)[2]) - n) // 2

    def brute() -> int:
        graph = NearestNeighbors(radius=radius, algorithm="brute").fit(rows).radius_neighbors_graph()
        return int(graph.nnz) // 2

    def pruned() -> int:
        return sum(len(i) for i, _, _ in close_pairs(rows, radius)) // 2

    timed = in_turn({"ours": pruned, "faiss": faiss_range, "scikit-learn": brute}, runs=runs)
    job = f"near duplicates, {n} x {d}"
    return [
        Row(
            job=job,
            ours=timed["ours"],
            peer=timed[name],
            peer_name=name,
            target=target,
            claims={"the peer's pairs": timed["ours"].value == timed[name].value},
            note=f"{timed['ours'].value} pairs, peer {timed[name].value}",
        )
        for name in ("faiss", "scikit-learn")
    ]


def exact_duplicates(n: int, d: int, found: Ceilings, target: float | None) -> Row:
    """Time the count of distinct rows."""
    rows = with_copies(n, d)
    rows[: n // 200] = rows[n // 200 : 2 * (n // 200)]
    routes: dict[str, Callable[[], Any]] = {
        "ours": lambda: distinct_rows(rows),
        "np.unique": lambda: len(np.unique(rows, axis=0)),
    }
    timed = in_turn(routes, runs=5)
    return Row(
        job=f"distinct rows, {n} x {d}",
        ours=timed["ours"],
        peer=timed["np.unique"],
        peer_name="np.unique",
        target=target,
        claims={"the peer's count": timed["ours"].value == timed["np.unique"].value},
        floor=rows.nbytes / found.copy,
        note=f"{timed['ours'].value}, peer {timed['np.unique'].value}",
    )


def measured(found: Ceilings, size: Size) -> list[Row]:
    """Time every job of this area."""
    if size == "quick":
        return [
            *scores(60, 4, found, 1, {}),
            *near_duplicates(300, 8, 1, None),
            exact_duplicates(400, 4, found, None),
        ]
    wide, narrow = {"prdc": 3.8, "faiss": 1.25}, {"prdc": 5.0, "faiss": 1.25}
    rows = [row for n in (1000, 5000, 10_000) for row in scores(n, 64, found, 3, narrow)]
    rows += scores(1000, 2048, found, 3, wide) + scores(10_000, 2048, found, 1, wide)
    if size == "large":
        rows += scores(20_000, 64, found, 1, narrow) + scores(20_000, 2048, found, 1, wide)
    for n, d in ((10_000, 64), (50_000, 64), (10_000, 2048)):
        rows += near_duplicates(n, d, 3, 10.0)
    return [*rows, exact_duplicates(50_000, 64, found, 5.0), exact_duplicates(10_000, 2048, found, 5.0)]


def page(size: Size) -> str:
    """Run the area and write its part of the page."""
    return report(measured, REASONS, size)


if __name__ == "__main__":
    command(page)
