"""The callable shapes that the catalogs agree on."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gandiag.core.samples import KnownModes, SampleSet


@runtime_checkable
class Sampler(Protocol):
    """Anything that draws samples.

    ``name`` is for people. ``size`` is how many rows a finite source holds (drawn without replacement), None when
    the source never ends. ``sample`` returns exactly ``n`` rows, the same for the same state of ``rng``.
    """

    @property
    def name(self) -> str:
        """What people call the source."""
        ...

    @property
    def size(self) -> int | None:
        """Rows that a finite source holds; None when it never ends."""
        ...

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw exactly ``n`` rows."""
        ...


class FeatureMap(Protocol):
    """A fixed map from samples to vectors, named by its fingerprint; never fitted on what it is applied to.

    A map that costs more than reading its features back from a disk may carry ``cacheable = True``, if its fingerprint
    names all that they depend on (weights, resize, precision, code); it is then called on blocks of 256 rows. One that
    ends in a classifier may carry ``classify``, which reads class probabilities, shape (n, K), off its features.
    """

    def __call__(self, samples: SampleSet) -> NDArray[np.float64]:
        """Map samples to a finite matrix, shape (n, d)."""
        ...

    def fingerprint(self) -> str:
        """Name the map and what was fitted, in one short stable string."""
        ...

    def modes(self, modes: KnownModes) -> KnownModes | None:
        """Map exact modes to feature space, or None where the map is not affine."""
        ...


class Progress(Protocol):
    """Receives a line about each step of long work; never prints results."""

    def __call__(self, step: str, done: int, total: int) -> Any:
        """Hear that ``step`` begins."""
        ...
