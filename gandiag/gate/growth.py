"""How an effect that is seen shrinks as rows come in: measured at a few sizes, a power law between and beyond them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# A fitted rate outside of these is the noise of three sizes, not a law.
_RATES = (0.2, 1.5)
_MOST_ROWS = 1e9


@dataclass(frozen=True, kw_only=True)
class Growth:
    """A power law through the largest size that was measured.

    Parameters
    ----------
    points : tuple of (int, float)
        Rows per side, and what was seen there; by rising rows.
    rate : float
        What is seen falls like rows to the power of minus this.
    fitted : bool
    most : int
        Rows beyond which a metric takes no more.
    """

    points: tuple[tuple[int, float], ...]
    rate: float
    fitted: bool
    most: int

    def at(self, rows: int) -> float:
        """Give what is seen with so many rows per side."""
        base, value = self.points[-1]
        return float(value * (base / min(rows, self.most)) ** self.rate)

    def rows_for(self, size: float) -> int | None:
        """Give the rows per side that see an effect of that size, to two digits, up; None where none do."""
        base, value = self.points[-1]
        logarithm = math.log(base) + math.log(value / size) / self.rate
        if logarithm > math.log(_MOST_ROWS):
            return None
        rows = math.exp(logarithm)
        step = 10 ** max(0, math.floor(math.log10(max(rows, 1.0))) - 1)
        # Two digits up may step over what the metric takes.
        found = int(math.ceil(rows / step - 1e-9) * step)
        return None if rows > self.most * (1.0 + 1e-9) else min(found, self.most)


def grown(
    points: Sequence[tuple[int, float]], *, declared: float, analytic: bool = False, most: int = 10**9
) -> Growth | None:
    """Fit the power law.

    Parameters
    ----------
    points : sequence of (int, float)
        Rows per side, and what was seen; infinite where nothing was.
    declared : float
        The rate by theory.
    analytic : bool
        Whether the values are no measurements, so that the rate by theory holds.
    most : int
        Rows that the metric takes at most.

    Returns
    -------
    Growth or None
        None where nothing was seen at any size.

    Examples
    --------
    >>> law = grown([(100, 0.4), (200, 0.2), (400, 0.1)], declared=0.5)
    >>> round(law.rate, 6), round(law.at(800), 6), law.rows_for(0.01)
    (1.0, 0.05, 4000)
    """
    by_rows = {min(rows, most): value for rows, value in sorted(points) if math.isfinite(value) and value > 0.0}
    if not by_rows:
        return None
    kept = tuple(by_rows.items())
    rate, fitted = declared, False
    if not analytic and len(kept) > 1:
        slope = -float(np.polyfit(np.log([r for r, _ in kept]), np.log([v for _, v in kept]), 1)[0])
        if _RATES[0] <= slope <= _RATES[1]:
            rate, fitted = slope, True
    return Growth(points=kept, rate=rate, fitted=fitted, most=most)
