"""Fakes against a reference that holds mean and covariance alone, in one pass over the fake rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gandiag.cache.store import FeatureCache
from gandiag.core.protocols import FeatureMap, Progress, Sampler
from gandiag.core.report import Report
from gandiag.core.samples import SampleSet
from gandiag.core.streams import Frame
from gandiag.drawing import require_alike
from gandiag.errors import ConfigError, IntegrityError, TooFewSamplesError, placed
from gandiag.extraction import is_cacheable
from gandiag.features import fitted_map
from gandiag.numerics.moments import Moments
from gandiag.references.mapping import features_named, map_of
from gandiag.references.reference import Reference
from gandiag.settings import Settings
from gandiag.shards.reporting import report_of
from gandiag.shards.running import run_shard
from gandiag.shards.setup import SCHEMA, Setup, streamable
from gandiag.shards.sides import Side, fake_side
from gandiag.streaming._moments import MOMENTS, with_real

WHY = "needs real rows, and the reference holds their mean and covariance alone"
DEFAULT_N = 50_000  # what published numbers use


def score_statistics(
    reference: Reference,
    fakes: Sequence[tuple[str, Sampler]],
    *,
    settings: Settings,
    accept_unverified: bool,
    version: str,
    progress: Progress | None = None,
) -> Report:
    """Score fakes against mean and covariance.

    Parameters
    ----------
    reference : Reference
        Without rows.
    fakes : sequence of (name, Sampler)
    settings : Settings
    accept_unverified : bool
        Take statistics of another program, which do not say how they were made.
    version : str
    progress : callable, optional

    Returns
    -------
    Report
        Metrics that need more than means and covariances are left out, or undefined where they were asked for.

    Raises
    ------
    GandiagError
        When a fake cannot be drawn, or would be mapped in another way than the reference was.
    """
    _require_accepted(reference, settings, accept_unverified)
    settings = streamable(settings)
    reports = [_one(reference, fake, settings, version, progress) for fake in fakes]
    first = reports[0]
    arrays = {f"{i}/{key.partition('/')[2]}": v for i, report in enumerate(reports) for key, v in report.arrays.items()}
    return replace(first, fakes=tuple(report.fakes[0] for report in reports), arrays=arrays)


def _require_accepted(reference: Reference, settings: Settings, accept_unverified: bool) -> None:
    if not reference.foreign:
        return
    if not accept_unverified:
        raise IntegrityError(
            f"{reference.source} does not say how it was made: weights, resize and number of rows of statistics that "
            "other programs write cannot be verified",
            received=f"mean and covariance as {reference.foreign} writes them",
            remedy="Take them knowingly with --accept-unverified (accept_unverified=True), or write a reference with "
            "`gandiag features`.",
        )
    if settings.features is None:
        raise ConfigError(
            "statistics of another program do not name their features",
            received=f"{reference.d} columns",
            remedy="Name them: --features inception.",
        )


def _one(
    reference: Reference, fake: tuple[str, Sampler], settings: Settings, version: str, progress: Progress | None
) -> Report:
    name, sampler = fake
    side = fake_side(sampler, name, settings.n or sampler.size or DEFAULT_N, settings.seed)
    with placed(side.place):
        if reference.outline is not None:
            require_alike(reference.outline, side.outline)
        features = _features(reference, settings, side.outline)
        _require_width(reference, features, side)
    part = run_shard(_setup(reference, side, sampler, features, settings, name, version), (1, 1), progress=progress)
    # Where the rows are not known, any number of them gives the same covariance.
    count = reference.n or 2**40
    ours = Moments(count=count, mean=reference.mean, scatter=reference.covariance * (count - 1))
    states = {} if "moments" in part.failures else {"moments": with_real(part.states["moments"], ours)}
    return report_of(replace(part, states=states), why_left_out=WHY)


def _features(reference: Reference, settings: Settings, raw: SampleSet) -> FeatureMap:
    name = features_named(reference, settings.features)
    if reference.outline is not None:
        return map_of(reference, name, fitted_map, reference.outline)
    try:
        found = fitted_map(name, raw)
        is_fitted = found.fingerprint() != fitted_map(name, raw.take(np.arange(2))).fingerprint()
    except TooFewSamplesError:  # of rows that it is fitted on
        is_fitted = True
    if is_fitted:
        raise ConfigError(
            "features that are fitted on real rows need these rows, and the statistics have none",
            received=name,
            remedy="Name features that are fitted on nothing, such as inception or identity.",
        )
    return found


def _require_width(reference: Reference, features: FeatureMap, side: Side) -> None:
    width = features(side.outline).shape[1]
    if width != reference.d:
        raise IntegrityError(
            f"fakes must have as many features as the reference, {reference.d}",
            received=f"{width} ({features.fingerprint()})",
            remedy="Name the features that the reference was made with.",
        )


def _setup(
    reference: Reference,
    side: Side,
    sampler: Sampler,
    features: FeatureMap,
    settings: Settings,
    name: str,
    version: str,
) -> Setup:
    given = frozenset({"inception"} if features.fingerprint().startswith("inception") else ())
    outline = reference.outline
    run = {
        "schema": SCHEMA,
        "gandiag_version": version,
        "seed": settings.seed,
        "metrics": None if settings.metrics is None else list(settings.metrics),
        "features": features.fingerprint(),
        "given": sorted(given),
        "real": {
            "source": reference.source,
            "kind": "vector" if outline is None else outline.kind,
            "n": reference.n or 0,
            "n_fit": 0,
            "dim": int(np.prod(side.outline.shape)),
            "notes": list(reference.notes),
        },
        "fake": {"name": name, "source": side.outline.source, "n": side.n, "notes": list(side.outline.notes)},
        "columns": reference.d,
    }
    frame = Frame(fit=np.empty((0, reference.d)), n=reference.n or 0, m=side.n, d=reference.d, seed=settings.seed)
    return Setup(
        run=run,
        real=None,
        fake=side,
        features=features,
        frame=replace(frame, given=given),
        states=(MOMENTS,),
        fixed={"moments": {}},
        cache=FeatureCache.default() if settings.cache and is_cacheable(features) else None,
        kept=frozenset({"fake"} if sampler.size is not None else ()),
    )
