"""What a frozen critic proves about divergences: variational bounds, and confidence bounds that hold for every law.

Every f-divergence is the largest ``E_P T - E_Q f*(T)`` over functions T (Nguyen, Wainwright & Jordan 2010; Nowozin,
Cseke & Tomioka 2016, "f-GAN", eq. 4). For a T that was fixed before the rows were seen, both means are averages of
independent terms: their plain value is below the divergence on average, and where the terms are bounded a lower
confidence bound holds at every size (Maurer & Pontil 2009, theorem 4).

How far the critic's probabilities are clipped decides the range that enters the bound; it is chosen on the training
half, where it promises most at one confidence. That clip serves every other confidence too: one of its own for each
would make a bound that need not fall as the confidence rises.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.bounded_means import LowerBound, bernstein_lower_bound
from gandiag.numerics.critics import CLIP, HeldOut

Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]
Range = tuple[float, float]
# One law's term as an increasing or decreasing function of the critic's probability.
Term = Callable[[Vector], Vector]

# Candidates for the least probability behind a confidence bound.
_CLIPS = tuple(float(clip) for clip in np.geomspace(CLIP, 0.45, 14))


def jsd_lower_bound(held: HeldOut, *, level: float) -> LowerBound:
    """Bound the Jensen-Shannon divergence from below: ``log 2 + E_P log D / 2 + E_Q log(1 - D) / 2``, nats.

    The clip is the one that promises most at ``level``; the bound holds at any.
    """

    def on_real(probabilities: Vector) -> Vector:
        return np.log(2.0 * probabilities)

    def on_fake(probabilities: Vector) -> Vector:
        return np.log(2.0 * (1.0 - probabilities))

    bound = _best(held, on_real, on_fake, level=level)
    return lambda at: bound(at) / 2.0


def confident_jsd(held: HeldOut, *, level: float) -> float:
    """Give `jsd_lower_bound` at the level for which its clip is chosen."""
    return jsd_lower_bound(held, level=level)(level)


def kl_lower_bound(held: HeldOut, *, level: float, reverse: bool = False) -> LowerBound:
    """Bound ``KL(real || fake)`` from below by `nwj` with the critic's odds, nats; of (fake || real) if ``reverse``.

    The clip is the one that promises most at ``level``; the bound holds at any. None that holds for every law can
    exceed the order of log n (McAllester & Stratos 2020).
    """

    def log_ratio(probabilities: Vector) -> Vector:
        return np.log(probabilities) - np.log1p(-probabilities)

    def on_first(probabilities: Vector) -> Vector:
        sign = -1.0 if reverse else 1.0
        return 1.0 + sign * log_ratio(probabilities)

    def on_second(probabilities: Vector) -> Vector:
        sign = -1.0 if reverse else 1.0
        return -np.exp(sign * log_ratio(probabilities))

    return _best(held, *((on_second, on_first) if reverse else (on_first, on_second)), level=level)


def confident_kl(held: HeldOut, *, level: float, reverse: bool = False) -> float:
    """Give `kl_lower_bound` at the level for which its clip is chosen."""
    return kl_lower_bound(held, level=level, reverse=reverse)(level)


def nwj(first: Vector, second: Vector) -> float:
    """Evaluate the bound of Nguyen, Wainwright & Jordan 2010 on ``KL(P || Q)``: ``1 + E_P log r - E_Q r``.

    Parameters
    ----------
    first, second : ndarray
        Log density ratios ``log r`` that a fixed function gives to rows of P and to rows of Q.

    Returns
    -------
    float
        At most the divergence on average, for every function; equal to it for the true ratio. The sample form of
        Donsker & Varadhan's ``E_P T - log E_Q e^T`` is *not* below it on average: the logarithm of a mean is, by
        Jensen's inequality, too small on average.

    Examples
    --------
    >>> import numpy as np
    >>> nwj(np.zeros(3), np.zeros(3))
    0.0
    """
    return 1.0 + float(first.mean()) - float(np.exp(second).mean())


def _best(held: HeldOut, on_real: Term, on_fake: Term, *, level: float) -> LowerBound:
    """Bound ``E_P on_real(D) + E_Q on_fake(D)`` with the clip that promises most on the inner folds at ``level``."""
    critic = held.critic
    trained = np.arange(len(critic.inner_probabilities)) < len(held.train_real)

    def bound(probabilities: Vector, labels: Labels, allowed: Range) -> LowerBound:
        return _bernstein(np.clip(probabilities, *allowed), labels, allowed, on_real, on_fake)

    ranges = [(max(clip, critic.least), min(1.0 - clip, critic.most)) for clip in _CLIPS]
    best = max(ranges, key=lambda allowed: bound(critic.inner_probabilities, trained, allowed)(level))
    return bound(critic.probabilities, held.labels, best)


def _bernstein(probabilities: Vector, labels: Labels, allowed: Range, on_real: Term, on_fake: Term) -> LowerBound:
    real, fake = on_real(probabilities[labels]), on_fake(probabilities[~labels])
    real_range, fake_range = _range(on_real, allowed), _range(on_fake, allowed)
    if len(real) == len(fake):
        # Independent rows, paired by their place: the pairs are independent terms.
        low, high = (real_range[i] + fake_range[i] for i in range(2))
        return bernstein_lower_bound(real + fake, low, high)
    of_real, of_fake = bernstein_lower_bound(real, *real_range), bernstein_lower_bound(fake, *fake_range)

    def both(level: float) -> float:
        half = 1.0 - (1.0 - level) / 2.0
        return of_real(half) + of_fake(half)

    return both


def _range(term: Term, allowed: Range) -> Range:
    ends = term(np.array(allowed))
    return float(ends.min()), float(ends.max())


def equilibrium_value(jsd: float) -> float:
    """Convert a Jensen-Shannon divergence to the value of the GAN's game, ``2 JSD - log 4``.

    It is ``-log 4 = -1.386294`` at the equilibrium (Goodfellow et al. 2014, theorem 1) and 0 for laws that never
    overlap. A critic's lower bound gives the value that this critic attains.
    """
    return 2.0 * jsd - math.log(4.0)
