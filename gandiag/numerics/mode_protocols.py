"""What a perfect sampler scores in the mode-counting protocols of the literature, in closed form.

Published tables print modes and "high-quality" shares without the value of a perfect sampler, which is not 100 %: three
sigma hold 98.9 % of a Gaussian in two dimensions, 46.8 % in ten, and nothing in seven hundred. Nor is the divergence of
the mode histogram from its target 0: it is about ``(K - 1) / (2 M)`` for M draws over K modes (Miller 1955).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


CAPTURE_LEVEL = 0.05


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One protocol: how many modes, in how many columns with noise, judged on how many draws.

    ``sigmas`` is the radius of the high-quality rule; None where a classifier decides instead.
    """

    name: str
    modes: int
    columns: int | None
    draws: int
    sigmas: float | None
    source: str


PROTOCOLS = (
    Protocol(name="ring", modes=8, columns=2, draws=2500, sigmas=3.0, source="Lin et al. 2018"),
    Protocol(name="grid", modes=25, columns=2, draws=2500, sigmas=3.0, source="Lin et al. 2018"),
    Protocol(name="1200-d", modes=10, columns=700, draws=2500, sigmas=3.0, source="Lin et al. 2018"),
    Protocol(name="stacked digits", modes=1000, columns=None, draws=26_000, sigmas=None, source="Lin et al. 2018"),
)


@dataclass(frozen=True, kw_only=True)
class Perfect:
    """What a perfect sampler scores.

    Attributes
    ----------
    high_quality : float or None
        Probability of a draw within ``sigmas`` of its mode's centre.
    missing : float
        Expected number of modes without any draw.
    kl : float
        Expected divergence of the mode histogram from its target, in nats, to first order.
    """

    high_quality: float | None
    missing: float
    kl: float


def perfect(protocol: Protocol) -> Perfect:
    """Compute what a perfect sampler with even modes scores.

    Examples
    --------
    >>> round(perfect(PROTOCOLS[0]).high_quality, 6)
    0.988891
    """
    within = None
    if protocol.sigmas is not None and protocol.columns is not None:
        within = within_sigmas(protocol.columns, protocol.sigmas)
    shares = np.full(protocol.modes, 1.0 / protocol.modes)
    return Perfect(
        high_quality=within,
        missing=expected_missing(shares, protocol.draws),
        kl=kl_floor(protocol.modes, protocol.draws),
    )


def within_sigmas(d: int, sigmas: float = 3.0) -> float:
    """Compute the probability that a standard Gaussian in ``d`` dimensions lies within ``sigmas`` of its centre."""
    from scipy.special import gammainc

    return float(gammainc(d / 2.0, sigmas**2 / 2.0))


def expected_missing(shares: Vector, draws: int) -> float:
    """Compute the expected number of modes that ``draws`` rows of a perfect sampler leave empty."""
    return float(np.exp(draws * np.log1p(-np.minimum(shares, 1.0 - 1e-16))).sum())


def kl_floor(modes: int, draws: int) -> float:
    """Compute the mean reverse divergence of a perfect sampler's histogram, in nats, to first order in 1/draws."""
    return (modes - 1) / (2.0 * draws)


def kl_range(modes: int, captured: int) -> tuple[float, float]:
    """Bound the divergence from ``modes`` even modes of any histogram that holds ``captured`` of them, in nats.

    A value above ``log(modes)`` is none of this divergence: another direction, another base, or another smoothing.
    """
    return math.log(modes / max(captured, 1)), math.log(modes)


def fewest_rows(leak: Vector, rows: int, *, level: float = CAPTURE_LEVEL) -> Vector:
    """Find how many rows a mode needs to count as captured, shape (k,).

    Parameters
    ----------
    leak : ndarray, shape (k,)
        Probability that a row of another mode is put here.
    rows : int
        Rows drawn.
    level : float
        Family-wise chance that modes count through misplaced rows alone, by Bonferroni's bound.

    Returns
    -------
    ndarray, shape (k,)
        At least 1: the smallest count c with ``P(Binomial(rows, leak) >= c) <= level / k``.

    Examples
    --------
    >>> import numpy as np
    >>> fewest_rows(np.array([0.0, 0.01]), 1000)
    array([ 1., 18.])
    """
    from scipy.stats import binom

    out: Vector = np.maximum(binom.isf(level / len(leak), rows, leak) + 1.0, 1.0)
    return out
