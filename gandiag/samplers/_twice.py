"""A sampler that is drawn twice under one seed, to see whether it gives the same rows."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet, on_host

_ROWS = 1024


@dataclass(frozen=True, eq=False)
class DrawnTwice:
    """Draws what the inner sampler gives, once more from the same state of the generator, and notes what differs.

    The rows are those of the first draw. Cost: that of two draws, in time and in memory.
    """

    inner: Sampler

    @property
    def name(self) -> str:
        """What people call the source."""
        return self.inner.name

    @property
    def size(self) -> int | None:
        """Rows that a finite source holds; None when it never ends."""
        return self.inner.size

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw exactly ``n`` rows, with a note where a second draw gives others."""
        again = copy.deepcopy(rng)
        first, second = self.inner.sample(n, rng=rng), self.inner.sample(n, rng=again)
        differing = sum(
            int((on_host(a) != on_host(b)).reshape(len(a), -1).any(axis=1).sum())
            for (_, a), (_, b) in zip(first.blocks(_ROWS), second.blocks(_ROWS), strict=True)
        )
        if not differing:
            return first
        return first.noting(
            f"not reproducible: of {n} rows that were drawn twice under one seed {differing} differ; "
            "draw from `rng`, or seed what is drawn from with it"
        )
