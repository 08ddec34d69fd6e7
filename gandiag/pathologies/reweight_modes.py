"""Every mode occurs, in the wrong proportions.

Classes are put in a random order; the first keeps its weight, the last keeps ``1 - severity`` of it, those between
fall off geometrically. The new weights are proportional to the old ones times these factors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.options import number
from gandiag.core.protocols import Sampler
from gandiag.core.specs import PathologySpec
from gandiag.pathologies._classes import ClassThinned
from gandiag.pathologies._wrapping import wraps


class ReweightedModes(ClassThinned):
    """A sampler with tilted class weights; ``kept_shares`` holds the factor of each class."""

    def shares(self, classes: NDArray[np.int64]) -> dict[int, float]:
        """Spread factors from 1 to ``1 - severity`` over the classes."""
        order = self.stream("classes").permutation(classes)
        factors = np.geomspace(1.0, 1.0 - self.severity, len(order))
        return {int(c): float(factor) for c, factor in zip(order, factors, strict=True)}


@wraps("reweight_modes")
def wrap(source: Sampler, severity: object, /, *, seed: object = 0) -> ReweightedModes:
    """Tilt the weights of classes.

    Parameters
    ----------
    source : Sampler
        With labels. Of a finite source, a share of each class is kept, so that it becomes smaller.
    severity : float
        From 0 to below 1: one class loses this share of its weight against another, the rest lie between.
    seed : int
        Chooses which classes suffer.
    """
    tilt = number(severity, "severity", at_least=0, below=1)
    return ReweightedModes(source, pathology="reweight_modes", severity=tilt, seed=seed)


PATHOLOGY = PathologySpec(
    name="reweight_modes",
    summary="Every mode occurs, in the wrong proportions.",
    wrap=wrap,
    severity="share of its weight that the rarest class loses",
    healthy=0.0,
    code="modes_imbalanced",
    example=0.8,
)
