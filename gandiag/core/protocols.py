"""The callable shapes that the catalogs agree on."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gandiag.core.samples import SampleSet


@runtime_checkable
class Sampler(Protocol):
    """Anything that draws samples.

    ``name`` is for people. ``size`` is how many rows a finite source holds (drawn without replacement), None when
    the source never ends. ``sample`` returns exactly ``n`` rows, the same for the same state of ``rng``.
    """

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int | None: ...

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet: ...


class FeatureMap(Protocol):
    """A fixed map from samples to vectors, named by its fingerprint; never fitted on what it is applied to."""

    def __call__(self, samples: SampleSet) -> NDArray[np.float64]: ...

    def fingerprint(self) -> str: ...


class Progress(Protocol):
    """Receives a line about each step of long work; never prints results."""

    def __call__(self, step: str, done: int, total: int) -> Any: ...
