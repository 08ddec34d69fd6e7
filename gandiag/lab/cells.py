"""Laws in the plane by shares of square cells: the data's exactly, the generator's by counting; divergences, floors.

All cells of a view and one more for what lies outside it: nothing wraps round or is lost, and every law sums to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Density = Callable[[Array], Array]

_REFINED = (8, 16, 24)  # points a side within each cell; more where the sum shows that these were too few
_DRAWS = 200


@dataclass(frozen=True, kw_only=True)
class View:
    """A square of the plane, cut into ``cells`` by ``cells``.

    Parameters
    ----------
    low : tuple of float
        Its corner of least x and y, in the units of the samples.
    side : float
    cells : int
    """

    low: tuple[float, float]
    side: float
    cells: int

    @classmethod
    def around(cls, rows: Array, cells: int) -> View:
        """Look at all but the outermost of the rows, shape (n, 2), with a margin of a third."""
        low, high = np.quantile(rows, [0.002, 0.998], axis=0)
        side = 1.3 * max(float((high - low).max()), 1e-6 * max(1.0, float(np.abs(rows).max())))
        middle = (low + high) / 2
        return cls(low=(float(middle[0] - side / 2), float(middle[1] - side / 2)), side=side, cells=cells)

    def grid(self, per_cell: int = 1) -> Array:
        """Lay points evenly, shape (cells * per_cell squared, 2): rows of rising y, rising x within each."""
        n = self.cells * per_cell
        at = (np.arange(n) + 0.5) * self.side / n
        x, y = np.meshgrid(self.low[0] + at, self.low[1] + at)
        return np.column_stack([x.ravel(), y.ravel()])

    def counts(self, rows: Array) -> Array:
        """Count rows of shape (n, 2) per cell, shape (cells * cells + 1,): the last is outside."""
        place = np.floor((rows - np.array(self.low)) * (self.cells / self.side))
        inside = ((place >= 0) & (place < self.cells)).all(axis=1)
        column, row = np.where(inside[:, None], place, 0).astype(np.int64).T
        cell = np.where(inside, row * self.cells + column, self.cells**2)
        return np.bincount(cell, minlength=self.cells**2 + 1).astype(np.float64)


def exact_shares(log_density: Density, view: View) -> Array:
    """Integrate a density over every cell by the midpoint rule, finer where the sum exceeds 1.

    Returns
    -------
    ndarray, shape (cells * cells + 1,)
        Sums to 1; the last is outside.
    """
    shares = np.zeros(0)
    for m in _REFINED:
        area = (view.side / (view.cells * m)) ** 2
        fine = np.exp(log_density(view.grid(m))).reshape(view.cells, m, view.cells, m) * area
        before, shares = shares, fine.sum(axis=(1, 3)).ravel()
        settled = before.size and float(np.abs(shares - before).sum()) < 1e-3
        if settled:
            break
    total = float(shares.sum())
    shares /= max(1.0, total)
    return np.append(shares, max(0.0, 1.0 - total))


def best_discriminator(p: Array, q: Array) -> Array:
    """Give ``D* = p / (p + q)`` per cell; not a number where neither law has mass, for there no loss says what D is."""
    both = p + q
    out: Array = np.divide(p, both, out=np.full_like(both, np.nan), where=both > 1e-9)
    return out


def divergences(p: Array, counts: Array) -> dict[str, float]:
    """Compare the data's shares with a generator's counts, in nats.

    ``js`` is of the shares as they are, at most ln 2. For both KL divergences half a count is added to every cell of
    both laws, which are then brought to sum 1: without it one empty cell makes them infinite.
    """
    n, cells = float(counts.sum()), len(p)
    q = counts / n
    smooth_p, smooth_q = (p * n + 0.5) / (n + 0.5 * cells), (counts + 0.5) / (n + 0.5 * cells)
    middle = (p + q) / 2
    return {
        "js": max(0.0, (_kl(p, middle) + _kl(q, middle)) / 2),
        "kl": _kl(smooth_p, smooth_q),
        "kl_reverse": _kl(smooth_q, smooth_p),
    }


def floors(p: Array, n: int, rng: np.random.Generator, real: int | None = None) -> dict[str, tuple[float, float]]:
    """Say what `divergences` gives for a perfect generator: mean and 97.5 % point over 200 draws of ``n`` rows.

    Parameters
    ----------
    p : ndarray
        The data's shares.
    n : int
        Rows of the generator.
    rng : numpy.random.Generator
    real : int, optional
        Rows that ``p`` was counted from, where it is not exact; that side is then drawn too.
    """
    law = p / p.sum()
    found = []
    for _ in range(_DRAWS):
        side = p if real is None else rng.multinomial(real, law) / real
        found.append(divergences(side, rng.multinomial(n, law).astype(np.float64)))
    out = {}
    for name in found[0]:
        values = np.array([one[name] for one in found])
        out[name] = (float(values.mean()), float(np.quantile(values, 0.975)))
    return out


def _kl(p: Array, q: Array) -> float:
    held = p > 0
    return float(np.sum(p[held] * np.log(p[held] / q[held])))
