"""Exact transport: every solver finds the same distance, and the recovered dual tells the best matching from others."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from gandiag.errors import ConfigError
from gandiag.numerics import solvers
from gandiag.numerics.solvers import assignment_gap, exact_wasserstein, suited_solver

Matrix = NDArray[np.float64]


def pair(n: int, d: int, seed: int = 0) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 100.0, 1.3 * rng.normal(size=(n, d)) + 100.2


def dense_gap(costs: Matrix, columns: NDArray[np.int64]) -> float:
    """Bellman and Ford over all rows in every round, as many as there are rows."""
    matched = costs[np.arange(len(costs)), columns]
    prices = costs.min(axis=0)
    for _ in range(len(costs)):
        prices = np.minimum(prices, (costs + (prices[columns] - matched)[:, None]).min(axis=0))
    return float(matched.mean() - (costs - prices).min(axis=1).mean() - prices.mean())


@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("d", [2, 40])
def test_all_solvers_find_one_distance_and_certify_it(d: int, p: float) -> None:
    pytest.importorskip("lap")
    real, fake = pair(120, d)
    found = [exact_wasserstein(real, fake, p, solver=name) for name in ("simplex", "lazy", "assignment")]
    for each in found:
        assert each.certified
        assert each.gap is not None
        assert each.gap <= 1e-8
        assert each.distance == pytest.approx(found[0].distance, rel=1e-9)
    assert exact_wasserstein(1.01 * real, fake, p, solver="simplex").distance != pytest.approx(
        found[0].distance, rel=1e-3
    )


@pytest.mark.parametrize("n", [2, 30, 300])
def test_the_dual_certifies_the_best_matching(n: int) -> None:
    costs = np.random.default_rng(n).random((n, n))
    columns = linear_sum_assignment(costs)[1]
    gap, settled = assignment_gap(costs, columns)
    assert settled
    assert abs(gap) < 1e-12
    assert gap == pytest.approx(dense_gap(costs, columns), abs=1e-12)


def test_the_dual_of_a_worse_matching_never_settles_and_leaves_a_gap() -> None:
    costs = np.random.default_rng(1).random((50, 50))
    columns = linear_sum_assignment(costs)[1]
    best = costs[np.arange(50), columns].mean()
    columns[[3, 8]] = columns[[8, 3]]  # one exchange that does not pay
    gap, settled = assignment_gap(costs, columns, rounds=200)
    assert not settled
    assert gap >= costs[np.arange(50), columns].mean() - best - 1e-12


def test_ties_and_equal_costs_settle() -> None:
    for costs in (np.ones((20, 20)), np.zeros((5, 5)), np.random.default_rng(2).integers(0, 3, (60, 60)).astype(float)):
        gap, settled = assignment_gap(costs, linear_sum_assignment(costs)[1])
        assert settled
        assert abs(gap) < 1e-12


def test_equal_samples_of_many_columns_are_at_zero() -> None:
    pytest.importorskip("lap")
    real = pair(200, 64)[0]
    found = exact_wasserstein(real, real[::-1].copy(), 1.0, solver="assignment")
    assert found.distance == 0.0
    assert found.certified


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((500, 400, 1, 1.0), "sort"),
        ((5000, 5000, 2, 2.0), "simplex"),
        ((9000, 9000, 2, 2.0), "lazy"),
        ((9000, 9000, 2, 3.0), "simplex"),
        ((9000, 8999, 64, 2.0), "lazy"),
        ((500, 500, 64, 2.0), "simplex"),
    ],
)
def test_the_shape_chooses(shape: tuple[int, int, int, float], expected: str) -> None:
    assert suited_solver(*shape) == expected


def test_many_columns_choose_the_assignment_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solvers, "find_spec", lambda name: object())
    assert suited_solver(2000, 2000, 64, 2.0) == "assignment"
    monkeypatch.setattr(solvers, "find_spec", lambda name: None)
    assert suited_solver(2000, 2000, 64, 2.0) == "simplex"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "best"}, "`solver` must exist"),
        ({"solver": "sort"}, "sorting needs one column"),
        ({"solver": "lazy", "p": 3.0}, "needs p = 1 or 2"),
        ({"p": 0.5}, "`p` must be at least 1"),
    ],
)
def test_what_does_not_suit_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        exact_wasserstein(*pair(10, 2), **options)  # type: ignore[arg-type]


def test_an_assignment_needs_equal_sizes() -> None:
    real, fake = pair(10, 2)
    with pytest.raises(ConfigError, match="as many rows"):
        exact_wasserstein(real, fake[:9], solver="assignment")
