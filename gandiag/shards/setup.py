"""What every shard works out for itself before its first block, and what must come out alike on all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gandiag.cache.store import FeatureCache
from gandiag.core.protocols import FeatureMap, Sampler
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.core.specs import METRICS
from gandiag.core.streams import STREAMS, Arrays, Frame, StateSpec
from gandiag.drawing import require_alike
from gandiag.errors import ConfigError, placed
from gandiag.extraction import extracted, is_cacheable
from gandiag.features import default_name, fitted_map
from gandiag.references.mapping import features_named, is_mapped, map_of
from gandiag.references.reference import Reference, reference_of
from gandiag.settings import Settings, listed_metrics
from gandiag.shards.sides import BLOCK_ROWS, Side, fake_side, real_side

SCHEMA = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """Both sides in blocks, the fitted map, and what is fixed for all blocks.

    ``run`` describes the run in plain values: equal on all of its shards, and on no shard of another. ``real`` is None
    where a reference holds mean and covariance alone.
    """

    run: Mapping[str, Any]
    real: Side | None
    fake: Side
    features: FeatureMap
    frame: Frame
    states: tuple[StateSpec, ...]
    fixed: Mapping[str, Arrays]
    cache: FeatureCache | None
    kept: frozenset[str]

    @property
    def blocks(self) -> int:
        """Number of blocks of all shards together."""
        return max(0 if self.real is None else self.real.blocks, self.fake.blocks)


def setup(real: Sampler, fake: tuple[str, Sampler], *, settings: Settings, version: str) -> Setup:
    """Open both sides, set rows aside, fit the features, and fix what the states need.

    Raises
    ------
    GandiagError
        When a side cannot be drawn, the sides are not alike, or settings have no meaning here.
    """
    settings = streamable(settings)
    name, sampler = fake
    reference = reference_of(real)
    if reference is not None and reference.rows is None:
        raise ConfigError(
            "a sharded score needs real rows",
            received=f"{real.name}, which holds mean and covariance alone",
            remedy="Score it in one process: only the fake side is read.",
        )
    ours, fit = real_side(real, settings.n, settings.seed)
    theirs = fake_side(sampler, name, settings.n or sampler.size or ours.n, settings.seed)
    raw = ours.outline if reference is None or reference.outline is None else reference.outline
    with placed(theirs.place):
        require_alike(raw, theirs.outline)
    features = _features(settings, fit, reference)
    cache = FeatureCache.default() if settings.cache and is_cacheable(features) else None
    rows = extracted(features, fit, cache=cache if reference is None and real.size is not None else None)
    frame = Frame(
        fit=rows,
        n=ours.n,
        m=theirs.n,
        d=rows.shape[1],
        seed=settings.seed,
        given=_given(raw, features, rows),
        fit_labels=fit.labels,
        modes=None if raw.modes is None else features.modes(raw.modes),
    )
    states = states_for(settings.metrics, frame.given)
    sides = {"real": reference is None and real.size is not None, "fake": sampler.size is not None}
    return Setup(
        run=_run(settings, ours, theirs, raw, name, features, frame, version),
        real=ours,
        fake=theirs,
        features=features,
        frame=frame,
        states=states,
        fixed={s.name: s.fix(frame, rng=stream(settings.seed, "fixed", s.name)) for s in states},
        cache=cache,
        kept=frozenset(side for side, comes_again in sides.items() if comes_again),
    )


def states_for(metrics: tuple[str, ...] | None, given: frozenset[str]) -> tuple[StateSpec, ...]:
    """List the states that the asked-for metrics are made of, each once."""
    found: dict[str, StateSpec] = {}
    for spec in STREAMS:
        wanted = spec.name in metrics if metrics is not None else METRICS.get(spec.name).needs <= given
        if wanted:
            found[spec.state.name] = spec.state
    return tuple(found.values())


def streamable(settings: Settings) -> Settings:
    """Refuse settings without meaning here, and metrics that do not exist."""
    for name, value in (("options", settings.options), ("by_class", settings.by_class)):
        if value:
            raise ConfigError(
                f"`{name}` has no meaning where a score is merged from states", remedy="Leave it out, or do not shard."
            )
    if settings.metrics is None:
        return settings
    names = tuple(METRICS.get(name).name for name in listed_metrics(settings.metrics))
    if not set(names) & set(STREAMS.names()):  # a pass over all rows for nothing
        raise ConfigError(
            "a sharded score needs a metric that can be merged",
            received=", ".join(names),
            remedy=f"Name some of {', '.join(STREAMS.names())}, or score in one process.",
        )
    return replace(settings, metrics=names)


def _features(settings: Settings, fit: SampleSet, reference: Reference | None) -> FeatureMap:
    if reference is None or reference.outline is None:
        return fitted_map(settings.features or default_name(fit), fit)
    return map_of(reference, features_named(reference, settings.features), fitted_map, reference.outline)


def _given(raw: SampleSet, features: FeatureMap, fit: np.ndarray[Any, Any]) -> frozenset[str]:
    likely = bool((fit >= 0.0).all() and np.allclose(fit.sum(axis=1), 1.0, rtol=0.0, atol=1e-5))
    there = {
        "range": raw.value_range is not None,
        "inception": features.fingerprint().startswith("inception"),
        "probabilities": likely or getattr(features, "classify", None) is not None,
    }
    return frozenset(name for name, is_there in there.items() if is_there)


def _run(
    settings: Settings,
    real: Side,
    fake: Side,
    raw: SampleSet,
    name: str,
    features: FeatureMap,
    frame: Frame,
    version: str,
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "gandiag_version": version,
        "seed": settings.seed,
        "block_rows": BLOCK_ROWS,
        "metrics": None if settings.metrics is None else list(settings.metrics),
        "features": features.fingerprint(),
        "given": sorted(frame.given),
        "real": {
            "source": real.outline.source,
            "kind": raw.kind,
            "n": real.n,
            "n_fit": len(frame.fit),
            "dim": int(np.prod(raw.shape)),
            "content": _content(real.outline),
            "notes": list(real.outline.notes),
        },
        "fake": {
            "name": name,
            "source": fake.outline.source,
            "n": fake.n,
            "content": _content(fake.outline),
            "notes": list(fake.outline.notes),
        },
        "columns": frame.d,
    }


def _content(outline: SampleSet) -> str:
    """Tell sources of one name apart, by their first rows."""
    digest = hashlib.sha256(f"{outline.shape}{is_mapped(outline)}".encode())
    for _, block in outline.blocks():
        digest.update(np.ascontiguousarray(block).tobytes())
    return digest.hexdigest()[:16]
