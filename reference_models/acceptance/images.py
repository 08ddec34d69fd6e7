"""The place of labelled images: models trained on one part of them, judged against another.

The held-out half is cut in two at random, ten times (``splits``). The samples are compared with the first part; what
the second part scores in their place is the floor, at exactly the same sizes. Features are the last hidden layer of a
small classifier that was trained on the training half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

import gandiag
from gandiag.core.protocols import Sampler
from gandiag.core.rng import stream
from gandiag.metrics.coverage import coverage
from gandiag.metrics.recall import recall
from gandiag.numerics.frechet_distance import frechet_distance
from gandiag.numerics.nearest import nearest_rows
from reference_models.acceptance.bars import Bar, Numbers, mean, quantile

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]
Split = tuple[Matrix, Matrix]

SPLITS = 10
_HIDDEN = (64, 32)
_TOLD_APART = 20


class LabelledImages:
    """Judge of images whose classes are known.

    Parameters
    ----------
    train, test : (ndarray of shape (n, ...), ndarray of shape (n,))
        What models are trained on, and what they are judged against; images with their classes 0, 1, ...
    top : float
        The brightest value; the darkest is 0, and values are whole numbers.
    binary : bool
        Compare black and white, for models of binary data: grey levels are cut at half.
    splits : int
        Into how many pairs of halves samples are measured.
    told_on : int, optional
        Rows of a side on which the classifiers of the two-sample test are trained and tested, their cost being what it
        is; all by default.
    """

    def __init__(
        self,
        train: tuple[Any, Any],
        test: tuple[Any, Any],
        *,
        top: float = 255.0,
        binary: bool = False,
        splits: int = SPLITS,
        told_on: int | None = None,
    ) -> None:
        self._top, self._binary, self._splits, self._told_on = top, binary, splits, told_on
        self._train, self._test = self._flat(train[0]), self._flat(test[0])
        self._labels, self._test_labels = np.asarray(train[1], dtype=np.int64), np.asarray(test[1], dtype=np.int64)

    def _flat(self, images: Any) -> Matrix:
        rows = np.asarray(images, dtype=np.float64).reshape(len(images), -1)
        return np.where(rows >= self._top / 2, self._top, 0.0) if self._binary else rows

    @cached_property
    def _classifier(self) -> Any:
        from sklearn.neural_network import MLPClassifier

        net = MLPClassifier(_HIDDEN, random_state=0, max_iter=400, alpha=1e-3)
        return net.fit(self._train / self._top, self._labels)

    def accuracy(self) -> float:
        """Measure the classifier on the held-out half."""
        return float(self._classifier.score(self._test / self._top, self._test_labels))

    def read(self, images: Any) -> Labels:
        """Give the classes of images."""
        return np.asarray(self._classifier.predict(self._flat(images) / self._top), dtype=np.int64)

    def features(self, rows: Matrix) -> Matrix:
        """Map pixels to the last hidden layer, shape (n, 32)."""
        hidden = rows / self._top
        for weights, offsets in zip(self._classifier.coefs_[:-1], self._classifier.intercepts_[:-1], strict=True):
            hidden = np.maximum(hidden @ weights + offsets, 0.0)
        out: Matrix = hidden
        return out

    def judge(self, sampler: Sampler, *, seed: int) -> Numbers:
        """Measure a sampler against random halves of the held-out images, and average."""
        rng = stream(seed, "acceptance", "samples")
        most = len(self._test) // 2 * 2
        rows = self._flat(sampler.sample(min(most, sampler.size or most), rng=rng).values)
        found = []
        for index in range(self._splits):
            first, _ = self._split(seed, index)
            chosen = rows[stream(seed, "acceptance", "chosen", str(index)).permutation(len(rows))[: len(first)]]
            found.append({**self._numbers(first, chosen, seed, index), **self._told_apart(first, chosen, index)})
        return {key: float(np.mean([row[key] for row in found])) for key in found[0]}

    def floor(self, *, seed: int, times: int) -> list[Numbers]:
        """Measure the other half of the held-out images in the place of samples; the dear classifier test less often.

        A faithful generator has the law of the training rows, which that of the held-out ones may differ from (other
        writers, say): whether samples lie too near to the training rows is therefore measured on training rows as well
        that are not among those compared with.

        The spread is that of one half. A sampler's mean over ten halves has no less to fear from luck than that, since
        all of them share its own draws.
        """
        splits = [self._split(seed, index) for index in range(times)]
        rows = [self._numbers(*split, seed, index) for index, split in enumerate(splits)]
        for index, (first, _) in enumerate(splits):
            rows[index]["nearer_other_train"] = self._left_out(first, index)
        for index in range(min(times, _TOLD_APART)):
            rows[index] |= self._told_apart(*splits[index], index)
        return rows

    def _told_apart(self, real: Matrix, fake: Matrix, index: int) -> Numbers:
        return told_apart(real[: self._told_on], fake[: self._told_on], index)

    def _split(self, seed: int, index: int) -> Split:
        test = self._test
        order = stream(seed, "acceptance", "split", str(index)).permutation(len(test))
        size = len(test) // 2
        return test[order[:size]], test[order[size : 2 * size]]

    def _numbers(self, real: Matrix, fake: Matrix, seed: int, index: int) -> Numbers:
        """Measure one set of samples against one set of real rows."""
        train = self._train
        some = train[stream(seed, "acceptance", "train", str(index)).permutation(len(train))[: len(real)]]
        one, other = self.features(real), self.features(fake)
        classes = int(self._labels.max()) + 1
        shares = [
            np.bincount(self._classifier.predict(x / self._top), minlength=classes) / len(x) for x in (real, fake)
        ]
        return {
            "frechet": float(frechet_distance(one, other)),
            "classes": float((shares[1] >= 0.01).sum()),
            "class_tv": float(0.5 * np.abs(shares[0] - shares[1]).sum()),
            "recall": recall(one, other),
            "coverage": coverage(one, other),
            "nearer_train": _nearer(fake, some, real),
        }

    def _left_out(self, real: Matrix, index: int) -> float:
        """Measure training rows in the place of samples, against others of them."""
        train = self._train
        order = stream(0, "acceptance", "left out", str(index)).permutation(len(train))
        size = min(len(real), len(train) // 2)
        return _nearer(train[order[size : 2 * size]], train[order[:size]], real[:size])

    def bars(self, floor: list[Numbers], baselines: Mapping[str, Numbers]) -> list[Bar]:
        """Set the bars: three times the floor's upper tenth, six tenths of its recall and coverage, and so on."""
        gaussian = baselines["moment-matched Gaussian"]["frechet"]
        tail = quantile(floor, "frechet", 0.9)
        copying = max(quantile(floor, name, 0.99) for name in ("nearer_train", "nearer_other_train"))
        return [
            Bar(
                number="frechet",
                side="at most",
                limit=min(3 * tail, 0.9 * gaussian),
                rule="3 x the floor's 90 % quantile, or 0.9 x the moment-matched Gaussian's score where that is lower",
            ),
            Bar(number="c2st", side="at most", limit=0.75, rule="held-out accuracy; equal laws 0.5"),
            Bar(
                number="classes",
                side="at least",
                limit=float(self._labels.max() + 1),
                rule="classes with a share of 1 % or more",
            ),
            Bar(number="class_tv", side="at most", limit=0.15, rule="total variation of the class shares"),
            Bar(number="recall", side="at least", limit=0.6 * mean(floor, "recall"), rule="0.6 x the floor's mean"),
            Bar(number="coverage", side="at least", limit=0.6 * mean(floor, "coverage"), rule="0.6 x the floor's mean"),
            Bar(
                number="nearer_train",
                side="at most",
                limit=copying,
                rule="the floor's 99 % quantile of the share nearer to training than to held-out rows, for held-out "
                "rows or for training rows left out, whichever is higher",
            ),
        ]

    @cached_property
    def fixtures(self) -> Mapping[str, Sampler]:
        """Samplers that look right to some metric, and must fail."""
        train, labels = self._train, self._labels
        made: dict[str, Callable[[int, np.random.Generator], Matrix]] = {
            "moment-matched Gaussian": lambda n, rng: _gaussian(train, n, rng),
            "per-class Gaussian": lambda n, rng: np.concatenate(
                [_gaussian(train[labels == c], int(k), rng) for c, k in enumerate(_even(n, int(labels.max()) + 1))]
            ),
            "memoriser": lambda n, rng: train[rng.integers(len(train), size=n)],
            "one class dropped": lambda n, rng: _without(train, labels, 3, n, rng),
            "PCA-8 samples": lambda n, rng: _pca_samples(train, 8, n, rng),
        }
        return {name: gandiag.open_sampler(self._drawn(make), name=name) for name, make in made.items()}

    def _drawn(self, make: Callable[[int, np.random.Generator], Matrix]) -> Callable[..., Matrix]:
        def sampler(n: int, rng: np.random.Generator) -> Matrix:
            return np.clip(np.rint(make(n, rng)), 0.0, self._top)

        return sampler


