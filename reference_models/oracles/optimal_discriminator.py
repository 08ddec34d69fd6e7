"""The optimal discriminator and the value it reaches: the oracle of every discriminator, and of `models/gan.py`.

For a data density p, a generator's density q and the value ``V(D) = E_p log D + E_q log(1 - D)`` the integrand
``p log D + q log(1 - D)`` is largest at each point by itself (Goodfellow et al. 2014, "Generative adversarial nets",
proposition 1 and theorem 1)::

    D*(x) = p(x) / (p(x) + q(x)),        V(D*) = 2 JSD(p, q) - log 4

With p = q the value is -log 4 = -1.386, with disjoint supports 0: there the discriminator wins and says nothing about
how far apart the laws are. With one-sided label smoothing, where real rows get the target 1 - a,
``V_a(D) = E_p[(1 - a) log D + a log(1 - D)] + E_q log(1 - D)`` (Salimans et al. 2016, "Improved techniques for training
GANs")::

    D*_a(x) = (1 - a) p(x) / (p(x) + q(x)),  at most 1 - a

Weighting ``log D`` by 1 - a *without* the second term is another loss, with the optimum (1 - a) p / ((1 - a) p + q).

Integrals are sums ``weights . values``: with weights of 1 over the values of a discrete law, and with the nodes and
weights of `quadrature` over a density on the line. A discrete law is exact; the quadrature is exact to about 1e-12 for
densities that are smooth over one panel.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.errors import ConfigError, ShapeError

Vector = NDArray[np.float64]

_NODES = 20


def quadrature(low: float, high: float, *, panels: int = 64) -> tuple[Vector, Vector]:
    """Make nodes and weights such that ``weights @ f(nodes)`` is the integral of f (Gauss and Legendre, by panels).

    Parameters
    ----------
    low, high : float
        Ends of the interval; beyond them both densities must be negligible.
    panels : int
        Equal parts, each with 20 nodes; take parts no longer than a standard deviation.

    Examples
    --------
    >>> nodes, weights = quadrature(0.0, 2.0, panels=1)
    >>> round(float(weights @ nodes**3), 12)
    4.0
    """
    if not high > low or panels < 1:
        raise ConfigError("the interval must have a length", received=(low, high, panels), remedy="Swap its ends.")
    unit, share = np.polynomial.legendre.leggauss(_NODES)
    half = (high - low) / (2 * panels)
    middles = low + half * (2 * np.arange(panels) + 1)
    nodes: Vector = (middles[:, None] + half * unit).ravel()
    return nodes, np.tile(share * half, panels)


def optimal_discriminator(log_p: ArrayLike, log_q: ArrayLike, *, smoothing: float = 0.0) -> Vector:
    """Give D* where the log densities are known.

    Parameters
    ----------
    log_p, log_q : array_like
        Natural logarithms of the densities of data and generator at the same points; -inf where there is none.
    smoothing : float
        a: real rows have the target 1 - a. From 0 to below 1.

    Returns
    -------
    ndarray
        In [0, 1 - a]; not a number where neither law has mass, for no loss says what D is there.

    Examples
    --------
    >>> optimal_discriminator([0.0, 0.0], [0.0, -np.inf]).tolist()
    [0.5, 1.0]
    >>> optimal_discriminator([0.0, 0.0], [0.0, -np.inf], smoothing=0.1).tolist()
    [0.45, 0.9]
    """
    from scipy.special import expit

    out: Vector = (1.0 - smoothing) * expit(_ratio(log_p, log_q, smoothing))
    return out


def optimal_logit(log_p: ArrayLike, log_q: ArrayLike, *, smoothing: float = 0.0) -> Vector:
    """Give log D* - log(1 - D*), which keeps its digits where D* rounds to 1; without smoothing it is log p - log q.

    Parameters
    ----------
    log_p, log_q, smoothing
        As for `optimal_discriminator`.

    Examples
    --------
    >>> optimal_logit([-1.0, -1.0], [-3.0, -101.0]).tolist()
    [2.0, 100.0]
    """
    ratio = _ratio(log_p, log_q, smoothing)
    with np.errstate(divide="ignore", invalid="ignore"):
        real, fake = -np.logaddexp(0.0, -ratio), -np.logaddexp(0.0, ratio)
        out: Vector = np.log1p(-smoothing) + real - np.logaddexp(fake, np.log(smoothing) + real)
    return out


def value(
    p: ArrayLike, q: ArrayLike, logits: ArrayLike, *, weights: ArrayLike | None = None, smoothing: float = 0.0
) -> float:
    """Evaluate the value V(D) of any discriminator exactly.

    Parameters
    ----------
    p, q : array_like, shape (m,)
        Probabilities, or densities at the nodes of a quadrature.
    logits : array_like, shape (m,)
        What the discriminator says there, as ``log D - log(1 - D)``: a probability that rounds to 1 would cost
        infinitely much where q is small but not 0.
    weights : array_like, shape (m,), optional
        Of the quadrature; 1 for probabilities.
    smoothing : float
        a of one-sided label smoothing.

    Returns
    -------
    float
        Nats, at most 0; -inf where D is certain and wrong. Higher is better for the discriminator.

    Examples
    --------
    >>> round(value([0.5, 0.5], [0.5, 0.5], [0.0, 0.0]), 6)
    -1.386294
    """
    real, fake, w = _laws(p, q, weights)
    # Where neither law has mass the optimum is not a number, and nothing depends on it.
    said = np.where(real + fake > 0, np.asarray(logits, dtype=np.float64), 0.0)
    accepted, rejected = (1.0 - smoothing) * real, smoothing * real + fake
    # No mass, no cost: 0 times an infinite logarithm is 0 here.
    with np.errstate(invalid="ignore"):
        won = np.where(accepted > 0, accepted * np.logaddexp(0.0, -said), 0.0)
        lost = np.where(rejected > 0, rejected * np.logaddexp(0.0, said), 0.0)
    return -float(w @ (won + lost))


def jensen_shannon(p: ArrayLike, q: ArrayLike, *, weights: ArrayLike | None = None) -> float:
    """Integrate the Jensen-Shannon divergence: nats, from 0 for equal laws to log 2 for disjoint ones.

    Parameters
    ----------
    p, q, weights
        As for `value`.

    Examples
    --------
    >>> round(jensen_shannon([1.0, 0.0], [0.0, 1.0]), 6)
    0.693147
    """
    from scipy.special import rel_entr

    real, fake, w = _laws(p, q, weights)
    middle = 0.5 * (real + fake)
    return max(0.0, 0.5 * float(w @ (rel_entr(real, middle) + rel_entr(fake, middle))))


def optimal_value(p: ArrayLike, q: ArrayLike, *, weights: ArrayLike | None = None) -> float:
    """Give what no discriminator exceeds, 2 JSD - log 4: from -log 4 for equal laws to 0 for disjoint ones."""
    return 2.0 * jensen_shannon(p, q, weights=weights) - math.log(4.0)


def _ratio(log_p: ArrayLike, log_q: ArrayLike, smoothing: float) -> Vector:
    if not 0 <= smoothing < 1:
        raise ConfigError("smoothing must be from 0 to below 1", received=smoothing, remedy="Use 0.1, as in the paper.")
    with np.errstate(invalid="ignore"):
        out: Vector = np.asarray(log_p, dtype=np.float64) - np.asarray(log_q, dtype=np.float64)
    return out


def _laws(p: ArrayLike, q: ArrayLike, weights: ArrayLike | None) -> tuple[Vector, Vector, Vector]:
    real, fake = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    w = np.ones_like(real) if weights is None else np.asarray(weights, dtype=np.float64)
    if real.ndim != 1 or not real.shape == fake.shape == w.shape:
        raise ShapeError(
            "both laws and the weights must be vectors of one length",
            received=f"shapes {real.shape}, {fake.shape}, {w.shape}",
            remedy="Evaluate both densities at the same points.",
        )
    for name, law in (("p", real), ("q", fake)):
        if abs(float(w @ law) - 1.0) > 1e-6 or bool((law < 0).any()):
            raise ConfigError(
                f"{name} must be a law: not negative, and 1 in all",
                received=f"{float(w @ law):.9g} in all",
                remedy="Widen the interval, use more panels, or bring the probabilities to sum 1.",
            )
    return real, fake, w
