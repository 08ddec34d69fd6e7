"""Streams: metrics whose number comes from states that blocks of rows add to, and that shards merge.

A state is a handful of arrays whose size does not grow with the rows. ``of`` makes the state of one block, ``merge``
joins those of disjoint blocks (associative and commutative up to rounding), ``finish`` makes the measurement. What must
be the same in all blocks (a bandwidth, directions, cells) is fixed before the first, on the rows set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.catalog import Catalog
from gandiag.core.checks import Matrix
from gandiag.core.results import Measurement
from gandiag.core.samples import KnownModes

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """So many rows of either side, in feature space; a side that has ended is empty.

    Attributes
    ----------
    real, fake : ndarray, shape (k, d), (l, d)
    outside : ndarray of bool, shape (l,), or None
        Fake rows outside the range that the real source declares.
    number : int
        Place of the block among all, on whichever shard.
    seed : int
        Of the streams that the block draws from.
    real_labels : ndarray of int, shape (k,), or None
        Classes of the real rows.
    classify : callable, optional
        Features to class probabilities, where the map ends in a classifier.
    """

    real: Matrix
    fake: Matrix
    outside: NDArray[np.bool_] | None
    number: int
    seed: int
    real_labels: NDArray[np.int64] | None = None
    classify: Callable[[Matrix], Matrix] | None = None

    def class_probabilities(self) -> tuple[Matrix, Matrix]:
        """Give the class probabilities of real and of fake rows: read off the features, or the rows themselves."""
        return (self.real, self.fake) if self.classify is None else (self.classify(self.real), self.classify(self.fake))


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """What is known before the first block and after the last.

    Attributes
    ----------
    fit : ndarray, shape (l, d)
        Features of the rows set aside; after the last block it may be empty.
    n, m : int
        Rows of real and fake; n is 0 where a reference does not say.
    d : int
    seed : int
    given : frozenset of str
        What there is of what metrics may need.
    fit_labels : ndarray of int, shape (l,), or None
        Classes of the rows set aside, before the first block.
    modes : KnownModes or None
        Exact modes in feature space, where the real source knows them; before the first block.
    """

    fit: Matrix
    n: int
    m: int
    d: int
    seed: int
    given: frozenset[str] = frozenset()
    fit_labels: NDArray[np.int64] | None = None
    modes: KnownModes | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class StateSpec:
    """A state that several metrics may share.

    Parameters
    ----------
    name : str
    fix : callable
        ``(frame, *, rng) -> arrays`` that every block uses.
    of : callable
        ``(block, fixed) -> state``.
    merge : callable
        ``(state, state) -> state``; neither is changed.
    """

    name: str
    fix: Callable[..., Arrays]
    of: Callable[[Block, Arrays], Arrays]
    merge: Callable[[Arrays, Arrays], Arrays]


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamSpec:
    """One metric as a stream: named like the metric.

    Parameters
    ----------
    name : str
    state : StateSpec
    finish : callable
        ``(state, fixed, frame, *, rng) -> Measurement``.
    differs : str
        How the number differs from that of the metric on all rows at once; empty where only rounding does.
    """

    name: str
    state: StateSpec
    finish: Callable[..., Measurement]
    differs: str = ""


def nothing_fixed(frame: Frame, *, rng: np.random.Generator) -> Arrays:
    """Fix nothing."""
    return {}


def summed(first: Arrays, second: Arrays) -> Arrays:
    """Merge states that are sums and counts."""
    return {key: first[key] + second[key] for key in first}


STREAMS: Catalog[StreamSpec] = Catalog("gandiag.streaming", "STREAM", StreamSpec)
