"""Bets on pairs of one real and one fake row: what each of them sees of a generator, and why none can cheat.

Rows come in pairs (x, y). Every bet here rests on one argument. Its payoff ``h(x, y)`` is antisymmetric,
``h(y, x) = -h(x, y)``, lies in [-1, 1], and is fixed by earlier pairs and by rows set aside. Under equal laws x and y
are independent draws of one law, so given the past (x, y) is distributed like (y, x): the payoff has mean 0, and wealth
that is multiplied by ``1 + bet * payoff``, with a bet fixed before the round, is a nonnegative martingale (Shekhar &
Ramdas 2023, "Nonparametric two-sample testing by betting"; Podkopaev & Ramdas 2023).

Learning from the pairs of the past is what makes them strong; a payoff that looked at a later row, or at both rows of
its own pair in an order of its own, would break the argument.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gandiag.inference.e_processes import Bettor
from gandiag.numerics.betting import coin_bets, log_average
from gandiag.numerics.clusters import ModeModel
from gandiag.numerics.distances import crossed_distances, exact_distances, positive_quantile

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_SPACING_ROWS = 1000
# A row is a repeat within a tenth of a spacing that only one real row in twenty goes below.
_CLOSE_QUANTILE, _CLOSE_SHARE = 0.05, 0.1
_MEMORY = 0.95
# Few rows imagined in each cell learn fast, many waste little where there is nothing to learn.
_IMAGINED = np.array([2.0, 20.0])
_MANY_COLUMNS = 16


class Payoffs(Protocol):
    """A rule that pays on pairs."""

    @property
    def name(self) -> str:
        """What it sees, for people."""
        ...

    def of(self, real: Matrix, fake: Matrix) -> Vector:
        """Pay on each pair in turn by what earlier ones have shown, then learn from them; shape (p,), in [-1, 1]."""
        ...


class PayoffBet:
    """Two gamblers on one rule, half of the wealth each: a coin bettor and online Newton steps.

    The first is at home with payoffs of -1, 0 and 1, the second with small steady ones.
    """

    def __init__(self, rule: Payoffs) -> None:
        self.name = rule.name
        self._rule = rule
        self._gained = self._staked = self._log_coin = 0.0
        self._newton = Bettor()

    def play(self, real: Matrix, fake: Matrix) -> Vector:
        """Bet on the pairs of a block; return the logarithm of wealth after each."""
        payoffs = self._rule.of(real, fake)
        coin = self._log_coin + np.cumsum(np.log1p(coin_bets(payoffs, self._gained, self._staked) * payoffs))
        newton = np.empty(len(payoffs))
        for turn, payoff in enumerate(payoffs):
            self._newton = self._newton.after(float(payoff))
            newton[turn] = self._newton.process.log_value
        self._log_coin = float(coin[-1])
        self._gained += float(payoffs.sum())
        self._staked += float(np.abs(payoffs).sum())
        return log_average(np.stack([coin, newton]))


class Repeats:
    """Pays 1 when the fake row alone repeats an earlier fake row, exactly or nearly; -1 when the real row alone does.

    Whether a row lies close to an earlier *fake* row is one function of it, fixed before the round, so the difference
    of its values at y and x is antisymmetric. (Repeats of fakes among fakes against reals among reals would not be: the
    earlier rows of one side may by luck cover more.)

    Parameters
    ----------
    fit : ndarray, shape (l, d)
        Real rows set aside: their spacing says what is close.
    """

    name = "repeated rows"

    def __init__(self, fit: Matrix) -> None:
        self.radius = _close(fit)
        self._past = np.empty((0, fit.shape[1]))

    def of(self, real: Matrix, fake: Matrix) -> Vector:
        """Pay on each pair; see the class."""
        known = np.concatenate([self._past, fake])
        earlier = np.arange(len(known))[None, :] < (len(self._past) + np.arange(len(fake)))[:, None]
        self._past = known
        return self._hits(fake, known, earlier) - self._hits(real, known, earlier)

    def _hits(self, rows: Matrix, known: Matrix, earlier: NDArray[np.bool_]) -> Vector:
        close = (_distances(rows, known) <= self.radius) & earlier
        out: Vector = np.any(close, axis=1).astype(np.float64)
        return out


def _close(fit: Matrix) -> float:
    rows = fit[:_SPACING_ROWS]
    if len(rows) < 2:
        return 0.0
    distances = _distances(rows, rows)
    np.fill_diagonal(distances, np.inf)
    return _CLOSE_SHARE * float(np.quantile(distances.min(axis=1), _CLOSE_QUANTILE))


class Reach:
    """Pays the sign of how much farther the fake row lies from the centre of its mode, in units of that mode's width.

    Antisymmetric, for the modes are fixed. Sees modes that are too narrow, and rows between modes.
    """

    name = "distance from the modes"

    def __init__(self, modes: ModeModel) -> None:
        self._modes = modes

    def of(self, real: Matrix, fake: Matrix) -> Vector:
        """Pay on each pair; see the class."""
        out: Vector = np.sign(self._modes.assign(fake)[1] - self._modes.assign(real)[1])
        return out


class Witness:
    """Pays the difference at y and x of a kernel's witness: how much more fake than real is near, by earlier pairs.

    Antisymmetric, for the witness and the scale that it is divided by are those of earlier pairs, and clipping is odd.

    Parameters
    ----------
    fit : ndarray, shape (l, d)
        Real rows set aside: the kernel's width is a share of their median distance.
    share : float
    """

    def __init__(self, fit: Matrix, share: float) -> None:
        self.name = f"kernel witness, width {share:g}"
        some = fit[:_SPACING_ROWS]
        distances = _distances(some, some)[np.triu_indices(len(some), 1)]
        self._width = share * (positive_quantile(distances, 0.5)[0] if len(distances) else 0.0) or 1.0
        self._real = self._fake = np.empty((0, fit.shape[1]))
        self._square = 0.0

    def of(self, real: Matrix, fake: Matrix) -> Vector:
        """Pay on each pair; see the class."""
        start = len(self._real)
        self._real, self._fake = np.concatenate([self._real, real]), np.concatenate([self._fake, fake])
        earlier = np.arange(len(self._real))[None, :] < (start + np.arange(len(real)))[:, None]
        gaps = (self._seen(fake, earlier) - self._seen(real, earlier)) / np.maximum(start + np.arange(len(real)), 1)
        payoffs = np.zeros(len(gaps))
        for turn, gap in enumerate(gaps):
            if self._square > 0.0:
                payoffs[turn] = np.clip(gap / (2.0 * np.sqrt(self._square)), -1.0, 1.0)
            self._square = (
                _MEMORY * self._square + (1.0 - _MEMORY) * float(gap) ** 2 if self._square else float(gap) ** 2
            )
        return payoffs

    def _seen(self, rows: Matrix, earlier: NDArray[np.bool_]) -> Vector:
        near_fake, near_real = (self._kernel(rows, past) for past in (self._fake, self._real))
        out: Vector = np.where(earlier, near_fake - near_real, 0.0).sum(axis=1)
        return out

    def _kernel(self, rows: Matrix, past: Matrix) -> Matrix:
        out: Matrix = np.exp(-0.5 * np.square(_distances(rows, past) / self._width))
        return out


class CellBet:
    """Bets on which of two cells the fake row of a pair fell into, by the counts of earlier pairs.

    Of a pair that fell into two cells, either is the fake row's with chance 1/2 under equal laws, given the past. The
    wealth is multiplied by ``2 q``, q the chance that earlier counts give to what happened: mean
    ``q / 2 * 2 + (1 - q) / 2 * 2 = 1``. Two gamblers, half of the wealth each, imagine few and many rows in each cell
    before the first. Sees missing modes and wrong shares.

    Parameters
    ----------
    modes : ModeModel
        Fitted on rows set aside, or known.
    """

    name = "shares of the modes"

    def __init__(self, modes: ModeModel) -> None:
        self._modes = modes
        self._real = np.repeat(_IMAGINED[:, None], len(modes), axis=1)
        self._fake = self._real.copy()
        self._log_wealth = np.zeros(len(_IMAGINED))

    def play(self, real: Matrix, fake: Matrix) -> Vector:
        """Bet on the pairs of a block; return the logarithm of wealth after each."""
        paths = np.empty((len(_IMAGINED), len(real)))
        cells = zip(self._modes.assign(real)[0].tolist(), self._modes.assign(fake)[0].tolist(), strict=True)
        for turn, (of_real, of_fake) in enumerate(cells):
            if of_real != of_fake:
                as_seen = self._fake[:, of_fake] * self._real[:, of_real]
                swapped = self._fake[:, of_real] * self._real[:, of_fake]
                self._log_wealth = self._log_wealth + np.log(2.0 * as_seen / (as_seen + swapped))
            self._real[:, of_real] += 1.0
            self._fake[:, of_fake] += 1.0
            paths[:, turn] = self._log_wealth
        return log_average(paths)


def _distances(rows: Matrix, others: Matrix) -> Matrix:
    return (exact_distances if rows.shape[1] < _MANY_COLUMNS else crossed_distances)(rows, others)