def told_apart(real: Matrix, fake: Matrix, index: int) -> Numbers:
    """Give the held-out accuracy of gandiag's classifiers on pixels."""
    report = gandiag.score(real, fake, metrics=["c2st"], seed=index, permutations=99, features="identity")
    advantage = report["c2st"].estimate
    return {"c2st": float("nan") if advantage is None else 0.5 * (1.0 + advantage)}


def digits(*, binary: bool = False, splits: int = SPLITS) -> LabelledImages:
    """Make the judge of the 8 by 8 digits: models are trained on one half and judged against the other."""
    parts = [gandiag.open_sampler(f"data:digits?split={part}") for part in ("train", "test")]
    drawn = [part.sample(part.size or 1, rng=stream(0, "acceptance", "digits")) for part in parts]
    train, test = ((np.asarray(x.values), x.labels) for x in drawn)
    return LabelledImages(train, test, top=16.0, binary=binary, splits=splits)


def _even(n: int, parts: int) -> Labels:
    return np.full(parts, n // parts) + (np.arange(parts) < n % parts)


def _gaussian(rows: Matrix, n: int, rng: np.random.Generator) -> Matrix:
    out: Matrix = rng.multivariate_normal(rows.mean(axis=0), np.cov(rows.T), size=n, method="svd")
    return out


def _without(rows: Matrix, labels: Labels, dropped: int, n: int, rng: np.random.Generator) -> Matrix:
    kept = rows[labels != dropped]
    out: Matrix = kept[rng.integers(len(kept), size=n)]
    return out


def _pca_samples(rows: Matrix, k: int, n: int, rng: np.random.Generator) -> Matrix:
    centre = rows.mean(axis=0)
    _, spread, axes = np.linalg.svd(rows - centre, full_matrices=False)
    codes = rng.standard_normal((n, k)) * spread[:k] / np.sqrt(len(rows) - 1)
    out: Matrix = centre + codes @ axes[:k]
    return out


def _nearer(fake: Matrix, train: Matrix, real: Matrix) -> float:
    """Give the share of samples nearer to training rows than to as many held-out ones, ties by half."""
    one, other = nearest_rows(fake, train)[0], nearest_rows(fake, real)[0]
    return float(np.mean(one < other) + 0.5 * np.mean(one == other))
