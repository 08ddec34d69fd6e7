"""E-processes round by round: the same numbers as the paths, p-values that never rise, averages, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gandiag.errors import ConfigError
from gandiag.inference.e_processes import Bettor, EProcess, averaged, expected_rounds
from gandiag.numerics.betting import betting_path


def test_a_bettor_played_round_by_round_follows_the_path() -> None:
    payoffs = np.random.default_rng(0).uniform(-1.0, 1.0, size=50) * 0.8 + 0.1
    game = Bettor()
    for payoff, expected in zip(payoffs, betting_path(payoffs), strict=True):
        game = game.after(float(payoff))
        assert game.process.log_value == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert game.process.rounds == 50
    assert game.process.log_peak == pytest.approx(max(0.0, betting_path(payoffs).max()), rel=1e-12)


def test_the_p_value_never_rises_although_the_value_falls() -> None:
    process, seen = EProcess(), [1.0]
    for factor in (3.0, 0.2, 5.0, 9.0, 0.01):
        process = process.after(math.log(factor))
        seen.append(process.p_value)
    assert seen == sorted(seen, reverse=True)
    assert process.value == pytest.approx(0.27)
    assert process.p_value == pytest.approx(1 / 27)
    assert process.rejects(0.05)
    assert not process.rejects(0.01)
    # One over the value now, as if nobody had looked before, is no evidence any more.
    assert 1 / process.value > 1.0


def averages_of_games(reps: int, largest: bool) -> int:
    """Count fair pairs of games whose average wealth, or whose larger one, reaches 10 within 60 rounds."""
    payoffs = np.random.default_rng(1).choice([-1.0, 1.0], size=(reps, 60))
    crossed = 0
    for game in payoffs:
        # Two gamblers who always bet half, one on each sign: as dependent as can be.
        one, other, both, peak = EProcess(), EProcess(), EProcess(), 0.0
        for payoff in game:
            one, other = one.after(math.log1p(0.5 * payoff)), other.after(math.log1p(-0.5 * payoff))
            both = averaged(both, [one, other])
            peak = max(peak, one.log_value, other.log_value)
        crossed += (peak if largest else both.log_peak) >= math.log(10.0)
    return crossed


def test_an_average_keeps_the_level_and_the_best_of_two_does_not() -> None:
    most = 0.1 * 200 + 4 * math.sqrt(200 * 0.09)
    assert averages_of_games(200, largest=False) <= most
    assert averages_of_games(200, largest=True) > averages_of_games(200, largest=False)


def test_an_average_is_of_values() -> None:
    parts = [EProcess().after(math.log(3.0)), EProcess().after(math.log(1.0))]
    assert averaged(EProcess(), parts).value == pytest.approx(2.0)


def test_values_beyond_floats_are_capped() -> None:
    process = EProcess().after(1e5)
    assert math.isfinite(process.value)
    assert 0.0 < process.p_value < 1e-250


def test_wrong_rounds_payoffs_and_levels_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"a payoff must lie in \[-1, 1\]"):
        Bettor().after(1.5)
    with pytest.raises(ConfigError, match="have all seen the round"):
        averaged(EProcess(), [EProcess(), EProcess().after(0.0)])
    with pytest.raises(ConfigError, match="have all seen the round"):
        averaged(EProcess(), [])
    with pytest.raises(ConfigError, match="`level` must lie strictly between 0 and 1"):
        EProcess().rejects(0.0)


def test_a_game_that_earns_nothing_never_ends() -> None:
    assert expected_rounds(0.05, 0.0) == math.inf
