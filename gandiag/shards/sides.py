"""Both sides in blocks of a fixed size: which rows a block holds does not depend on how many shards there are.

A finite source is drawn in the order in which an ordinary score draws it, and cut. An endless one is drawn block by
block, each from a stream of its own, so that no shard draws the rows of another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gandiag.core.names import side_of_fake
from gandiag.core.protocols import Sampler
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.drawing import DEFAULT_N, MOST_FIT, drawn_fake, drawn_real, noting_fewer
from gandiag.errors import placed
from gandiag.extraction import ROWS
from gandiag.references.mapping import rows_of
from gandiag.references.reference import reference_of

# A whole number of cached blocks: shards and ordinary scores of one draw find each other's features.
BLOCK_ROWS = 16 * ROWS
_LOOKED_AT = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One side in blocks.

    Attributes
    ----------
    n : int
        Rows in all blocks together.
    outline : SampleSet
        A few rows, for everything that can be said before the first block.
    place : str
        What errors say in front.
    """

    n: int
    outline: SampleSet
    place: str
    _draw: Callable[[int, int, int], SampleSet]

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return -(-self.n // BLOCK_ROWS)

    def block(self, number: int) -> SampleSet | None:
        """Draw block ``number``; None where the side has ended before."""
        start, stop = number * BLOCK_ROWS, min((number + 1) * BLOCK_ROWS, self.n)
        if stop <= start:
            return None
        with placed(self.place):
            return self._draw(number, start, stop)


def real_side(sampler: Sampler, n: int | None, seed: int) -> tuple[Side, SampleSet]:
    """Cut the real source in blocks, and draw the rows that are set aside."""
    with placed("real"):
        reference = reference_of(sampler)
        if reference is not None or sampler.size is not None:
            rows, fit = drawn_real(sampler, None, n, seed) if reference is None else rows_of(reference, n)
            return _finite(noting_fewer(rows, n), "real"), fit
        wanted = n or DEFAULT_N
        fit = sampler.sample(min(max(wanted // 2, 2), MOST_FIT), rng=stream(seed, "real", "set aside"))
        return _endless(sampler, wanted, "real", seed, ("real",)), fit


def fake_side(sampler: Sampler, name: str, n: int, seed: int) -> Side:
    """Cut a fake source in blocks, of ``n`` rows in all or as many as there are."""
    place = side_of_fake(name)
    if sampler.size is not None:
        return _finite(drawn_fake(sampler, name, n, seed), place)
    with placed(place):
        return _endless(sampler, n, place, seed, ("fake", name))


def _finite(rows: SampleSet, place: str) -> Side:
    def draw(number: int, start: int, stop: int) -> SampleSet:
        return rows.take(np.arange(start, stop))

    outline = rows.take(np.arange(min(_LOOKED_AT, len(rows))))
    return Side(n=len(rows), outline=outline, place=place, _draw=draw)


def _endless(sampler: Sampler, n: int, place: str, seed: int, names: tuple[str, ...]) -> Side:
    def draw(number: int, start: int, stop: int) -> SampleSet:
        return sampler.sample(stop - start, rng=stream(seed, *names, f"block {number}"))

    outline = sampler.sample(_LOOKED_AT, rng=stream(seed, *names, "outline"))
    return Side(n=n, outline=outline, place=place, _draw=draw)
