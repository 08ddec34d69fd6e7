"""Columns brought to mean 0 and standard deviation 1 on real rows that are set aside.

The fake side never enters, and neither do the real rows that are compared: scales fitted on either would spoil the
level of every permutation test. Constant columns keep their unit.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.features._affine import Affine

_ROUNDING = 1e-12


def fit(samples: SampleSet) -> Affine:
    """Measure mean and standard deviation (divisor n) of every column.

    Notes
    -----
    A column whose spread is within rounding of its size counts as constant and gets scale 1. Columns are measured in
    units of their largest value, so that no square overflows. Cost O(nd).
    """
    matrix = samples.matrix()
    unit = np.abs(matrix).max(axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    matrix /= unit
    mean = matrix.mean(axis=0)
    sd = matrix.std(axis=0)
    scale = np.where(sd > _ROUNDING, sd * unit, 1.0)
    return Affine("standardise", mean * unit, np.where(scale > 0, scale, 1.0))


FEATURES = FeatureSpec(
    name="standardise",
    summary="Columns scaled to mean 0 and standard deviation 1 on real rows that are set aside.",
    fit=fit,
    kinds=frozenset({"vector", "discrete"}),
)
