"""Transport: three algorithms agree, certificates hold, and a solver that did not finish gives no number."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.errors import NotConverged, NumericalError
from gandiag.numerics.distances import exact_distances
from gandiag.numerics.transport import (
    assignment_cost,
    exact_transport,
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


@pytest.mark.row(40)
@pytest.mark.parametrize("shift", [0.0, 2.5, -1e3])
@pytest.mark.parametrize("p", [1.0, 2.0, 4.0])
def test_a_shift_moves_every_quantile_by_as_much(shift: float, p: float) -> None:
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
