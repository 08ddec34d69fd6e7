"""Critics that are 1-Lipschitz by construction: envelopes of cones, and a potential along one line.

``f(x) = max_i (u_i - |x - x_i|)`` rises and falls by no more than the distance, whatever the numbers ``u_i`` are, and
so does ``min_j (v_j + |x - y_j|)`` (McShane 1934, "Extension of range of functions", theorem 1). With the dual of the
exact transport between two samples as the numbers, either is an optimal critic of these samples (Kantorovich &
Rubinstein 1958), extended to all of space. A penalty on the gradient at some points bounds nothing between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.distances import exact_distances
from gandiag.numerics.max_sliced import promising_directions, sharpest_direction
from gandiag.numerics.slices import ProjectedPool
from gandiag.numerics.transport import exact_transport

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

# What rounding may add to a slope.
_SLACK = 1.0 + 1e-12
_VALUES_AT_ONCE = 2**22


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


@dataclass(frozen=True, kw_only=True, eq=False)
class ConeCritic:
    """The envelope of one cone of slope 1 at every anchor.

    Attributes
    ----------
    anchors : ndarray, shape (k, d)
    heights : ndarray, shape (k,)
    opens : {"up", "down"}
        "up": ``min_i heights_i + |x - anchor_i|``, the largest 1-Lipschitz function below the heights; "down":
        ``max_i heights_i - |x - anchor_i|``, the smallest one above them.
    """

    anchors: Matrix
    heights: Vector
    opens: str

    def __call__(self, rows: Matrix) -> Vector:
        """Evaluate at rows of shape (n, d), shape (n,); O(n k d) time, bounded memory."""
        sign = 1.0 if self.opens == "up" else -1.0
        out = np.empty(len(rows))
        step = max(1, _VALUES_AT_ONCE // len(self.anchors))
        for start in range(0, len(rows), step):
            cones = exact_distances(rows[start : start + step], self.anchors) + sign * self.heights
            out[start : start + step] = sign * cones.min(axis=1)
        return out

    def lipschitz_bound(self) -> float:
        """Give the slope of the cones, which no envelope of them exceeds."""
        return _SLACK


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


def cone_critics(real: Matrix, fake: Matrix) -> tuple[ConeCritic, ConeCritic]:
    """Extend the dual of the exact transport from the real rows, and from the fake ones; larger on real rows.

    Parameters
    ----------
    real : ndarray, shape (n, d)
    fake : ndarray, shape (m, d)

    Returns
    -------
    from_real, from_fake : ConeCritic
        On these rows the difference of means of either is the exact ``W_1`` between them.

    Raises
    ------
    NotConverged
        When no optimal plan was found.

    Notes
    -----
    Cost O((n + m)^3 log(n + m)) at worst.
    """
    on_real, on_fake = exact_transport(exact_distances(real, fake)).dual
    return (
        ConeCritic(anchors=real, heights=on_real, opens="down"),
        ConeCritic(anchors=fake, heights=-on_fake, opens="up"),
    )
