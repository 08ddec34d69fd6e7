"""Divergences of discrete laws, exactly: what estimators of them are held against.

``TV^2 / 2 <= JSD <= log 2 * TV <= log 2`` (Lin 1991, "Divergence measures based on the Shannon entropy", section III;
Pinsker's inequality on either half). The square root of the Jensen-Shannon divergence is a metric (Endres & Schindelin
2003, "A new metric for probability distributions"); the divergence itself breaks the triangle inequality.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError

Vector = NDArray[np.float64]


def total_variation(p: Vector, q: Vector) -> float:
    """Compute the total variation of two discrete laws exactly.

    Parameters
    ----------
    p, q : ndarray, shape (k,)
        Probabilities, each summing to 1.

    Returns
    -------
    float
        Half the sum of absolute differences, in [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> total_variation(np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5]))
    0.25
    """
    return 0.5 * float(np.abs(p - q).sum())


def jensen_shannon(p: Vector, q: Vector) -> float:
    """Compute the Jensen-Shannon divergence of two discrete laws exactly.

    Parameters
    ----------
    p, q : ndarray, shape (k,)
        Probabilities, each summing to 1.

    Returns
    -------
    float
        Nats, in [0, log 2]; the square of `scipy.spatial.distance.jensenshannon`, which loses its digits, or its
        root, where both laws are nearly equal. Here every cell keeps its own.

    Examples
    --------
    >>> import numpy as np
    >>> round(jensen_shannon(np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])), 6)
    0.042475
    """
    from scipy.special import xlog1py

    whole = p + q
    t = np.divide(p - q, whole, out=np.zeros(np.shape(whole)), where=whole > 0.0)
    # (1 + t) log(1 + t) + (1 - t) log(1 - t), about t^2: each logarithm alone is about t, and they cancel.
    near = np.clip(t, -0.5, 0.5)
    small = 2.0 * near * np.arctanh(near) + np.log1p(-(near**2))
    return 0.25 * float((whole * np.where(near == t, small, xlog1py(1.0 + t, t) + xlog1py(1.0 - t, -t))).sum())


def js_distance(p: Vector, q: Vector) -> float:
    """Compute the Jensen-Shannon distance of two discrete laws exactly: the root of the divergence, a metric.

    Returns
    -------
    float
        In [0, sqrt(log 2)] = [0, .8326].

    Examples
    --------
    >>> import numpy as np
    >>> round(js_distance(np.array([1.0, 0.0]), np.array([0.0, 1.0])), 6)
    0.832555
    """
    return math.sqrt(max(0.0, jensen_shannon(p, q)))


def kullback_leibler(p: Vector, q: Vector) -> float:
    """Compute the Kullback-Leibler divergence ``sum p log(p / q)`` of two discrete laws exactly, in nats.

    Raises
    ------
    ConfigError
        Where q has no mass but p has: the divergence is infinite, and an infinite number is never given out.

    Examples
    --------
    >>> import numpy as np
    >>> round(kullback_leibler(np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])), 6)
    0.173287
    """
    from scipy.special import rel_entr

    if bool((p[q <= 0.0] > 0.0).any()):
        raise ConfigError(
            "the second law must have mass wherever the first has",
            received=f"{int((p[q <= 0.0] > 0.0).sum())} values where it has none",
            remedy="Use the Jensen-Shannon divergence, which is finite everywhere.",
        )
    return float(rel_entr(p, q).sum())
