"""Transport: three algorithms agree, certificates hold, and a solver that did not finish gives no number."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.errors import NotConverged, NumericalError
from gandiag.numerics.distances import exact_distances
from gandiag.numerics.transport import (
    ProjectedPool,
    assignment_cost,
    exact_transport,
    orthonormal_directions,
    wasserstein_1d,
)

Matrix = NDArray[np.float64]


def pair(n: int, m: int, d: int, seed: int = 0) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.3


def linear_program(costs: Matrix) -> float:
    from scipy.optimize import linprog

    n, m = costs.shape
    rows = [np.repeat(np.eye(n)[i], m) for i in range(n)] + [np.tile(np.eye(m)[j], n) for j in range(m)]
    return float(linprog(costs.ravel(), A_eq=np.array(rows), b_eq=[1 / n] * n + [1 / m] * m).fun)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_three_algorithms_agree_on_equal_sizes(p: float) -> None:
    costs = exact_distances(*pair(12, 12, 3)) ** p
    cost = exact_transport(costs).cost
    assert cost == pytest.approx(assignment_cost(costs), rel=1e-10)
    assert cost == pytest.approx(linear_program(costs), rel=1e-7)
    greedy = float(costs.min(axis=1).mean())  # each to its nearest: not a plan
    assert cost != pytest.approx(greedy, rel=1e-3)


@pytest.mark.parametrize(("n", "m"), [(7, 11), (30, 4), (1, 9)])
def test_unequal_sizes_agree_with_a_linear_program_and_certify_themselves(n: int, m: int) -> None:
    costs = exact_distances(*pair(n, m, 2))
    found = exact_transport(costs)
    assert found.cost == pytest.approx(linear_program(costs), rel=1e-7)
    assert found.gap <= 1e-9
    np.testing.assert_allclose(found.plan.sum(axis=1), 1 / n, atol=1e-12)
    np.testing.assert_allclose(found.plan.sum(axis=0), 1 / m, atol=1e-12)
    assert found.cost == pytest.approx(float((found.plan * costs).sum()), rel=1e-12)


@pytest.mark.parametrize("scale", [1e-12, 1e12, 1e200])
def test_the_certificate_holds_at_any_scale(scale: float) -> None:
    costs = exact_distances(*pair(20, 20, 2))
    assert exact_transport(costs * scale).cost == pytest.approx(scale * assignment_cost(costs), rel=1e-9)


def test_a_solver_that_stops_early_is_an_error_and_not_a_number() -> None:
    with pytest.raises(NotConverged, match="an optimal plan must be certified; got code"):
        exact_transport(exact_distances(*pair(60, 50, 2)), iterations=3)


def test_a_wrong_plan_is_refused_by_the_dual(monkeypatch: pytest.MonkeyPatch) -> None:
    import ot

    def liar(a: Matrix, b: Matrix, costs: Matrix, **options: object) -> tuple[Matrix, dict[str, object]]:
        plan = np.outer(a, b)  # right marginals, wrong cost
        return plan, {"u": np.zeros(len(a)), "v": np.zeros(len(b)), "result_code": 1}

    monkeypatch.setattr(ot, "emd", liar)
    with pytest.raises(NotConverged, match="gap"):
        exact_transport(exact_distances(*pair(6, 6, 2)))


def test_zero_and_infinite_costs() -> None:
    assert exact_transport(np.zeros((3, 4))).cost == 0.0
    with pytest.raises(NumericalError, match="costs must be finite"):
        exact_transport(np.array([[np.inf, 1.0], [1.0, 1.0]]))


@pytest.mark.parametrize("shift", [0.0, 2.5, -1e3])
@pytest.mark.parametrize("p", [1.0, 2.0, 4.0])
def test_a_shift_moves_every_quantile_by_as_much(shift: float, p: float) -> None:
    # Verification row 40, on shuffled rows.
    rng = np.random.default_rng(0)
    x = rng.normal(size=50)
    assert wasserstein_1d(x, rng.permutation(x + shift), p) ** (1 / p) == pytest.approx(abs(shift), abs=1e-12 * 1e3)


@pytest.mark.parametrize(("n", "m"), [(30, 30), (30, 17), (5, 100), (1, 3)])
def test_one_dimension_agrees_with_scipy_and_with_exact_transport(n: int, m: int) -> None:
    from scipy.stats import wasserstein_distance

    x, y = pair(n, m, 1)
    assert wasserstein_1d(x[:, 0], y[:, 0]) == pytest.approx(wasserstein_distance(x[:, 0], y[:, 0]), rel=1e-12)
    squared = exact_transport(exact_distances(x, y) ** 2).cost
    assert wasserstein_1d(x[:, 0], y[:, 0], 2.0) == pytest.approx(squared, rel=1e-10)


@pytest.mark.parametrize(("d", "count"), [(2, 7), (5, 12), (40, 25)])
def test_directions_are_unit_vectors_orthogonal_within_a_batch(d: int, count: int) -> None:
    thetas = orthonormal_directions(d, count, np.random.default_rng(0))
    assert thetas.shape == (count, d)
    first = thetas[: min(d, count)]
    np.testing.assert_allclose(first @ first.T, np.eye(len(first)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(thetas, axis=1), 1.0)
    assert orthonormal_directions(1, 50, np.random.default_rng(0)).tolist() == [[1.0]]


def test_directions_are_uniform_on_the_sphere() -> None:
    # E theta_1 = 0 and E theta_1^2 = 1/d; 3000 directions in 3-d: standard errors .0105 and .0054 at most.
    thetas = orthonormal_directions(3, 3000, np.random.default_rng(1))
    assert np.abs(thetas.mean(axis=0)).max() < 4 * 0.0105
    assert np.abs(np.square(thetas).mean(axis=0) - 1 / 3).max() < 4 * 0.0054
    unsigned, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    assert unsigned[0, 0] < 0  # QR alone gives its first axis one sign: not uniform


def test_relabelling_by_running_sums_is_the_distance_of_each_projection() -> None:
    rng = np.random.default_rng(2)
    pool = rng.normal(size=(40, 3)).round(1)  # with ties
    thetas = orthonormal_directions(3, 10, rng)
    labels = rng.permuted(np.repeat((np.arange(40) < 15)[None], 9, axis=0), axis=1).T
    found = ProjectedPool(thetas @ pool.T).mean_w1(labels)
    for value, column in zip(found, labels.T, strict=True):
        expected = np.mean([wasserstein_1d(pool[column] @ t, pool[~column] @ t) for t in thetas])
        assert value == pytest.approx(expected, rel=1e-12)


def test_working_blocks_do_not_change_the_relabelled_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    import gandiag.numerics.transport as transport

    rng = np.random.default_rng(3)
    pool = ProjectedPool(rng.normal(size=(4, 30)))
    labels = rng.permuted(np.repeat((np.arange(30) < 12)[None], 20, axis=0), axis=1).T
    whole = pool.mean_w1(labels)
    monkeypatch.setattr(transport, "_CACHED", 90)
    np.testing.assert_allclose(pool.mean_w1(labels), whole, rtol=1e-13)


def test_potentials_are_lipschitz_and_attain_the_distance() -> None:
    rng = np.random.default_rng(4)
    projections = rng.normal(size=(5, 50))
    is_real = np.arange(50) < 20
    potentials = ProjectedPool(projections).potentials(is_real)
    for row, values in zip(projections, potentials, strict=True):
        attained = values[~is_real].mean() - values[is_real].mean()
        assert attained == pytest.approx(wasserstein_1d(row[is_real], row[~is_real]), rel=1e-12)
        gaps = np.abs(values[:, None] - values[None]) - np.abs(row[:, None] - row[None])
        assert gaps.max() < 1e-12
