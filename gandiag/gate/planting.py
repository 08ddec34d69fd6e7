"""Planting: a fault of a known size in real data, so that what a plan claims to be seen can be looked for.

Where the size of a fault is the dial itself (a share of repeats, a lost mode of a share) it is planted exactly. Repeats
are then so many in every run, where a claim is about so many on the average: they are found more often. Where a
test speaks in units of its estimate (a kernel distance above the floor), the dial is turned until the mean excess of
the estimate is the claimed one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import PATHOLOGIES
from gandiag.errors import ConfigError, SamplerExhausted

Sides = tuple[Sampler, Sampler]
_MOST_ROUNDS = 1000
_LOOK = 4096


@dataclass(frozen=True, kw_only=True)
class Plant:
    """How a fault is planted.

    Parameters
    ----------
    fault : str
        In words.
    put : callable
        ``(real side, fake side, dial) -> (real side, fake side)``.
    most : float
        The dial at its end.
    exact : bool
        Whether the dial is the size in the condition's own unit; it is searched for otherwise.
    """

    fault: str
    put: Callable[[Sampler, Sampler, float], Sides]
    most: float
    exact: bool = False


class RareMode:
    """An endless labelled source of which one class is kept with some odds: 0 loses it."""

    size = None

    def __init__(self, source: Sampler, label: int, odds: float) -> None:
        self.name = source.name
        self._source, self._label, self._odds = source, label, odds

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw until ``n`` rows are kept."""
        parts: list[SampleSet] = []
        missing = n
        for _ in range(_MOST_ROUNDS):
            drawn = self._source.sample(missing + 16, rng=rng)
            labels = _labels(drawn)
            kept = np.flatnonzero((labels != self._label) | (rng.random(len(drawn)) < self._odds))[:missing]
            if len(kept):
                parts.append(drawn.take(kept))
                missing -= len(kept)
            if missing == 0:
                values = np.concatenate([block for part in parts for _, block in part.blocks()])
                found = np.concatenate([_labels(part) for part in parts])
                return replace(parts[0], values=values, labels=found)
        raise SamplerExhausted(f"{self.name} must keep some rows", received=missing, remedy="Give another source.")


def _labels(samples: SampleSet) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    if samples.labels is None:
        raise ConfigError(
            "a mode can be planted where rows carry classes", received="none", remedy="Give labels, or leave it out."
        )
    return samples.labels


def _without_a_mode(real: Sampler, fake: Sampler, share: float) -> Sides:
    """Make one class of both sides as rare as ``share``, and lose it in the fake."""
    if real.size is not None:
        raise ConfigError(
            "a mode of a given share is planted in endless sources alone",
            received=f"{real.size} rows",
            remedy="Look at the other conditions.",
        )
    labels, counts = np.unique(_labels(real.sample(_LOOK, rng=np.random.default_rng(0))), return_counts=True)
    label, held = int(labels[counts.argmax()]), float(counts.max() / counts.sum())
    if held <= share or len(labels) < 2:
        raise ConfigError(
            "the commonest class must be commoner than the mode that is to be planted",
            received=f"{held:.3g} against {share:.3g}",
            remedy="Plan for more rows.",
        )
    # Of the class a share f is kept: f held / (f held + 1 - held) = share.
    odds = share * (1.0 - held) / (held * (1.0 - share))
    return RareMode(real, label, odds), RareMode(fake, label, 0.0)


def _pathology(name: str) -> Callable[[Sampler, Sampler, float], Sides]:
    return lambda real, fake, dial: (real, PATHOLOGIES.get(name).wrap(fake, dial))


_REPEATS = Plant(fault="repeated rows", put=_pathology("duplicate"), most=1.0, exact=True)
_LOST = Plant(fault="a lost mode", put=_without_a_mode, most=1.0, exact=True)
_MOVED = Plant(fault="a shift, with an excess", put=_pathology("shift"), most=10.0)
_SHRUNK = Plant(fault="narrower modes, with an excess", put=_pathology("shrink"), most=0.99)
_TWINS = Plant(fault="repeated rows, with an excess", put=_pathology("duplicate"), most=0.9)

# By metric and quantity: what corresponds to the effect that the test is run for.
PLANTS: Mapping[tuple[str, str], Plant] = {
    ("collisions", "p"): _REPEATS,
    ("mode_coverage", "missing"): _LOST,
    ("mode_coverage", "p"): _LOST,
    ("mmd", "p"): _MOVED,
    ("energy", "p"): _MOVED,
    ("c2st", "p"): _MOVED,
    ("sliced_wasserstein", "p"): _MOVED,
    ("mode_spread", "p"): _SHRUNK,
    ("near_duplicates", "p"): _TWINS,
}


def dial_for(size: float, most: float, excess: Callable[[float], float], *, steps: int = 9) -> float:
    """Find the dial at which the mean excess is ``size``, by halving its logarithm; infinity where none is.

    Parameters
    ----------
    size, most : float
        What is wanted, and the end of the dial.
    excess : callable
        Dial -> mean excess of the estimate, rising but for noise.
    steps : int
    """
    low, high = math.log(most / 1000.0), math.log(most)
    if excess(most) < size:
        return math.inf
    for _ in range(steps):
        middle = (low + high) / 2.0
        low, high = (low, middle) if excess(math.exp(middle)) >= size else (middle, high)
    return math.exp((low + high) / 2.0)
