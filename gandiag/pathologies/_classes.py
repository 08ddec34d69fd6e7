"""Keeping only a share of each class: what dropped and reweighted modes are made of.

An endless source is drawn from until enough rows are accepted, which is exact. Of a finite source a fixed subset is
kept, so that its size is known and rows are still never drawn twice.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gandiag.core.options import whole
from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError, SamplerExhausted
from gandiag.pathologies._wrapping import Wrapped

_MOST_ROUNDS = 1000


class ClassThinned(Wrapped):
    """A sampler whose classes are accepted with unequal probabilities."""

    def shares(self, classes: NDArray[np.int64]) -> dict[int, float]:
        """Say which share of each class is kept, 0 to 1."""
        raise ConfigError("a pathology must say what it keeps", received=self.pathology, remedy="Define `shares`.")

    @cached_property
    def looked_at(self) -> SampleSet:
        """All rows of a finite source, for their labels; some rows of an endless one."""
        return self.look(None)

    @cached_property
    def kept_shares(self) -> dict[int, float]:
        """Share of each class that is kept."""
        classes = np.unique(self._labels(self.looked_at))
        if self.looked_at.modes is not None:
            classes = np.union1d(classes, np.arange(len(self.looked_at.modes.weights)))
        return self.shares(classes)

    @property
    def size(self) -> int | None:
        """Rows that are kept of a finite source."""
        if self.source.size is None or self.is_healthy:
            return self.source.size
        return len(self._kept_rows)

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw ``n`` rows of what is kept."""
        if self.is_healthy:
            return super().sample(n, rng=rng)
        n = whole(n, "n", at_least=1)
        kept = self._of_endless(n, rng) if self.source.size is None else self._of_finite(n, rng)
        return replace(kept, source=self.name)

    def _labels(self, samples: SampleSet) -> NDArray[np.int64]:
        if samples.labels is None:
            raise ConfigError(
                f"{self.pathology} must know the class of each row",
                received=f"{self.source.name}, which has no labels",
                remedy="Wrap a labelled source, or pass labels= with it.",
            )
        return samples.labels

    def _chances(self, labels: NDArray[np.int64]) -> NDArray[np.float64]:
        classes = np.array(sorted(self.kept_shares))
        shares = np.array([self.kept_shares[int(c)] for c in classes])
        place = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
        # A class that the look at the source missed is rare, and kept whole.
        chances: NDArray[np.float64] = np.where(classes[place] == labels, shares[place], 1.0)
        return chances

    def _of_endless(self, n: int, rng: np.random.Generator) -> SampleSet:
        share = float(self._chances(self._labels(self.looked_at)).mean())
        parts: list[SampleSet] = []
        missing = n
        for _ in range(_MOST_ROUNDS):
            # A few more than the mean number of trials, so that a second round is seldom needed.
            trials = math.ceil(missing / max(share, 1e-6) + 3 * math.sqrt(missing) / max(share, 1e-6)) + 16
            drawn = self.source.sample(min(trials, 64 * n + 4096), rng=rng)
            accepted = np.flatnonzero(rng.random(len(drawn)) < self._chances(self._labels(drawn)))[:missing]
            if accepted.size:
                parts.append(drawn.take(accepted))
                missing -= accepted.size
            if missing == 0:
                return _joined(parts)
        raise SamplerExhausted(
            f"{self.name} must keep some rows", received=f"{n - missing} of {n}", remedy="Lower the severity."
        )

    @cached_property
    def _kept_rows(self) -> NDArray[np.int64]:
        """Rows of the fixed look at a finite source that are kept: a share of each class, rounded down."""
        labels = self._labels(self.looked_at)
        rng = self.stream("kept")
        kept = []
        for label, share in self.kept_shares.items():
            rows = rng.permutation(np.flatnonzero(labels == label))
            kept.append(rows[: math.floor(share * len(rows) + 1e-9)])
        return np.sort(np.concatenate(kept))

    def _of_finite(self, n: int, rng: np.random.Generator) -> SampleSet:
        held = self._kept_rows
        if n > len(held):
            raise SamplerExhausted(
                f"{self.name} holds fewer samples than were asked for",
                received=f"{len(held)} of {n}",
                remedy="Ask for fewer; rows are never drawn twice.",
            )
        return self.looked_at.take(rng.permutation(held)[:n])


def _joined(parts: list[SampleSet]) -> SampleSet:
    first = parts[0]
    if len(parts) == 1:
        return first
    values = np.concatenate([block for part in parts for _, block in part.blocks()])
    labels = (
        None if first.labels is None else np.concatenate([part.labels for part in parts if part.labels is not None])
    )
    return replace(first, values=values, labels=labels)
