"""How often does a black box draw a given value: error laws of a frequency, and the draws that they ask for.

The share of m draws has standard deviation ``sqrt(p (1 - p)/m)``. For an *absolute* error eps, ``1/eps^2`` draws are
enough whatever p is (Hoeffding 1963), and needed where p is near a half. For a *relative* error eps it takes
``1/(p eps^2)``: before some 1/p draws the value does not even show, and no method does essentially better, since a
sampler that draws a value and one that draws again whenever it sees it agree until then.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def draws_for_absolute_error(error: float, *, level: float = 0.95) -> int:
    """Count the draws after which a share is within ``error`` of every probability: ``log(2/delta)/(2 error^2)``.

    By Hoeffding's inequality, with ``delta = 1 - level``.

    Examples
    --------
    >>> draws_for_absolute_error(0.01)
    18445
    """
    _require(error, level)
    return math.ceil(math.log(2.0 / (1.0 - level)) / (2.0 * error**2))


def draws_for_relative_error(error: float, probability: float, *, level: float = 0.95) -> int:
    """Count the draws after which a share is within ``error * p`` of p: ``3 log(2/delta)/(p error^2)``.

    By Chernoff's inequality, for ``error <= 1``, with ``delta = 1 - level``.

    Examples
    --------
    >>> draws_for_relative_error(0.1, 0.01)
    110667
    """
    _require(error, level)
    if not 0.0 < probability <= 1.0:
        raise ConfigError(
            "a relative error needs a probability in (0, 1]", received=probability, remedy="Pass the probability."
        )
    return math.ceil(3.0 * math.log(2.0 / (1.0 - level)) / (probability * error**2))


def error_curves(
    probabilities: Vector, sizes: NDArray[np.int64], repetitions: int, rng: np.random.Generator
) -> tuple[Matrix, Matrix]:
    """Measure by simulation how the error of a share falls with the number of draws.

    Parameters
    ----------
    probabilities : ndarray, shape (K,)
        Above 0.
    sizes : ndarray of int, shape (S,)
        Numbers of draws.
    repetitions : int
    rng : numpy.random.Generator

    Returns
    -------
    absolute, relative : ndarray, shape (K, S)
        Root mean square of ``share - p`` and of ``share/p - 1``; its own relative standard error is about
        ``1/sqrt(2 repetitions)``, more where few draws are expected.
    """
    shares = rng.binomial(sizes, probabilities[:, None], size=(repetitions, len(probabilities), len(sizes))) / sizes
    absolute: Matrix = np.sqrt(np.square(shares - probabilities[:, None]).mean(axis=0))
    return absolute, absolute / probabilities[:, None]


def _require(error: float, level: float) -> None:
    if not (0.0 < error <= 1.0 and 0.0 < level < 1.0):
        raise ConfigError(
            "an error lies in (0, 1] and a level in (0, 1)",
            received=(error, level),
            remedy="Pass error=0.1, level=0.95.",
        )
