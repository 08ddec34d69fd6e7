"""The bilinear game ``x' A y``: why simultaneous gradient steps spiral out, and what cures it.

x descends and y ascends, so with z = (x, y) the gradient play is ``-J z``, with the antisymmetric

    J = [[0, A], [-A', 0]],    eigenvalues +- i a for each singular value a of A.

Every method below is one matrix applied at each step, and all that happens is in its eigenvalues. For ``x y`` (a = 1)
and step h the distance to the equilibrium (0, 0) is multiplied per step by::

    simultaneous   z - h J z                          sqrt(1 + h^2)                       spirals out, for every h
    alternating    x first, y sees the new x          1                   (h < 2)         stays on a closed orbit
    extragradient  z - h J (z - h J z)                sqrt(1 - h^2 + h^4)                 converges (h < 1)
    implicit       z' = z - h J z'                    1 / sqrt(1 + h^2)                   converges, for every h
    optimistic     z - 2 h J z + h J z_before         sqrt((1 + sqrt(1 - 4 h^2)) / 2)     converges (here h <= 1/2)

With h = .1: 1.0049876, 1, .9950377, .9950372, .9949362. (Korpelevich 1976, "The extragradient method for finding saddle
points"; Daskalakis, Ilyas, Syrgkanis & Zeng 2018, "Training GANs with optimism".) For general A replace h by h a.

The *duality gap* says how far a pair is from equilibrium without knowing it (Grnarova et al. 2019, "A domain agnostic
measure for monitoring and evaluating GANs"). On boxes [-1, 1] it is ``|A' x|_1 + |A y|_1``: zero at the origin only
(for A of full rank), and blind to the order of play.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.errors import ConfigError, ShapeError, UnknownName

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


def _simultaneous(j: Matrix, h: float, m: int) -> Matrix:
    return np.eye(len(j)) - h * j


def _alternating(j: Matrix, h: float, m: int) -> Matrix:
    """Move x with y as it was, then y with x as it is now."""
    one, mine = np.eye(len(j)), np.zeros_like(j)
    mine[:m] = j[:m]
    return (one - h * (j - mine)) @ (one - h * mine)


def _extragradient(j: Matrix, h: float, m: int) -> Matrix:
    return np.eye(len(j)) - h * j + h * h * (j @ j)


def _implicit(j: Matrix, h: float, m: int) -> Matrix:
    out: Matrix = np.linalg.inv(np.eye(len(j)) + h * j).astype(np.float64)
    return out


def _optimistic(j: Matrix, h: float, m: int) -> Matrix:
    """Act on (z, z before): the gradient plus its last change foretells the next."""
    one, none = np.eye(len(j)), np.zeros_like(j)
    return np.block([[one - 2 * h * j, h * j], [one, none]])


METHODS: dict[str, Callable[[Matrix, float, int], Matrix]] = {
    "simultaneous": _simultaneous,
    "alternating": _alternating,
    "extragradient": _extragradient,
    "implicit": _implicit,
    "optimistic": _optimistic,
}


def update_matrix(method: str, step: float, coupling: ArrayLike = ((1.0,),)) -> Matrix:
    """Give the matrix that one step of a method multiplies (x, y) by; for ``optimistic``, (x, y) now and before.

    Parameters
    ----------
    method : {"simultaneous", "alternating", "extragradient", "implicit", "optimistic"}
    step : float
        h, above 0, the same for both players.
    coupling : array_like, shape (m, n)
        A; the game x y by default.

    Examples
    --------
    >>> update_matrix("simultaneous", 0.1).tolist()
    [[1.0, -0.1], [0.1, 1.0]]
    """
    if method not in METHODS:
        raise UnknownName("the method must be known", received=method, remedy=f"Use one of {', '.join(METHODS)}.")
    if not step > 0:
        raise ConfigError("the step must be above 0", received=step, remedy="Use 0.1.")
    a = _matrix(coupling)
    m, n = a.shape
    j = np.block([[np.zeros((m, m)), a], [-a.T, np.zeros((n, n))]])
    return METHODS[method](j, step, m)


def factor(method: str, step: float, coupling: ArrayLike = ((1.0,),)) -> float:
    """Give the factor per step: the largest modulus of the update's eigenvalues.

    Returns
    -------
    float
        Above 1 the play diverges, at 1 it circles, below 1 it converges.

    Examples
    --------
    >>> [round(factor(method, 0.1), 7) for method in ("simultaneous", "alternating", "extragradient")]
    [1.0049876, 1.0, 0.9950377]
    """
    return float(np.abs(np.linalg.eigvals(update_matrix(method, step, coupling))).max())


def path(method: str, step: float, start: ArrayLike, steps: int, coupling: ArrayLike = ((1.0,),)) -> Matrix:
    """Play from a start.

    Parameters
    ----------
    method, step, coupling
        As for `update_matrix`.
    start : array_like, shape (m + n,)
        (x, y); optimistic play has the same point before it.
    steps : int

    Returns
    -------
    ndarray, shape (steps + 1, m + n)
        Beginning with the start; exact but for rounding.
    """
    update = update_matrix(method, step, coupling)
    z = np.asarray(start, dtype=np.float64)
    width = sum(_matrix(coupling).shape)
    if z.shape != (width,):
        raise ShapeError(f"a start must have shape ({width},)", received=f"shape {z.shape}", remedy="Pass (x, y).")
    state = np.tile(z, len(update) // width)
    out = np.empty((steps + 1, width))
    out[0] = z
    for t in range(steps):
        state = update @ state
        out[t + 1] = state[:width]
    return out


def turns(step: float, steps: int) -> float:
    """Count the turns of simultaneous play of ``x y``: each step turns by atan(h), one turn in about 2 pi / h steps."""
    return steps * math.atan(step) / (2 * math.pi)


def duality_gap(x: ArrayLike, y: ArrayLike, coupling: ArrayLike = ((1.0,),)) -> float:
    """Measure how much both players could gain by answering the other, on boxes [-1, 1]: ``|A' x|_1 + |A y|_1``.

    Parameters
    ----------
    x : array_like, shape (m,)
    y : array_like, shape (n,)
    coupling : array_like, shape (m, n)
        A.

    Returns
    -------
    float
        ``max_y' V(x, y') - min_x' V(x', y)``, at least 0; 0 at an equilibrium and nowhere else.

    Examples
    --------
    >>> duality_gap([0.5], [-0.25])
    0.75
    """
    a = _matrix(coupling)
    row, column = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if row.shape != a.shape[:1] or column.shape != a.shape[1:]:
        raise ShapeError(
            "x and y must fit the matrix", received=f"{row.shape}, {column.shape}, {a.shape}", remedy="Transpose it."
        )
    return float(np.abs(a.T @ row).sum() + np.abs(a @ column).sum())


def mean_matching_gap(theta: ArrayLike, w: ArrayLike, mean: ArrayLike, *, radius: float) -> float:
    """Give the duality gap of the linear WGAN ``w' (mean - theta)``: ``|mean - theta| + radius |w|``.

    Parameters
    ----------
    theta : array_like, shape (d,)
        The generator's mean, within ``radius`` of ``mean``.
    w : array_like, shape (d,)
        The critic's slope, of length at most 1.
    mean : array_like, shape (d,)
        Of the data.
    radius : float
        Of the generator's set.

    Examples
    --------
    >>> mean_matching_gap([0.0, 0.0], [0.5, 0.0], [3.0, 4.0], radius=10.0)
    10.0
    """
    apart = np.asarray(mean, dtype=np.float64) - np.asarray(theta, dtype=np.float64)
    return float(np.linalg.norm(apart) + radius * np.linalg.norm(np.asarray(w, dtype=np.float64)))


def _matrix(coupling: ArrayLike) -> Matrix:
    a = np.asarray(coupling, dtype=np.float64)
    if a.ndim != 2:
        raise ShapeError("the coupling must be a matrix", received=f"shape {a.shape}", remedy="Use [[1.0]] for x y.")
    return a
