"""Good likelihood, bad samples: a model of 1 % data and 99 % noise.

For the model ``m = a p + (1 - a) q`` of data p and noise q, at every x (Theis, van den Oord & Bethge 2016, "A note on
the evaluation of generative models", section 3.2)::

    log p(x) - log m(x)  <=  -log a  =  log 100 = 4.605 nats   for a = 1 %,

with equality where q has no mass. The bound knows no dimension, while the log likelihood itself grows with it: per
dimension the gap goes to 0, and a likelihood table calls the model excellent. Its samples give it away at once: the
total variation is ``TV(p, m) = (1 - a) TV(p, q)`` and no classifier of samples does better than

    accuracy = (1 + TV(p, m)) / 2,   .995 for noise apart from the data.

For data N(0, I_d) and noise N(0, s^2 I_d) all of it is one integral over a chi-squared law (`expected_gap`,
`total_variation`), exact in any dimension.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.errors import ConfigError
from reference_models.oracles.optimal_discriminator import quadrature

Vector = NDArray[np.float64]


def gap(log_p: ArrayLike, log_q: ArrayLike, *, share: float = 0.01) -> Vector:
    """Give ``log p - log m`` at points of the data: at most ``-log share``, whatever the two densities are.

    Parameters
    ----------
    log_p, log_q : array_like
        Log densities of data and noise at the same points, nats.
    share : float
        a, the data's part of the mixture, above 0 and at most 1.

    Examples
    --------
    >>> gap([0.0, 0.0], [-np.inf, 0.0]).round(4).tolist()
    [4.6052, 0.0]
    """
    _share(share)
    p, q = np.asarray(log_p, dtype=np.float64), np.asarray(log_q, dtype=np.float64)
    noise = math.log1p(-share) if share < 1 else -math.inf
    out: Vector = p - np.logaddexp(math.log(share) + p, noise + q)
    return out


def expected_gap(dimension: int, *, noise_sd: float, share: float = 0.01) -> float:
    """Give the mean gap over the data, KL(p || m), for data N(0, I_d) and noise N(0, noise_sd^2 I_d).

    Parameters
    ----------
    dimension : int
        d, at least 1.
    noise_sd : float
        Standard deviation of the noise per column, above 0.
    share : float
        a.

    Returns
    -------
    float
        Nats, from 0 to ``-log share``.

    Examples
    --------
    >>> [round(expected_gap(d, noise_sd=3.0), 4) for d in (1, 10, 100)]
    [0.6424, 4.2078, 4.6052]
    """
    from scipy.special import gammaincinv

    _share(share)
    _law(dimension, noise_sd)
    # |x|^2 is chi-squared; its quantile function turns the mean into an integral over (0, 1).
    u, weights = quadrature(0.0, 1.0, panels=400)
    squared = 2.0 * gammaincinv(dimension / 2, u)
    log_ratio = -dimension * math.log(noise_sd) + 0.5 * squared * (1.0 - noise_sd**-2)
    return float(weights @ gap(np.zeros_like(u), log_ratio, share=share))


def total_variation(dimension: int, *, noise_sd: float, share: float = 0.01) -> float:
    """Give TV(p, m) = (1 - a) TV(p, q) for data N(0, I_d) and noise N(0, noise_sd^2 I_d), exactly.

    Examples
    --------
    >>> [round(total_variation(d, noise_sd=3.0), 4) for d in (1, 10, 100)]
    [0.4795, 0.9711, 0.99]
    """
    from scipy.special import gammainc

    _share(share)
    _law(dimension, noise_sd)
    if noise_sd == 1.0:
        return 0.0
    # The densities cross on one sphere; each law's mass within it is a chi-squared probability.
    crossing = 2.0 * dimension * math.log(noise_sd) / (1.0 - noise_sd**-2)
    inside = gammainc(dimension / 2, crossing / 2) - gammainc(dimension / 2, crossing / (2 * noise_sd**2))
    return (1.0 - share) * abs(float(inside))


def best_accuracy(dimension: int, *, noise_sd: float, share: float = 0.01) -> float:
    """Give the accuracy of the best classifier of one sample, data or model, at equal shares: from .5 to 1 - share / 2.

    Examples
    --------
    >>> round(best_accuracy(100, noise_sd=3.0), 4)
    0.995
    """
    return 0.5 * (1.0 + total_variation(dimension, noise_sd=noise_sd, share=share))


def sample(
    n: int, dimension: int, *, noise_sd: float, share: float = 0.01, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw the mixture: rows of N(0, I_d) with probability ``share``, else of N(0, noise_sd^2 I_d); shape (n, d)."""
    _share(share)
    _law(dimension, noise_sd)
    scale = np.where(rng.random(n) < share, 1.0, noise_sd)
    return scale[:, None] * rng.standard_normal((n, dimension))


def _share(share: float) -> None:
    if not 0 < share <= 1:
        raise ConfigError("the share must be above 0 and at most 1", received=share, remedy="Use 0.01.")


def _law(dimension: int, noise_sd: float) -> None:
    if dimension < 1 or not noise_sd > 0:
        raise ConfigError(
            "a dimension of at least 1 and a standard deviation above 0",
            received=(dimension, noise_sd),
            remedy="Use 10 and 3.0.",
        )
