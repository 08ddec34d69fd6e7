"""A map that is worth caching, and that tells how often it was called."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gandiag.core.samples import KnownModes, SampleSet


@dataclass
class CountedMap:
    """Irrational functions of the rows, so that every bit of a feature counts."""

    name: str = "counted"
    cacheable: bool = True
    calls: list[int] = field(default_factory=list)

    def __call__(self, samples: SampleSet) -> NDArray[np.float64]:
        self.calls.append(len(samples))
        rows = samples.matrix()
        return np.stack([np.sin(rows).sum(axis=1), np.exp(-rows).mean(axis=1), rows[:, 0] / 3.0], axis=1)

    def fingerprint(self) -> str:
        return f"{self.name}:3"

    def modes(self, modes: KnownModes) -> KnownModes | None:
        return None
