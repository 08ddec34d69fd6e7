"""Is one sample worse than another: by how much a number changes when rows of the two are exchanged.

Two samples of one law, row by row from the same latents, may exchange any rows without a change of their joint law:
each pair is as likely as its mirror image. So the difference of a number between both samples has, over random swaps of
pairs, the law that it would have were neither worse, whatever the number is. Where rows make no pairs, all rows are
pooled and dealt out again, which is exact in the same way.

Every swap comes with its opposite, in which exactly the other pairs are swapped: that only turns the sign of the
difference. Swaps are therefore drawn two at a time for the price of one, the scatter is symmetric about 0, and the
p-value of "not worse" is half of that of the size of the difference among the sizes of the draws (the two members of a
coset are equally likely to be the observed one).

Two shortcuts, both declared. Drawing stops once `ENOUGH` draws are as large as what was observed (Besag & Clifford
1991, which keeps the level). And where not one of `MOST` draws is, the p-value is Student's tail with as many degrees
of freedom as draws: sums of random signs have a normal tail or a lighter one (Pinelis 1994, up to a factor of 3.2), and
Student's law adds the luck of estimating their spread. Levels from 1 / (2 (MOST + 1)) on, which the draws reach, do not
depend on it. A number that moves in few coarse steps, such as a share of modes, has no such tail: there drawing goes on
until the draws themselves reach the level.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.inference.permutation import TIE_TOLERANCE, sequential_p_value

Vector = NDArray[np.float64]

FEWEST, STEP, MOST = 39, 20, 99
ENOUGH = 20
# Coarse numbers are drawn as far as the level asks, and no further than this.
LONGEST, LONG_STEP = 9999, 200
# A tail is that of Student's law where the draws spread over several steps, and are no wilder than normal ones.
_FEWEST_STEPS, _WILDEST = 2.0, 5.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Worsening:
    """A difference, signed so that more is worse, and its sizes when rows are exchanged.

    Parameters
    ----------
    change : float
    draws : ndarray, shape (B,)
        Absolute differences under swaps, in the order of drawing.
    """

    change: float
    draws: Vector

    def p_value(self, margin: float = 0.0) -> float:
        """Weigh the evidence against "worse by at most ``margin``".

        Under a margin of 0 it is at most a with a chance of at most a. Elsewhere the scatter of exchanged rows stands
        for that about the margin, which is an approximation.
        """
        beyond = self.change - margin
        if beyond <= _slack(self.change):
            return 1.0
        share = sequential_p_value(beyond, self.draws, enough=ENOUGH) / 2.0
        if bool((self.draws >= beyond - _slack(beyond)).any()) or not self.is_smooth:
            return share
        return min(share, max(_student_tail(beyond, self.draws), float(np.finfo(float).tiny)))

    @property
    def is_smooth(self) -> bool:
        """Whether the draws have a tail that is known beyond the last of them."""
        second = float(np.square(self.draws).mean())
        if second == 0.0 or float((self.draws**4).mean()) > _WILDEST * second**2:
            return False
        steps = np.diff(np.unique(np.append(self.draws, 0.0)))
        steps = steps[steps > _slack(0.0)]
        return len(steps) > 0 and math.sqrt(second) >= _FEWEST_STEPS * float(steps.min())

    @property
    def two_sided(self) -> float:
        """The p-value of "neither is worse"."""
        return min(1.0, 2.0 * Worsening(change=abs(self.change), draws=self.draws).p_value())

    def bound(self, confidence: float) -> float:
        """Bound the worsening from above, by turning the test round; infinity where the draws are too few.

        Examples
        --------
        >>> Worsening(change=1.0, draws=np.arange(1.0, 40.0)).bound(0.95)
        37.0
        """
        place = math.ceil((2.0 * confidence - 1.0) * (len(self.draws) + 1) - 1e-9)
        return math.inf if place > len(self.draws) else self.change + float(np.sort(self.draws)[max(place, 1) - 1])


def worsened(
    change: float, sizes: Callable[[int, int], Vector], *, margin: float = 0.0, level: float = 0.005
) -> Worsening:
    """Draw swaps until enough is known.

    Parameters
    ----------
    change : float
        The observed difference, signed so that more is worse.
    sizes : callable
        ``(start, stop)`` to the absolute differences under the swaps of these numbers.
    margin : float
        The worsening that is allowed.
    level : float
        At which the test must be able to reject.
    """
    beyond = change - margin
    longest = min(max(math.ceil(0.5 / level - 1e-9) - 1, MOST), LONGEST)
    draws = np.asarray(sizes(0, FEWEST), dtype=np.float64)
    while beyond > 0.0 and np.count_nonzero(draws >= beyond - _slack(beyond)) < ENOUGH:
        if len(draws) >= (MOST if Worsening(change=change, draws=draws).is_smooth else longest):
            break
        step, most = (STEP, MOST) if len(draws) < MOST else (LONG_STEP, longest)
        draws = np.concatenate([draws, sizes(len(draws), min(len(draws) + step, most))])
    return Worsening(change=change, draws=draws)


def _slack(value: float) -> float:
    return TIE_TOLERANCE * (1.0 + abs(value))


def _student_tail(value: float, draws: Vector) -> float:
    from scipy.special import stdtr

    spread = math.sqrt(float(np.square(draws).mean()))
    return 0.0 if spread == 0.0 else float(stdtr(len(draws), -value / spread))
