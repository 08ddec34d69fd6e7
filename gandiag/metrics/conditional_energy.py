"""Conditional energy distance: whether each class of fake samples looks like that class of real ones.

``sum_y w_y E(P_y, Q_y)`` with the energy distance ``E`` of the class-conditional laws (Székely & Rizzo 2013, "Energy
statistics: a class of statistics based on distances", eq. 2.1) and weights ``w_y`` proportional to ``n_y m_y / (n_y +
m_y)``: 0 exactly when a conditional generator G(y) draws from the real law of every class y. Labels are permuted within
classes only, so the test is exact for "equal laws given the class" whatever numbers of each class were asked for.

A generator that ignores its condition has the right marginal law and passes every unconditional test; here each of its
classes is off. The shares of the classes are not judged: they belong to whoever asked for them (`joint_mmd` judges them
too).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.labels import group_sums

Matrix = NDArray[np.float64]
Index = NDArray[np.int64]
Labels = NDArray[np.bool_]

# Below this share of the mean distance the three terms differ by rounding alone.
_ROUNDING = 1e-13
_LISTED = 200


@dataclass(frozen=True, kw_only=True, eq=False)
class Stratum:
    """The pooled rows of one class, as many real ones in every relabelling."""

    label: int
    rows: Index
    n: int
    m: int
    distances: Matrix

    @property
    def weight(self) -> float:
        """Effective number of pairs of sides, before the weights are brought to sum 1."""
        return self.n * self.m / (self.n + self.m)

    @property
    def floor(self) -> float:
        """Mean energy over all relabellings within the class: exact."""
        total = self.n + self.m
        return float(self.distances.sum()) / (total * (total - 1)) * (1.0 / self.n + 1.0 / self.m)

    def energies(self, labels: Labels) -> Matrix:
        """Compute the energy V-statistic of every column."""
        real_real, fake_fake, real_fake = group_sums(self.distances, labels[self.rows])
        across = 2.0 * real_fake / (self.n * self.m)
        energies = across - real_real / self.n**2 - fake_fake / self.m**2
        return np.where(energies > _ROUNDING * across, energies, 0.0)


def strata_of(pool: Matrix, labels: Index, is_real: Labels) -> list[Stratum]:
    """Split the pool by class; classes that one side lacks have nothing to compare and are left out."""
    out = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        n = int(is_real[rows].sum())
        if 0 < n < len(rows):
            distances = pooled_distances(pool[rows])
            out.append(Stratum(label=int(label), rows=rows, n=n, m=len(rows) - n, distances=distances))
    return out


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the weighted energy distance within classes, with its null by relabelling within classes."""
    reasons = {
        "e_value": "not a sequential test",
        "interval": "the statistic is degenerate where both laws are equal: no interval holds its level there",
    }
    if comparison.real_labels is None or comparison.fake_labels is None:
        why = "real and fake rows must both carry classes"
        return Measurement(estimate=None, status="undefined", reasons=reasons | {"estimate": why, "p_value": why})
    pool, is_real = comparison.pooled()
    labels = np.concatenate([comparison.real_labels, comparison.fake_labels])
    strata = strata_of(pool, labels, is_real)
    if not strata:
        why = "no class has both real and fake rows"
        return Measurement(estimate=None, status="undefined", reasons=reasons | {"estimate": why, "p_value": why})
    weights = np.array([s.weight for s in strata]) / sum(s.weight for s in strata)
    # Tested in units of the mean distance within classes, so that ties mean the same in any unit.
    typical = float(np.mean([s.distances.mean() for s in strata])) or 1.0

    def statistic(columns: Labels) -> Matrix:
        energies = weights @ np.stack([s.energies(columns) for s in strata])
        return np.stack([energies, energies / typical])

    lonely = sorted(set(np.unique(labels).tolist()) - {s.label for s in strata})
    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(observed=is_real, statistic=statistic, strata=labels.astype(np.int64)),
        status="degraded" if lonely else "ok",
        reasons=reasons,
        warnings=(f"classes on one side only were left out: {lonely[:20]}",) if lonely else (),
        details={"classes": [_row(s, w, is_real) for s, w in zip(strata, weights, strict=True)][:_LISTED]},
    )


def _row(stratum: Stratum, weight: float, is_real: Labels) -> dict[str, Any]:
    energy = float(stratum.energies(is_real[:, None])[0])
    return {
        "class": stratum.label,
        "real": stratum.n,
        "fake": stratum.m,
        "weight": float(weight),
        "energy": energy,
        "floor": stratum.floor,
        "excess": energy - stratum.floor,
    }


METRIC = MetricSpec(
    name="conditional_energy",
    title="Conditional energy distance",
    summary="Does each class of a conditional generator look like that class of the data?",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="feature units",
    low=0.0,
    high=None,
    family="distribution",
    topic="conditional",
    symmetric=True,
    scale_invariant=False,
    zero_on_equal=True,
    min_real=2,
    min_fake=2,
    most_rows=2000,
    needs=frozenset({"labels"}),
    default=False,
    sees="classes that look wrong, an ignored condition, swapped classes",
    blind_to="wrong shares of the classes, by design; classes that one side lacks",
    cost="O(sum_y N_y^2 (d + B))",
    source="Székely & Rizzo 2013, Energy statistics, eq. 2.1, within strata",
)
