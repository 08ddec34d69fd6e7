"""Critics whose Lipschitz constant is known: a network trained near 1, and a potential along one line.

The network's layers are affine maps between which neighbouring pairs are sorted (Anil, Lucas & Grosse 2019, "Sorting out
Lipschitz
function approximation", section 4: sorting keeps every gradient's length, where a rectifier loses it). Sorting is
1-Lipschitz, so the product of the largest singular values of the weights bounds the constant, whatever the training
did. After every step of the training the weights are brought back towards orthonormal ones (Björck & Bowie 1971), so
that the bound is nearly attained. A penalty
on the gradient at some points bounds nothing between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.max_sliced import promising_directions, sharpest_direction
from gandiag.numerics.slices import ProjectedPool

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_HIDDEN = 32
_RATE = 0.02
# What rounding may take from a product of singular values.
_SLACK = 1.0 + 1e-12


class Critic(Protocol):
    """A function of rows with a bound of its Lipschitz constant."""

    def __call__(self, rows: Matrix) -> Vector:
        """Evaluate at rows of shape (n, d), shape (n,)."""
        ...

    def lipschitz_bound(self) -> float:
        """Bound ``|f(x) - f(y)| / |x - y|`` from above."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class LineCritic:
    """A piecewise linear function of the rows' position along one direction; constant beyond its ends.

    Attributes
    ----------
    direction : ndarray, shape (d,)
    knots, values : ndarray, shape (k,)
        Positions in order, and the function there.
    """

    direction: Vector
    knots: Vector
    values: Vector

    def __call__(self, rows: Matrix) -> Vector:
        """Evaluate at rows of shape (n, d), shape (n,)."""
        out: Vector = np.interp(rows @ self.direction, self.knots, self.values)
        return out

    def lipschitz_bound(self) -> float:
        """Bound the constant by the steepest piece times the length of the direction."""
        widths, rises = np.diff(self.knots), np.abs(np.diff(self.values))
        steepest = float((rises / widths).max()) if len(widths) else 0.0
        return steepest * float(np.linalg.norm(self.direction)) * _SLACK


def line_critic(real: Matrix, fake: Matrix, rng: np.random.Generator, *, starts: int = 3) -> LineCritic:
    """Learn the Kantorovich potential along the direction where two samples differ most; larger on real rows."""
    centre = real.mean(axis=0)
    scale = float(np.abs(np.concatenate([real, fake]) - centre).max()) or 1.0
    sides = (real - centre) / scale, (fake - centre) / scale
    direction, _ = sharpest_direction(*sides, promising_directions(*sides, rng, count=starts, p=1.0), p=1.0)
    along = np.concatenate(sides) @ direction * scale
    potential = ProjectedPool(along[None, :]).potentials(np.arange(len(along)) < len(real))[0]
    # Rows that share a position share its value; positions closer than rounding would make slopes of noise.
    knots, first = np.unique(np.round(along / scale, 12) * scale, return_index=True)
    values = -potential[first]
    rises = np.clip(np.diff(values), -np.diff(knots), np.diff(knots))
    return LineCritic(
        direction=direction, knots=knots + centre @ direction, values=np.concatenate([[0.0], np.cumsum(rises)])
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class LipschitzNetwork:
    """Affine layers with sorted pairs between them, on rows that are centred and divided by one scale.

    Attributes
    ----------
    weights : tuple of ndarray, shape (in, out)
    biases : tuple of ndarray, shape (out,)
        The last layer has one output, and every other an even number.
    centre : ndarray, shape (d,)
    scale : float
        One number for all columns: the Euclidean distance stays what it is.
    """

    weights: tuple[Matrix, ...]
    biases: tuple[Vector, ...]
    centre: Vector
    scale: float

    def __call__(self, rows: Matrix) -> Vector:
        """Evaluate at rows of shape (n, d), shape (n,)."""
        out = (rows - self.centre) / self.scale
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            out = (_sorted_pairs(out) if i else out) @ weight + bias
        return out[:, 0]

    def lipschitz_bound(self) -> float:
        """Bound ``|f(x) - f(y)| / |x - y|`` from above, by singular values."""
        return float(np.prod([np.linalg.norm(weight, 2) for weight in self.weights]) / self.scale * _SLACK)


def _sorted_pairs(values: Matrix) -> Matrix:
    first, second = values[:, ::2], values[:, 1::2]
    return np.concatenate([np.minimum(first, second), np.maximum(first, second)], axis=1)


def trained_critic(real: Matrix, fake: Matrix, rng: np.random.Generator, *, steps: int) -> LipschitzNetwork:
    """Train a network to be larger on real rows than on fake ones, at a Lipschitz constant of about 1 / scale.

    Parameters
    ----------
    real : ndarray, shape (n, d)
    fake : ndarray, shape (m, d)
    rng : numpy.random.Generator
        Draws the first weights.
    steps : int
        Of Adam on all rows.

    Returns
    -------
    LipschitzNetwork

    Notes
    -----
    Cost O(steps (n + m) (d + 32) 32).
    """
    import torch

    d = real.shape[1]
    pool = np.concatenate([real, fake])
    centre = pool.mean(axis=0)
    scale = float(np.sqrt(np.square(pool - centre).sum(axis=1).mean())) or 1.0
    sides = [torch.from_numpy((rows - centre) / scale) for rows in (real, fake)]
    shapes = [(d, _HIDDEN), (_HIDDEN, _HIDDEN), (_HIDDEN, 1)]
    weights = [torch.from_numpy(_orthonormal(*shape, rng)).requires_grad_() for shape in shapes]
    biases = [torch.from_numpy(0.5 * rng.standard_normal(width)).requires_grad_() for _, width in shapes]
    adam = torch.optim.Adam([*weights, *biases], lr=_RATE)

    def mean(rows: torch.Tensor) -> torch.Tensor:
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            if i:
                first, second = rows[:, ::2], rows[:, 1::2]
                rows = torch.cat([torch.minimum(first, second), torch.maximum(first, second)], dim=1)
            rows = rows @ weight + bias
        return rows.mean()

    for _ in range(steps):
        loss = mean(sides[1]) - mean(sides[0])
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        with torch.no_grad():
            for weight in weights:
                weight.copy_(1.5 * weight - 0.5 * weight @ (weight.T @ weight))
    return LipschitzNetwork(
        weights=tuple(weight.detach().numpy() for weight in weights),
        biases=tuple(bias.detach().numpy() for bias in biases),
        centre=centre,
        scale=scale,
    )


def _orthonormal(rows: int, columns: int, rng: np.random.Generator) -> Matrix:
    q = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))[0]
    return np.ascontiguousarray(q if rows >= columns else q.T)
