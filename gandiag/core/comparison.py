"""Comparison: the two sides of one question, in feature space, as every metric receives them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import Matrix, as_matrix, require_same_width
from gandiag.core.rng import stream
from gandiag.core.samples import KnownModes

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Real and fake samples in one feature space, and what may be fitted without touching either.

    Parameters
    ----------
    real : ndarray, shape (n, d)
        Held-out real rows: nothing was fitted on them.
    fake : ndarray, shape (m, d)
    fit : ndarray, shape (l, d)
        Further real rows, independent of ``real``. Scales, clusters, centres and thresholds are fitted here and only
        here, which is what keeps every permutation test of ``real`` against ``fake`` exact.
    train : ndarray, shape (t, d), optional
        The rows that the generator was trained on.
    fit_labels, real_labels : ndarray of int, optional
        Classes of the real rows.
    modes : KnownModes, optional
        Exact modes in feature space.
    outside : ndarray of bool, shape (m,), optional
        Fake rows with a raw value outside the range that the real source declares.
    seed : int
        Seed of the streams that shared intermediate results draw from.
    """

    real: Matrix
    fake: Matrix
    fit: Matrix
    train: Matrix | None = None
    fit_labels: NDArray[np.int64] | None = None
    real_labels: NDArray[np.int64] | None = None
    modes: KnownModes | None = None
    outside: NDArray[np.bool_] | None = None
    seed: int = 0
    _shared: dict[Any, Any] = field(default_factory=dict, repr=False)
    _lock: Any = field(default_factory=threading.RLock, repr=False)
    _locks: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name in ("real", "fake", "fit", "train"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, as_matrix(value, name=name))
        for other in (self.fake, self.fit, self.train):
            if other is not None:
                require_same_width(self.real, other)

    @property
    def n(self) -> int:
        """Number of real rows."""
        return len(self.real)

    @property
    def m(self) -> int:
        """Number of fake rows."""
        return len(self.fake)

    @property
    def d(self) -> int:
        """Number of values per row."""
        return int(self.real.shape[1])

    def pooled(self) -> tuple[Matrix, NDArray[np.bool_]]:
        """Stack real over fake, shape (n + m, d), with True where a row is real."""
        is_real = np.zeros(self.n + self.m, dtype=bool)
        is_real[: self.n] = True
        return np.concatenate([self.real, self.fake]), is_real

    def at_most(self, rows: int) -> Comparison:
        """Return a view with at most ``rows`` of real and of fake, drawn once and for all metrics alike."""
        if max(self.n, self.m) <= rows:
            return self
        return self.once(("at_most", rows), lambda rng: self._drawn(rows, rng))

    def _drawn(self, rows: int, rng: np.random.Generator) -> Comparison:
        real = _chosen(self.n, rows, rng)
        fake = _chosen(self.m, rows, rng)
        return Comparison(
            real=self.real[real],
            fake=self.fake[fake],
            fit=self.fit,
            train=self.train,
            fit_labels=self.fit_labels,
            real_labels=None if self.real_labels is None else self.real_labels[real],
            modes=self.modes,
            outside=None if self.outside is None else self.outside[fake],
            seed=self.seed,
        )

    def once(self, key: Any, make: Callable[[np.random.Generator], T]) -> T:
        """Compute an intermediate result that several metrics need once, from a stream keyed by its name.

        Metrics run in threads: the first to ask computes, the others wait for this key only.
        """
        with self._lock:
            lock = self._locks.setdefault(key, threading.RLock())
        with lock:
            if key not in self._shared:
                self._shared[key] = make(stream(self.seed, "shared", repr(key)))
            found: T = self._shared[key]
        return found


def _chosen(n: int, rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(rng.choice(n, size=rows, replace=False)) if n > rows else np.arange(n)
