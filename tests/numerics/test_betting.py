"""Bets: worked values, the level of Ville's bound, stopping times of the best critic, and bets that peek."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import binom, norm

from gandiag.numerics.betting import (
    MOST_LOG,
    anytime_p,
    betting_path,
    first_crossing,
    hedged,
    log_average,
    log_likelihood_factors,
    log_peak,
    newton_bet,
)

Matrix = NDArray[np.float64]


@pytest.mark.row(91)
def test_thirty_of_forty_right_at_seven_tenths() -> None:
    truth = np.array([0.7] * 30 + [0.3] * 10)
    assert log_likelihood_factors(truth).sum() == pytest.approx(4.985911, abs=1e-6)
    # Against a prior of 1 (a likelihood, no bet) it is another number.
    assert np.log(truth).sum() != pytest.approx(4.985911, abs=1.0)


def peeking_path(payoffs: Matrix) -> Matrix:
    """Bet with the step that already knows this round's payoff: the trap."""
    bet, curvature = np.zeros(payoffs.shape[1:]), np.ones(payoffs.shape[1:])
    steps = []
    for payoff in payoffs:
        bet, curvature = newton_bet(bet, curvature, payoff)
        steps.append(np.log1p(bet * payoff))
    return np.cumsum(steps, axis=0)


PAYOFFS = {
    "signs": lambda rng, shape: rng.choice([-1.0, 1.0], size=shape),
    "uniform": lambda rng, shape: rng.uniform(-1.0, 1.0, size=shape),
    "skewed": lambda rng, shape: np.where(rng.random(shape) < 0.1, 0.9, -0.1),
}


@pytest.mark.row(90)
@pytest.mark.parametrize("law", list(PAYOFFS))
def test_wealth_reaches_twenty_in_at_most_one_of_twenty_fair_games(law: str) -> None:
    payoffs = PAYOFFS[law](np.random.default_rng(0), (300, 4000))
    most = binom.ppf(1 - 1e-4, 4000, 0.05)
    assert (betting_path(payoffs).max(axis=0) >= math.log(20.0)).sum() <= most
    assert (peeking_path(payoffs).max(axis=0) >= math.log(20.0)).sum() > most


def test_a_fair_game_has_mean_wealth_one_and_an_unfair_one_grows() -> None:
    rng = np.random.default_rng(1)
    wealth = np.exp(betting_path(rng.choice([-1.0, 1.0], size=(10, 20_000)))[-1])
    assert abs(wealth.mean() - 1.0) < 4 * wealth.std() / np.sqrt(20_000)
    assert betting_path(rng.uniform(-0.5, 1.0, size=(300, 1)))[-1, 0] > 10.0


def divergence(delta: float) -> float:
    def term(x: float) -> float:
        f, g = norm.pdf(x), norm.pdf(x - delta)
        return f * math.log(2 * f / (f + g)) if f > 0 else 0.0

    return quad(term, -10, 10)[0]


def stops(delta: float, slope: float, reps: int = 1500) -> Matrix:
    """Count pooled samples until a critic with log odds ``slope (z - delta / 2)`` has earned twentyfold."""
    rng = np.random.default_rng(2)
    rounds = int(15 * math.log(20) / divergence(delta))
    label = rng.random((rounds, reps)) < 0.5
    odds = slope * (rng.normal(size=label.shape) + delta * label - delta / 2)
    truth = 1 / (1 + np.exp(np.where(label, -odds, odds)))
    path = np.cumsum(log_likelihood_factors(truth), axis=0)
    found = [first_crossing(column, 0.05) for column in path.T]
    return np.array([rounds if stop is None else stop for stop in found])


@pytest.mark.row(89)
@pytest.mark.parametrize(("delta", "expected"), [(0.5, 98.8), (1.0, 26.9)])
def test_the_best_critic_stops_when_the_divergence_says(delta: float, expected: float) -> None:
    assert math.log(20) / divergence(delta) == pytest.approx(expected, abs=0.1)
    # The mean of 1500 stops has a relative standard error below 2 %; the overshoot of the last bet is within 15 %.
    assert stops(delta, delta).mean() == pytest.approx(expected, rel=0.15)
    # A critic that trusts itself a quarter as much takes longer.
    assert stops(delta, delta / 4).mean() > 1.3 * expected


def test_holding_back_is_the_mean_of_betting_and_not_betting() -> None:
    factors = np.log(np.array([0.1, 1.0, 30.0]))
    np.testing.assert_allclose(np.exp(hedged(factors, 0.3)), 0.3 + 0.7 * np.exp(factors), rtol=1e-12)
    assert hedged(np.array([-1e4]), 0.25)[0] == pytest.approx(math.log(0.25))
    assert hedged(np.array([1e4]), 0.25)[0] == pytest.approx(1e4 + math.log(0.75))


def test_averages_are_of_wealth_and_not_of_logarithms() -> None:
    paths = np.log(np.array([[1.0, 4.0], [3.0, 0.5]]))
    np.testing.assert_allclose(np.exp(log_average(paths)), [2.0, 2.25], rtol=1e-12)
    assert log_average(np.array([[2000.0], [-2000.0]]))[0] == pytest.approx(2000 - math.log(2))


def test_peaks_p_values_and_crossings() -> None:
    path = np.log(np.array([0.5, 4.0, 2.0, 40.0]))
    assert math.exp(log_peak(path)) == pytest.approx(40.0)
    assert anytime_p(log_peak(path)) == pytest.approx(1 / 40)
    assert first_crossing(path, 0.25) == 2
    assert first_crossing(path, 0.01) is None
    assert log_peak(np.array([-1.0, 1e-16])) == 0.0
    assert anytime_p(0.0) == anytime_p(-3.0) == 1.0
    assert anytime_p(1e6) == math.exp(-MOST_LOG) > 0.0
