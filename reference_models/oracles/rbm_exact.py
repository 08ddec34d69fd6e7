"""The restricted Boltzmann machine without approximation: the oracle of `reference_models.models.rbm`.

For binary v (V units) and h (H units)::

    E(v, h) = -b.v - c.h - v' W h,     p(v, h) = exp(-E(v, h)) / Z
    F(v) = -b.v - sum_j softplus(c_j + (v' W)_j),     p(v) = exp(-F(v)) / Z

(Smolensky 1986, "Information processing in dynamical systems"; Hinton 2002, "Training products of experts by minimizing
contrastive divergence".) Z sums over 2^(V+H) states, yet given one side the other is independent and sums by itself,
so that ``2^min(V, H)`` terms are enough: with 12 hidden units 4096 terms, whatever the size of the picture.

That gives everything by which a trained machine is judged without trusting its own sampler: `log_partition` and
`log_likelihood` (reconstruction error shows neither), `visible_distribution` and `gibbs_kernel` for burn-in in total
variation, and `sample_exactly`, which needs no burn-in at all.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.errors import ConfigError, ResourceLimitError, ShapeError

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_MOST_SUMMED = 22  # units of the smaller side: 4 million terms, a few seconds
_MOST_LISTED = 16  # units whose whole distribution is listed
_TILE = 1 << 12


def configurations(units: int, start: int = 0, stop: int | None = None) -> Matrix:
    """List binary states in counting order, the first unit being the most significant digit.

    Examples
    --------
    >>> configurations(2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    numbers = np.arange(start, 1 << units if stop is None else stop)
    digits = np.arange(units - 1, -1, -1)
    return ((numbers[:, None] >> digits[None, :]) & 1).astype(np.float64)


def free_energy(rows: ArrayLike, weights: ArrayLike, visible_bias: ArrayLike, hidden_bias: ArrayLike) -> Vector:
    """Evaluate F(v), shape (n, V) to (n,), in nats: lower is more probable."""
    w, b, c = _parameters(weights, visible_bias, hidden_bias)
    v = np.asarray(rows, dtype=np.float64)
    if v.ndim != 2 or v.shape[1] != len(b):
        raise ShapeError(f"rows must have shape (n, {len(b)})", received=f"shape {v.shape}", remedy="Flatten rows.")
    if not bool(((v == 0) | (v == 1)).all()):
        raise ConfigError("visible units must be 0 or 1", received=f"range {v.min()} to {v.max()}", remedy="Threshold.")
    return -_log_weight(v, w, b, c)


def log_partition(weights: ArrayLike, visible_bias: ArrayLike, hidden_bias: ArrayLike) -> float:
    """Sum log Z exactly, over the states of the smaller side.

    Parameters
    ----------
    weights : array_like, shape (V, H)
    visible_bias : array_like, shape (V,)
    hidden_bias : array_like, shape (H,)

    Returns
    -------
    float
        Nats.

    Raises
    ------
    ResourceLimitError
        When both sides have more than 22 units.

    Examples
    --------
    >>> import numpy as np
    >>> round(log_partition(np.zeros((3, 2)), np.zeros(3), np.zeros(2)), 6)  # 5 log 2
    3.465736
    """
    smaller = _smaller_side(*_parameters(weights, visible_bias, hidden_bias))
    parts = [float(np.logaddexp.reduce(_log_weight(states, *smaller))) for states in _tiles(len(smaller[1]))]
    return float(np.logaddexp.reduce(parts))


def log_likelihood(rows: ArrayLike, weights: ArrayLike, visible_bias: ArrayLike, hidden_bias: ArrayLike) -> Vector:
    """Evaluate log p(v) = -F(v) - log Z of binary rows, shape (n, V) to (n,), in nats: higher is better."""
    out: Vector = -free_energy(rows, weights, visible_bias, hidden_bias)
    return out - log_partition(weights, visible_bias, hidden_bias)


def visible_distribution(weights: ArrayLike, visible_bias: ArrayLike, hidden_bias: ArrayLike) -> Vector:
    """List p(v) of all 2^V visible states in the order of `configurations`; V is at most 16."""
    w, b, c = _parameters(weights, visible_bias, hidden_bias)
    return _distribution(w, b, c)


def hidden_distribution(weights: ArrayLike, visible_bias: ArrayLike, hidden_bias: ArrayLike) -> Vector:
    """List p(h) of all 2^H hidden states in the order of `configurations`; H is at most 16."""
    w, b, c = _parameters(weights, visible_bias, hidden_bias)
    return _distribution(w.T, c, b)


def gibbs_kernel(weights: ArrayLike, visible_bias: ArrayLike, hidden_bias: ArrayLike) -> Matrix:
    """Give the exact transition matrix v -> h -> v' of one Gibbs sweep.

    Returns
    -------
    ndarray, shape (2^V, 2^V)
        Rows sum to 1; ``start @ kernel`` is the law after one more sweep. It leaves `visible_distribution` alone and is
        in detailed balance with it. V and H are at most 16 together.
    """
    w, b, c = _parameters(weights, visible_bias, hidden_bias)
    if len(b) + len(c) > _MOST_LISTED:
        raise _too_large(len(b) + len(c), _MOST_LISTED, "Take fewer units; this lists every pair of states.")
    visible, hidden = configurations(len(b)), configurations(len(c))
    to_hidden = _products(visible @ w + c, hidden)
    to_visible = _products(hidden @ w.T + b, visible)
    out: Matrix = to_hidden @ to_visible
    return out


def sample_exactly(
    n: int, weights: ArrayLike, visible_bias: ArrayLike, hidden_bias: ArrayLike, *, rng: np.random.Generator
) -> Matrix:
    """Draw independent visible rows from the exact law: the smaller side from its table, the other given it.

    Returns
    -------
    ndarray, shape (n, V)
        Zeros and ones; what a Gibbs sampler approaches only after burn-in. The smaller side has at most 16 units.
    """
    w, b, c = _parameters(weights, visible_bias, hidden_bias)
    if len(b) <= len(c):
        return configurations(len(b))[rng.choice(1 << len(b), size=n, p=_distribution(w, b, c))]
    hidden = configurations(len(c))[rng.choice(1 << len(c), size=n, p=_distribution(w.T, c, b))]
    return (rng.random((n, len(b))) < _sigmoid(hidden @ w.T + b)).astype(np.float64)


def _parameters(weights: ArrayLike, visible_bias: ArrayLike, hidden_bias: ArrayLike) -> tuple[Matrix, Vector, Vector]:
    w, b, c = (np.asarray(p, dtype=np.float64) for p in (weights, visible_bias, hidden_bias))
    if w.ndim != 2 or w.shape != (b.size, c.size) or b.ndim != 1 or c.ndim != 1:
        raise ShapeError(
            "weights must have shape (visible, hidden) and one bias per unit",
            received=f"shapes {w.shape}, {b.shape}, {c.shape}",
            remedy="Transpose the weights if they are (hidden, visible).",
        )
    return w, b, c


def _smaller_side(w: Matrix, b: Vector, c: Vector) -> tuple[Matrix, Vector, Vector]:
    """Turn the machine round, if need be, so that the first bias is that of the smaller side."""
    return (w, b, c) if len(b) <= len(c) else (w.T, c, b)


def _log_weight(states: Matrix, w: Matrix, own: Vector, other: Vector) -> Vector:
    """Give log of the unnormalised probability of one side's states, the other side summed out."""
    out: Vector = states @ own + np.logaddexp(0.0, states @ w + other).sum(axis=1)
    return out


def _tiles(units: int) -> Iterator[Matrix]:
    if units > _MOST_SUMMED:
        raise _too_large(units, _MOST_SUMMED, "Estimate log Z by annealed importance sampling instead.")
    total = 1 << units
    for start in range(0, total, _TILE):
        yield configurations(units, start, min(start + _TILE, total))


def _distribution(w: Matrix, own: Vector, other: Vector) -> Vector:
    if len(own) > _MOST_LISTED:
        raise _too_large(len(own), _MOST_LISTED, "Use log_likelihood of the rows that matter.")
    logs = _log_weight(configurations(len(own)), w, own, other)
    shares = np.exp(logs - logs.max())
    out: Vector = shares / shares.sum()
    return out


def _products(logits: Matrix, states: Matrix) -> Matrix:
    """Give the probability of each state (columns) when its units are independent with the logits of each row."""
    on = -np.logaddexp(0.0, -logits)
    off = -np.logaddexp(0.0, logits)
    out: Matrix = np.exp(on @ states.T + off @ (1.0 - states).T)
    return out


def _sigmoid(x: Matrix) -> Matrix:
    out: Matrix = 0.5 * (1.0 + np.tanh(0.5 * x))
    return out


def _too_large(units: int, most: int, remedy: str) -> ResourceLimitError:
    return ResourceLimitError(f"at most {most} units can be summed over one by one", received=units, remedy=remedy)
