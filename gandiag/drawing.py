"""Drawing the rows of every side, from streams keyed by its name, and refusing sides that are not alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gandiag.core.names import side_of_fake
from gandiag.core.protocols import Sampler
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.errors import DtypeError, RangeError, ShapeError, TooFewSamplesError, placed

DEFAULT_N = 5000
MOST_FIT = 5000
FEWEST_ROWS = 4


def drawn_train(train: Sampler, seed: int) -> SampleSet:
    """Draw the training rows: all of a finite source."""
    rows = MOST_FIT * 2 if train.size is None else train.size
    return train.sample(rows, rng=stream(seed, "train"))


def drawn_real(real: Sampler, train: SampleSet | None, n: int | None, seed: int) -> tuple[SampleSet, SampleSet]:
    """Split the real source into rows under test and rows set aside for fitting."""
    rng = stream(seed, "real")
    if real.size is not None and real.size < FEWEST_ROWS:
        raise TooFewSamplesError(
            f"the real source must hold at least {FEWEST_ROWS} rows", received=real.size, remedy="Give more real data."
        )
    if real.size is None:
        rows, aside = n or DEFAULT_N, min(max((n or DEFAULT_N) // 2, 2), MOST_FIT)
    else:
        aside = min(max(real.size // 4, 2), MOST_FIT)
        rows = real.size - aside if n is None else min(n, real.size - aside)
    if train is not None:
        # Labels of the training rows are needed where the real rows have some; else they are set aside from real.
        probe = real.sample(rows if real.size is None else min(n or real.size, real.size), rng=rng)
        if probe.labels is None or train.labels is not None:
            return probe, train
        rng = stream(seed, "real")
    both = real.sample(rows + aside, rng=rng)
    return both.take(np.arange(rows)), both.take(np.arange(rows, rows + aside))


def noting_fewer(real: SampleSet, n: int | None) -> SampleSet:
    """Say that there are fewer real rows under test than were asked for, where that is so."""
    if n is None or len(real) >= n:
        return real
    return real.noting(f"{len(real)} rows are left to test with, fewer than the {n} asked for")


def drawn_fake(fake: Sampler, name: str, n: int, seed: int) -> SampleSet:
    """Draw ``n`` fake rows, or all where there are fewer, with a note that says so."""
    rows = n if fake.size is None else min(n, fake.size)
    with placed(side_of_fake(name)):
        samples = fake.sample(rows, rng=stream(seed, "fake", name))
    if rows < n:
        return samples.noting(f"holds {rows} rows, fewer than the {n} asked for")
    if fake.size is not None and fake.size > rows:
        return samples.noting(f"{rows} of {fake.size} rows were used")
    return samples


def kept_sides(real: Sampler | None, train: Sampler | None, fakes: Sequence[Sampler]) -> frozenset[str]:
    """Name the sides whose rows come again in another run: a generator draws others, or cannot promise the same."""
    named = [("real", real), ("fit", train if real is not None and train is not None else real), ("train", train)]
    named += [(f"fake {i}", sampler) for i, sampler in enumerate(fakes)]
    return frozenset(side for side, sampler in named if sampler is not None and sampler.size is not None)


def require_alike(real: SampleSet, other: SampleSet) -> None:
    """Refuse two sides of different shapes, kinds or ranges."""
    if real.shape != other.shape:
        raise ShapeError(
            f"{other.source} must have samples of the shape that {real.source} has, {real.shape}",
            received=f"{other.shape}",
            remedy="Bring both to one size and layout before scoring.",
        )
    if (real.kind == "discrete") != (other.kind == "discrete"):
        raise DtypeError(
            f"{real.source} and {other.source} must both hold whole numbers or both hold floats",
            received=f"{real.kind} and {other.kind}",
            remedy="Convert one side, or declare kind='vector' for both.",
        )
    ours, theirs = real.value_range, other.value_range
    if ours is not None and theirs is not None and ours != theirs:
        raise RangeError(
            f"both sides must be in one range; {real.source} declares {ours[0]:g} to {ours[1]:g}",
            received=f"{other.source} declares {theirs[0]:g} to {theirs[1]:g}",
            remedy=f"Rescale one side, for instance every value x of the latter to {_rescaled(theirs, ours)}.",
        )


def _rescaled(given: tuple[float, float], wanted: tuple[float, float]) -> str:
    """Write the map of one range to another: a generator's -1 to 1 to the bytes of files, for most."""
    factor = (wanted[1] - wanted[0]) / (given[1] - given[0])
    shifted = "x" if given[0] == 0 else f"(x {'+' if given[0] < 0 else '-'} {abs(given[0]):g})"
    scaled = f"{shifted} * {factor:g}" if factor >= 1 else f"{shifted} / {1 / factor:g}"
    return scaled if wanted[0] == 0 else f"{scaled} {'+' if wanted[0] > 0 else '-'} {abs(wanted[0]):g}"


def noting_formats(real: SampleSet, fake: SampleSet) -> SampleSet:
    """Say that the files of both sides differ in format, which every metric sees."""
    ours, theirs = real.extra.get("formats"), fake.extra.get("formats")
    if ours is None or theirs is None or ours == theirs:
        return fake
    return fake.noting(f"real images are {ours}, these are {theirs}: every metric sees that difference too")


def outside_range(samples: SampleSet, declared: tuple[float, float] | None) -> NDArray[np.bool_] | None:
    """Tell which rows have a value outside the declared range; None where none is declared."""
    if declared is None:
        return None
    low, high = declared
    slack = 1e-6 * (high - low)  # float32 rounding of the end points is no violation
    outside = np.zeros(len(samples), dtype=bool)
    for start, block in samples.blocks():
        flat = block.reshape(len(block), -1)
        outside[start : start + len(block)] = ((flat < low - slack) | (flat > high + slack)).any(axis=1)
    return outside
