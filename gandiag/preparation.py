"""From samplers to comparisons: draw, set rows aside, check that both sides are alike, fit the map to features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gandiag.cache.store import FeatureCache
from gandiag.core.classes import noting_names, numbered, of_like_classes
from gandiag.core.names import side_of_fake
from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.drawing import (
    drawn_fake,
    drawn_real,
    drawn_train,
    kept_sides,
    noting_fewer,
    noting_formats,
    require_alike,
)
from gandiag.errors import placed
from gandiag.extraction import is_cacheable
from gandiag.features import default_name, fitted_map
from gandiag.memory import require_memory
from gandiag.prepared import Prepared
from gandiag.references.mapping import features_named, map_of, rows_of
from gandiag.references.reference import Reference, reference_of


def prepare(
    real: Sampler,
    fakes: Sequence[tuple[str, Sampler]],
    *,
    train: Sampler | None,
    features: str | None,
    n: int | None,
    seed: int,
    cache: bool = True,
) -> Prepared:
    """Draw all sides from streams keyed by their names, and fit the features on rows set aside.

    With ``cache``, features of finite sources that cost more than reading them back are kept on disk.

    Raises
    ------
    GandiagError
        When a side cannot be drawn, or the sides are not alike.
    """
    reference = reference_of(real)
    test, fit, trained = _real_rows(real, reference, train, n, seed)
    raw = test if reference is None or reference.outline is None else reference.outline
    if trained is not None:
        with placed("train"):
            require_alike(raw, trained)
            whole, trained = trained, of_like_classes(test, trained)
            fit = trained if fit is whole else fit
    drawn = _fake_rows(fakes, test, fit, raw, n, seed)
    sides, names = numbered([test, fit, *drawn, *([] if trained is None else [trained])])
    test, fit, drawn = sides[0], sides[1], tuple(sides[2 : 2 + len(drawn)])
    if reference is None:
        fitted = fitted_map(features or default_name(test), fit)
    else:
        fitted = map_of(reference, features_named(reference, features), fitted_map, raw)
    return Prepared(
        real=noting_names(test, names),
        fit=fit,
        fakes=drawn,
        train=None if trained is None else sides[-1],
        features=fitted,
        train_source=None if trained is None else trained.source,
        seed=seed,
        class_names=names,
        cache=FeatureCache.default() if cache and is_cacheable(fitted) else None,
        kept=kept_sides(None if reference is not None else real, train, [sampler for _, sampler in fakes]),
        outline=None if reference is None else raw,
    )


def _real_rows(
    real: Sampler, reference: Reference | None, train: Sampler | None, n: int | None, seed: int
) -> tuple[SampleSet, SampleSet, SampleSet | None]:
    """Draw the rows under test, those set aside, and the training rows."""
    trained = None
    if train is not None:
        with placed("train"):
            trained = drawn_train(train, seed)
    with placed("real"):
        test, fit = drawn_real(real, trained, n, seed) if reference is None else rows_of(reference, n)
    return noting_fewer(test, n), fit, trained


def _fake_rows(
    fakes: Sequence[tuple[str, Sampler]], test: SampleSet, fit: SampleSet, raw: SampleSet, n: int | None, seed: int
) -> tuple[SampleSet, ...]:
    """Draw every sampler, after a look at the memory that all sides need, and refuse rows that are unlike real ones."""
    asked = [n or sampler.size or len(test) for _, sampler in fakes]
    held = sum(min(rows, sampler.size or rows) for (_, sampler), rows in zip(fakes, asked, strict=True))
    require_memory((len(test) + len(fit) + held) * int(np.prod(test.shape)), what="the rows of all sides")
    drawn = [drawn_fake(sampler, name, rows, seed) for (name, sampler), rows in zip(fakes, asked, strict=True)]
    for (name, _), samples in zip(fakes, drawn, strict=True):
        with placed(side_of_fake(name)):
            require_alike(raw, samples)
    return tuple(noting_formats(test, of_like_classes(test, samples)) for samples in drawn)
