"""Clipped balls under every labelling, against loops over distances; the mean holding against its exact law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.numerics.clipped_balls import clipped_holdings, clipped_memberships, expected_holdings
from gandiag.numerics.labelled_balls import neighbour_order

Matrix = NDArray[np.float64]


def by_loops(pool: Matrix, owned: NDArray[np.bool_], k: int) -> tuple[float, float, float]:
    apart = np.sqrt(np.square(pool[:, None] - pool[None]).sum(axis=2))
    own = np.flatnonzero(owned)
    radii = np.array([np.sort(apart[i][[j for j in own if j != i]])[k - 1] for i in own])
    clipped = np.minimum(radii, np.median(radii))

    def earned(j: int) -> float:
        around = sum(apart[i, j] <= r * (1 + 1e-9) for i, r in zip(own, clipped, strict=True) if i != j)
        return min(1.0, around / k)

    others = np.flatnonzero(~owned)
    held = [min(1.0, (apart[i, others] <= r * (1 + 1e-9)).sum() / k) for i, r in zip(own, radii, strict=True)]
    return float(np.mean([earned(j) for j in others])), float(np.mean([earned(j) for j in own])), float(np.mean(held))


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("lattice", [True, False])
def test_every_labelling_is_that_of_a_loop(lattice: bool, k: int) -> None:
    rng = np.random.default_rng(0)
    pool = rng.standard_t(2, size=(45, 2))
    if lattice:
        pool = np.rint(pool)
    labels = rng.permuted(np.repeat((np.arange(45) < 25)[None], 150, axis=0), axis=1).T
    table = neighbour_order(pool)
    without, within = clipped_memberships(table, np.ascontiguousarray(labels), k)
    held = clipped_holdings(table, np.ascontiguousarray(labels), k)
    for b in (0, 17, 128, 149):
        assert (without[b], within[b], held[b]) == pytest.approx(by_loops(pool, labels[:, b], k), abs=1e-12)


def check_mean(values: Matrix, expected: float) -> None:
    """Within 4 standard errors."""
    assert abs(values.mean() - expected) < 4 * values.std() / math.sqrt(len(values))


@pytest.mark.parametrize(("n", "m", "d", "k"), [(60, 60, 2, 5), (40, 90, 1, 3), (50, 20, 8, 2)])
def test_the_mean_holding_of_equal_laws_is_exact(n: int, m: int, d: int, k: int) -> None:
    rng = np.random.default_rng(1)
    values = []
    for _ in range(40):
        labels = rng.permuted(np.repeat((np.arange(n + m) < n)[None], 50, axis=0), axis=1).T
        values.append(clipped_holdings(neighbour_order(rng.standard_t(3, size=(n + m, d))), labels, k).mean())
    check_mean(np.array(values), float(expected_holdings(n, np.array([m]), k)[0]))
    with pytest.raises(AssertionError, match=r"< \(\(4 \*"):
        check_mean(np.array(values), float(expected_holdings(n + 1, np.array([m]), k + 1)[0]))


def test_the_mean_holding_of_one_neighbour_is_the_mean_coverage() -> None:
    """With k = 1 a ball is full or empty, empty where the nearest of n - 1 + g rows is one of the n - 1."""
    good = np.array([0, 1, 7, 100])
    np.testing.assert_allclose(expected_holdings(30, good, 1), 1 - 29 / (29 + good), atol=1e-12)
    assert (np.diff(expected_holdings(30, np.arange(200), 5)) > 0).all()
