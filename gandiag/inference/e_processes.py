"""E-processes: evidence that may be looked at after every round, and stopped at any.

A frozen state per process; `after` gives the next one. Under "same law" the value has mean at most 1 at every stopping
time, so a gate may draw samples until it has seen enough: it rejects at level a when the value has once reached 1 / a,
with a chance of at most a of ever doing so falsely (Ville 1939; Shafer et al. 2011, "Test martingales, Bayes factors
and p-values"). Whoever multiplies promises that each factor was fixed before its round was seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gandiag.errors import ConfigError
from gandiag.numerics.betting import MOST_LOG, anytime_p, log_average, newton_bet


@dataclass(frozen=True, kw_only=True)
class EProcess:
    """The state of one e-process.

    Attributes
    ----------
    log_value : float
        Logarithm of the value now.
    log_peak : float
        Logarithm of the largest value so far, at least 0.
    rounds : int

    Examples
    --------
    >>> process = EProcess().after(math.log(4.0)).after(math.log(0.5))
    >>> round(process.value, 12), process.p_value
    (2.0, 0.25)
    """

    log_value: float = 0.0
    log_peak: float = 0.0
    rounds: int = 0

    @property
    def value(self) -> float:
        """The evidence now: an e-value at any stopping time; capped at e^690."""
        return math.exp(min(self.log_value, MOST_LOG))

    @property
    def p_value(self) -> float:
        """Ville's p-value, in (0, 1]: it may be read after every round and never rises."""
        return anytime_p(self.log_peak)

    def rejects(self, level: float) -> bool:
        """Tell whether the value has ever reached ``1 / level``."""
        _require_level(level)
        return self.log_peak >= -math.log(level)

    def after(self, log_factor: float) -> EProcess:
        """Multiply by a factor with mean at most 1 given the past, as its logarithm."""
        return self.moved_to(self.log_value + log_factor)

    def moved_to(self, log_value: float) -> EProcess:
        """Take a new value after one more round."""
        return EProcess(log_value=log_value, log_peak=max(self.log_peak, log_value), rounds=self.rounds + 1)


@dataclass(frozen=True, kw_only=True)
class Bettor:
    """A game of bets on payoffs in [-1, 1] with mean 0 under "same law"; bets by online Newton steps.

    Examples
    --------
    >>> game = Bettor()
    >>> for _ in range(30):
    ...     game = game.after(0.8)
    >>> game.process.rejects(0.01)
    True
    """

    process: EProcess = field(default_factory=EProcess)
    bet: float = 0.0
    curvature: float = 1.0

    def after(self, payoff: float) -> Bettor:
        """Play one round: the bet was fixed before, the next one is chosen now.

        Raises
        ------
        ConfigError
            For a payoff outside [-1, 1]: wealth could become negative.
        """
        if not -1.0 <= payoff <= 1.0:
            raise ConfigError(
                "a payoff must lie in [-1, 1]", received=payoff, remedy="Divide by the largest payoff there can be."
            )
        bet, curvature = newton_bet(*(np.array(x) for x in (self.bet, self.curvature, payoff)))
        return Bettor(
            process=self.process.after(math.log1p(self.bet * payoff)), bet=float(bet), curvature=float(curvature)
        )


def averaged(before: EProcess, parts: Sequence[EProcess]) -> EProcess:
    """Take the average of several processes after the round that all of them have just seen.

    Parameters
    ----------
    before : EProcess
        The average after the round before; ``EProcess()`` at the start.
    parts : sequence of EProcess
        At least one. Their dependence does not matter, their number and weights stay fixed.

    Raises
    ------
    ConfigError
        For no process, or processes that have not seen one round more than ``before``.
    """
    if not parts or any(part.rounds != before.rounds + 1 for part in parts):
        raise ConfigError(
            "an average needs processes that have all seen the round that comes",
            received=[part.rounds for part in parts],
            remedy="Move every part on by one round, then average.",
        )
    return before.moved_to(float(log_average(np.array([part.log_value for part in parts]))))


def expected_rounds(level: float, nats_per_round: float) -> float:
    """Approximate how many rounds a good bettor needs: ``log(1 / level)`` over what each round earns.

    The best classifier earns the Jensen-Shannon divergence per pooled sample.

    Examples
    --------
    >>> round(expected_rounds(0.05, 0.0303214), 1)  # unit normals half a unit apart
    98.8
    """
    _require_level(level)
    return -math.log(level) / nats_per_round if nats_per_round > 0.0 else math.inf


def _require_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ConfigError("`level` must lie strictly between 0 and 1", received=level, remedy="Pass 0.05 or the like.")
