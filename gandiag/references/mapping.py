"""The map of a reference: what a reference holds is mapped already, what is drawn beside it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.core.names import parts_of_features
from gandiag.core.protocols import FeatureMap
from gandiag.core.samples import KnownModes, SampleSet
from gandiag.core.specs import FEATURES
from gandiag.core.wrapped_maps import WrappedMap
from gandiag.errors import ConfigError, IntegrityError, TooFewSamplesError
from gandiag.references.reference import Ids, Reference

# Marks samples that are features: under which fingerprint.
MAPPED = "features"


@dataclass(frozen=True, eq=False)
class HalfMapped(WrappedMap):
    """A map that leaves rows of its own features as they are."""

    def __call__(self, samples: SampleSet) -> NDArray[np.float64]:
        """Map what is not mapped."""
        return samples.matrix() if is_mapped(samples) else self.inner(samples)

    def fingerprint(self) -> str:
        """Name the map alone: scores against a reference compare with those against its source."""
        return self.inner.fingerprint()

    def modes(self, modes: KnownModes) -> KnownModes | None:
        """Map exact modes, which a reference holds as they were."""
        return self.inner.modes(modes)


def is_mapped(samples: SampleSet) -> bool:
    """Tell whether samples are features already."""
    return MAPPED in samples.extra


def rows_of(reference: Reference, n: int | None) -> tuple[SampleSet, SampleSet]:
    """Give the features under test, and those set aside.

    Raises
    ------
    ConfigError
        For a reference without rows.
    """
    if reference.rows is None or reference.outline is None:
        raise ConfigError(
            f"{reference.source} holds mean and covariance alone, and this needs rows",
            received="statistics without rows",
            remedy="Score it with `gandiag score`, or write its rows too with `gandiag features`.",
        )
    rows, outline = reference.rows, reference.outline
    real = _samples(reference, rows.real, rows.real_labels, outline)
    if n is not None and n < len(real):
        real = real.take(np.arange(n)).noting(f"{n} of {len(real)} rows of the reference were used")
    return real, _samples(reference, rows.fit, rows.fit_labels, outline)


def _samples(reference: Reference, rows: NDArray[np.float64], labels: Ids | None, outline: SampleSet) -> SampleSet:
    return SampleSet(
        values=rows,
        labels=labels,
        value_range=outline.value_range,
        modes=outline.modes,
        lag=reference.lag,
        source=reference.source,
        notes=reference.notes,
        extra={**outline.extra, MAPPED: reference.fingerprint},
    )


def features_named(reference: Reference, asked: str | None) -> str:
    """Name the map to fit: the one that is asked for, else the one that the reference names.

    Raises
    ------
    ConfigError
        When the reference names none that may be opened on its word: a file must not say which code is run, nor which
        file is read.
    """
    if asked is not None:
        return asked
    base, argument = parts_of_features(reference.features)
    known = {base, base.replace("-", "_")} & set(FEATURES.names())
    if not known or any(mark in argument for mark in "/\\"):
        raise ConfigError(
            f"the features of {reference.source} must be named by whoever scores: a file does not say what code is run",
            received=reference.features or "no name",
            remedy="Name them with --features (features=...).",
        )
    return reference.features


def map_of(reference: Reference, name: str, fit: Callable[[str, SampleSet], FeatureMap], rows: SampleSet) -> HalfMapped:
    """Fit the map of that name on the raw rows of a reference, and take it for that of the reference.

    Raises
    ------
    IntegrityError
        When it is another one, by its fingerprint, or because these rows are too few for it.
    """
    try:
        inner = fit(name, rows)
    except TooFewSamplesError as error:
        raise _another(reference, name) from error
    if inner.fingerprint() != reference.fingerprint:
        raise _another(reference, inner.fingerprint())
    return HalfMapped(inner)


def _another(reference: Reference, received: str) -> IntegrityError:
    return IntegrityError(
        f"fakes must be mapped as the reference was, by {reference.fingerprint}",
        received=received,
        remedy="Name the features, the weights and the precision of the reference, or write the reference again.",
    )
