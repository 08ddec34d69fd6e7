"""Against POT: exact plans with a certificate of their own, sliced transport, entropic transport."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import agrees
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from gandiag.metrics.sinkhorn import sinkhorn_divergence
from gandiag.metrics.sliced_wasserstein import sliced_wasserstein_distance
from gandiag.metrics.wasserstein import wasserstein_distance
from gandiag.numerics.transport import exact_transport

Matrix = NDArray[np.float64]


def pair(n: int, m: int, d: int = 3, seed: int = 0) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 1.2 * rng.normal(size=(m, d)) + 0.4


def dual_bound(costs: Matrix) -> float:
    """Bound the cost of any plan from below by a feasible pair of potentials, from a solver of linear programmes."""
    from scipy.optimize import linprog

    n, m = costs.shape
    columns = np.concatenate([np.kron(np.eye(n), np.ones((1, m))), np.kron(np.ones((1, n)), np.eye(m))])
    weights = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    found = linprog(-weights, A_ub=columns.T, b_ub=costs.ravel(), bounds=(None, None))
    u, v = found.x[:n], found.x[n:]
    v = np.minimum(v, (costs - u[:, None]).min(axis=0))  # feasible to the bit, whatever the solver's tolerance
    return float(u.mean() + v.mean())


@pytest.mark.differential("D11")
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_equal_sizes(p: float) -> None:
    import ot

    real, fake = pair(50, 50)
    expected = float(ot.emd2([], [], cdist(real, fake) ** p)) ** (1 / p)
    agrees(wasserstein_distance(real, fake, p), expected, rel=1e-10)


@pytest.mark.differential("D12")
@pytest.mark.parametrize(("n", "m"), [(13, 17), (30, 4), (1, 6)])
def test_unequal_sizes_and_a_bound_from_the_dual(n: int, m: int) -> None:
    import ot

    real, fake = pair(n, m)
    costs = cdist(real, fake)
    ours = exact_transport(costs).cost
    agrees(ours, float(ot.emd2([], [], costs)), rel=1e-10)
    bound = dual_bound(costs)
    assert -1e-12 <= ours - bound <= 1e-8 * (1 + ours)
    assert not 1.01 * ours - bound <= 1e-8 * (1 + ours)


@pytest.mark.differential("D12")
def test_repeated_rows_are_weights() -> None:
    import ot

    rng = np.random.default_rng(1)
    real, fake = pair(8, 6)
    a, b = rng.integers(1, 4, size=8), rng.integers(1, 4, size=6)
    ours = wasserstein_distance(np.repeat(real, a, axis=0), np.repeat(fake, b, axis=0), 2.0)
    expected = float(ot.emd2(a / a.sum(), b / b.sum(), cdist(real, fake) ** 2)) ** 0.5
    agrees(ours, expected, rel=1e-9)


@pytest.mark.differential("D14")
@pytest.mark.parametrize(("n", "m"), [(20, 20), (20, 13)])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_sliced_transport_over_our_directions_with_the_root_outside_the_mean(n: int, m: int, p: float) -> None:
    import ot

    (real, fake), rng = pair(n, m), np.random.default_rng(2)
    thetas = rng.normal(size=(12, 3))
    thetas /= np.linalg.norm(thetas, axis=1, keepdims=True)
    ours = sliced_wasserstein_distance(real, fake, thetas, p)
    agrees(ours, float(ot.sliced_wasserstein_distance(real, fake, projections=thetas.T, p=p)), rel=1e-10)
    each = [float(ot.wasserstein_1d(real @ t, fake @ t, p=p)) for t in thetas]  # powers, without the root
    agrees(ours, np.mean(each) ** (1 / p), rel=1e-10)
    if p > 1.0:
        assert ours != pytest.approx(np.mean(np.array(each) ** (1 / p)), rel=1e-3)  # a mean of roots


def test_the_sinkhorn_divergence_by_three_entropic_problems() -> None:
    import ot

    real, fake = pair(25, 18, 2)

    def dual_value(x: Matrix, y: Matrix, epsilon: float) -> float:
        a, b, costs = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y)), cdist(x, y, "sqeuclidean")
        _, log = ot.sinkhorn(a, b, costs, epsilon, method="sinkhorn_log", stopThr=1e-13, numItermax=20_000, log=True)
        return float(epsilon * (a @ log["log_u"] + b @ log["log_v"]))

    values = [dual_value(x, y, 2.0) for x, y in ((real, fake), (real, real), (fake, fake))]
    agrees(sinkhorn_divergence(real, fake, 2.0), values[0] - 0.5 * (values[1] + values[2]), rel=1e-5)
    assert sinkhorn_divergence(real, fake, 2.0) != pytest.approx(values[0], rel=0.05)  # without the debiasing
