"""The whole law of the p-values under the null, not only two of its points.

A level at 0.05 and 0.01 misses shapes: a test may reject too often at 0.2, or hand out p-values below the smallest that
its draws can justify. Kolmogorov's one-sided statistics have exact laws; that of the excess holds for ties and for
conservative tests as well, since a p-value that is larger than uniform lies below the line throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.calibration.null_simulation import DELTA
from gandiag.core.rng import stream


@dataclass(frozen=True, kw_only=True)
class Uniformity:
    """How far the law of the p-values lies above and below the uniform law.

    Attributes
    ----------
    excess, shortfall : float
        Largest distance of their distribution function above, and of the randomised one below, the diagonal.
    excess_p, shortfall_p : float
        Chance of as much from uniform p-values. A small ``excess_p`` is a broken promise; a small ``shortfall_p``
        is a conservative test.
    smallest : float
        The smallest p-value.
    floor : float
        The smallest that ``draws`` permutations can justify, 1 / (draws + 1).
    permuted : bool
        Whether the floor holds for these p-values.
    """

    excess: float
    shortfall: float
    excess_p: float
    shortfall_p: float
    smallest: float
    floor: float
    permuted: bool

    @property
    def valid(self) -> bool:
        """Whether no level at all is exceeded by more than chance explains, and no p-value is below its floor."""
        above_floor = self.smallest >= self.floor * (1.0 - 1e-9) if self.permuted else self.smallest > 0.0
        return self.excess_p >= DELTA and above_floor

    @property
    def uniform(self) -> bool:
        """Whether the p-values are uniform, that is, use up every level."""
        return self.valid and self.shortfall_p >= DELTA


def uniformity(p_values: NDArray[np.float64], *, draws: int = 99, permuted: bool = True, seed: int = 0) -> Uniformity:
    """Compare p-values under the null with the uniform law.

    Parameters
    ----------
    p_values : ndarray, shape (R,)
    draws : int
        Permutations behind each of them.
    permuted : bool
        Whether they come from permutations: multiples of 1 / (draws + 1), which are spread over their cells before the
        shortfall is measured, and are never below that.
    seed : int
        Of the spreading.

    Returns
    -------
    Uniformity

    References
    ----------
    Smirnov's exact one-sided law; bands for rank statistics: Säilynoja, Bürkner & Vehtari 2022.
    """
    from scipy.stats import ksone

    count, ordered = len(p_values), np.sort(p_values)
    # At a tie the function jumps by all its mass at once, which the highest rank of the tie has.
    above = float(max(0.0, (np.arange(1, count + 1) / count - ordered).max()))
    floor = 1.0 / (draws + 1)
    spread = ordered
    if permuted:
        spread = np.sort(np.clip(ordered - floor * stream(seed, "uniformity").random(count), 0.0, 1.0))
    below = float(max(0.0, (spread - np.arange(count) / count).max()))
    return Uniformity(
        excess=above,
        shortfall=below,
        excess_p=float(ksone.sf(above, count)),
        shortfall_p=float(ksone.sf(below, count)),
        smallest=float(ordered[0]),
        floor=floor,
        permuted=permuted,
    )
