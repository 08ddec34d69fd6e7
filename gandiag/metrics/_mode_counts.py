"""Which mode each pooled row belongs to: what all metrics that count modes share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.numerics.clusters import ModeModel, fit_modes

Vector = NDArray[np.float64]
Index = NDArray[np.int64]
Labels = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Assigned:
    """The pooled rows among the modes: ``reach`` is the distance from the centre in units of the mode's radius."""

    model: ModeModel
    modes: Index
    reach: Vector
    is_real: Labels

    @property
    def within(self) -> Labels:
        """Which rows are of high quality."""
        return self.reach <= 1.0

    def counts(self, labels: Labels) -> tuple[Vector, Vector]:
        """Count the rows of high quality per mode on either side of a label matrix (N, B), each shape (K, B)."""
        k = len(self.model)
        order = np.argsort(self.modes, kind="stable")
        order = order[self.within[order]]
        real, pooled = np.zeros((k, labels.shape[1])), np.bincount(self.modes[order], minlength=k).astype(np.float64)
        held, starts = np.unique(self.modes[order], return_index=True)
        if len(held):
            real[held] = np.add.reduceat(labels[order], starts, axis=0, dtype=np.float64)
        return real, pooled[:, None] - real


def assigned(comparison: Comparison) -> Assigned:
    """Assign the pooled rows to modes that are known, or found on the rows set aside: once for all metrics."""
    model = comparison.once(
        "mode_model",
        lambda rng: fit_modes(comparison.fit, labels=comparison.fit_labels, known=comparison.modes, rng=rng),
    )
    pool, is_real = comparison.pooled()
    modes, reach = comparison.once("mode_assignment", lambda _: model.assign(pool))
    return Assigned(model=model, modes=modes, reach=reach, is_real=is_real)
