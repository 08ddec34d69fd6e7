"""Exact transport on the line, and what a critic says about distance: the oracle of `models/wgan.py`.

On the line optimal transport never crosses, so that with F and G the distribution functions of p and q

    W1(p, q) = integral |F(x) - G(x)| dx = max over 1-Lipschitz f of E_p f - E_q f

and the best critic is known: its slope is ``f'(x) = sign(G(x) - F(x))``, plus or minus 1 wherever there is anything to
move (Kantorovich & Rubinstein 1958; Arjovsky, Chintala & Bottou 2017, "Wasserstein GAN"). Two laws that differ by a
shift are at W1 = |delta|, whatever their shape.

*Parallel lines* (example 1 of the same paper): a unit segment at 0 against one at theta. For every theta but 0::

    W1 = |theta|,   TV = 1,   JSD = log 2,   KL = infinite

so the first alone has a gradient, of size 1, that says where to go (`parallel_lines`).

Why a generator starves: for N(0, s^2) against N(theta, s^2) the optimal discriminator is known, and with it the mean
gradient that each loss sends to the generator's place theta (`generator_gradients`). In theta / s the saturating one
dies faster than any exponential, the non-saturating one grows like the distance, the Wasserstein one is 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.errors import ConfigError, ShapeError
from reference_models.oracles.optimal_discriminator import quadrature

Vector = NDArray[np.float64]
Distribution = Callable[[Vector], Vector]


def between_samples(x: ArrayLike, y: ArrayLike) -> float:
    """Compute W1 of two samples exactly, of equal size or not, in the unit of the samples.

    Parameters
    ----------
    x : array_like, shape (n,)
    y : array_like, shape (m,)

    Examples
    --------
    >>> between_samples([0.0, 1.0], [2.0, 3.0])
    2.0
    """
    a, b = np.sort(np.asarray(x, dtype=np.float64)), np.sort(np.asarray(y, dtype=np.float64))
    if a.ndim != 1 or b.ndim != 1 or 0 in (len(a), len(b)):
        raise ShapeError("both samples must be vectors", received=f"{a.shape}, {b.shape}", remedy="Pass one column.")
    places = np.sort(np.concatenate([a, b]))
    middles = places[:-1]
    f, g = np.searchsorted(a, middles, side="right") / len(a), np.searchsorted(b, middles, side="right") / len(b)
    return float((np.abs(f - g) * np.diff(places)).sum())


def between_laws(f: Distribution, g: Distribution, low: float, high: float, *, panels: int = 400) -> float:
    """Integrate W1 of two laws with given distribution functions.

    Parameters
    ----------
    f, g : callable
        Distribution functions, of arrays.
    low, high : float
        Interval beyond which both are 0 or both 1.
    panels : int
        Of the quadrature; the result is exact to about 1e-12 but for the panels in which F and G cross.

    Examples
    --------
    >>> from scipy.special import ndtr
    >>> round(between_laws(ndtr, lambda x: ndtr(x - 0.7), -12.0, 12.0), 9)
    0.7
    """
    nodes, weights = quadrature(low, high, panels=panels)
    return float(weights @ np.abs(f(nodes) - g(nodes)))


def critic_slope(f: Distribution, g: Distribution, x: ArrayLike) -> Vector:
    """Give the slope of the best critic, +1, -1, or 0 where nothing moves: it rises towards the data.

    Parameters
    ----------
    f, g : callable
        Distribution functions of data and generator.
    x : array_like, shape (m,)
    """
    at = np.asarray(x, dtype=np.float64)
    return np.sign(g(at) - f(at))


def parallel_lines(theta: float) -> dict[str, float]:
    """Give every divergence between the unit segment at 0 and the one at theta, and each one's slope in theta.

    Parameters
    ----------
    theta : float

    Returns
    -------
    dict of str to float
        ``w1, js, kl, tv`` and ``w1_slope, js_slope, tv_slope``; nats, and units of theta. At 0 the slopes do not exist
        and are not a number.

    Examples
    --------
    >>> found = parallel_lines(-0.5)
    >>> found["w1"], round(found["js"], 6), found["kl"], found["tv"], found["w1_slope"], found["js_slope"]
    (0.5, 0.693147, inf, 1.0, -1.0, 0.0)
    """
    if not math.isfinite(theta):
        raise ConfigError("theta must be finite", received=theta, remedy="Pass a distance.")
    apart = theta != 0.0
    flat = 0.0 if apart else math.nan
    return {
        "w1": abs(theta),
        "js": math.log(2.0) if apart else 0.0,
        "kl": math.inf if apart else 0.0,
        "tv": 1.0 if apart else 0.0,
        "w1_slope": math.copysign(1.0, theta) if apart else math.nan,
        "js_slope": flat,
        "tv_slope": flat,
    }


def generator_gradients(theta: float, *, sd: float = 1.0) -> dict[str, float]:
    """Give the generator's gradient in theta when the discriminator is optimal: data N(0, sd^2), fakes N(theta, sd^2).

    With D* the optimal discriminator, whose logit falls with slope ``theta / sd^2``, the chain rule gives

        saturating        theta / sd^2 E_q[D*]            loss log(1 - D): also the slope of 2 JSD
        non-saturating    theta / sd^2 E_q[1 - D*]        loss -log D
        wasserstein       sign(theta)                     the slope of W1

    Parameters
    ----------
    theta : float
        Distance of the generator, in the unit of ``sd``.
    sd : float
        Above 0.

    Returns
    -------
    dict of str to float
        Positive numbers for a positive theta push the generator back to the data.

    Examples
    --------
    >>> {name: round(value, 4) for name, value in generator_gradients(4.0).items()}
    {'saturating': 0.1372, 'non-saturating': 3.8628, 'wasserstein': 1.0}
    """
    from scipy.special import expit

    if not sd > 0:
        raise ConfigError("sd must be above 0", received=sd, remedy="Pass a standard deviation.")
    far = theta / sd
    # Fakes are theta + sd t; the logit of D* there is -far t - far^2 / 2. D* q is centred between the laws.
    t, weights = quadrature(-abs(far) - 14.0, abs(far) + 14.0, panels=math.ceil(2 * abs(far) + 28))
    density = np.exp(-0.5 * t**2) / math.sqrt(2 * math.pi)
    logit = -far * t - 0.5 * far**2
    accepted, refused = float(weights @ (density * expit(logit))), float(weights @ (density * expit(-logit)))
    return {
        "saturating": far / sd * accepted,
        "non-saturating": far / sd * refused,
        "wasserstein": float(np.sign(theta)),
    }
