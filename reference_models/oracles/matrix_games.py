"""Zero-sum games on a matrix: who moves first, and when it does not matter.

The row player (the generator) picks i and pays ``A[i, j]`` to the column player (the discriminator), who picks j.

Pure strategies: whoever must commit first is worse off, and never better (weak duality)::

    max_j min_i A[i, j]  <=  min_i max_j A[i, j]
    column leads             row leads (generator first, discriminator answers: the GAN as it is written)

Each side is the Stackelberg value of one order of play. They are equal exactly when A has a saddle point, which is a
Nash equilibrium in pure strategies.

Mixed strategies: with x and y probability vectors the two orders agree, always (von Neumann 1928, "Zur Theorie der
Gesellschaftsspiele")::

    max_y min_x x' A y  =  min_x max_y x' A y  =  value

and the pair that attains it is a Nash equilibrium; both sides are linear programs (`solve`).

The *minimax theorem of the linear model* is the same statement once more: a payoff that is linear in the generator's
parameters and linear in the discriminator's, each in a convex set, is a matrix game on the corners of the two sets,
because a point of a convex set is a mixture of its corners. So a "linear GAN" has no order of play, and a GAN with
networks, whose sets of laws are not convex, has one: `bilinear_orders` computes either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.errors import ConfigError, NotConverged, ShapeError

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

# Each player pays the other's choice: no saddle point in pure strategies, a value in mixed ones.
MATCHING_PENNIES: Matrix = np.array([[1.0, -1.0], [-1.0, 1.0]])
ROCK_PAPER_SCISSORS: Matrix = np.array([[0.0, 1.0, -1.0], [-1.0, 0.0, 1.0], [1.0, -1.0, 0.0]])


def modes_game(modes: int) -> Matrix:
    """Make the game of mode collapse: the generator hides in a mode, the discriminator suspects one and wins if right.

    Pure: a generator that moves second escapes for good (0), and sits in whichever mode is least suspected: collapse to
    the argmax of a frozen discriminator. One that moves first is always found (1). Mixed: the value is 1 / modes, and
    the only optimal generator covers all modes alike.

    Parameters
    ----------
    modes : int
        At least 1.

    Returns
    -------
    ndarray, shape (modes, modes)
    """
    return np.eye(modes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """A Nash equilibrium in mixed strategies.

    Attributes
    ----------
    value : float
        What the row player pays per round.
    row, column : ndarray
        Optimal mixtures; there may be others with the same value.
    gap : float
        ``max_j (A' x)_j - min_i (A y)_i``: what both could gain together by deviating. 0 proves optimality, whoever
        computed the mixtures.
    """

    value: float
    row: Vector
    column: Vector
    gap: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Orders:
    """The value under both orders of play.

    Attributes
    ----------
    row_leads : float
        ``min max``: the row player commits, the column player answers.
    column_leads : float
        ``max min``: at most ``row_leads``.
    saddles : list of (int, int)
        Equilibria in pure strategies, or corners. While strategies are pure, there are some exactly when the two values
        agree.
    """

    row_leads: float
    column_leads: float
    saddles: list[tuple[int, int]]

    @property
    def cost_of_leading(self) -> float:
        """``min max - max min``, at least 0: what the second move is worth."""
        return self.row_leads - self.column_leads


def pure_orders(payoff: ArrayLike) -> Orders:
    """Play both orders in pure strategies.

    Parameters
    ----------
    payoff : array_like, shape (m, n)
        What row pays column.

    Examples
    --------
    >>> orders = pure_orders(MATCHING_PENNIES)
    >>> orders.row_leads, orders.column_leads, orders.saddles
    (1.0, -1.0, [])
    """
    a = _payoff(payoff)
    worst, least = a.max(axis=1), a.min(axis=0)
    saddle = (a == worst[:, None]) & (a == least[None, :])
    return Orders(
        row_leads=float(worst.min()),
        column_leads=float(least.max()),
        saddles=[(int(i), int(j)) for i, j in np.argwhere(saddle)],
    )


def solve(payoff: ArrayLike) -> Solution:
    """Find a Nash equilibrium in mixed strategies by linear programming.

    Parameters
    ----------
    payoff : array_like, shape (m, n)
        What row pays column.

    Returns
    -------
    Solution
        Value exact to about 1e-12 of the payoff's range; ``gap`` says how exact.

    Raises
    ------
    NotConverged
        When the solver fails, which it has no reason to: every such program has an optimum.

    Examples
    --------
    >>> found = solve([[3.0, -1.0], [-2.0, 1.0]])
    >>> round(found.value, 9), found.row.round(9).tolist()
    (0.142857143, [0.428571429, 0.571428571])
    """
    a = _payoff(payoff)
    row, pays = _leader(a)
    column, gets = _leader(-a.T)
    gap = float((a.T @ row).max() - (a @ column).min())
    # The two programs are each other's dual: -gets and pays agree but for rounding.
    return Solution(value=0.5 * (pays - gets), row=row, column=column, gap=gap)


def _leader(a: Matrix) -> tuple[Vector, float]:
    """Commit to the mixture x that minimises ``max_j (A' x)_j``: variables x and the bound v."""
    from scipy.optimize import linprog

    m, n = a.shape
    found = linprog(
        np.append(np.zeros(m), 1.0),
        A_ub=np.column_stack([a.T, -np.ones(n)]),
        b_ub=np.zeros(n),
        A_eq=np.append(np.ones(m), 0.0)[None, :],
        b_eq=[1.0],
        bounds=[(0.0, None)] * m + [(None, None)],
        method="highs-ds",
    )
    if not found.success:
        raise NotConverged("a linear program must be solved", received=str(found.message), remedy="Scale the payoffs.")
    x: Vector = np.maximum(found.x[:m], 0.0)
    x /= x.sum()
    return x, float((a.T @ x).max())


def bilinear_orders(
    generators: ArrayLike, discriminators: ArrayLike, coupling: ArrayLike | None = None, *, convex: bool
) -> Orders:
    """Play both orders of ``u' C w``, linear in the generator's parameters u and in the discriminator's w.

    Parameters
    ----------
    generators : array_like, shape (m, a)
        Corners of the set of u. With a leading 1 in each the payoff may hold terms without u.
    discriminators : array_like, shape (n, b)
        Corners of the set of w.
    coupling : array_like, shape (a, b), optional
        C; the identity by default.
    convex : bool
        Whether the sets are the convex hulls of the corners (the linear model, where order does not matter) or the
        corners alone (where it does).

    Returns
    -------
    Orders
        In the convex case with both values equal, even where there is no equilibrium at corners.
    """
    u, w = np.asarray(generators, dtype=np.float64), np.asarray(discriminators, dtype=np.float64)
    c = np.eye(u.shape[-1]) if coupling is None else np.asarray(coupling, dtype=np.float64)
    payoff = u @ c @ w.T
    corners = pure_orders(payoff)
    if not convex:
        return corners
    found = solve(payoff)
    return replace(
        corners,
        row_leads=float((payoff.T @ found.row).max()),
        column_leads=float((payoff @ found.column).min()),
    )


def _payoff(payoff: ArrayLike) -> Matrix:
    a = np.asarray(payoff, dtype=np.float64)
    if a.ndim != 2 or 0 in a.shape:
        raise ShapeError("a payoff must be a matrix", received=f"shape {a.shape}", remedy="Pass (rows, columns).")
    if not bool(np.isfinite(a).all()):
        raise ConfigError("payoffs must be finite", received=float(a.max()), remedy="Leave forbidden moves out.")
    return a
