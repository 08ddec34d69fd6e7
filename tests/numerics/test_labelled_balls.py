"""k-NN balls under any labelling, read from one table, against the definition applied to each labelling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.numerics.labelled_balls import (
    NeighbourOrder,
    ball_ends,
    ball_loads,
    nearest_labelled,
    neighbour_order,
    shares_inside,
)

Matrix = NDArray[np.float64]


def by_definition(real: Matrix, fake: Matrix, k: int, ties: str) -> tuple[float, float, float, float]:
    """Precision, recall, rows per ball and coverage from full distance arrays of exact differences."""

    def apart(a: Matrix, b: Matrix) -> Matrix:
        out: Matrix = np.sqrt(np.square(a[:, None] - b[None]).sum(axis=2))
        return out

    across = apart(real, fake)
    real_radii, fake_radii = np.sort(apart(real, real))[:, k, None], np.sort(apart(fake, fake))[:, k]
    in_real = across <= real_radii if ties == "closed" else across < real_radii
    in_fake = across <= fake_radii if ties == "closed" else across < fake_radii
    return in_real.any(0).mean(), in_fake.any(1).mean(), in_real.sum() / len(real), in_real.any(1).mean()


def check(table: NeighbourOrder, pool: Matrix, labels: NDArray[np.bool_], k: int, ties: str) -> None:
    found = (
        shares_inside(table, labels, k, ties),  # type: ignore[arg-type]
        shares_inside(table, ~labels, k, ties),  # type: ignore[arg-type]
        *ball_loads(table, labels, k, ties),  # type: ignore[arg-type]
    )
    for b in range(labels.shape[1]):
        expected = by_definition(pool[labels[:, b]], pool[~labels[:, b]], k, ties)
        np.testing.assert_allclose([f[b] for f in found], expected, rtol=1e-12, atol=1e-12)


def pool_of(kind: str, rng: np.random.Generator, rows: int) -> Matrix:
    if kind == "continuous":
        return rng.normal(size=(rows, 3))
    if kind == "lattice":
        return rng.integers(0, 4, size=(rows, 2)).astype(float)
    if kind == "few atoms":
        return rng.integers(0, 3, size=(rows, 1)).astype(float)
    return np.repeat(rng.normal(size=(-(-rows // 3), 2)), 3, axis=0)[:rows]


def random_labels(rng: np.random.Generator, n: int, m: int, columns: int) -> NDArray[np.bool_]:
    return np.stack([rng.permutation(np.arange(n + m) < n) for _ in range(columns)], axis=1)


@pytest.mark.parametrize("ties", ["closed", "prdc"])
@pytest.mark.parametrize("kind", ["continuous", "lattice", "few atoms", "repeated"])
def test_every_labelling_scores_what_the_definition_says(kind: str, ties: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(12):
        n, m, k = int(rng.integers(7, 40)), int(rng.integers(7, 40)), int(rng.integers(1, 6))
        pool = pool_of(kind, rng, n + m)
        check(neighbour_order(pool), pool, random_labels(rng, n, m, 6), k, ties)


def test_very_unequal_sizes_look_as_far_down_the_order_as_needed() -> None:
    rng = np.random.default_rng(1)
    pool = rng.normal(size=(306, 2))
    table = neighbour_order(pool)
    labels = random_labels(rng, 6, 300, 5)
    assert int(ball_ends(table, labels, 5).max()) > 100
    check(table, pool, labels, 5, "closed")


def test_many_columns_are_cut_in_parts_without_a_seam() -> None:
    rng = np.random.default_rng(2)
    pool = rng.normal(size=(40, 2))
    table, labels = neighbour_order(pool), random_labels(rng, 20, 20, 300)
    whole = shares_inside(table, labels, 3)
    np.testing.assert_array_equal(whole, np.concatenate([shares_inside(table, c[:, None], 3) for c in labels.T]))


def test_the_check_rejects_a_table_that_forgets_ties() -> None:
    rng = np.random.default_rng(3)
    pool = pool_of("lattice", rng, 40)
    table = neighbour_order(pool)
    at = np.broadcast_to(np.arange(39, dtype=table.first.dtype), table.first.shape)
    forgetful = replace(table, first=at, last=at)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(forgetful, pool, random_labels(rng, 20, 20, 6), 2, "closed")


def test_the_check_rejects_a_ball_to_the_wrong_neighbour() -> None:
    rng = np.random.default_rng(4)
    pool, labels = rng.normal(size=(60, 2)), random_labels(rng, 30, 30, 6)
    right = ball_loads(neighbour_order(pool), labels, 4)[0]
    assert not np.allclose(right, ball_loads(neighbour_order(pool), labels, 3)[0])


def test_ties_are_found_far_from_the_origin() -> None:
    rng = np.random.default_rng(5)
    near = rng.integers(0, 4, size=(50, 2)).astype(float)
    labels = random_labels(rng, 25, 25, 6)
    far = neighbour_order(near + 1e6)
    check(far, near, labels, 3, "closed")


def test_the_nearest_labelled_row_is_found() -> None:
    pool = np.array([[0.0], [1.0], [5.0], [7.0]])
    wanted = np.array([True, False, False, True])
    np.testing.assert_allclose(nearest_labelled(neighbour_order(pool), np.array([1, 2]), wanted), [1.0, 2.0])
