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

_REFINED = (3, 6, 12, 24, 48)  # points a side within a cell, until its share moves by no more than:
_SETTLED = 1e-5
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

    def grid(self) -> Array:
        """Lay the middles of all cells, shape (cells * cells, 2): rows of rising y, rising x within each."""
        at = (np.arange(self.cells) + 0.5) * self.side / self.cells
        x, y = np.meshgrid(self.low[0] + at, self.low[1] + at)
        return np.column_stack([x.ravel(), y.ravel()])

    def counts(self, rows: Array) -> Array:
        """Count rows of shape (n, 2) per cell, shape (cells * cells + 1,): the last is outside."""
        place = np.floor((rows - np.array(self.low)) * (self.cells / self.side))
        inside = ((place >= 0) & (place < self.cells)).all(axis=1)
        column, row = np.where(inside[:, None], place, 0).astype(np.int64).T
        cell = np.where(inside, row * self.cells + column, self.cells**2)
        return np.bincount(cell, minlength=self.cells**2 + 1).astype(np.float64)


def exact_shares(log_density: Density, view: View, rows: Array) -> Array:
    """Integrate a density over every cell by the midpoint rule, in each as finely as it needs: 1e-4 in all.

    Parameters
    ----------
    log_density : callable
        Points (m, 2) to (m,).
    view : View
    rows : ndarray, shape (n, 2)
        Rows of the law: only cells that hold some, and their neighbours, are worth more than one point.

    Returns
    -------
    ndarray, shape (cells * cells + 1,)
        Sums to 1; the last is outside.
    """
    from scipy.ndimage import binary_dilation

    middles, side = view.grid(), view.side / view.cells
    shares = np.exp(log_density(middles)) * side**2
    counts = view.counts(rows)[:-1]
    held = counts.reshape(view.cells, view.cells) > 0
    active = np.flatnonzero(binary_dilation(held, np.ones((3, 3))))
    doubt = 6 * np.sqrt(counts + 1) / len(rows)  # a peak that all points miss gives a share that stays at nothing
    for m in _REFINED:
        at = ((np.arange(m) + 0.5) / m - 0.5) * side
        within = np.stack(np.meshgrid(at, at), axis=-1).reshape(1, m * m, 2)
        points = (middles[active][:, None] + within).reshape(-1, 2)
        before = shares[active]
        shares[active] = np.exp(log_density(points)).reshape(-1, m * m).mean(axis=1) * side**2
        missed = np.abs(shares[active] - counts[active] / len(rows)) > doubt[active]
        active = active[missed | (np.abs(shares[active] - before) > _SETTLED)]
        if not active.size:
            break
    total = float(shares.sum())
    shares /= max(1.0, total)
    return np.append(shares, max(0.0, 1.0 - total))


def best_discriminator(p: Array, q: Array, *, least: float = 1e-9, pack: int = 1) -> Array:
    """Give ``D* = p / (p + q)`` per cell; of a pack of k copies ``p^k / (p^k + q^k)``.

    Not a number where ``p + q`` is below ``least``: without mass no loss says what D is, and with next to none a few
    counts would.
    """
    known = p + q >= least
    largest = np.where(known, np.maximum(p, q), 1.0)
    ours, theirs = (p / largest) ** pack, (q / largest) ** pack
    out: Array = np.divide(ours, ours + theirs, out=np.full_like(p + q, np.nan), where=known)
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
