"""Transport along straight lines: projections in blocks, one sort per line, and all relabellings from one sort.

Arrays are NumPy or torch (see `backend`); directions and small results lie on the host. Projections are laid out as
(directions, rows), so that every sort runs along contiguous memory, and taken in blocks, so that memory does not grow
with the number of directions.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.backend import Array, beside, namespace, on_host
from gandiag.numerics.labels import signed_weights

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

# Most projected values of one side at once: 16 MiB, or one direction where its rows are more.
_BLOCK = 2**21
# Most elements of one working array in a permutation of projections: it then stays in a core's cache.
_CACHED = 2**15
# The same where arrays lie on a device: 512 MiB.
_CACHED_ON_DEVICE = 2**26
# Below this many rows a second thread costs more than it saves.
_FEW_ROWS = 2000


def orthonormal_directions(d: int, count: int, rng: np.random.Generator) -> Matrix:
    """Draw unit vectors, uniform on the sphere, in orthonormal batches of at most d, shape (count, d).

    Directions of one batch repel each other, which lowers the variance of an average over directions. In one dimension
    there is one axis, shape (1, 1).
    """
    if d == 1:
        return np.ones((1, 1))
    batches = []
    for start in range(0, count, d):
        # The QR of a tall Gaussian block: its columns are uniform once the signs of R are removed.
        q, r = np.linalg.qr(rng.standard_normal((d, min(d, count - start))))
        batches.append((q * np.sign(np.diag(r))).T)
    return np.concatenate(batches)


@dataclass(frozen=True, kw_only=True, eq=False)
class Levels:
    """The levels at which the quantile functions of n and of m equally heavy numbers step, and what lies between.

    Attributes
    ----------
    widths : ndarray, shape (k,)
        Lengths of the k steps of (0, 1].
    first, second : ndarray of int, shape (k,)
        Which of the n and of the m sorted numbers each step takes.
    """

    widths: Matrix
    first: NDArray[np.int64]
    second: NDArray[np.int64]

    @classmethod
    def of(cls, n: int, m: int) -> Levels:
        """Merge the multiples of 1/n and of 1/m: in units of 1/(n m) whole numbers, so rounding splits no level."""
        if n == m:
            rows = np.arange(n)
            return cls(widths=np.full(n, 1.0 / n), first=rows, second=rows)
        ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
        return cls(widths=np.diff(ends, prepend=0) / (n * m), first=(ends - 1) // m, second=(ends - 1) // n)


def sliced_powers(real: Array, fake: Array, directions: Matrix, p: float = 1.0) -> Matrix:
    """Compute the p-Wasserstein distance to the power p of the projections on every direction, shape (L,).

    Parameters
    ----------
    real : array, shape (n, d)
    fake : array, shape (m, d)
        Of the same kind, on the same device; sizes may differ.
    directions : ndarray, shape (L, d)
    p : float
        At least 1.

    Notes
    -----
    Exact for every size. Cost O(L (n + m) (d + log(n + m))) time; memory beside the inputs at most
    ``6 * 8 * max(2^21, n + m)`` bytes. On the host the two sides are projected and sorted in two threads.
    """
    n, m = int(real.shape[0]), int(fake.shape[0])
    levels = None if n == m else Levels.of(n, m)
    step = max(1, _BLOCK // max(n, m))
    parts = []
    with ThreadPoolExecutor(1) as second:
        for start in range(0, len(directions), step):
            some = directions[start : start + step]
            if isinstance(real, np.ndarray) and max(n, m) >= _FEW_ROWS:
                beside_it = second.submit(_sorted_projections, fake, some)
                sides = _sorted_projections(real, some), beside_it.result()
            else:
                sides = _sorted_projections(real, some), _sorted_projections(fake, some)
            parts.append(_mean_powers(*sides, levels, p))
    return np.concatenate(parts)


def _sorted_projections(rows: Array, directions: Matrix) -> Array:
    projected = beside(directions, rows) @ rows.T
    if isinstance(projected, np.ndarray):
        projected.sort(axis=1)
        return projected
    return namespace(rows).sort(projected, axis=1)


def _mean_powers(real: Array, fake: Array, levels: Levels | None, p: float) -> Matrix:
    """Integrate the differences of sorted rows, shape (L,)."""
    xp = namespace(real)
    if levels is None:
        real -= fake
        return on_host(xp.mean(_power(real, p), axis=1))
    first, second = beside(levels.first, real), beside(levels.second, real)
    apart = xp.take(real, first, axis=1)
    apart -= xp.take(fake, second, axis=1)
    return on_host(_power(apart, p) @ beside(levels.widths, real))


def _power(apart: Array, p: float) -> Array:
    """Raise the absolute values to the power p, in place where that is cheap."""
    if p == 2.0:
        apart *= apart
        return apart
    apart = namespace(apart).abs(apart)
    return apart if p == 1.0 else apart**p


class ProjectedPool:
    """Projections of a pooled sample, sorted once: every relabelling then needs no further sort.

    ``W_1`` of two samples of numbers is the integral of ``|F - G|``, and ``F - G`` is the running sum of the signed
    weights in the pooled order. For other powers the sorted values of either side are read off the pooled order.

    Parameters
    ----------
    projections : array, shape (L, N)
        One direction per row.
    """

    def __init__(self, projections: Array) -> None:
        xp = namespace(projections)
        order = xp.argsort(projections, axis=1, stable=True)
        self._values = _along(projections, order)
        self._gaps = self._values[:, 1:] - self._values[:, :-1]
        self._order = order

    @property
    def order(self) -> NDArray[np.int64]:
        """The pooled rows of each direction from its lowest to its highest, shape (L, N)."""
        return on_host(self._order)

    @property
    def gaps(self) -> Matrix:
        """The gaps between neighbours in that order, shape (L, N - 1)."""
        return on_host(self._gaps)

    def mean_power(self, labels: Labels, p: float = 1.0) -> Matrix:
        """Compute ``W_p^p`` of every column of labels, averaged over the directions, shape (B,).

        Parameters
        ----------
        labels : ndarray of bool, shape (N, B)
            With as many True in every column.
        p : float
            At least 1.

        Notes
        -----
        Cost O(L N B) time; working arrays fit a core's cache on the host, and 512 MiB on a device.
        """
        if p != 1.0:
            return self._by_quantiles(labels, p)
        if isinstance(self._values, np.ndarray):
            return self._w1_on_host(labels)
        return self._w1_on_device(labels)

    def mean_w1(self, labels: Labels) -> Matrix:
        """Compute ``W_1`` of every column of labels, averaged over the directions, shape (B,)."""
        return self.mean_power(labels, 1.0)

    def _w1_on_host(self, labels: Labels) -> Matrix:
        """Walk along the pooled order of many directions at once: the running sum is one addition in place a step."""
        rows, width = labels.shape
        real, fake, kind = _steps(int(labels[:, 0].sum()), rows)
        weights = np.where(labels, kind(real), kind(-fake))
        out = np.zeros(width)
        lines = max(1, _CACHED // width)
        for first in range(0, len(self._order), lines):
            order = np.ascontiguousarray(self._order[first : first + lines].T)
            gaps = np.ascontiguousarray(self._gaps[first : first + lines].T)
            between = np.zeros((order.shape[1], width), dtype=kind)
            step, sizes = np.empty_like(between), np.empty(between.shape)
            for i in range(rows - 1):
                np.take(weights, order[i], axis=0, out=step, mode="clip")
                between += step
                np.abs(between, out=sizes)
                out += gaps[i] @ sizes
        return out / (self._unit(labels) * int(self._order.shape[0]))

    def _w1_on_device(self, labels: Labels) -> Matrix:
        xp = namespace(self._values)
        rows, width = labels.shape
        real, fake, _ = _steps(int(labels[:, 0].sum()), rows)
        weights = beside(np.where(labels, float(real), -float(fake)), self._values)
        lines = max(1, _CACHED_ON_DEVICE // (rows * width))
        total = xp.zeros_like(weights[0, :])
        for first in range(0, self._order.shape[0], lines):
            order = self._order[first : min(first + lines, self._order.shape[0]), :-1]
            between = xp.reshape(xp.take(weights, xp.reshape(order, (-1,)), axis=0), (*order.shape, width))
            between = xp.abs(xp.cumulative_sum(between, axis=1))
            total = total + xp.sum(xp.matmul(self._gaps[first : first + order.shape[0], None, :], between), axis=(0, 1))
        return on_host(total) / (self._unit(labels) * int(self._order.shape[0]))

    def _unit(self, labels: Labels) -> float:
        """Count the whole numbers of `_steps` in a mass of 1."""
        n = int(labels[:, 0].sum())
        return math.lcm(n, len(labels) - n)

    def _by_quantiles(self, labels: Labels, p: float) -> Matrix:
        """Read both sides' sorted values off the pooled order, a block of columns at a time."""
        xp = namespace(self._values)
        rows, width = labels.shape
        n = int(labels[:, 0].sum())
        levels = None if 2 * n == rows else Levels.of(n, rows - n)
        on_device = not isinstance(self._values, np.ndarray)
        columns = max(1, (_CACHED_ON_DEVICE if on_device else 4 * _CACHED) // rows)
        turned = np.ascontiguousarray(labels.T)
        out = np.zeros(width)
        for start in range(0, width, columns):
            some = beside(turned[start : start + columns], self._values)
            for line in range(self._order.shape[0]):
                values = self._values[line, :]
                there = xp.take(some, self._order[line, :], axis=1)
                sides = _picked(values, there), _picked(values, ~there)
                out[start : start + some.shape[0]] += _mean_powers(*sides, levels, p)
        return out / int(self._order.shape[0])

    def potentials(self, is_real: Labels) -> Matrix:
        """Evaluate the Kantorovich potential of every direction at every pooled point, shape (L, N).

        The 1-Lipschitz function whose slope is the sign of ``F - G``; its mean over fake minus its mean over real is
        ``W_1``.
        """
        return _potentials(self.order, self.gaps, is_real)

    def mean_potential(self, is_real: Labels) -> Matrix:
        """Average the potentials over the directions, shape (N,); memory does not grow with their number."""
        lines = max(1, _BLOCK // len(is_real))
        order, gaps = self.order, self.gaps
        blocks = (slice(start, start + lines) for start in range(0, len(order), lines))
        total: Matrix = sum(_potentials(order[some], gaps[some], is_real).sum(axis=0) for some in blocks)
        return total / len(order)


def _potentials(order: NDArray[np.int64], gaps: Matrix, is_real: Labels) -> Matrix:
    weights = signed_weights(is_real[:, None])[:, 0]
    between = np.cumsum(weights[order[:, :-1]], axis=1)
    slopes = np.where(np.abs(between) > 1e-12, np.sign(between), 0.0)  # a sum back at 0 has no slope
    along = np.concatenate([np.zeros((len(order), 1)), np.cumsum(slopes * gaps, axis=1)], axis=1)
    out = np.empty_like(along)
    np.put_along_axis(out, order, along, axis=1)
    return out


def _along(values: Array, order: Array) -> Array:
    return namespace(values).take_along_axis(values, order, axis=1)


def _picked(values: Array, there: Array) -> Array:
    """Take of every row of marks the values that it marks, equally many in each, shape (rows, marked)."""
    if isinstance(values, np.ndarray):
        rows, width = there.shape
        at = np.flatnonzero(there).reshape(rows, -1)
        at -= (np.arange(rows) * width)[:, None]
        return np.take(values, at, mode="clip")
    xp = namespace(values)
    return xp.reshape(xp.broadcast_to(values, there.shape)[there], (there.shape[0], -1))


def _steps(n: int, rows: int) -> tuple[int, int, Any]:
    """Find whole numbers in the ratio of 1/n to 1/m, and the smallest type that holds their running sums.

    A running sum is at most ``n`` times the first: exact, so a sum that comes back to 0 is 0.
    """
    shared = math.gcd(n, rows - n)
    real, fake = (rows - n) // shared, n // shared
    most = n * real
    kinds = ((2**15, np.int16), (2**31, np.int32), (2**63, np.int64))
    return real, fake, next(kind for limit, kind in kinds if most < limit)
