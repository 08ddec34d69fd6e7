"""The least total distance of a perfect matching: every pairing of a few points, networkx, ties, far-off groups."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.errors import TooFewSamplesError
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.matching import matched_rows, minimum_matching

Matrix = NDArray[np.float64]


def pairings(points: list[int]) -> Iterator[list[tuple[int, int]]]:
    if not points:
        yield []
        return
    first, rest = points[0], points[1:]
    for i, other in enumerate(rest):
        for more in pairings(rest[:i] + rest[i + 1 :]):
            yield [(first, other), *more]


def weight(distances: Matrix, pairs: NDArray[np.int64]) -> float:
    return float(distances[pairs[:, 0], pairs[:, 1]].sum())


def greedy(distances: Matrix) -> float:
    left, total = set(range(len(distances))), 0.0
    order = sorted((distances[i, j], i, j) for i in left for j in left if i < j)
    for value, i, j in order:
        if i in left and j in left:
            left -= {i, j}
            total += value
    return total


@given(st.integers(1, 4), st.integers(1, 3), st.booleans(), st.integers(0, 10_000))
def test_it_is_the_best_of_all_pairings(half: int, d: int, tied: bool, seed: int) -> None:
    pool = np.random.default_rng(seed).normal(size=(2 * half, d))
    distances = pooled_distances(pool.round() if tied else pool)
    found = minimum_matching(distances)
    assert sorted(found.ravel().tolist()) == list(range(2 * half))
    best = min(sum(distances[i, j] for i, j in pairs) for pairs in pairings(list(range(2 * half))))
    assert weight(distances, found) == pytest.approx(best, rel=1e-9, abs=1e-12)


def test_pairing_the_closest_first_would_be_caught() -> None:
    distances = pooled_distances(np.array([[0.0], [1.0], [1.9], [3.0]]))
    assert weight(distances, minimum_matching(distances)) == pytest.approx(2.1)
    assert greedy(distances) == pytest.approx(3.9)


@settings(max_examples=6)
@given(st.sampled_from(["normal", "lattice", "groups"]), st.integers(5, 16), st.integers(0, 10_000))
def test_it_agrees_with_networkx(kind: str, half: int, seed: int) -> None:
    import networkx as nx

    rng = np.random.default_rng(seed)
    pool = rng.normal(size=(2 * half, 2))
    pool = pool.round() if kind == "lattice" else pool
    pool = pool + 30.0 * rng.integers(0, 3, size=(2 * half, 1)) if kind == "groups" else pool
    distances = pooled_distances(pool)
    graph = nx.Graph()
    graph.add_weighted_edges_from((i, j, distances[i, j]) for i in range(2 * half) for j in range(i + 1, 2 * half))
    peer = sum(distances[i, j] for i, j in nx.min_weight_matching(graph))
    ours = weight(distances, minimum_matching(distances))
    assert ours == pytest.approx(peer, rel=1e-9, abs=1e-9)
    assert ours != pytest.approx(1.01 * peer, rel=1e-3, abs=1e-12)


@pytest.mark.parametrize("groups", [1, 5])
def test_no_swap_of_two_pairs_betters_a_larger_matching(groups: int) -> None:
    rng = np.random.default_rng(1)
    pool = rng.normal(size=(120, 3)) + 30.0 * rng.integers(0, groups, size=(120, 1))
    distances = pooled_distances(pool)
    pairs = minimum_matching(distances)
    kept = distances[pairs[:, 0], pairs[:, 1]]
    a, b = pairs.T
    for c, d in ((a, b), (b, a)):
        crossed = distances[np.ix_(a, c)] + distances[np.ix_(b, d)]
        gain = kept[:, None] + kept[None, :] - crossed
        np.fill_diagonal(gain, 0.0)
        assert gain.max() <= 1e-9
    assert weight(distances, pairs) < 0.999 * greedy(distances)


def test_equal_rows_go_together_and_which_of_them_is_left_is_drawn() -> None:
    pool = np.array([[0.0]] * 3 + [[5.0]])
    seen = set()
    for seed in range(40):
        pairs = matched_rows(pool, np.random.default_rng(seed))
        distances = pooled_distances(pool)
        assert weight(distances, pairs) == 5.0
        seen.add(int(pairs[(pairs == 3).any(axis=1)].sum()) - 3)
    assert seen == {0, 1, 2}


def test_a_lattice_with_many_equal_rows_is_answered() -> None:
    rng = np.random.default_rng(2)
    for pool in (rng.normal(size=(300, 2)).round(), rng.integers(0, 2, size=(200, 6)).astype(float)):
        pairs = matched_rows(pool, rng)
        assert sorted(pairs.ravel().tolist()) == list(range(len(pool)))


def test_an_odd_number_of_points_is_refused() -> None:
    with pytest.raises(TooFewSamplesError, match="an even number of points"):
        minimum_matching(np.zeros((3, 3)))
