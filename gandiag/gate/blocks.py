"""Drawing in blocks: rows as they come, what has been drawn so far, and the deadline.

An endless sampler draws each block from a stream keyed by the block's number; a finite one is drawn once, without
replacement, and cut. What has been drawn is held, and given out again as a sampler to whatever judges all of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gandiag.core.names import side_of_fake
from gandiag.core.protocols import Sampler
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.errors import SamplerContractError, SamplerTimeout, placed

# Two blocks that are equal by chance less often than once in 1e9: log.
_BY_CHANCE = -20.7


class Held:
    """The rows that were drawn, as a sampler: it gives the same rows whenever it is asked.

    Parameters
    ----------
    source : Sampler
        What they were drawn from.
    samples : SampleSet
        Kept as ``all``.
    """

    def __init__(self, source: Sampler, samples: SampleSet) -> None:
        self.name = source.name
        # The size of the source, so that notes speak of it and not of what was drawn.
        self.size = source.size
        self.all = samples

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Give the first ``n`` rows."""
        return self.all if n >= len(self.all) else self.all.take(np.arange(n))


class Blocks:
    """Draws a sampler block by block.

    Parameters
    ----------
    source : Sampler
    name : str
        What the fake is called, in messages and as the key of its streams.
    block, budget : int
        Rows per block, and at most in all.
    seed : int
    deadline : float, optional
        Seconds that all blocks together may take.
    """

    def __init__(
        self, source: Sampler, name: str, *, block: int, budget: int, seed: int, deadline: float | None = None
    ) -> None:
        self._source, self.name, self._seed = source, name, seed
        self._block, self._deadline = block, deadline
        self.budget = budget if source.size is None else min(budget, source.size)
        self._drawn: list[SampleSet] = []

    @property
    def used(self) -> int:
        """How many rows have been drawn and looked at."""
        return sum(len(samples) for samples in self._drawn)

    def __iter__(self) -> Iterator[SampleSet]:
        """Yield the blocks, in order.

        Raises
        ------
        SamplerTimeout
            When the deadline has passed and more is to be drawn.
        """
        return self._cut() if self._source.size is not None else self._fresh()

    def held(self) -> Held:
        """Hand over everything that was drawn."""
        return Held(self._source, joined(self._drawn))

    def _cut(self) -> Iterator[SampleSet]:
        with placed(side_of_fake(self.name)):
            whole = self._source.sample(self.budget, rng=stream(self._seed, "fake", self.name))
        for start in range(0, self.budget, self._block):
            samples = whole.take(np.arange(start, min(start + self._block, self.budget)))
            self._drawn.append(samples)
            yield samples

    def _fresh(self) -> Iterator[SampleSet]:
        spent = 0.0
        while self.used < self.budget:
            if self._deadline is not None and spent > self._deadline:
                raise self._late(spent)
            began = time.monotonic()
            rows = min(self._block, self.budget - self.used)
            with placed(side_of_fake(self.name)):
                samples = self._source.sample(rows, rng=stream(self._seed, "fake", self.name, str(len(self._drawn))))
                self._refuse_repeat(samples)
            spent += time.monotonic() - began
            self._drawn.append(samples)
            yield samples

    def _late(self, spent: float) -> SamplerTimeout:
        return SamplerTimeout(
            f"{self._source.name} must deliver {self.budget} samples within {self._deadline:g} s",
            received=f"{self.used} samples in {spent:.2g} s, and nothing decided by then",
            remedy="Allow more time with timeout=, or ask for fewer samples with n=.",
        )

    def _refuse_repeat(self, samples: SampleSet) -> None:
        """Refuse a sampler that seeds itself: every block would be the same, and seem a collapse."""
        if not self._drawn:
            return
        previous, block = self._drawn[-1].matrix(), samples.matrix()
        rows = min(len(previous), len(block))
        if rows < 2 or not np.array_equal(previous[:rows], block[:rows]):
            return
        shares = np.unique(block[:rows], axis=0, return_counts=True)[1] / rows
        if rows * np.log(float((shares**2).sum())) < _BY_CHANCE:
            raise SamplerContractError(
                f"{self._source.name} must draw anew at every call",
                received=f"block {len(self._drawn) + 1} equals block {len(self._drawn)}",
                remedy="Draw from the generator that is passed in, instead of seeding inside the sampler.",
            )


def joined(blocks: Sequence[SampleSet]) -> SampleSet:
    """Put blocks together, with what is known about all of them."""
    first = blocks[0]
    labels = [samples.labels for samples in blocks if samples.labels is not None]
    return replace(
        first,
        values=_stacked([samples.values for samples in blocks]),
        labels=np.concatenate(labels) if len(labels) == len(blocks) else None,
        # A block may be too short to measure on: then the whole is measured.
        lag=0 if any(samples.lag == 0 for samples in blocks) else max(samples.lag for samples in blocks),
        notes=tuple(dict.fromkeys(note for samples in blocks for note in samples.notes)),
    )


def _stacked(values: Sequence[Any]) -> Any:
    if all(isinstance(part, np.ndarray) or hasattr(part, "rows") for part in values):
        return np.concatenate([np.asarray(part) for part in values])
    import torch

    return torch.cat(list(values))
