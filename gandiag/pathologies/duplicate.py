"""Some rows are copies of other rows of the same draw."""

from __future__ import annotations

import numpy as np

from gandiag.core.options import number
from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import PathologySpec
from gandiag.pathologies._wrapping import Wrapped, floats, with_rows, with_values, wraps


class Duplicated(Wrapped):
    """A sampler that repeats itself."""

    def __init__(self, source: Sampler, *, severity: float, jitter: float, seed: object) -> None:
        super().__init__(source, pathology="duplicate", severity=severity, seed=seed)
        self.jitter = jitter

    def distorted(self, drawn: SampleSet, rng: np.random.Generator) -> SampleSet:
        """Overwrite some rows by others of the same draw, with noise if asked for."""
        n = len(drawn)
        count = min(round(self.severity * n), n - 1)
        order = rng.permutation(n)
        chosen = np.zeros(n, dtype=bool)
        chosen[order[:count]] = True
        copied = with_rows(drawn, chosen, drawn, rng.choice(order[count:], size=count))
        if self.jitter == 0:
            return copied
        self.require_numeric(drawn, because_of="`jitter`")
        values = floats(copied)
        values[chosen] += self.jitter * self.scale * rng.standard_normal(values[chosen].shape)
        return with_values(copied, values)


@wraps("duplicate")
def wrap(source: Sampler, severity: object, /, *, jitter: object = 0.0, seed: object = 0) -> Duplicated:
    """Repeat rows.

    Parameters
    ----------
    source : Sampler
    severity : float
        From 0 to 1: share of the rows of a draw (exactly, up to rounding) that are replaced by copies of others.
    jitter : float
        Noise on the copies, in standard deviations of each value; 0 leaves exact copies.
    seed : int
        Seed of the draw that the standard deviations are taken from.
    """
    share = number(severity, "severity", at_least=0, at_most=1)
    return Duplicated(source, severity=share, jitter=number(jitter, "jitter", at_least=0), seed=seed)


PATHOLOGY = PathologySpec(
    name="duplicate",
    summary="Some rows are copies of other rows.",
    wrap=wrap,
    severity="share of the rows that are copies",
    healthy=0.0,
    code="duplicates",
    example=0.3,
)
