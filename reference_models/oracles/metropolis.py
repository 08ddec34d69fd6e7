"""The Metropolis walk on a graph: sampling from a law known up to a constant, with everything about it exact.

From state i propose a neighbour j, each with probability ``K[i, j] = 1 / degree(i)``, and go there with probability

    a[i, j] = min(1, pi(j) K[j, i] / (pi(i) K[i, j])) = min(1, pi(j) degree(i) / (pi(i) degree(j)))

else stay (Metropolis et al. 1953, "Equation of state calculations by fast computing machines"; Hastings 1970, "Monte
Carlo sampling methods using Markov chains", for proposals that are not symmetric). Only the ratio of pi is needed,
never its sum. The walk is right because it is in *detailed balance*, ``pi(i) P[i, j] = pi(j) P[j, i]``, which
`imbalance` tests to the last digit. Leaving the degrees out is the classic mistake: the walk then samples from pi times
degree, and no plot of the chain shows it.

Burn-in is exact too: after t steps the law is ``start P^t``, its distance to pi in total variation never grows, and
for a walk in detailed balance with second-largest eigenvalue modulus b (the *gap* is 1 - b)

    TV(t) <= 0.5 sqrt((1 - pi(i)) / pi(i)) b^t

from state i (Diaconis & Stroock 1991, "Geometric bounds for eigenvalues of Markov chains").
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.errors import ConfigError, ShapeError

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Acceptance = Callable[[Matrix, Vector], Matrix]


def proposal(adjacency: ArrayLike) -> Matrix:
    """Propose a neighbour, each with the same probability.

    Parameters
    ----------
    adjacency : array_like, shape (n, n)
        Symmetric zeros and ones; a one on the diagonal is a loop, which proposes to stay. The graph must be connected.

    Returns
    -------
    ndarray, shape (n, n)
        Rows sum to 1.

    Examples
    --------
    >>> proposal([[0, 1, 1], [1, 0, 0], [1, 0, 0]]).tolist()
    [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    edges = np.asarray(adjacency, dtype=np.float64)
    if edges.ndim != 2 or edges.shape[0] != edges.shape[1]:
        raise ShapeError("an adjacency must be square", received=f"shape {edges.shape}", remedy="Pass (n, n).")
    if not bool(np.isin(edges, (0.0, 1.0)).all()) or not bool((edges == edges.T).all()):
        raise ConfigError("an adjacency must be symmetric zeros and ones", remedy="Take the undirected graph.")
    if not _connected(edges):
        raise ConfigError("the graph must be connected", remedy="Walk on one component: no walk leaves it.")
    out: Matrix = edges / edges.sum(axis=1, keepdims=True)
    return out


def hastings(proposed: Matrix, target: Vector) -> Matrix:
    """Accept with ``min(1, pi(j) K[j, i] / (pi(i) K[i, j]))``."""
    forth, back = target[:, None] * proposed, target[None, :] * proposed.T
    out: Matrix = np.minimum(1.0, np.divide(back, forth, out=np.ones_like(forth), where=forth > 0))
    return out


def without_degrees(proposed: Matrix, target: Vector) -> Matrix:
    """Accept with ``min(1, pi(j) / pi(i))``: the mistake, kept to be caught. Right where all degrees are equal."""
    out: Matrix = np.minimum(1.0, target[None, :] / target[:, None])
    return out


def transition(adjacency: ArrayLike, target: ArrayLike, *, accept: Acceptance = hastings) -> Matrix:
    """Give the transition matrix of the walk.

    Parameters
    ----------
    adjacency : array_like, shape (n, n)
        Symmetric zeros and ones, connected.
    target : array_like, shape (n,)
        pi up to a factor, above 0.
    accept : callable
        `hastings`, or a wrong rule to be caught.

    Returns
    -------
    ndarray, shape (n, n)
        Rows sum to 1. Where nothing is ever refused on a bipartite graph, such as a cycle of even length with a uniform
        target, the walk alternates for ever: give its states loops.
    """
    proposed, pi = proposal(adjacency), law(target)
    if len(pi) != len(proposed):
        raise ShapeError("one target per state", received=f"{len(pi)} for {len(proposed)}", remedy="Match them.")
    moves = proposed * accept(proposed, pi)
    np.fill_diagonal(moves, 0.0)
    np.fill_diagonal(moves, 1.0 - moves.sum(axis=1))
    return moves


def law(target: ArrayLike) -> Vector:
    """Bring a target to sum 1."""
    pi = np.asarray(target, dtype=np.float64)
    if pi.ndim != 1 or not bool((pi > 0).all()) or not bool(np.isfinite(pi).all()):
        raise ConfigError("a target must be a vector above 0", received=f"shape {pi.shape}", remedy="Drop states of 0.")
    out: Vector = pi / pi.sum()
    return out


def imbalance(walk: Matrix, target: ArrayLike) -> float:
    """Measure the largest ``|pi(i) P[i, j] - pi(j) P[j, i]|``: 0, but for rounding, in detailed balance.

    Examples
    --------
    >>> star, target = [[0, 1, 1], [1, 0, 0], [1, 0, 0]], [1.0, 1.0, 2.0]
    >>> imbalance(transition(star, target), target) < 1e-15
    True
    >>> round(imbalance(transition(star, target, accept=without_degrees), target), 6)
    0.125
    """
    flow = law(target)[:, None] * walk
    return float(np.abs(flow - flow.T).max())


def stationary(walk: Matrix) -> Vector:
    """Solve for the law that the walk leaves alone, whatever the walk was meant for."""
    n = len(walk)
    system = np.vstack([walk.T - np.eye(n), np.ones(n)])
    out: Vector = np.linalg.lstsq(system, np.append(np.zeros(n), 1.0), rcond=None)[0]
    return out


def burn_in(walk: Matrix, target: ArrayLike, start: ArrayLike, steps: int) -> Vector:
    """Give the total variation between the law after 0 to ``steps`` steps and the target, exactly.

    Parameters
    ----------
    walk : ndarray, shape (n, n)
    target : array_like, shape (n,)
    start : array_like, shape (n,)
        Probabilities at step 0.
    steps : int

    Returns
    -------
    ndarray, shape (steps + 1,)
        In [0, 1]; falls to 0 for a right walk and to the distance of the laws for a wrong one.
    """
    pi, now = law(target), np.asarray(start, dtype=np.float64)
    out = np.empty(steps + 1)
    for t in range(steps + 1):
        out[t] = 0.5 * np.abs(now - pi).sum()
        now = now @ walk
    return out


def spectral_gap(walk: Matrix, target: ArrayLike) -> float:
    """Give 1 less the second-largest modulus of the eigenvalues: from 0 (never mixes) to 1.

    The walk must be in detailed balance with the target: its eigenvalues are then those of a symmetric matrix.
    """
    if imbalance(walk, target) > 1e-9:
        raise ConfigError(
            "the walk must be in detailed balance with the target",
            received=f"an imbalance of {imbalance(walk, target):.3g}",
            remedy="Accept by the ratio of Hastings.",
        )
    root = np.sqrt(law(target))
    symmetric = root[:, None] * walk / root[None, :]
    values = np.linalg.eigvalsh(0.5 * (symmetric + symmetric.T))
    return float(1.0 - max(values[-2], -values[0])) if len(values) > 1 else 1.0


def mixing_bound(walk: Matrix, target: ArrayLike, state: int, steps: int) -> Vector:
    """Bound what `burn_in` shows from one state by ``0.5 sqrt((1 - pi) / pi) b^t``, at 0 to ``steps`` steps."""
    pi = law(target)[state]
    kept = 1.0 - spectral_gap(walk, target)
    out: Vector = 0.5 * np.sqrt((1.0 - pi) / pi) * kept ** np.arange(steps + 1)
    return out


def sample(
    adjacency: ArrayLike, log_target: ArrayLike, *, start: int, steps: int, n: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Walk n independent chains for a number of steps, by proposals and ratios alone: no matrix, no sum of the target.

    Parameters
    ----------
    adjacency : array_like, shape (k, k)
    log_target : array_like, shape (k,)
        Log of pi up to a constant.
    start : int
        State of every chain at step 0.
    steps, n : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n,)
        Where each chain is; independent rows, with the law ``start P^steps``.
    """
    degrees = (proposal(adjacency) > 0).sum(axis=1)
    neighbours = [np.flatnonzero(row) for row in proposal(adjacency)]
    table = np.array([np.resize(near, max(degrees)) for near in neighbours])
    logs = np.asarray(log_target, dtype=np.float64)
    at = np.full(n, start, dtype=np.int64)
    for _ in range(steps):
        to = table[at, rng.integers(degrees[at])]
        ratio = logs[to] - logs[at] + np.log(degrees[at] / degrees[to])
        at = np.where(np.log1p(-rng.random(n)) < ratio, to, at)
    return at


def _connected(edges: Matrix) -> bool:
    seen = np.zeros(len(edges), dtype=bool)
    seen[:1] = True
    for _ in range(len(edges)):
        seen = seen | (edges[seen].sum(axis=0) > 0)
    return bool(seen.all())
