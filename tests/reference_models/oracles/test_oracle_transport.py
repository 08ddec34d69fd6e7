"""Transport on the line, parallel lines, and what the optimal discriminator sends back, against peers and slopes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats
from scipy.special import expit, ndtr

import gandiag
from gandiag.errors import ConfigError, ShapeError
from reference_models.oracles.optimal_discriminator import optimal_value, quadrature
from reference_models.oracles.wasserstein_1d import (
    between_laws,
    between_samples,
    critic_slope,
    generator_gradients,
    parallel_lines,
)


@pytest.mark.parametrize("sizes", [(50, 50), (40, 70), (1, 5)])
def test_samples_are_as_far_apart_as_scipy_says(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    x, y = np.round(rng.standard_normal(sizes[0]), 1), rng.standard_normal(sizes[1]) + 0.5  # with ties
    assert between_samples(x, y) == pytest.approx(stats.wasserstein_distance(x, y), abs=1e-12)
    if sizes[0] == sizes[1]:
        assert np.abs(x - y).mean() > between_samples(x, y) + 0.1  # rows as they come are no optimal pairing


@pytest.mark.parametrize("delta", [-1.5, 0.3, 4.0])
@pytest.mark.parametrize("shape", [ndtr, expit, lambda x: np.clip(x, 0, 1)], ids=["normal", "logistic", "uniform"])
def test_a_shift_costs_its_length_whatever_the_shape(shape, delta: float) -> None:  # type: ignore[no-untyped-def]
    found = between_laws(shape, lambda x: shape(x - delta), -40.0, 40.0, panels=4000)
    assert found == pytest.approx(abs(delta), abs=1e-6)
    x = np.linspace(-40, 40, 80_001)
    energy = np.trapezoid(np.square(shape(x) - shape(x - delta)), x)  # Cramer's distance is another one
    assert abs(energy - abs(delta)) > 0.1


def test_the_critic_attains_the_distance() -> None:
    """Two laws that cross: the best critic bends, and earns W1 where a straight one earns only the shift of means."""
    f, g = ndtr, lambda x: ndtr((x - 0.2) / 2)
    x = np.linspace(-20, 20, 400_001)
    slope = critic_slope(f, g, x)
    assert set(np.unique(slope)) <= {-1.0, 0.0, 1.0}
    critic = integrate.cumulative_trapezoid(slope, x, initial=0.0)
    p, q = stats.norm.pdf(x), stats.norm.pdf(x, 0.2, 2)
    earned = np.trapezoid(critic * (p - q), x)
    assert earned == pytest.approx(between_laws(f, g, -20, 20, panels=2000), abs=1e-6)
    assert abs(np.trapezoid(x * (p - q), x)) < 0.3 * earned


def test_a_shift_has_a_critic_that_points_to_the_data() -> None:
    x = np.linspace(-3, 5, 9)
    assert (critic_slope(ndtr, lambda t: ndtr(t - 2.0), x) == -1.0).all()  # generator to the right: falls to the right


def matched(x: np.ndarray, y: np.ndarray) -> float:
    """The mean distance of the best pairing."""
    costs = np.linalg.norm(x[:, None] - y[None], axis=2)
    return float(costs[optimize.linear_sum_assignment(costs)].mean())


@pytest.mark.parametrize("theta", [-2.0, 0.01, 1.0])
def test_parallel_lines_are_seen_by_transport_alone(theta: float) -> None:
    exact = parallel_lines(theta)
    assert (exact["js"], exact["kl"], exact["tv"]) == (math.log(2), math.inf, 1.0)
    rng = np.random.default_rng(0)
    here, there = (
        gandiag.open_sampler(f"toy:parallel_lines?theta={t}").sample(200, rng=rng).values for t in (0, theta)
    )
    # Two samples of 200 on one segment are about sqrt(2 / 200) / 3 = .03 apart by themselves.
    assert abs(theta) <= matched(here, there) <= abs(theta) + 0.1
    assert matched(here, here[:, ::-1] + (theta, 0.0)) > abs(theta) + 0.1 or theta < 0  # crossing lines are no shift
    assert parallel_lines(1.001)["w1"] - parallel_lines(1.0)["w1"] == pytest.approx(0.001 * exact["w1_slope"] ** 2)
    assert exact["js_slope"] == 0.0


def test_at_zero_the_lines_are_one() -> None:
    exact = parallel_lines(0.0)
    assert (exact["w1"], exact["js"], exact["kl"], exact["tv"]) == (0.0, 0.0, 0.0, 0.0)
    assert math.isnan(exact["w1_slope"])


def value_at(theta: float, sd: float) -> float:
    x, w = quadrature(-15 * sd, 15 * sd + theta, panels=400)
    return optimal_value(stats.norm.pdf(x, 0, sd), stats.norm.pdf(x, theta, sd), weights=w)


@pytest.mark.parametrize("theta", [0.2, 1.0, 3.0, 6.0])
@pytest.mark.parametrize("sd", [1.0, 0.5])
def test_the_saturating_gradient_is_the_slope_of_the_divergence(theta: float, sd: float) -> None:
    """At the optimal D the value's slope in theta is the saturating gradient; in no other loss's."""
    found = generator_gradients(theta, sd=sd)
    e = 1e-4
    slope = (value_at(theta + e, sd) - value_at(theta - e, sd)) / (2 * e)
    assert found["saturating"] == pytest.approx(slope, abs=1e-6)
    assert abs(found["non-saturating"] - slope) > 0.01 or theta == 0.2
    density = stats.norm(theta, sd).pdf
    integral = integrate.quad(
        lambda x: density(x) * expit(-(theta**2 - 2 * theta * x) / (2 * sd**2)) * theta / sd**2,
        theta - 12 * sd,
        theta + 12 * sd,
    )[0]
    assert found["non-saturating"] == pytest.approx(integral, abs=1e-8)
    assert found["saturating"] + found["non-saturating"] == pytest.approx(theta / sd**2, rel=1e-10)


def test_the_saturating_gradient_dies_and_wasserstein_does_not() -> None:
    near, far, farther = (generator_gradients(t) for t in (2.0, 8.0, 30.0))
    assert near["saturating"] > 0.3
    assert far["saturating"] < 1e-2
    assert 0.0 <= farther["saturating"] < 1e-40
    assert farther["non-saturating"] == pytest.approx(30.0)
    assert near["wasserstein"] == farther["wasserstein"] == 1.0
    assert generator_gradients(-2.0)["saturating"] == pytest.approx(-near["saturating"])


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ShapeError, match="vectors"):
        between_samples(np.ones((2, 2)), [1.0])
    with pytest.raises(ShapeError, match="vectors"):
        between_samples([], [1.0])
    with pytest.raises(ConfigError, match="finite"):
        parallel_lines(math.nan)
    with pytest.raises(ConfigError, match="above 0"):
        generator_gradients(1.0, sd=0.0)
