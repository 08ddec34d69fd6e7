"""All samples moved by one vector.

The direction is a random unit vector, fixed by the seed, and each value moves in units of its own standard deviation:
in standardised features the whole cloud moves by exactly ``severity``, in any dimension. Values that are constant in
the source stay. The declared range may be left.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from gandiag.core.options import number
from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import PathologySpec
from gandiag.pathologies._wrapping import Float, Wrapped, floats, with_values, wraps


class Shifted(Wrapped):
    """A sampler beside its source; ``offset`` says how far each value moves."""

    @cached_property
    def offset(self) -> Float:
        """What is added to every row, in the units of the samples."""
        # A source that is constant throughout has no units of its own: it moves in units of 1.
        scale = self.scale if self.scale.any() else np.ones_like(self.scale)
        direction = self.stream("direction").standard_normal(scale.shape) * (scale > 0)
        out: Float = self.severity * scale * direction / np.linalg.norm(direction)
        return out

    def distorted(self, drawn: SampleSet, rng: np.random.Generator) -> SampleSet:
        """Move every row."""
        self.require_numeric(drawn)
        return with_values(drawn, floats(drawn) + self.offset, clip=False)


@wraps("shift")
def wrap(source: Sampler, severity: object, /, *, seed: object = 0) -> Shifted:
    """Move all samples.

    Parameters
    ----------
    source : Sampler
        Vectors or images.
    severity : float
        Length of the move in standardised units; a negative one goes the other way.
    seed : int
        Chooses the direction.
    """
    return Shifted(source, pathology="shift", severity=number(severity, "severity"), seed=seed)


PATHOLOGY = PathologySpec(
    name="shift",
    summary="All samples are moved by one vector.",
    wrap=wrap,
    severity="length of the move, in standard deviations of each value along a random direction",
    healthy=0.0,
    code="shifted",
    example=1.0,
)
