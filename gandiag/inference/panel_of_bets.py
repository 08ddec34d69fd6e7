"""The panel: several bets against "same law" side by side, and the one e-process that is the average of their wealth.

Weights are fixed beforehand, so the average is fair whatever the dependence between the bets (Vovk & Wang 2021,
"E-values", section 3): the chance that it ever reaches ``1 / a`` under equal laws is at most a (Ville 1939). A bet that
earns nothing costs the others its share of the start and no more.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gandiag.core.samples import KnownModes
from gandiag.inference.critic_bets import CriticBet
from gandiag.inference.e_processes import EProcess
from gandiag.inference.paired_bets import CellBet, PayoffBet, Reach, Repeats, Witness
from gandiag.numerics.betting import log_average
from gandiag.numerics.classifiers import fit_linear, fit_local, fit_quadratic
from gandiag.numerics.clusters import fit_modes

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


class Bet(Protocol):
    """A game on pairs whose wealth has, under equal laws, a mean of at most 1 at every stopping time."""

    @property
    def name(self) -> str:
        """What it sees, for people."""
        ...

    def play(self, real: Matrix, fake: Matrix) -> Vector:
        """Bet on the pairs of a block and learn from them; return the logarithm of wealth after each pair."""
        ...


class Panel:
    """Bets with fixed weights.

    Parameters
    ----------
    bets : sequence of (weight, Bet)
        Weights above 0; they are divided by their sum.

    Attributes
    ----------
    process : EProcess
        The average, as of the last pair.
    earned : dict of str to float
        The logarithm of each bet's wealth as of the last pair.
    """

    def __init__(self, *bets: tuple[float, Bet]) -> None:
        self._bets = tuple(bet for _, bet in bets)
        weights = np.array([weight for weight, _ in bets])
        self._weights = weights / weights.sum()
        self.process = EProcess()
        self.earned = {bet.name: 0.0 for bet in self._bets}

    @property
    def weights(self) -> dict[str, float]:
        """Each bet's share of the wealth at the start."""
        return {bet.name: float(weight) for bet, weight in zip(self._bets, self._weights, strict=True)}

    @property
    def richest(self) -> str:
        """Name the bet that holds most of the wealth."""
        return max(self.earned, key=lambda name: self.earned[name] + float(np.log(self.weights[name])))

    def update(self, real: Matrix, fake: Matrix) -> Vector:
        """Play the pairs of one block, shape (p, d) each; return the logarithm of the average after each."""
        if not len(real):
            return np.empty(0)
        paths = np.stack([bet.play(real, fake) for bet in self._bets])
        path = log_average(paths, self._weights)
        for value in path:
            self.process = self.process.moved_to(float(value))
        self.earned = {bet.name: float(last) for bet, last in zip(self._bets, paths[:, -1], strict=True)}
        return path


def default_panel(fit: Matrix, *, known: KnownModes | None = None, rng: np.random.Generator) -> Panel:
    """Build the panel of the gate; whatever is fitted is fitted on rows set aside.

    Parameters
    ----------
    fit : ndarray, shape (l, d)
        Real rows set aside.
    known : KnownModes, optional
        Exact modes; clusters of ``fit`` where absent.
    rng : numpy.random.Generator
    """
    modes = fit_modes(fit, known=known, rng=rng)
    return Panel(
        (1.0, CriticBet("linear critic", fit_linear)),
        (1.0, CriticBet("quadratic critic", fit_quadratic)),
        (1.0, CriticBet("nearest-neighbour critic", fit_local)),
        (1.0, PayoffBet(Repeats(fit))),
        (1.0, CellBet(modes)),
        (1.0, PayoffBet(Reach(modes))),
        (0.5, PayoffBet(Witness(fit, 1.0))),
        (0.5, PayoffBet(Witness(fit, 0.1))),
    )
