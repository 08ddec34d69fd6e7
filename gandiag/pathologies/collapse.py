"""Collapse to one point: a share of the draws is one and the same sample.

At severity 1 it is the generator that found the discriminator's favourite and left it at that.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from gandiag.core.options import number
from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import PathologySpec
from gandiag.pathologies._wrapping import Wrapped, with_rows, wraps


class Collapsed(Wrapped):
    """A sampler that often says the same; ``point`` holds what it says."""

    @cached_property
    def point(self) -> SampleSet:
        """The one row, taken from the source on the pathology's own stream."""
        return self.source.sample(1, rng=self.stream("point"))

    def distorted(self, drawn: SampleSet, rng: np.random.Generator) -> SampleSet:
        """Replace rows, each with the probability that the severity says."""
        chosen = rng.random(len(drawn)) < self.severity
        return with_rows(drawn, chosen, self.point, np.zeros(int(chosen.sum()), dtype=np.int64))


@wraps("collapse")
def wrap(source: Sampler, severity: object, /, *, seed: object = 0) -> Collapsed:
    """Collapse draws to one point.

    Parameters
    ----------
    source : Sampler
    severity : float
        From 0 to 1: probability that a draw is the point.
    seed : int
        Chooses the point.
    """
    share = number(severity, "severity", at_least=0, at_most=1)
    return Collapsed(source, pathology="collapse", severity=share, seed=seed)


PATHOLOGY = PathologySpec(
    name="collapse",
    summary="A share of the draws is one and the same sample.",
    wrap=wrap,
    severity="share of the draws that are one point",
    healthy=0.0,
    code="duplicates",
    example=0.3,
)
