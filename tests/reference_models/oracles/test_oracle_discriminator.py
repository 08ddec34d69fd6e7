"""D* and its value, discrete and on the line, against optimisation, closed forms and wrong formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from gandiag.errors import ConfigError, ShapeError
from gandiag.numerics import divergences
from reference_models.oracles.optimal_discriminator import (
    jensen_shannon,
    optimal_discriminator,
    optimal_logit,
    optimal_value,
    quadrature,
    value,
)

P = np.array([0.5, 0.3, 0.2, 0.0, 0.0])
Q = np.array([0.1, 0.3, 0.0, 0.6, 0.0])


def best(p: np.ndarray, q: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    """Logits of the optimum."""
    with np.errstate(divide="ignore"):
        return optimal_logit(np.log(p), np.log(q), smoothing=smoothing)


def gaussians(delta: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """N(0, 1) and N(delta, 1) at the nodes of a quadrature: nodes, weights, densities."""
    nodes, weights = quadrature(-14.0, 14.0 + delta, panels=200)
    return nodes, weights, stats.norm.pdf(nodes), stats.norm.pdf(nodes, delta)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_no_discriminator_has_a_larger_value(smoothing: float) -> None:
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])
    top = value(p, q, best(p, q, smoothing), smoothing=smoothing)
    climbed = optimize.minimize(lambda logits: -value(p, q, logits, smoothing=smoothing), np.zeros(3), tol=1e-12)
    assert -climbed.fun == pytest.approx(top, abs=1e-9)
    np.testing.assert_allclose(climbed.x, best(p, q, smoothing), atol=1e-4)
    d = optimal_discriminator(np.log(p), np.log(q), smoothing=smoothing)
    np.testing.assert_allclose(d, (1 - smoothing) * p / (p + q), rtol=1e-12)
    np.testing.assert_allclose(np.log(d / (1 - d)), best(p, q, smoothing), rtol=1e-10, atol=1e-14)
    # Weighting log D alone has another optimum, which is not the one of smoothed labels.
    weighted = np.log(0.9 * p / q)
    assert np.abs(weighted - best(p, q, 0.1)).max() > 0.01
    assert value(p, q, weighted, smoothing=0.1) < value(p, q, best(p, q, 0.1), smoothing=0.1) - 1e-4


def test_the_value_is_that_of_jensen_and_shannon() -> None:
    assert value(P, Q, best(P, Q)) == pytest.approx(2 * divergences.jensen_shannon(P, Q) - math.log(4), abs=1e-12)
    assert optimal_value(P, Q) == pytest.approx(value(P, Q, best(P, Q)), abs=1e-12)
    assert value(P, Q, best(Q, P)) == -np.inf  # labels exchanged: certain and wrong
    assert optimal_value(P, P) == pytest.approx(-math.log(4), abs=1e-12)
    assert optimal_value(P, P[::-1]) == pytest.approx(-math.log(4) + 2 * jensen_shannon(P, P[::-1]), abs=1e-12)
    assert optimal_value([1.0, 0.0], [0.0, 1.0]) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("delta", [0.0, 0.5, 1.0, 3.0, 10.0])
def test_on_the_line_the_optimum_is_a_logistic_curve(delta: float) -> None:
    """Two unit Gaussians: log p / q = delta^2 / 2 - delta x, and V(D*) = 2 JSD - log 4 by an independent integral."""
    x, w, p, q = gaussians(delta)
    logits = optimal_logit(stats.norm.logpdf(x), stats.norm.logpdf(x, delta))
    np.testing.assert_allclose(logits, delta**2 / 2 - delta * x, atol=1e-10)
    found = value(p, q, logits, weights=w)
    assert found == pytest.approx(optimal_value(p, q, weights=w), abs=1e-10)
    grid = np.linspace(-14, 14 + delta, 400_001)
    a, b = stats.norm.pdf(grid), stats.norm.pdf(grid, delta)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(a > 0, a * np.log(2 * a / (a + b)), 0) + np.where(b > 0, b * np.log(2 * b / (a + b)), 0)
    assert found == pytest.approx(np.trapezoid(terms, grid) - math.log(4), abs=1e-8)
    if delta:
        assert value(p, q, -logits, weights=w) < found - 0.05


def test_smoothing_caps_the_discriminator() -> None:
    x, _, _, _ = gaussians(3.0)
    d = optimal_discriminator(stats.norm.logpdf(x), stats.norm.logpdf(x, 3.0), smoothing=0.1)
    assert d.max() == pytest.approx(0.9, abs=1e-6)
    assert d.max() <= 0.9


def test_where_no_law_has_mass_nothing_is_said_and_nothing_counts() -> None:
    assert np.isnan(best(P, Q)[4])
    assert np.isfinite(value(P, Q, best(P, Q)))


def test_what_is_no_pair_of_laws_is_refused() -> None:
    with pytest.raises(ConfigError, match="q must be a law"):
        value(P, 2 * Q, best(P, Q))
    x, w = quadrature(-1.0, 1.0)
    with pytest.raises(ConfigError, match="p must be a law"):
        jensen_shannon(stats.norm.pdf(x), stats.norm.pdf(x), weights=w)  # too short an interval
    with pytest.raises(ShapeError, match="one length"):
        value(P, Q[:-1], best(P, Q))
    with pytest.raises(ConfigError, match="below 1"):
        optimal_discriminator([0.0], [0.0], smoothing=1.0)
    with pytest.raises(ConfigError, match="length"):
        quadrature(1.0, 1.0)
