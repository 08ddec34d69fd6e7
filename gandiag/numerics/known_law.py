"""Identity testing: whether draws come from one given law q on K values.

Pearson's statistic in the form that forgives sampling noise, ``sum ((f_i - m q_i)^2 - f_i)/(m q_i)`` (Acharya,
Daskalakis & Kamath 2015, "Optimal testing for properties of distributions"), with mean ``m sum (p_i - q_i)^2 / q_i``
for a Poisson number of draws and a null law that is simulated.

And the reduction to uniformity (Goldreich 2016, "The uniform distribution is complete with respect to testing identity
to a fixed distribution"): a randomised map of draws that sends q to exactly the uniform law on ``6 K`` cells, and a law
at total variation eps from q to one at least ``3/8 eps`` away. In three steps: (a) half of the draws are replaced by
uniform values, so that no value is rarer than ``1/(2K)``; (b) every value i is passed on with probability
``m_i / (6 K q'_i)`` for ``m_i = floor(6 K q'_i)``, which is at least 3, and else becomes a further value, so that all
masses are multiples of ``1/(6 K)``; (c) value i is spread evenly over ``m_i`` cells. Step (a) halves the distance,
step (b) keeps three quarters of it at least, step (c) keeps it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Ids = NDArray[np.int64]

CELLS_PER_VALUE = 6
LEAST_SHRINK = 3.0 / 8.0


def as_law(weights: object) -> Vector:
    """Check probabilities and scale them to sum 1.

    Raises
    ------
    ConfigError
        Unless they are finite, at least 0, and sum to 1 within 1e-6.
    """
    law = np.asarray(weights, dtype=np.float64)
    if law.ndim != 1 or not len(law) or not np.isfinite(law).all() or (law < 0).any() or abs(law.sum() - 1.0) > 1e-6:
        raise ConfigError(
            "a law is a list of probabilities, at least 0 and with sum 1",
            received=f"{law.size} numbers with sum {float(law.sum()):.6g}",
            remedy="Pass one probability per value, such as [0.5, 0.25, 0.25].",
        )
    out: Vector = law / law.sum()
    return out


def pearson_identity(counts: Matrix, law: Vector) -> Vector:
    """Compute ``sum ((f_i - m q_i)^2 - f_i)/(m q_i)``, one number per column of counts.

    Parameters
    ----------
    counts : ndarray, shape (K, B)
    law : ndarray, shape (K,)
        Above 0 everywhere.

    Returns
    -------
    ndarray, shape (B,)
        Mean about 0 under the law (-1 for a fixed number of draws).

    Examples
    --------
    >>> pearson_identity(np.array([[4.0], [0.0]]), np.array([0.5, 0.5]))
    array([2.])
    """
    expected = counts.sum(axis=0) * law[:, None]
    out: Vector = (((counts - expected) ** 2 - counts) / expected).sum(axis=0)
    return out


def identity_p(counts: NDArray[np.int64], law: Vector, rng: np.random.Generator, *, draws: int = 999) -> float:
    """Test by simulation whether counts are a sample of the law.

    Parameters
    ----------
    counts : ndarray of int, shape (K,)
    law : ndarray, shape (K,)
        May be 0: a count there is impossible, and gives the smallest p-value.
    rng : numpy.random.Generator
    draws : int

    Returns
    -------
    float
        ``(1 + #{T_b >= T}) / (draws + 1)``.
    """
    possible = law > 0
    if counts[~possible].any():
        return 1.0 / (draws + 1)
    law = law[possible] / law[possible].sum()
    drawn = rng.multinomial(int(counts.sum()), law, size=draws).T.astype(np.float64)
    observed = float(pearson_identity(counts[possible, None].astype(np.float64), law)[0])
    slack = 1e-9 * (1.0 + abs(observed))
    return (1 + int(np.count_nonzero(pearson_identity(drawn, law) >= observed - slack))) / (draws + 1)


def _grain(law: Vector) -> tuple[Vector, Ids]:
    """Mix the law with the uniform one, and count each value's cells."""
    k = len(law)
    mixed = 0.5 * law + 0.5 / k
    # A product that should be whole must not fall below it by rounding: a cell too many would need a mass above 1.
    cells = np.floor(CELLS_PER_VALUE * k * mixed * (1.0 - 1e-12)).astype(np.int64)
    return mixed, cells


def uniform_pushforward(p: Vector, q: Vector) -> Vector:
    """Compute the law on ``6 K`` cells to which the reduction for q sends draws from p.

    Parameters
    ----------
    p, q : ndarray, shape (K,)
        Laws.

    Returns
    -------
    ndarray, shape (6 K,)
        Uniform for p = q, and else at total variation at least ``3/8 TV(p, q)`` from it.
    """
    k = len(q)
    mixed, cells = _grain(q)
    kept = cells / (CELLS_PER_VALUE * k * mixed)
    source = 0.5 * p + 0.5 / k
    passed = source * kept
    rest = CELLS_PER_VALUE * k - int(cells.sum())
    out = np.repeat(passed / cells, cells)
    if rest:
        out = np.concatenate([out, np.full(rest, (source - passed).sum() / rest)])
    return out


def reduced_to_uniform(draws: Ids, law: Vector, rng: np.random.Generator) -> Ids:
    """Send draws through the reduction: draws from ``law`` become uniform on ``6 K`` cells.

    Parameters
    ----------
    draws : ndarray of int, shape (m,)
        Values from 0 to K - 1.
    law : ndarray, shape (K,)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (m,)
        From 0 to 6 K - 1.
    """
    k, m = len(law), len(draws)
    mixed, cells = _grain(law)
    source = np.where(rng.random(m) < 0.5, draws, rng.integers(k, size=m))
    kept = rng.random(m) < (cells / (CELLS_PER_VALUE * k * mixed))[source]
    starts = np.concatenate([[0], np.cumsum(cells)])
    rest = CELLS_PER_VALUE * k - int(starts[-1])
    within = starts[source] + (rng.random(m) * cells[source]).astype(np.int64)
    if not rest:
        return within
    out: Ids = np.where(kept, within, starts[-1] + rng.integers(max(rest, 1), size=m))
    return out
