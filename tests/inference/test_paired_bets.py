"""Bets on pairs: Ville's level for each of them and for their average, and bets that peek and are caught."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from gandiag.inference.critic_bets import CriticBet
from gandiag.inference.paired_bets import CellBet, PayoffBet, Reach, Repeats, Witness
from gandiag.inference.panel_of_bets import Bet, Panel, default_panel
from gandiag.numerics.classifiers import fit_linear, fit_local
from gandiag.numerics.clusters import known_modes

Matrix = NDArray[np.float64]
Rows = Callable[[np.random.Generator, int], Matrix]

CENTRES = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0], [8.0, 8.0]])
MODES = known_modes(CENTRES, np.repeat(np.eye(2)[None], 4, axis=0), np.full(4, 0.25))


def healthy(rng: np.random.Generator, n: int) -> Matrix:
    return CENTRES[rng.integers(4, size=n)] + rng.normal(size=(n, 2))


def coarse(rng: np.random.Generator, n: int) -> Matrix:
    """A law with ties: rows repeat themselves honestly."""
    return np.rint(healthy(rng, n) / 2.0)


BETS: dict[str, Callable[[Matrix], Bet]] = {
    "repeats": lambda fit: PayoffBet(Repeats(fit)),
    "cells": lambda fit: CellBet(MODES),
    "reach": lambda fit: PayoffBet(Reach(MODES)),
    "witness": lambda fit: PayoffBet(Witness(fit, 0.5)),
    "critic": lambda fit: CriticBet("linear", fit_linear),
}


def peaks(bet: Callable[[Matrix], Bet], reps: int, *, law: Rows = healthy, rounds: int = 120) -> Matrix:
    """Largest logarithm of wealth over games between two samples of one law, in blocks of uneven size."""
    found = []
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        game = bet(law(rng, 200))
        path = [game.play(law(rng, size), law(rng, size)) for size in (7, 33, rounds - 40)]
        found.append(max(0.0, float(np.concatenate(path).max())))
    return np.array(found)


def within_level(log_peaks: Matrix, level: float = 0.05) -> bool:
    """Whether wealth reached 1 / level no more often than chance allows (one test in 10 000 errs)."""
    return bool((log_peaks >= -math.log(level)).sum() <= binom.ppf(1 - 1e-4, len(log_peaks), level))


@pytest.mark.parametrize("name", BETS)
def test_a_bet_keeps_the_level(name: str) -> None:
    assert within_level(peaks(BETS[name], {"critic": 20, "witness": 40}.get(name, 60)))


@pytest.mark.slow
@pytest.mark.parametrize("law", [healthy, coarse])
@pytest.mark.parametrize("name", BETS)
def test_a_bet_keeps_the_level_over_many_games(name: str, law: Rows) -> None:
    found = peaks(BETS[name], 1500, law=law, rounds=300)
    for level in (0.05, 0.1, 0.3):
        assert within_level(found, level)


class Peeking:
    """Pays the sign of the difference, in the direction that it and the four after it turn out to have: wrong."""

    name = "peeking"

    def of(self, real: Matrix, fake: Matrix) -> NDArray[np.float64]:
        gaps = fake[:, 0] - real[:, 0]
        return np.sign(gaps) * np.sign(np.convolve(gaps, np.ones(5))[4:])


class OwnCount(CellBet):
    """Counts the pair before it bets on it: wrong."""

    def play(self, real: Matrix, fake: Matrix) -> NDArray[np.float64]:
        for mine, theirs in zip(MODES.assign(real)[0], MODES.assign(fake)[0], strict=True):
            self._real[:, mine] += 1.0
            self._fake[:, theirs] += 1.0
        return super().play(real, fake)


class OwnRound(CriticBet):
    """Learns from the pairs that come before it bets on them: wrong."""

    def play(self, real: Matrix, fake: Matrix) -> NDArray[np.float64]:
        self._critic = fit_local(np.concatenate([real, fake]), np.arange(2 * len(real)) < len(real), neighbours=3)
        self._kept, self._trust = 0.01, 3.0
        return super().play(real, fake)


@pytest.mark.parametrize(
    "bet",
    [lambda fit: PayoffBet(Peeking()), lambda fit: OwnCount(MODES), lambda fit: OwnRound("own", fit_local)],
    ids=["payoff", "cells", "critic"],
)
def test_a_bet_that_peeks_at_its_own_round_is_caught(bet: Callable[[Matrix], Bet]) -> None:
    assert not within_level(peaks(bet, 30))


def collapsed(rng: np.random.Generator, n: int) -> Matrix:
    return np.full((n, 2), 0.3)


def half_copied(rng: np.random.Generator, n: int) -> Matrix:
    rows = healthy(rng, n)
    rows[n // 2 :] = rows[: n - n // 2]
    return rows[rng.permutation(n)]


def three_modes(rng: np.random.Generator, n: int) -> Matrix:
    return CENTRES[rng.integers(3, size=n)] + rng.normal(size=(n, 2))


def shifted(rng: np.random.Generator, n: int) -> Matrix:
    return healthy(rng, n) + 4.0


def narrow(rng: np.random.Generator, n: int) -> Matrix:
    return CENTRES[rng.integers(4, size=n)] + 0.4 * rng.normal(size=(n, 2))


@pytest.mark.parametrize(
    ("law", "name", "pairs"),
    [
        (collapsed, "repeats", 20),
        (half_copied, "repeats", 60),
        (three_modes, "cells", 120),
        (narrow, "reach", 80),
        (three_modes, "witness", 300),
        (shifted, "critic", 120),
    ],
)
def test_a_bet_sees_what_it_is_there_for(law: Rows, name: str, pairs: int) -> None:
    rng = np.random.default_rng(3)
    game = BETS[name](healthy(rng, 200))
    assert game.play(healthy(rng, pairs), law(rng, pairs))[-1] > math.log(100.0)


@pytest.mark.parametrize("name", BETS)
def test_blocks_do_not_matter_and_the_past_never_changes(name: str) -> None:
    rng = np.random.default_rng(4)
    fit, real, fake = healthy(rng, 100), healthy(rng, 60), three_modes(rng, 60)
    whole = BETS[name](fit).play(real, fake)
    game = BETS[name](fit)
    cuts = [0, 1, 5, 20, 31, 60]
    parts = [game.play(real[a:b], fake[a:b]) for a, b in itertools.pairwise(cuts)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-9)


def test_payoffs_turn_their_sign_when_the_sides_of_a_pair_do() -> None:
    rng = np.random.default_rng(5)
    past, other, fit = healthy(rng, 30), half_copied(rng, 30), healthy(rng, 100)
    x, y = other[:1] + 1e-9, healthy(rng, 1)
    for make in (lambda: Repeats(fit), lambda: Reach(MODES), lambda: Witness(fit, 0.5)):
        forth, back = make(), make()
        forth.of(past, other)
        back.of(past, other)
        assert forth.of(x, y)[0] == pytest.approx(-back.of(y, x)[0], abs=1e-12) != 0.0


def test_the_panel_is_the_weighted_average_of_its_bets() -> None:
    rng = np.random.default_rng(6)
    real, fake = healthy(rng, 80), narrow(rng, 80)
    cells, reach = CellBet(MODES).play(real, fake), PayoffBet(Reach(MODES)).play(real, fake)
    panel = Panel((1.0, CellBet(MODES)), (3.0, PayoffBet(Reach(MODES))))
    first, second = panel.update(real[:50], fake[:50]), panel.update(real[50:], fake[50:])
    expected = np.log(0.25 * np.exp(cells) + 0.75 * np.exp(reach))
    np.testing.assert_allclose(np.concatenate([first, second]), expected, atol=1e-9)
    assert panel.process.rounds == 80
    assert panel.process.log_value == pytest.approx(expected[-1])
    assert panel.richest == Reach.name
    assert sum(panel.weights.values()) == pytest.approx(1.0)
    assert len(panel.update(real[:0], fake[:0])) == 0


def test_the_default_panel_answers_within_a_few_dozen_pairs() -> None:
    rng = np.random.default_rng(7)
    fit = healthy(rng, 200)
    for law, pairs in ((collapsed, 25), (half_copied, 60), (narrow, 80)):
        panel = default_panel(fit, rng=np.random.default_rng(0))
        panel.update(healthy(rng, pairs), law(rng, pairs))
        assert panel.process.rejects(0.0005)
    panel = default_panel(fit, rng=np.random.default_rng(0))
    panel.update(healthy(rng, 150), healthy(rng, 150))
    assert not panel.process.rejects(0.05)


@pytest.mark.slow
def test_the_panel_keeps_the_level() -> None:
    found = []
    for seed in range(600):
        rng = np.random.default_rng(seed)
        panel = default_panel(healthy(rng, 60), rng=rng)
        panel.update(healthy(rng, 200), healthy(rng, 200))
        found.append(panel.process.log_peak)
    for level in (0.05, 0.1, 0.3):
        assert within_level(np.array(found), level)
