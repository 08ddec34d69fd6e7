"""Small sources with known properties, and comparisons of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.samples import KnownModes, SampleSet
from gandiag.core.specs import PATHOLOGIES
from gandiag.errors import SamplerExhausted

CENTRES = np.array([[-6.0, 0.0], [0.0, 5.0], [7.0, -2.0], [1.0, -8.0]])
WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])
SIGMA = 0.5


class Blobs:
    """Four labelled round Gaussians in the plane, without end; float32 on request."""

    name, size = "blobs", None

    def __init__(
        self, *, labelled: bool = True, modes: bool = False, value_range=None, dtype: type = np.float64
    ) -> None:
        self.labelled, self.value_range, self.dtype = labelled, value_range, dtype
        covariances = np.broadcast_to(np.eye(2) * SIGMA**2, (4, 2, 2))
        self.modes = KnownModes(centres=CENTRES, covariances=covariances, weights=WEIGHTS) if modes else None

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        labels = rng.choice(4, size=n, p=WEIGHTS)
        values = CENTRES[labels] + SIGMA * rng.standard_normal((n, 2))
        if self.value_range is not None:
            values = np.clip(values, *self.value_range)
        return SampleSet(
            values=values.astype(self.dtype),
            labels=labels if self.labelled else None,
            value_range=self.value_range,
            modes=self.modes,
            lag=1,
            source=self.name,
        )


class Rows:
    """A finite labelled set."""

    def __init__(
        self, values: NDArray, labels: NDArray | None = None, *, kind: str = "vector", value_range=None
    ) -> None:
        self.name, self.values, self.labels, self.kind, self.value_range = "rows", values, labels, kind, value_range

    @property
    def size(self) -> int:
        return len(self.values)

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        if n > self.size:
            raise SamplerExhausted("rows ended", received=n, remedy="Ask for fewer.")
        index = rng.permutation(self.size)[:n]
        return SampleSet(
            values=self.values[index],
            kind=self.kind,
            labels=None if self.labels is None else self.labels[index],
            value_range=self.value_range,
            lag=1,
            source=self.name,
        )


def finite(n: int = 200) -> Rows:
    """A finite set of 10 classes in the plane, every row different."""
    rng = np.random.default_rng(99)
    return Rows(rng.standard_normal((n, 2)), np.arange(n) % 10)


def images(n: int = 60, *, channels: bool = False) -> Rows:
    """Random images in [0, 1], every pixel its own."""
    shape = (n, 6, 5, 3) if channels else (n, 6, 5)
    rng = np.random.default_rng(98)
    return Rows(rng.random(shape), np.arange(n) % 5, kind="image", value_range=(0.0, 1.0))


def dice() -> Rows:
    """Discrete rows."""
    return Rows(np.random.default_rng(97).integers(6, size=(80, 2)), kind="discrete", value_range=(0.0, 5.0))


def wrapped(name: str, source: object, severity: object, **options: object):
    """Wrap by the catalog."""
    return PATHOLOGIES.get(name).wrap(source, severity, **options)


def draw(sampler, n: int, seed: int = 0) -> SampleSet:
    """Draw with a seed."""
    return sampler.sample(n, rng=np.random.default_rng(seed))


def same_rows(a: SampleSet, b: SampleSet) -> NDArray[np.bool_]:
    """Say which rows are equal bit for bit."""
    return (a.matrix() == b.matrix()).all(axis=1)
