"""Reference: what was measured on the real side, with everything that a later score needs to be like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import Matrix
from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError

Ids = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Features of real rows: under test, and set aside for everything that is fitted."""

    real: Matrix
    fit: Matrix
    real_labels: Ids | None = None
    fit_labels: Ids | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """The real side in feature space.

    Parameters
    ----------
    source : str
        Where the real rows came from.
    features : str
        The feature map as it is asked for, without folders; empty where nobody knows.
    fingerprint : str
        Of the fitted map; empty where nobody knows.
    mean : ndarray, shape (d,)
    covariance : ndarray, shape (d, d)
        With divisor n - 1.
    n : int or None
        Rows behind mean and covariance; None where the file does not say.
    rows : Rows, optional
        Without them only what needs mean and covariance alone can be scored.
    outline : SampleSet, optional
        Raw rows that the map is fitted on; two of them where it hangs on none. They also say what fakes must be like.
    lag : int
        As in `SampleSet`.
    foreign : str
        The program that wrote the statistics, where it was another one: how it treated images is then not known.
    """

    source: str
    features: str
    fingerprint: str
    mean: NDArray[np.float64]
    covariance: Matrix
    n: int | None
    rows: Rows | None = None
    outline: SampleSet | None = None
    lag: int = 1
    notes: tuple[str, ...] = ()
    foreign: str = ""
    written: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def d(self) -> int:
        """Number of features."""
        return len(self.mean)


class ReferenceSampler:
    """A reference where a real source is asked for; it has no rows to draw, since they are mapped already."""

    def __init__(self, reference: Reference, name: str) -> None:
        self.reference, self.name = reference, name

    @property
    def size(self) -> int | None:
        """Rows under test."""
        rows = self.reference.rows
        return self.reference.n if rows is None else len(rows.real)

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Refuse: a reference stands on the real side alone."""
        raise ConfigError(
            f"{self.name} holds features and no samples: it can be the real side of a score and nothing else",
            received="a reference where samples are drawn",
            remedy="Give it as the real side of score or check; to plan or test a gate, pass what it was made of.",
        )


def reference_of(sampler: object) -> Reference | None:
    """Find the reference behind a sampler, if there is one."""
    return sampler.reference if isinstance(sampler, ReferenceSampler) else None
