"""Both sides as they are compared: rows under test, rows set aside, and the map to features.

Everything that is fitted (scales, clusters, thresholds) is fitted on rows that are set aside: the training set where
one is given, else a quarter of the real rows. Fitting on the real rows under test would cost every permutation test
its level: they would then be closer to the fit than the fake rows are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gandiag.cache.store import FeatureCache
from gandiag.core.checks import Matrix
from gandiag.core.comparison import Comparison
from gandiag.core.dependence import dependence_stride
from gandiag.core.protocols import FeatureMap
from gandiag.core.report import RealSource
from gandiag.core.rng import stream
from gandiag.core.samples import KnownModes, SampleSet
from gandiag.drawing import (
    outside_range,
    require_alike,
)
from gandiag.errors import ConfigError, RangeError
from gandiag.extraction import extracted
from gandiag.references.mapping import is_mapped

FEWEST_OF_CLASS = 8
LISTED_CLASSES = 20
# Differences below this have squares of 0, so that all rows would seem to lie in one place.
SMALLEST_SPREAD = 1e-150


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """Samples of all sides, in raw form and as features.

    ``cache`` keeps the features of the sides in ``kept``: those whose rows will be seen again. ``outline`` are raw rows
    of a real side that is a reference, and holds features alone.
    """

    real: SampleSet
    fit: SampleSet
    fakes: tuple[SampleSet, ...]
    train: SampleSet | None
    features: FeatureMap
    train_source: str | None
    seed: int
    class_names: Mapping[int, str] = field(default_factory=dict)
    cache: FeatureCache | None = None
    kept: frozenset[str] = frozenset()
    outline: SampleSet | None = None
    _matrices: dict[str, Matrix] = field(default_factory=dict, repr=False)

    @property
    def fingerprint(self) -> str:
        """Name the feature map, with what was fitted."""
        return self.features.fingerprint()

    @property
    def raw(self) -> SampleSet:
        """Real rows as they came: what fakes must be like."""
        return self.real if self.outline is None else self.outline

    @property
    def given(self) -> frozenset[str]:
        """What optional inputs metrics may rely on."""
        named = {
            "train": self.train is not None,
            "range": self.real.value_range is not None,
            "inception": self.fingerprint.startswith("inception"),
            "probabilities": getattr(self.features, "classify", None) is not None,
        }
        return frozenset(name for name, is_given in named.items() if is_given)

    @property
    def fit_labels(self) -> NDArray[np.int64] | None:
        """Labels of the rows set aside."""
        return self.fit.labels

    def matrix(self, side: str, samples: SampleSet) -> Matrix:
        """Map one side to features, once."""
        if side not in self._matrices:
            # A view, for it may be the caller's own array; read-only, for all metrics read the same rows.
            found = extracted(self.features, samples, cache=self.cache if side in self.kept else None)
            self._matrices[side] = _with_squares(found.view(), side)
            self._matrices[side].setflags(write=False)
        return self._matrices[side]

    def modes(self) -> KnownModes | None:
        """Exact modes in feature space, where the real source knows them."""
        if self.real.modes is None:
            return None
        return self.features.modes(self.real.modes)

    def comparison(self, i: int, *, seed: int, device: str | None = None) -> Comparison:
        """Put the i-th fake source beside the real one."""
        fake = self.fakes[i]
        return Comparison(
            real=self.matrix("real", self.real),
            fake=self.matrix(f"fake {i}", fake),
            fit=self.matrix("fit", self.fit),
            train=None if self.train is None else self.matrix("train", self.train),
            fit_labels=self.fit.labels,
            real_labels=self.real.labels,
            fake_labels=fake.labels,
            modes=self.modes(),
            outside=outside_range(fake, self.real.value_range),
            features=self.fingerprint,
            image_shape=self.raw.shape if self._rows_are_images() else None,
            classify=getattr(self.features, "classify", None),
            device=device,
            seed=seed,
            incomplete=self._incomplete(fake),
        )

    def _incomplete(self, fake: SampleSet) -> str:
        """Say what could not be read and was left out on request."""
        sides = {"real": self.raw, "fake": fake, **({} if self.train is None else {"training": self.train})}
        found = [f"{x.extra['left_out']} {side} images" for side, x in sides.items() if x.extra.get("left_out")]
        return f"{' and '.join(found)} could not be read and were left out" if found else ""

    def _rows_are_images(self) -> bool:
        return self.raw.kind == "image" and self.matrix("real", self.real).shape[1] == int(np.prod(self.raw.shape))

    def with_fakes(self, *fakes: SampleSet) -> Prepared:
        """Put other fake rows in the place of these; what was mapped of the other sides is kept.

        Raises
        ------
        DataError
            When a fake is not alike to the real rows.
        """
        for samples in fakes:
            require_alike(self.raw, samples)
        kept = {side: rows for side, rows in self._matrices.items() if not side.startswith("fake ")}
        sides = frozenset(side for side in self.kept if not side.startswith("fake "))
        return replace(self, fakes=fakes, kept=sides, _matrices=kept)

    def dependence(self, i: int) -> str | None:
        """Say why p-values may not be given: rows of one side that depend on each other, or that were trained on."""
        if self.train is not None and (seen := _seen(self.matrix("real", self.real), self.matrix("train", self.train))):
            return (
                f"{seen} of {len(self.real)} real rows are also training rows, on which everything was fitted: "
                "give real rows that the generator was not trained on"
            )
        for side, key, samples in (("real", "real", self.real), ("fake", f"fake {i}", self.fakes[i])):
            lag = samples.lag or dependence_stride(self.matrix(key, samples))[0]
            if lag > 1:
                return (
                    f"{side} rows depend on their neighbours (about {lag} rows to independence): "
                    "declare lag=1 if they are independent, or give more rows so that they can be thinned"
                )
        return None

    def of_class(self, label: int) -> Prepared:
        """Keep the rows of one class on every side that carries classes; the features stay those of all rows."""
        train = None if self.train is None or self.train.labels is None else self.train
        whole = {"real": self.real, "fit": self.fit, **{f"fake {i}": fake for i, fake in enumerate(self.fakes)}}
        whole |= {} if train is None else {"train": train}
        rows = {side: _rows_of_class(samples, label) for side, samples in whole.items()}
        # Rows are mapped once, and not once more for every class.
        matrices = {side: _frozen(_with_squares(self.matrix(side, whole[side])[rows[side]], side)) for side in whole}
        return replace(
            self,
            real=_of_class(self.real, rows["real"]),
            fit=_of_class(self.fit, rows["fit"]),
            fakes=tuple(_of_class(fake, rows[f"fake {i}"]) for i, fake in enumerate(self.fakes)),
            train=None if train is None else _of_class(train, rows["train"]),
            _matrices=matrices,
        )

    def classes(self) -> tuple[int, ...]:
        """List the classes that every side holds often enough to be scored alone.

        Raises
        ------
        ConfigError
            When a side carries no classes, or no class is held by all sides.
        """
        counted = []
        for samples in (self.real, self.fit, *self.fakes):
            if samples.labels is None:
                raise ConfigError(
                    "scoring by class needs the class of every row",
                    received=f"{samples.source} without classes",
                    remedy="Pass (values, labels), or labels= for the real side.",
                )
            found, counts = np.unique(samples.labels, return_counts=True)
            counted.append(set(found[counts >= FEWEST_OF_CLASS].tolist()))
        common = sorted(set.intersection(*counted))
        if not common:
            raise ConfigError(
                f"scoring by class needs a class with at least {FEWEST_OF_CLASS} rows on every side",
                received="none",
                remedy="Give more rows, or coarser classes.",
            )
        return tuple(int(label) for label in common)

    def rare_classes(self) -> str | None:
        """Say which classes are not among `classes`: silence would pass for a pass."""
        sides = [samples.labels for samples in (self.real, self.fit, *self.fakes) if samples.labels is not None]
        every = np.unique(np.concatenate(sides)).tolist()
        rare = [str(self.class_names.get(label, label)) for label in every if label not in self.classes()]
        if not rare:
            return None
        listed = ", ".join(rare[:LISTED_CLASSES]) + (", …" if len(rare) > LISTED_CLASSES else "")
        return f"not scored alone, for fewer than {FEWEST_OF_CLASS} rows on a side (real, set aside or fake): {listed}"

    def real_source(self) -> RealSource:
        """Describe the real side for the report."""
        return RealSource(
            source=self.real.source,
            kind=self.raw.kind,
            n=len(self.real),
            n_fit=len(self.fit),
            dim=int(np.prod(self.raw.shape)),
            features=self.fingerprint,
            notes=self.real.notes,
        )

    def examples(self, rows: int) -> dict[str, NDArray[np.generic]]:
        """Pick the samples that figures show."""
        rng = stream(self.seed, "examples")
        out: dict[str, NDArray[np.generic]] = {}
        sides = [("real", "real", self.real), *((str(i), f"fake {i}", f) for i, f in enumerate(self.fakes))]
        for name, key, samples in sides:
            index = np.sort(rng.permutation(len(samples))[:rows])
            if not is_mapped(samples):
                raw = np.concatenate([b for _, b in samples.take(index).blocks()])
                out[f"examples/{name}"] = _halved(raw)
            out[f"examples/{name}_features"] = _halved(self.matrix(key, samples)[index])
            out[f"examples/{name}_rows"] = index  # so that a figure can show the rows which a metric names
        return out


def _rows_of_class(samples: SampleSet, label: int) -> NDArray[np.int64]:
    return np.arange(len(samples)) if samples.labels is None else np.flatnonzero(samples.labels == label)


def _of_class(samples: SampleSet, rows: NDArray[np.int64]) -> SampleSet:
    return samples if samples.labels is None else replace(samples.take(rows), labels=None, modes=None)


def _frozen(rows: Matrix) -> Matrix:
    rows.setflags(write=False)
    return rows


def _seen(real: Matrix, train: Matrix) -> int:
    """Count the real rows that are training rows, where that is more than repeated values explain."""
    known = {row.tobytes() for row in train + 0.0}  # + 0.0 turns -0.0 into 0.0
    rows = [row.tobytes() for row in real + 0.0]
    seen = sum(row in known for row in rows)
    return seen if seen > 0.01 * len(rows) + 10 * (len(rows) - len(set(rows))) else 0


def _halved(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Store in single precision what fits in it."""
    with np.errstate(over="ignore"):
        small = values.astype(np.float32)
    return small if np.isfinite(small).all() else values.astype(np.float64)


def _with_squares(rows: Matrix, side: str) -> Matrix:
    """Refuse rows that differ, but by so little that squared distances vanish; constant rows are no such case."""
    spread = float(np.ptp(rows, axis=0).max()) if len(rows) else 0.0
    if 0.0 < spread < SMALLEST_SPREAD:
        raise RangeError(
            f"{side}: features must differ by {SMALLEST_SPREAD:g} or more, or their squared distances are 0",
            received=f"{spread:.3g} in the widest column",
            remedy="Multiply both sides by one number, or use the features `standardise`.",
        )
    return rows
