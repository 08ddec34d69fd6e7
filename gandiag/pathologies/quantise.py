"""Values snap to a few levels: banding, or a decoder with too few bits."""

from __future__ import annotations

import numpy as np

from gandiag.core.options import number
from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import PathologySpec
from gandiag.pathologies._wrapping import Wrapped, floats, with_values, wraps


class Quantised(Wrapped):
    """A sampler whose values lie on a grid."""

    def distorted(self, drawn: SampleSet, rng: np.random.Generator) -> SampleSet:
        """Round every value to its grid; a constant value stays as it is."""
        self.require_numeric(drawn)
        values = floats(drawn)
        if drawn.value_range is not None:
            low = np.full(drawn.shape, drawn.value_range[0])
            width = np.full(drawn.shape, drawn.value_range[1] - drawn.value_range[0])
        elif drawn.kind == "image":
            low = np.full(drawn.shape, self.spread.low.min())
            width = self.spread.high.max() - low
        else:
            low, width = self.spread.low, self.spread.high - self.spread.low
        step = np.where(width > 0, self.severity * width, 1.0)
        return with_values(drawn, np.where(width > 0, low + step * np.round((values - low) / step), values))


@wraps("quantise")
def wrap(source: Sampler, severity: object, /, *, seed: object = 0) -> Quantised:
    """Round values.

    Parameters
    ----------
    source : Sampler
        Vectors or images.
    severity : float
        From 0 to 1: distance of the levels as a share of the range, which is the declared one, else what the source
        was seen to fill (vectors: in each column). 1 leaves both ends, 0.25 five levels, 0 changes nothing.
    seed : int
        Seed of the draw that the range is taken from.
    """
    return Quantised(
        source, pathology="quantise", severity=number(severity, "severity", at_least=0, at_most=1), seed=seed
    )


PATHOLOGY = PathologySpec(
    name="quantise",
    summary="Values snap to a few levels.",
    wrap=wrap,
    severity="distance of the levels, as a share of the range",
    healthy=0.0,
    code="low_fidelity",
    example=0.5,
)
