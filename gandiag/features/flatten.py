"""Pixels of small images as one row each, in units of the declared value range.

Nothing is standardised: pixels share one scale, and blank borders would blow up. Distances between pixels say little
about large photographs, so this is the default for small images only.
"""

from __future__ import annotations

import math

import numpy as np

from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.errors import RangeError
from gandiag.features._affine import Affine


def fit(samples: SampleSet) -> Affine:
    """Take note of the width and of the value range.

    Raises
    ------
    RangeError
        When no value range is known.
    """
    if samples.value_range is None:
        raise RangeError(
            f"flatten features need to know the value range of {samples.source}",
            received=f"{samples.kind} samples without one",
            remedy="Pass value_range=(0, 1), (-1, 1) or (0, 255)."
            if samples.kind == "image"
            else "It is for pixels of images: choose standardise or identity.",
        )
    low, high = samples.value_range
    width = math.prod(samples.shape)
    return Affine("flatten", np.zeros(width), np.full(width, float(high) - float(low)))


FEATURES = FeatureSpec(
    name="flatten",
    summary="Pixels of small images, divided by the width of the value range.",
    fit=fit,
    kinds=frozenset({"image"}),
)
