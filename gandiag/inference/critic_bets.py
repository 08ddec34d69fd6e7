"""E-C2ST while rows come in: critics learn from all pairs of the past and bet on the next ones.

A pair (x, y) multiplies the wealth by ``h(2 g(real | x)) h(2 g(fake | y))`` with ``h(r) = l + (1 - l) r``. Under equal
laws x and y are independent draws of one law; g, the share l and the trust in g are fixed by the past; so with A the
mean of ``g(real | .)`` the factor has mean ``1 - (1 - l)^2 (2 A - 1)^2 <= 1`` (Pandeva et al. 2024, "E-valuating
classifier two-sample tests", algorithm 1).

When critics learn anew depends on the number of pairs alone, not on the blocks in which they come, and no bet of the
past is ever changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.betting import truth_factors, tuned
from gandiag.numerics.classifiers import Classifier

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

_FIRST, _GROWTH = 12, 1.5


class CriticBet:
    """One critic's game.

    Parameters
    ----------
    name : str
    fit : callable
        ``fit(rows, labels)`` gives a classifier; labels are True where real.
    """

    def __init__(self, name: str, fit: Callable[[Matrix, Labels], Classifier]) -> None:
        self.name = name
        self._fit = fit
        self._critic: Classifier | None = None
        self._kept, self._trust = 1.0, 0.0
        self._learn_at = _FIRST
        self._log_wealth = 0.0
        self._real: Matrix | None = None
        self._fake: Matrix | None = None
        self._tried = np.empty((0, 2))

    def play(self, real: Matrix, fake: Matrix) -> Vector:
        """Bet on the pairs of a block; return the logarithm of wealth after each."""
        parts, at = [], 0
        while at < len(real):
            end = at + min(self._learn_at - self._seen, len(real) - at)
            parts.append(self._bet(real[at:end], fake[at:end]))
            if self._seen == self._learn_at:
                self._learn()
            at = end
        return np.concatenate(parts)

    @property
    def _seen(self) -> int:
        return 0 if self._real is None else len(self._real)

    def _bet(self, real: Matrix, fake: Matrix) -> Vector:
        steps = np.zeros(len(real))
        if self._critic is not None:
            odds = _odds(self._critic, real, fake)
            steps = truth_factors(odds, self._kept, self._trust).sum(axis=1)
            self._tried = np.concatenate([self._tried, odds])
        self._real = real if self._real is None else np.concatenate([self._real, real])
        self._fake = fake if self._fake is None else np.concatenate([self._fake, fake])
        path: Vector = self._log_wealth + np.cumsum(steps)
        self._log_wealth = float(path[-1])
        return path

    def _learn(self) -> None:
        """Fit the critic of the next pairs to all of the past, and tune its bets on pairs that it had not seen."""
        if self._real is None or self._fake is None:
            return
        if self._critic is None:
            half = self._seen // 2
            first = self._fitted(self._real[:half], self._fake[:half])
            self._tried = _odds(first, self._real[half:], self._fake[half:])
        self._kept, self._trust = tuned(self._tried)
        self._critic = self._fitted(self._real, self._fake)
        self._learn_at = math.ceil(_GROWTH * self._seen)

    def _fitted(self, real: Matrix, fake: Matrix) -> Classifier:
        return self._fit(np.concatenate([real, fake]), np.arange(len(real) + len(fake)) < len(real))


def _odds(critic: Classifier, real: Matrix, fake: Matrix) -> Matrix:
    """Give the log odds of the truth of each row of some pairs, shape (pairs, 2): real, fake."""
    return np.stack([critic.scores(real), -critic.scores(fake)], axis=1)
