"""Report: the results of one or more samplers against one real source. Plain data; rendering lives in `report`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gandiag.core.names import nearest
from gandiag.core.results import Result
from gandiag.errors import UnknownName

SCHEMA_VERSION = 1

Severity = Literal["none", "minor", "major", "critical"]
SEVERITIES: tuple[Severity, ...] = ("none", "minor", "major", "critical")


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """One number that a finding rests on: the metric, what it says in words, and the value."""

    metric: str
    says: str
    value: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Diagnosis:
    """A finding in one sentence.

    ``explains`` lists the findings that this one accounts for; they stand under it, not beside it.
    """

    code: str
    severity: Severity
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    explains: tuple[Diagnosis, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class RealSource:
    """What the samplers were compared with. ``n_fit`` rows were set aside to fit features, clusters and thresholds."""

    source: str
    kind: str
    n: int
    n_fit: int
    dim: int
    features: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class FakeReport:
    """All that was found out about one sampler; diagnoses come gravest first."""

    name: str
    source: str
    n: int
    results: tuple[Result, ...]
    diagnoses: tuple[Diagnosis, ...]
    notes: tuple[str, ...] = ()

    def __getitem__(self, metric: str) -> Result:
        for result in self.results:
            if result.metric == metric:
                return result
        names = [r.metric for r in self.results]
        raise UnknownName(
            f"the report on {self.name} holds no such metric", received=metric, remedy=nearest(metric, names)
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """The results of one or more samplers against one real source.

    ``report["frechet"]`` is the result of the first sampler; ``report.fakes`` holds all of them.
    ``arrays`` holds what figures need, keyed ``"<fake index>/<metric>/<array>"`` and ``"examples/<side>"``.
    """

    gandiag_version: str
    seed: int
    real: RealSource
    fakes: tuple[FakeReport, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def __getitem__(self, metric: str) -> Result:
        return self.fakes[0][metric]

    @property
    def diagnoses(self) -> tuple[Diagnosis, ...]:
        """The first sampler's findings, gravest first."""
        return self.fakes[0].diagnoses
