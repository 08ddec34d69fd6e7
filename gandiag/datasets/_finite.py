"""Finite sets: rows drawn without replacement, in random order."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from gandiag.core.rng import stream
from gandiag.core.samples import Kind, SampleSet
from gandiag.datasets._laws import rows_asked_for
from gandiag.errors import SamplerExhausted

HALVES = ("train", "test")
THIRDS = ("third1", "third2", "third3")
SPLITS = ("all", *HALVES, *THIRDS)
GREY_RANGE = (0.0, 16.0)

# The split is part of the data set, so it hangs on no seed of a report.
_SPLIT_SEED = 0


class FiniteRows:
    """A fixed set of labelled rows.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
    labels : ndarray of int, shape (n,)
    kind : {"vector", "image", "discrete"}
    value_range : (float, float), optional
    """

    def __init__(
        self,
        values: NDArray[np.float64],
        labels: NDArray[np.int64],
        *,
        kind: Kind,
        value_range: tuple[float, float] | None,
    ) -> None:
        self.name = "rows"
        self.values, self.labels = values, labels
        self.kind, self.value_range = kind, value_range

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.values)

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw ``n`` different rows in random order."""
        rows = rows_asked_for(n)
        if rows > self.size:
            raise SamplerExhausted(
                f"{self.name} holds fewer samples than were asked for",
                received=f"{self.size} of {rows}",
                remedy="Ask for fewer; rows are never drawn twice.",
            )
        index = rng.permutation(self.size)[:rows]
        return SampleSet(
            values=self.values[index],
            kind=self.kind,
            labels=self.labels[index],
            value_range=self.value_range,
            lag=1,
            source=self.name,
        )


@cache
def _all_digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, labels = digits.images.astype(np.float64), digits.target.astype(np.int64)
    images.setflags(write=False)
    labels.setflags(write=False)
    return images, labels


@cache
def split_rows(split: str) -> NDArray[np.int64]:
    """Give the rows of one part of the digits: stratified halves (899 and 898 rows), or thirds (599 each).

    Where the rows of a class do not divide evenly, the parts take the spare ones in turns, the first part first.
    """
    _, labels = _all_digits()
    if split == "all":
        return np.arange(len(labels))
    names = HALVES if split in HALVES else THIRDS
    # The stream's name is part of the data set: the halves must stay what they are.
    rng = stream(_SPLIT_SEED, "dataset", "digits", "split" if names is HALVES else "thirds")
    parts: list[list[NDArray[np.int64]]] = [[] for _ in names]
    turn = 0
    for digit in range(10):
        rows = rng.permutation(np.flatnonzero(labels == digit))
        share, spare = divmod(len(rows), len(names))
        cuts = np.full(len(names), share)
        for i in range(spare):
            cuts[(turn + i) % len(names)] += 1
        turn += spare
        for part, piece in zip(parts, np.split(rows, np.cumsum(cuts)[:-1]), strict=True):
            part.append(piece)
    return np.sort(np.concatenate(parts[names.index(split)]))


def digits(split: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give the images, shape (n, 8, 8) with grey levels 0 to 16, and the labels of one part of the digits."""
    images, labels = _all_digits()
    rows = split_rows(split)
    return images[rows], labels[rows]
