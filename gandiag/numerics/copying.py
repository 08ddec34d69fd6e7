"""Data copying cell by cell: copies of one region must not hide behind underfitting of another.

Meehan, Chaudhuri & Dasgupta 2020, "A non-parametric test to detect data-copying in generative models", section 4.2:
within each cell of a partition of the training rows, distances of fake rows to the training set are ranked against
those of fresh real rows. Cells are fitted on the training rows alone, so within every cell the labels of fake and real
are exchangeable given the training rows, and each cell has an exact rank-sum test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.contingency import holm_adjusted
from gandiag.numerics.rank_sums import below_p, pairs_below, pairs_spread

Vector = NDArray[np.float64]
Index = NDArray[np.int64]

FEWEST_IN_CELL = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class CellTests:
    """Rank-sum tests of the cells that hold enough rows of both sides (arrays of shape (k,)).

    Attributes
    ----------
    cell : ndarray of int
        Which cells were kept.
    z : ndarray
        Standardised rank sums, below 0 where fake lies closer to the training rows; about standard normal.
    p_value : ndarray
        Of "fake lies closer here", plain.
    adjusted : ndarray
        The same by Holm's rule over the kept cells.
    weight : ndarray
        Share of the real rows of the kept cells, summing to 1.
    real, fake : ndarray of int
        Rows of either side.
    """

    cell: Index
    z: Vector
    p_value: Vector
    adjusted: Vector
    weight: Vector
    real: Index
    fake: Index

    @property
    def average(self) -> float:
        """The paper's C_T: the weighted mean of z. Its spread is `average_sd`, *not* 1."""
        return float(self.weight @ self.z)

    @property
    def average_sd(self) -> float:
        """Standard deviation of `average` under equal laws, ``sqrt(sum weight^2)``."""
        return math.sqrt(float(self.weight @ self.weight))


def cell_tests(
    real: Vector,
    fake: Vector,
    real_cells: Index,
    fake_cells: Index,
    rng: np.random.Generator,
    *,
    fewest: int = FEWEST_IN_CELL,
) -> CellTests:
    """Test every cell for copying.

    Parameters
    ----------
    real, fake : ndarray, shapes (n,) and (m,)
        Distances to the nearest training row.
    real_cells, fake_cells : ndarray of int
        The cell of each row, by a rule fitted on the training rows.
    rng : numpy.random.Generator
        For cells of many rows and few distinct distances: see `rank_sums.below_p`.
    fewest : int
        Rows of either side below which a cell says nothing and is left out.
    """
    kept, z, p, reals, fakes = [], [], [], [], []
    for cell in np.intersect1d(real_cells, fake_cells).tolist():
        ours, theirs = real[real_cells == cell], fake[fake_cells == cell]
        if min(len(ours), len(theirs)) < fewest:
            continue
        spread = pairs_spread(theirs, ours)
        gap = pairs_below(theirs, ours) - len(ours) * len(theirs) / 2.0
        kept.append(cell)
        z.append(-gap / spread if spread > 0.0 else 0.0)
        p.append(below_p(theirs, ours, rng))
        reals.append(len(ours))
        fakes.append(len(theirs))
    sizes = np.array(reals, dtype=np.int64)
    return CellTests(
        cell=np.array(kept, dtype=np.int64),
        z=np.array(z, dtype=np.float64),
        p_value=np.array(p, dtype=np.float64),
        adjusted=holm_adjusted(np.array(p, dtype=np.float64)),
        weight=sizes / max(1, int(sizes.sum())),
        real=sizes,
        fake=np.array(fakes, dtype=np.int64),
    )
