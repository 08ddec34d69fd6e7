"""Comparison: the two sides of one question, in feature space, as every metric receives them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import Matrix, as_matrix, require_same_width
from gandiag.core.rng import stream
from gandiag.core.samples import KnownModes
from gandiag.core.turns import holding

T = TypeVar("T")

# Shared intermediate results that depend on the rows set aside alone.
_FITTED = ("mode_model", "whole_mode", "support")


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
    fit_labels, real_labels, fake_labels : ndarray of int, optional
        Classes of the rows.
    modes : KnownModes, optional
        Exact modes in feature space.
    outside : ndarray of bool, shape (m,), optional
        Fake rows with a raw value outside the range that the real source declares.
    features : str
        Fingerprint of the feature map; empty where nobody named one.
    image_shape : tuple of int, optional
        ``(height, width)`` or ``(height, width, channels)`` where a row is one flattened image.
    classify : callable, optional
        Rows to class probabilities, shape (n, K), where the features end in a classifier.
    device : str, optional
        A torch device such as "cuda" on which heavy work is done: see `near`.
    seed : int
        Seed of the streams that shared intermediate results draw from.
    incomplete : str
        Which rows could not be read and were left out on request: results are then degraded.
    """

    real: Matrix
    fake: Matrix
    fit: Matrix
    train: Matrix | None = None
    fit_labels: NDArray[np.int64] | None = None
    real_labels: NDArray[np.int64] | None = None
    fake_labels: NDArray[np.int64] | None = None
    modes: KnownModes | None = None
    outside: NDArray[np.bool_] | None = None
    features: str = ""
    image_shape: tuple[int, ...] | None = None
    classify: Callable[[Matrix], Matrix] | None = None
    device: str | None = None
    seed: int = 0
    incomplete: str = ""
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

    @property
    def given(self) -> frozenset[str]:
        """What is there of what metrics may need."""
        sides = (self.real, self.fake)
        there = {
            "train": self.train is not None,
            "range": self.outside is not None,
            "labels": self.real_labels is not None and self.fake_labels is not None,
            "classes": self.real_labels is not None and self.fit_labels is not None,
            "images": self.image_shape is not None,
            "inception": self.features.startswith("inception"),
            "probabilities": self.classify is not None or all(_are_probabilities(side) for side in sides),
            "discrete": all(bool((side == np.rint(side)).all()) for side in sides),
        }
        return frozenset(name for name, is_there in there.items() if is_there)

    def class_probabilities(self) -> tuple[Matrix, Matrix]:
        """Give the class probabilities of real and of fake rows: read off the features, or the rows themselves."""
        if self.classify is None:
            return self.real, self.fake
        return self.once(("classify",), lambda _: (self._classified(self.real), self._classified(self.fake)))

    def _classified(self, rows: Matrix) -> Matrix:
        return rows if self.classify is None else _frozen(self.classify(rows))

    def pooled(self) -> tuple[Matrix, NDArray[np.bool_]]:
        """Stack real over fake, shape (n + m, d), with True where a row is real."""
        is_real = np.zeros(self.n + self.m, dtype=bool)
        is_real[: self.n] = True
        return np.concatenate([self.real, self.fake]), is_real

    def near(self, side: str) -> Any:
        """Return "real", "fake", "fit" or "train" as a float64 tensor on `device`, or as the NumPy matrix without one.

        It is brought there once and stays. Heavy work goes there; everything else reads the attribute of that name.
        """
        rows = getattr(self, side)
        if self.device is None or rows is None:
            return rows
        return self.once(("near", side), lambda _: _brought(rows, str(self.device)))

    def pooled_near(self) -> tuple[Any, NDArray[np.bool_]]:
        """Stack real over fake like `pooled`, on `device` where there is one."""
        pool, is_real = self.pooled()
        if self.device is None:
            return pool, is_real
        import torch

        return self.once(("near", "pool"), lambda _: torch.cat([self.near("real"), self.near("fake")])), is_real

    def at_most(self, rows: int) -> Comparison:
        """Return a view with at most ``rows`` of real and of fake, drawn once and for all metrics alike."""
        if max(self.n, self.m) <= rows:
            return self
        return self.once(("at_most", rows), lambda rng: self._drawn(rows, rng))

    def _drawn(self, rows: int, rng: np.random.Generator) -> Comparison:
        real = _chosen(self.n, rows, rng)
        fake = _chosen(self.m, rows, rng)
        return Comparison(
            real=_frozen(self.real[real]),
            fake=_frozen(self.fake[fake]),
            fit=self.fit,
            train=self.train,
            fit_labels=self.fit_labels,
            real_labels=None if self.real_labels is None else self.real_labels[real],
            fake_labels=None if self.fake_labels is None else self.fake_labels[fake],
            modes=self.modes,
            outside=None if self.outside is None else self.outside[fake],
            features=self.features,
            image_shape=self.image_shape,
            classify=self.classify,
            device=self.device,
            seed=self.seed,
        )

    def with_fake(
        self, fake: Matrix, *, labels: NDArray[np.int64] | None, outside: NDArray[np.bool_] | None
    ) -> Comparison:
        """Put other fake rows in the place of these; what was fitted on the rows set aside is kept."""
        kept = {key: self._shared[key] for key in _FITTED if key in self._shared}
        return replace(
            self,
            fake=_frozen(fake),
            fake_labels=labels,
            outside=outside,
            _shared=kept,
            _lock=threading.RLock(),
            _locks={},
        )

    def once(self, key: Any, make: Callable[[np.random.Generator], T]) -> T:
        """Compute an intermediate result that several metrics need once, from a stream keyed by its name.

        Metrics run in threads: the first to ask computes, the others wait for this key only, and let others work.
        """
        with self._lock:
            lock = self._locks.setdefault(key, threading.RLock())
        with holding(lock):
            if key not in self._shared:
                self._shared[key] = make(stream(self.seed, "shared", repr(key)))
            found: T = self._shared[key]
        return found


def _frozen(rows: Matrix) -> Matrix:
    """Keep a metric from writing into what the others read."""
    rows.setflags(write=False)
    return rows


def _brought(rows: Matrix, device: str) -> Any:
    import torch

    return torch.from_numpy(rows if rows.flags.writeable else rows.copy()).to(device)  # torch warns of read-only rows


def _are_probabilities(rows: Matrix) -> bool:
    return bool((rows >= 0.0).all() and np.allclose(rows.sum(axis=1), 1.0, rtol=0.0, atol=1e-5))


def _chosen(n: int, rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(rng.choice(n, size=rows, replace=False)) if n > rows else np.arange(n)
