"""Memorised training data: samples are drawn, with replacement, from a fixed training set.

Good samples with no generalisation (Theis, van den Oord & Bethge 2016, "A note on the evaluation of generative models",
section 3.3): sample quality is perfect, nothing is new.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from gandiag.core.options import number, whole
from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import PathologySpec
from gandiag.errors import ConfigError
from gandiag.pathologies._wrapping import Mask, Wrapped, floats, with_rows, with_values, wraps

DEFAULT_SIZE = 1000


class Memorised(Wrapped):
    """A sampler that repeats its training data; ``memory`` holds them."""

    def __init__(self, source: Sampler, *, severity: float, noise: float, size: int | None, seed: object) -> None:
        super().__init__(source, pathology="memorise", severity=severity, seed=seed)
        if size is not None and source.size is not None and size > source.size:
            raise ConfigError(
                "`size` must not exceed the rows of a finite source",
                received=f"{size} of {source.size}",
                remedy=f"Pass size={source.size}, or leave it out.",
            )
        self.noise, self._remembered = noise, size

    @cached_property
    def memory(self) -> SampleSet:
        """The training set: all rows of a finite source unless a size was given, else a draw of an endless one."""
        rows = self._remembered or self.source.size or DEFAULT_SIZE
        return replace(self.source.sample(rows, rng=self.stream("memory")), source=f"{self.name}, training set")

    @property
    def size(self) -> int | None:
        """Without end once everything is remembered, since memories come back; else that of the source."""
        return None if self.severity == 1 else self.source.size

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw ``n`` rows, each remembered with the probability that the severity says."""
        if self.severity < 1:
            return super().sample(n, rng=rng)
        rows = whole(n, "n", at_least=1)
        remembered = self.memory.take(rng.integers(len(self.memory), size=rows))
        return replace(self._blurred(remembered, np.ones(rows, dtype=bool), rng), lag=1, source=self.name)

    def distorted(self, drawn: SampleSet, rng: np.random.Generator) -> SampleSet:
        """Replace some rows by memories."""
        chosen = rng.random(len(drawn)) < self.severity
        index = rng.integers(len(self.memory), size=int(chosen.sum()))
        return self._blurred(with_rows(drawn, chosen, self.memory, index), chosen, rng)

    def _blurred(self, samples: SampleSet, chosen: Mask, rng: np.random.Generator) -> SampleSet:
        if self.noise == 0:
            return samples
        self.require_numeric(samples, because_of="`noise`")
        values = floats(samples)
        values[chosen] += self.noise * self.scale * rng.standard_normal(values[chosen].shape)
        return with_values(samples, values)


@wraps("memorise")
def wrap(
    source: Sampler, severity: object, /, *, noise: object = 0.0, size: object = None, seed: object = 0
) -> Memorised:
    """Remember a training set.

    Parameters
    ----------
    source : Sampler
    severity : float
        From 0 to 1: probability that a draw is a memory.
    noise : float
        Noise on memories, in standard deviations of each value; 0 leaves exact copies.
    size : int, optional
        Rows of the training set; by default all rows of a finite source, 1 000 of an endless one.
    seed : int
        Chooses the training set.
    """
    share = number(severity, "severity", at_least=0, at_most=1)
    rows = None if size is None else whole(size, "size", at_least=1)
    return Memorised(source, severity=share, noise=number(noise, "noise", at_least=0), size=rows, seed=seed)


PATHOLOGY = PathologySpec(
    name="memorise",
    summary="Samples are the training data, drawn again.",
    wrap=wrap,
    severity="share of the draws that are training rows",
    healthy=0.0,
    code="memorised",
    example=1.0,
)
