"""All pairs within a radius and small pair distances, against all distances by differences."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.numerics import close_pairs as module
from gandiag.numerics.close_pairs import close_graph, close_pairs, small_distance

Matrix = NDArray[np.float64]


def points_of(kind: str, rng: np.random.Generator, n: int) -> Matrix:
    if kind == "lattice":
        return rng.integers(0, 9, size=(n, 2)).astype(float)
    if kind == "tight clusters":
        return rng.normal(size=(5, 3))[rng.integers(5, size=n)] + 1e-6 * rng.normal(size=(n, 3))
    if kind == "wide":
        return rng.normal(size=(n, 90)) * np.linspace(5.0, 0.01, 90)
    if kind == "equal":
        return np.ones((n, 3))
    return rng.normal(size=(n, int(kind)))


def distances_of(points: Matrix) -> Matrix:
    return np.stack([np.sqrt(np.square(points - row).sum(axis=1)) for row in points])


KINDS = ["1", "2", "5", "lattice", "tight clusters", "wide", "equal"]


@pytest.mark.parametrize("route", ["tree", "tiles"])
@pytest.mark.parametrize("offset", [0.0, 1e5])
@pytest.mark.parametrize("kind", KINDS)
def test_every_pair_within_the_radius_is_found_once(
    kind: str, offset: float, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FEW_PAIRS", 2**22 if route == "tree" else -1)
    rng = np.random.default_rng(0)
    points = points_of(kind, rng, 600) + offset
    exact = distances_of(points)
    radius = float(np.sort(exact[np.triu_indices(600, 1)])[400])
    found: list[tuple[int, int]] = []
    for i, j, distances in close_pairs(points, radius):
        found += list(zip(i.tolist(), j.tolist(), strict=True))
        np.testing.assert_allclose(distances, exact[i, j], rtol=1e-5, atol=1e-6 * radius)
    expected = np.argwhere((exact <= radius * (1 + 1e-12)) & ~np.eye(600, dtype=bool))
    assert sorted(found) == sorted(map(tuple, expected.tolist()))


def check_copies(points: Matrix, radius: float, copies: int) -> None:
    """Rows from 0 were copied to the rows ``copies`` behind them, each a little changed: these pairs, no others."""
    found = {(int(a), int(b)) for i, j, _ in close_pairs(points, radius) for a, b in zip(i, j, strict=True)}
    assert found == {pair for i in range(copies) for pair in ((i, i + copies), (i + copies, i))}


@pytest.mark.parametrize("route", ["tree", "tiles"])
@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
@pytest.mark.parametrize("d", [64, 700])
def test_planted_copies_are_found_in_many_columns_at_any_scale(
    d: int, scale: float, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FEW_PAIRS", 2**22 if route == "tree" else -1)
    rng = np.random.default_rng(4)
    points = rng.normal(size=(900, d))
    points[50:100] = points[:50] + 1e-3 * rng.normal(size=(50, d))
    radius = 1.5e-3 * d**0.5
    check_copies((points + 10.0) * scale, radius * scale, 50)
    with pytest.raises(AssertionError, match="Extra items in the right set"):
        check_copies(points, radius / 3, 50)


def test_an_outlier_hides_no_pair() -> None:
    rng = np.random.default_rng(5)
    points = rng.normal(size=(600, 80))
    points[50:100] = points[:50] + 1e-3 * rng.normal(size=(50, 80))
    points[200] *= 1e9
    check_copies(points, 0.02, 50)


@pytest.mark.parametrize("rank", [1, 3, 40, 2000])
@pytest.mark.parametrize("kind", KINDS)
def test_small_distances_are_the_order_statistics_of_all_pairs(kind: str, rank: int) -> None:
    points = points_of(kind, np.random.default_rng(1), 400)
    expected = np.sort(distances_of(points)[np.triu_indices(400, 1)])[rank - 1]
    assert small_distance(points, rank) == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_the_largest_distance_is_found_too() -> None:
    points = np.random.default_rng(2).normal(size=(8, 2))
    assert small_distance(points, 28) == pytest.approx(distances_of(points).max(), rel=1e-9)


def test_a_graph_counts_rows_with_a_neighbour_of_their_own_label() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(60, 2))
    near = (distances_of(points) <= 0.4) & ~np.eye(60, dtype=bool)
    i, j = np.nonzero(near)
    graph = close_graph(i, j, 60)
    labels = rng.random((60, 200)) < 0.5
    with_label, without = graph.sides(labels)
    for b in range(200):
        same = (near & (labels[:, b][:, None] == labels[:, b][None, :])).any(axis=1)
        assert with_label[b] == (same & labels[:, b]).sum()
        assert without[b] == (same & ~labels[:, b]).sum()


def test_an_empty_graph_counts_nothing() -> None:
    none = np.zeros(0, dtype=np.int64)
    real, fake = close_graph(none, none, 5).sides(np.ones((5, 3), dtype=bool))
    assert real.tolist() == fake.tolist() == [0.0, 0.0, 0.0]
