"""Real data held against themselves: two parts of a finite source that share no row, or two draws of an endless one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.errors import TooFewSamplesError

# Three rows of the real part are tested with for each one that is set aside to fit on.
_REAL_PART = 4.0 / 3.0
FEWEST_PER_SIDE = 20


class Part:
    """Some rows of a source, as a source: drawn without replacement."""

    def __init__(self, samples: SampleSet, name: str) -> None:
        self.name = name
        self._samples = samples

    @property
    def size(self) -> int:
        """Rows that it holds."""
        return len(self._samples)

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw ``n`` different rows in random order."""
        if n > self.size:
            raise TooFewSamplesError(
                f"{self.name} holds fewer rows than were asked for", received=f"{self.size} of {n}", remedy="Ask less."
            )
        return replace(self._samples.take(rng.permutation(self.size)[:n]), source=self.name)


def most_per_side(real: Sampler, n: int, *, fakes: int = 1) -> int:
    """Say how many rows per side a source can give against itself, up to ``n``, with so many fake sides.

    Raises
    ------
    TooFewSamplesError
        When they are too few for any run.
    """
    if real.size is None:
        return n
    most = min(n, math.floor(real.size / (fakes + _REAL_PART)))
    if most < FEWEST_PER_SIDE:
        raise TooFewSamplesError(
            f"a source must give {FEWEST_PER_SIDE} rows per side against itself",
            received=f"{real.size} rows, which give {most}",
            remedy="Bring more real data.",
        )
    return most


def against_itself(real: Sampler, n: int, *, rng: np.random.Generator) -> tuple[Sampler, Sampler]:
    """Give a real side and a fake side of one law.

    Parameters
    ----------
    real : Sampler
        A finite source is cut at random; an endless one stands on both sides, and is drawn from twice.
    n : int
        Rows per side that will be drawn, at most `most_per_side`.
    rng : numpy.random.Generator
        Cuts.
    """
    side, (fake,) = cut(real, n, fakes=1, rng=rng)
    return side, fake


def cut(real: Sampler, n: int, *, fakes: int, rng: np.random.Generator) -> tuple[Sampler, tuple[Sampler, ...]]:
    """Give a real side and several fake sides of one law, as `against_itself` does."""
    if real.size is None:
        return real, (real,) * fakes
    needed = min(real.size, fakes * n + math.ceil(_REAL_PART * n) + 2)
    rows = real.sample(needed, rng=rng)
    parts = [Part(rows.take(np.arange(i * n, (i + 1) * n)), f"other rows of {real.name}") for i in range(fakes)]
    return Part(rows.take(np.arange(fakes * n, needed)), real.name), tuple(parts)
