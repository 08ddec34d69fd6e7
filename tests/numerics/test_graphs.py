"""Neighbour graphs and spanning trees: loops, peers, exact means over labellings, duplicates told apart in the mean."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.graphs import neighbour_graph, spanning_tree

Matrix = NDArray[np.float64]
SHAPES = (st.integers(3, 30), st.integers(1, 4), st.integers(0, 10_000))


def labels_of(n: int, total: int) -> NDArray[np.bool_]:
    return (np.arange(total) < n)[:, None]


def every_labelling(n: int, total: int) -> NDArray[np.bool_]:
    return np.array([np.isin(np.arange(total), chosen) for chosen in combinations(range(total), n)]).T


def same_side_loop(pool: Matrix, labels: NDArray[np.bool_], k: int) -> int:
    distances = pooled_distances(pool)
    np.fill_diagonal(distances, np.inf)
    near = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return int((labels[near] == labels[:, None]).sum())


@given(*SHAPES)
def test_neighbours_agree_with_a_loop(total: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pool, k = rng.normal(size=(total, d)), int(rng.integers(1, total))
    labels = rng.random(total) < 0.5
    graph = neighbour_graph(pool, k)
    assert graph.same_side(labels[:, None])[0] == pytest.approx(same_side_loop(pool, labels, k), abs=1e-9)
    share = graph.real_share(labels)
    assert np.where(labels, share, 1 - share).sum() * k == pytest.approx(same_side_loop(pool, labels, k), abs=1e-9)


@given(*SHAPES)
def test_ties_share_their_places_whatever_the_order_of_the_rows(total: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pool, k = rng.integers(0, 3, size=(total, d)).astype(float), int(rng.integers(1, total))
    labels, order = rng.random(total) < 0.5, rng.permutation(total)
    graph = neighbour_graph(pool, k)
    received = graph.weights @ graph.nodes.counts - graph.weights.diagonal()
    np.testing.assert_allclose(received, k, rtol=1e-12)  # every row has k neighbours in all
    moved = neighbour_graph(pool[order], k)
    assert moved.same_side(labels[order, None])[0] == pytest.approx(graph.same_side(labels[:, None])[0], abs=1e-9)
    flipped = graph.same_side(~labels[:, None])[0]
    assert flipped == pytest.approx(graph.same_side(labels[:, None])[0], abs=1e-9)


def test_a_tie_beyond_the_candidates_is_seen() -> None:
    # 40 points at distance 1 from the origin in 40 columns: all share the origin's one place.
    pool = np.concatenate([np.zeros((1, 40)), np.eye(40)])
    graph = neighbour_graph(pool, 1)
    origin = int(np.flatnonzero((graph.nodes.rows == 0.0).all(axis=1))[0])
    np.testing.assert_allclose(np.delete(graph.weights.toarray()[origin], origin), 1 / 40)


@pytest.mark.row(21)
@pytest.mark.parametrize("tied", [False, True])
def test_the_mean_over_all_labellings_is_the_closed_form(tied: bool) -> None:
    rng = np.random.default_rng(3)
    pool = rng.normal(size=(8, 2))
    if tied:
        pool = pool.round()
        pool[3:6] = pool[2]
    for n in (2, 3, 4):
        m = 8 - n
        expected = 8 * 2 * (n * (n - 1) + m * (m - 1)) / (8 * 7)
        found = neighbour_graph(pool, 2).same_side(every_labelling(n, 8)).mean()
        assert found == pytest.approx(expected, rel=1e-12)
        # Counting each row among its own neighbours has another mean.
        distances = pooled_distances(pool)
        near = np.argsort(distances, axis=1, kind="stable")[:, :2]
        wrong = np.mean([(label[near] == label[:, None]).sum() for label in every_labelling(n, 8).T])
        assert wrong != pytest.approx(expected, rel=0.05)


def test_impossible_numbers_of_neighbours_are_refused() -> None:
    with pytest.raises(ConfigError, match="`k` must be at least 1"):
        neighbour_graph(np.zeros((3, 1)), 0)
    with pytest.raises(TooFewSamplesError, match="need more than 3 rows"):
        neighbour_graph(np.zeros((3, 1)), 3)


@given(*SHAPES)
def test_the_tree_is_as_short_as_that_of_scipy(total: int, d: int, seed: int) -> None:
    from scipy.sparse.csgraph import minimum_spanning_tree

    pool = np.random.default_rng(seed).normal(size=(total, d))
    tree = spanning_tree(pool)
    rows = tree.nodes.rows
    length = np.linalg.norm(rows[tree.edges[:, 0]] - rows[tree.edges[:, 1]], axis=1).sum()
    peer = minimum_spanning_tree(pooled_distances(pool)).sum()
    assert length == pytest.approx(peer, rel=1e-10)
    assert length != pytest.approx(1.01 * peer, rel=1e-3)
    assert len(np.unique(tree.edges)) == total


def test_scipy_goes_a_long_way_round_between_equal_rows_and_we_do_not() -> None:
    from scipy.sparse.csgraph import minimum_spanning_tree

    pool = np.repeat(np.random.default_rng(0).normal(size=(6, 2)), 3, axis=0)
    tree = spanning_tree(pool)
    rows = tree.nodes.rows
    length = np.linalg.norm(rows[tree.edges[:, 0]] - rows[tree.edges[:, 1]], axis=1).sum()
    assert minimum_spanning_tree(pooled_distances(pool)).sum() > 1.5 * length
    assert len(tree.edges) + (tree.nodes.counts - 1).sum() == 17


def random_trees_on(labels: NDArray[np.bool_]) -> float:
    """Average the cross edges of all paths through a few equal rows."""
    paths = [np.asarray(labels)[list(order)] for order in permutations(range(len(labels)))]
    return float(np.mean([(path[1:] != path[:-1]).sum() for path in paths]))


def test_equal_rows_count_in_the_mean_over_their_trees() -> None:
    labels = np.array([True, True, False, True, False, True])
    pool = np.array([[0.0]] * 5 + [[1.0]])
    # The lone real row hangs on any of the five, two of which are fake.
    expected = random_trees_on(labels[:5]) + 2 / 5
    assert spanning_tree(pool).cross_edges(labels[:, None])[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("tied", [False, True])
def test_the_mean_number_of_cross_edges_over_all_labellings(tied: bool) -> None:
    pool = np.random.default_rng(5).normal(size=(9, 2))
    pool = pool.round() if tied else pool
    found = spanning_tree(pool).cross_edges(every_labelling(4, 9))
    assert found.mean() == pytest.approx(2 * 4 * 5 / 9, rel=1e-12)


def test_the_tree_does_not_depend_on_the_order_of_the_rows() -> None:
    rng = np.random.default_rng(6)
    pool = rng.integers(0, 4, size=(50, 2)).astype(float)
    labels, order = rng.random(50) < 0.4, rng.permutation(50)
    found = spanning_tree(pool).cross_edges(labels[:, None])[0]
    assert spanning_tree(pool[order]).cross_edges(labels[order, None])[0] == pytest.approx(found, rel=1e-12)
    assert spanning_tree(pool).cross_edges(~labels[:, None])[0] == pytest.approx(found, rel=1e-12)
