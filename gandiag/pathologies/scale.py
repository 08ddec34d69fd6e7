"""All samples stretched or squeezed about their mean: ``x -> mean + (1 + severity)(x - mean)``.

The declared range may be left.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.options import number
from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import PathologySpec
from gandiag.pathologies._wrapping import Wrapped, floats, with_values, wraps


class Scaled(Wrapped):
    """A sampler with too much or too little contrast."""

    def distorted(self, drawn: SampleSet, rng: np.random.Generator) -> SampleSet:
        """Stretch every row about the mean of the source."""
        self.require_numeric(drawn)
        mean = self.spread.mean
        return with_values(drawn, mean + (1.0 + self.severity) * (floats(drawn) - mean), clip=False)


@wraps("scale")
def wrap(source: Sampler, severity: object, /, *, seed: object = 0) -> Scaled:
    """Stretch all samples.

    Parameters
    ----------
    source : Sampler
        Vectors or images.
    severity : float
        Factor minus 1, above -1: 0.5 stretches by half, -0.5 squeezes to half.
    seed : int
        Seed of the draw that the mean is taken from.
    """
    return Scaled(source, pathology="scale", severity=number(severity, "severity", above=-1), seed=seed)


PATHOLOGY = PathologySpec(
    name="scale",
    summary="All samples are stretched or squeezed about their mean.",
    wrap=wrap,
    severity="factor minus 1",
    healthy=0.0,
    code="shifted",
    example=0.5,
)
