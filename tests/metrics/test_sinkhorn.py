"""Sinkhorn divergence: closed forms of Gaussian laws, limits in epsilon, failures that are no numbers, level, power."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.errors import ConfigError, NotConverged
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.sinkhorn import measure, sinkhorn_divergence
from gandiag.numerics.sinkhorn import PooledSinkhorn, entropic_cost, entropic_self_cost
from gandiag.numerics.solvers import exact_wasserstein

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0, **options: Any) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed), **options)


def p_value(real: Matrix, fake: Matrix, seed: int = 0, draws: int = 99) -> float:
    null = measured(real, fake, seed).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed)).p_value


def gaussians_on_a_grid() -> tuple[Matrix, Matrix, Matrix]:
    grid = np.linspace(-9.0, 11.0, 300)
    laws = [np.exp(-((grid - mean) ** 2) / (2 * variance)) for mean, variance in ((0.0, 1.0), (1.0, 2.25))]
    return np.square(grid[:, None] - grid[None, :]), *(law / law.sum() for law in laws)


def divergence_on_the_grid(epsilon: float) -> tuple[float, float]:
    costs, first, second = gaussians_on_a_grid()
    across = entropic_cost(costs, first, second, epsilon, tolerance=1e-9).value
    within = [entropic_self_cost(costs, law, epsilon, tolerance=1e-9).value for law in (first, second)]
    return across, across - sum(within) / 2


@pytest.mark.row(49)
@pytest.mark.parametrize(
    ("epsilon", "transport", "divergence"), [(1.0, 2.3408772, 1.2466061), (0.5, 1.9583505, 1.2491369)]
)
def test_gaussian_laws_on_a_grid_reach_their_closed_form(epsilon: float, transport: float, divergence: float) -> None:
    # Janati, Muzellec, Peyre & Cuturi 2020, theorem 1; the reference measure is the product of the laws.
    found = divergence_on_the_grid(epsilon)
    assert found == pytest.approx((transport, divergence), abs=1e-6)
    assert found[0] != pytest.approx(1.25, abs=0.5)  # without debiasing it is no estimate of W_2^2 = 1.25


@pytest.mark.row(49)
def test_extrapolation_cancels_the_error_of_second_order() -> None:
    wide, fine = (divergence_on_the_grid(epsilon)[1] for epsilon in (np.sqrt(0.5), 0.5))
    assert 2 * fine - wide == pytest.approx(1.2499901, abs=1e-6)
    coarse = divergence_on_the_grid(1.0)[1]
    assert 2 * fine - coarse != pytest.approx(1.25, abs=1e-3)  # the ratio of epsilons is a root of two, not two


@pytest.mark.parametrize(("n", "m", "d"), [(12, 12, 2), (20, 13, 3)])
def test_scaling_agrees_with_pot_in_the_log_domain(n: int, m: int, d: int) -> None:
    import ot

    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5
    found = sinkhorn_divergence(x, y, 2.0)
    peer = []
    for a, b in ((x, y), (x, x), (y, y)):
        costs = ot.dist(a, b)
        plan = ot.sinkhorn([], [], costs, 2.0, method="sinkhorn_log", stopThr=1e-8, numItermax=1000)
        weights = 1 / len(a) / len(b)
        peer.append(float((plan * costs).sum() + 2.0 * (plan * np.log(plan / weights)).sum()))
    assert found == pytest.approx(peer[0] - peer[1] / 2 - peer[2] / 2, rel=1e-5, abs=1e-8)
    assert found != pytest.approx(1.01 * (peer[0] - peer[1] / 2 - peer[2] / 2), rel=1e-5)


@settings(max_examples=15)
@given(st.integers(2, 9), st.integers(2, 9), st.integers(1, 3), st.integers(0, 10_000))
def test_its_invariances_and_limits(n: int, m: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.3
    value = sinkhorn_divergence(x, y, 1.0)
    near: dict[str, Any] = {"rel": 1e-5, "abs": 1e-7}
    assert value > 0.0, "a divergence with the wrong sign would be cut at 0"
    assert sinkhorn_divergence(y, x, 1.0) == pytest.approx(value, **near)
    assert sinkhorn_divergence(x + 50.0, y + 50.0, 1.0) == pytest.approx(value, **near)
    assert sinkhorn_divergence(3 * x, 3 * y, 9.0) == pytest.approx(9 * value, rel=1e-5, abs=1e-6)
    assert sinkhorn_divergence(np.repeat(x, 2, axis=0), y, 1.0) == pytest.approx(value, **near)
    assert sinkhorn_divergence(x, x, 1.0) < 1e-7
    # A large epsilon leaves the means; a moved copy is at its shift for every epsilon.
    apart = float(np.square(x.mean(axis=0) - y.mean(axis=0)).sum())
    assert sinkhorn_divergence(x, y, 1e5) == pytest.approx(apart, rel=1e-2, abs=1e-3)
    assert sinkhorn_divergence(x, x + 1.0, 2.0) == pytest.approx(d, rel=1e-5)


def test_a_small_epsilon_comes_close_to_the_exact_distance() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 2)), rng.normal(size=(40, 2)) + 1.0
    exact = exact_wasserstein(x, y, 2.0).distance ** 2
    errors = [abs(sinkhorn_divergence(x, y, epsilon) - exact) for epsilon in (2.0, 0.5, 0.15)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.06 * exact


def test_all_relabellings_at_once_are_each_by_itself() -> None:
    rng = np.random.default_rng(2)
    pool = rng.normal(size=(30, 2)).round(1)
    costs = np.square(pool[:, None] - pool[None]).sum(axis=2)
    labels = rng.permuted(np.repeat((np.arange(30) < 12)[None], 6, axis=0), axis=1).T
    found = PooledSinkhorn(costs, 0.8).divergences(labels).values
    for value, column in zip(found, labels.T, strict=True):
        weights = np.full(12, 1 / 12), np.full(18, 1 / 18)
        across = entropic_cost(costs[np.ix_(column, ~column)], *weights, 0.8).value
        real, fake = (
            entropic_self_cost(costs[np.ix_(side, side)], weight, 0.8).value
            for side, weight in zip((column, ~column), weights, strict=True)
        )
        assert value == pytest.approx(across - (real + fake) / 2, rel=1e-6, abs=1e-9)
        assert value != pytest.approx(across - (real + fake), rel=1e-2)


def test_marginals_that_are_not_met_are_an_error_and_not_a_number() -> None:
    costs, first, second = gaussians_on_a_grid()
    with pytest.raises(NotConverged, match="the plan's marginals must be met; got"):
        entropic_cost(costs, first, second, 0.01, iterations=3)
    with pytest.raises(NotConverged, match="the plan's marginals must be met; got"):
        entropic_self_cost(costs, first, 0.01, iterations=2)
    labels = np.arange(300)[:, None] < 100
    with pytest.raises(NotConverged, match="1e-06 is allowed"):
        PooledSinkhorn(costs, costs.max() / 200, iterations=10).divergences(labels)


def level(reps: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(rng.standard_t(4, size=(14, 2)), rng.standard_t(4, size=(18, 2)), seed, 39) <= 0.05
    return count


def test_the_test_holds_its_level() -> None:
    assert 2 <= level(200) <= 23  # binomial limits at 1e-4


def test_scaling_by_the_real_rows_alone_breaks_the_level() -> None:
    """The wrong variant: columns measured in units of the real rows under test are larger on the fake side."""
    count = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(8, 6)), rng.normal(size=(40, 6))
        whiten = np.linalg.inv(np.linalg.cholesky(np.cov(x.T))).T
        count += p_value((x - x.mean(axis=0)) @ whiten, (y - x.mean(axis=0)) @ whiten, seed, 39) <= 0.05
    assert count > 20


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_it_sees_a_change_of_shape_in_any_unit(unit: float) -> None:
    rng = np.random.default_rng(3)
    angle = rng.uniform(0, 2 * np.pi, size=220)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert p_value(unit * ring, unit * rng.normal(size=(200, 2)) / np.sqrt(2)) == 0.01


def test_its_details_tell_the_terms_and_the_extrapolation() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(200, 1)), 1.5 * rng.normal(size=(200, 1)) + 1.0
    found = measured(x, y)
    terms = [found.details[name] for name in ("transport", "transport_real_real", "transport_fake_fake")]
    assert found.estimate == pytest.approx(terms[0] - terms[1] / 2 - terms[2] / 2, rel=1e-9)
    assert found.details["marginal_error"] <= 1e-6
    exact = exact_wasserstein(x, y, 2.0).distance ** 2
    assert found.estimate is not None
    assert abs(found.details["extrapolated_w2_squared"] - exact) < abs(found.estimate - exact)


def test_far_rows_raise_epsilon_and_equal_rows_are_at_zero() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(60, 2)), rng.normal(size=(60, 2))
    x[0] = 1e4
    found = measured(x, y)
    assert found.details["epsilon_share"] > 0.1
    rows = np.full((12, 3), 0.1)
    assert measured(rows, rows[:5]).estimate == 0.0
    assert p_value(rows, rows[:5]) == 1.0
    assert sinkhorn_divergence(rows, rows, 1.0) == 0.0


def test_torch_tensors_give_the_same_divergence() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(6)
    pool = rng.normal(size=(30, 2))
    costs = np.square(pool[:, None] - pool[None]).sum(axis=2)
    labels = rng.permuted(np.repeat((np.arange(30) < 12)[None], 6, axis=0), axis=1).T
    host, there = (PooledSinkhorn(c, 0.8).divergences(labels) for c in (costs, torch.tensor(costs)))
    np.testing.assert_allclose(there.values, host.values, rtol=1e-8)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="`share` must be above 0"):
        measured(np.ones((4, 2)), np.ones((4, 2)), share=0.0)
    with pytest.raises(ConfigError, match="`epsilon` must be at least the largest cost over 300"):
        sinkhorn_divergence(np.zeros((2, 1)), np.ones((2, 1)), 1e-3)
