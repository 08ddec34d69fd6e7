"""The bracket of a transport distance from blocks of samples, with confidence.

With ``W_N(P, Q) = (E W_p^p(P_N, Q_N))^{1/p}`` over independent samples of size N,
``W_N(P, Q) - min(W_N(P, P), W_N(Q, Q)) <= W_p(P, Q) <= W_N(P, Q)``: above since ``W_p^p`` is jointly convex, below by
the triangle inequality in L^p along the optimal coupling. Both concern expectations, and for p > 1 the root of the
mean of ``W_p^p``: a mean of roots is smaller and bounds nothing. A mean over random projections is an expectation too,
so the bracket of projected distances is that of the projected distance, whose lower end bounds the whole one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
# From a confidence in (0, 1) to the lower and the upper end.
Ends = Callable[[float], tuple[float | None, float | None]]

_BOUNDS = 4  # one-sided bounds that hold together by the union bound


@dataclass(frozen=True, kw_only=True)
class Bracket:
    """Both ends, as estimated and with confidence; absent where blocks are too few.

    Attributes
    ----------
    upper, lower : float, float or None
        ``W_N(P, Q)``, and the same less the smaller of the two within.
    real_real, fake_fake : float or None
        ``W_N(P, P)`` and ``W_N(Q, Q)``.
    confident_upper, confident_lower : float or None
        Bounds that hold together at the level.
    ends : callable
        From any other level to its confident lower and upper end.
    """

    upper: float
    lower: float | None
    real_real: float | None
    fake_fake: float | None
    confident_upper: float | None
    confident_lower: float | None
    ends: Ends

    def as_details(self) -> dict[str, float | None]:
        """List the ends and their margins under the names of the reports."""
        low = self.confident_lower
        return {
            "upper": self.upper,
            "lower": self.lower,
            "w_real_real": self.real_real,
            "w_fake_fake": self.fake_fake,
            "upper_margin": None if self.confident_upper is None else self.confident_upper - self.upper,
            "lower_margin": None if low is None or self.lower is None else self.lower - low,
        }


def bracket(across: Matrix, within: tuple[Matrix, Matrix], *, p: float, unit: float, level: float) -> Bracket:
    """Bracket a p-Wasserstein distance.

    Parameters
    ----------
    across : ndarray, shape (K,)
        ``W_p^p`` between independent pairs of blocks of real and fake, in units of ``unit ** p``.
    within : pair of ndarray
        The same between disjoint blocks of real, and of fake; each may be empty.
    p, unit : float
    level : float
        Of all bounds together; each of four one-sided t-bounds gets a quarter of the error.
    """

    def root(value: float) -> float:
        return float(unit * max(0.0, value) ** (1.0 / p))

    def less(value: float, floors: list[float]) -> float | None:
        return None if not floors else max(0.0, root(value) - root(min(floors)))

    means = [float(side.mean()) if len(side) else None for side in within]
    between = _t_bounds(across) if len(across) > 1 else None
    floors = [_t_bounds(side) for side in within if len(side) > 1]

    def ends(confidence: float) -> tuple[float | None, float | None]:
        if between is None:
            return None, None
        down, up = between(confidence)
        return less(down, [floor(confidence)[1] for floor in floors]), root(up)

    low, high = ends(level)
    return Bracket(
        upper=root(float(across.mean())),
        lower=less(float(across.mean()), [mean for mean in means if mean is not None]),
        real_real=None if means[0] is None else root(means[0]),
        fake_fake=None if means[1] is None else root(means[1]),
        confident_upper=high,
        confident_lower=low,
        ends=ends,
    )


def _t_bounds(values: Matrix) -> Callable[[float], tuple[float, float]]:
    count, mean, sd = len(values), float(values.mean()), float(values.std(ddof=1))

    def bounds(level: float) -> tuple[float, float]:
        from scipy.special import stdtrit

        margin = float(stdtrit(count - 1, 1.0 - (1.0 - level) / _BOUNDS) * sd / count**0.5)
        return mean - margin, mean + margin

    return bounds
