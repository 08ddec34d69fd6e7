"""A share of structureless noise among good samples.

At severity 0.99 it is the model of Theis, van den Oord & Bethge 2016 (section 3.2), 1 % data and 99 % noise: its
log-likelihood lies at most ln 100 = 4.6 nats below the truth in any dimension, although hardly a sample is any good.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gandiag.core.checks import require_one_of
from gandiag.core.options import number
from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import PathologySpec
from gandiag.pathologies._wrapping import Float, Wrapped, floats, with_values, wraps


class Noisy(Wrapped):
    """A sampler that is noise part of the time."""

    def __init__(self, source: Sampler, *, severity: float, law: str, seed: object) -> None:
        super().__init__(source, pathology="noise", severity=severity, seed=seed)
        self.law = law

    def distorted(self, drawn: SampleSet, rng: np.random.Generator) -> SampleSet:
        """Replace rows by noise, each with the probability that the severity says."""
        if self.law == "gauss":
            self.require_numeric(drawn, because_of="`law=gauss`")
        chosen = rng.random(len(drawn)) < self.severity
        values = floats(drawn)
        shape = values[chosen].shape
        if drawn.kind == "discrete":
            low, high = self.box(drawn)
            values[chosen] = rng.integers(low.astype(np.int64), high.astype(np.int64) + 1, size=shape)
            return replace(drawn, values=values.astype(np.int64))
        if self.law == "uniform":
            low, high = self.box(drawn)
            values[chosen] = low + (high - low) * rng.random(shape)
        else:
            values[chosen] = self.spread.mean + self.scale * rng.standard_normal(shape)
        return with_values(drawn, values)

    def box(self, drawn: SampleSet) -> tuple[Float, Float]:
        """Bounds of the uniform noise for each value: the declared range, else what the source was seen to fill."""
        if drawn.value_range is None:
            return self.spread.low, self.spread.high
        low, high = drawn.value_range
        return np.full(drawn.shape, low), np.full(drawn.shape, high)


@wraps("noise")
def wrap(source: Sampler, severity: object, /, *, law: object = "uniform", seed: object = 0) -> Noisy:
    """Mix noise in.

    Parameters
    ----------
    source : Sampler
    severity : float
        From 0 to 1: probability that a draw is noise.
    law : {"uniform", "gauss"}
        Uniform in the declared range of the source, else in its bounding box; or independent Gaussians with the mean
        and standard deviation of each value, clipped to the declared range. Discrete samples know uniform only.
    seed : int
        Seed of the draw that box, means and standard deviations are taken from.
    """
    share = number(severity, "severity", at_least=0, at_most=1)
    name = str(law)
    require_one_of(name, ("gauss", "uniform"), name="law")
    return Noisy(source, severity=share, law=name, seed=seed)


PATHOLOGY = PathologySpec(
    name="noise",
    summary="A share of the draws is structureless noise.",
    wrap=wrap,
    severity="share of the draws that are noise",
    healthy=0.0,
    code="noise_mixture",
    example=0.2,
)
