"""The baseline of a gate: a committed JSON, and the rows that it was measured on in a sibling ``.safetensors``.

The JSON is for people and for diffs: what was measured, and the fingerprints of everything that a later run must share
with it. A comparison measures both samples again, on the rows themselves; so they are kept without loss (in single
precision where that holds them exactly), for rounding would tell the rows of the baseline from new ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import Matrix
from gandiag.core.comparison import Comparison
from gandiag.core.protocols import Sampler
from gandiag.core.results import Result
from gandiag.core.samples import SampleSet
from gandiag.errors import IntegrityError
from gandiag.evaluate import Evaluated
from gandiag.prepared import Prepared
from gandiag.settings import Settings

SCHEMA_VERSION = 1
Plain = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """What a sampler was when it was last accepted.

    Parameters
    ----------
    gandiag_version : str
    fake : str
        The sampler, for people.
    drawn_as : str
        The name that keys the stream of its rows: a candidate that draws from it too has the same latents.
    endless : bool
        Whether its rows come from latents, and not from a finite store.
    features : str, optional
        The feature map that was asked for.
    dependence : str, optional
        Why its rows do not count as independent.
    fingerprints : mapping
        What a run must share with it to be compared: the real rows, the features, n, seed, options.
    metrics : mapping
        Per metric its estimate, floor, interval and p-value.
    rows : ndarray, shape (m, d)
        Features of the fake rows.
    labels, outside : ndarray of shape (m,), optional
        Their classes, and which of them leave the declared range.
    """

    gandiag_version: str
    fake: str
    drawn_as: str
    endless: bool
    fingerprints: Plain
    metrics: Mapping[str, Plain]
    features: str | None = None
    dependence: str | None = None
    rows: Matrix = field(repr=False)
    labels: NDArray[np.int64] | None = field(default=None, repr=False)
    outside: NDArray[np.bool_] | None = field(default=None, repr=False)
    schema_version: int = SCHEMA_VERSION

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What goes into the sibling file."""
        found: dict[str, NDArray[Any] | None] = {"rows": self.rows, "labels": self.labels, "outside": self.outside}
        return {name: array for name, array in found.items() if array is not None}


# Of the JSON; the rest of a Baseline is in the sibling.
WRITTEN = tuple(f.name for f in fields(Baseline) if f.name not in ("rows", "labels", "outside"))


def baseline_of(
    found: Evaluated, sampler: Sampler, settings: Settings, *, fake: str, drawn_as: str, version: str
) -> Baseline:
    """Make a baseline of a run.

    Parameters
    ----------
    found : Evaluated
    sampler : Sampler
        The fake.
    settings : Settings
    fake, drawn_as, version : str
    """
    comparison = found.comparison(0)
    return Baseline(
        gandiag_version=version,
        fake=fake,
        drawn_as=drawn_as,
        endless=sampler.size is None,
        features=settings.features,
        dependence=found.prepared.dependence(0),
        fingerprints=fingerprints(found.prepared, settings),
        metrics={result.metric: _entry(result) for result in found.report.fakes[0].results},
        rows=comparison.fake,
        labels=comparison.fake_labels,
        outside=comparison.outside,
    )


def _entry(result: Result) -> dict[str, Any]:
    floor, interval = result.floor, result.interval
    return {
        "estimate": result.estimate,
        "direction": result.direction,
        "status": result.status,
        "floor": None if floor is None else {"mean": floor.mean, "sd": floor.sd, "source": floor.source},
        "interval": None
        if interval is None
        else {"low": interval.low, "high": interval.high, "level": interval.level, "method": interval.method},
        "p_value": None if result.p_value is None else result.p_value.value,
    }


def fingerprints(prepared: Prepared, settings: Settings) -> dict[str, Any]:
    """Name everything that two runs must share, so that only the sampler differs between them."""
    sides = {"real": prepared.real, "fit": prepared.fit, "train": prepared.train}
    out: dict[str, Any] = {}
    for name, samples in sides.items():
        out[f"{name}_rows"] = None if samples is None else len(samples)
        out[f"{name}_sha256"] = None if samples is None else digest(samples)
    out |= {"features": prepared.fingerprint, "n": settings.n, "seed": settings.seed}
    return out | {"options": _plain({name: dict(given) for name, given in (settings.options or {}).items()})}


def _plain(value: dict[str, Any]) -> Any:
    """Bring options into the form that they have when read back."""
    return json.loads(json.dumps(value, sort_keys=True, default=lambda scalar: scalar.item()))


def digest(samples: SampleSet) -> str:
    """Hash rows, and their classes, in single precision: the last bit of a double differs from machine to machine."""
    sha = hashlib.sha256(repr(samples.shape).encode())
    for _, block in samples.blocks():
        sha.update(_single(block))
    if samples.labels is not None:
        sha.update(samples.labels.astype("<i8").tobytes())
    return sha.hexdigest()


def _single(block: NDArray[Any]) -> bytes:
    if block.dtype.kind != "f":
        return block.astype("<i8").tobytes()
    with np.errstate(over="ignore"):
        small = block.astype("<f4") + np.float32(0.0)  # -0.0 is 0.0
    return small.tobytes() if np.isfinite(small).all() else block.astype("<f8").tobytes()


def require_same(before: Plain, now: Plain, *, name: str) -> None:
    """Refuse a comparison with a baseline of other real rows, features or settings.

    Parameters
    ----------
    before, now : mapping
        Fingerprints.
    name : str
        Of the baseline's file.

    Raises
    ------
    IntegrityError
        Naming every field that differs, with both values.
    """
    keys = [*before, *(key for key in now if key not in before)]
    differ = [
        f"{key}: {_shown(before.get(key))} there, {_shown(now.get(key))} here"
        for key in keys
        if before.get(key) != now.get(key)
    ]
    if differ:
        raise IntegrityError(
            f"{name} and this run must differ in nothing but the sampler",
            received="; ".join(differ),
            remedy="Run with what the baseline was made with, or make it anew: gandiag baseline update.",
        )


def _shown(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"


@dataclass(frozen=True, kw_only=True, eq=False)
class Against:
    """A candidate beside a baseline, over the same real rows.

    Parameters
    ----------
    comparison : Comparison
        Of the candidate.
    baseline : Baseline
    endless : bool
        Whether the candidate's rows come from latents.
    dependence : str, optional
        Why its rows do not count as independent.
    settings : Settings
    """

    comparison: Comparison
    baseline: Baseline
    endless: bool
    dependence: str | None
    settings: Settings

    @property
    def paired(self) -> bool:
        """Whether row i of both comes from one latent."""
        return self.endless and self.baseline.endless and self.comparison.m == len(self.baseline.rows)
