"""Making a reference of rows that were drawn and mapped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

import numpy as np

from gandiag import __version__
from gandiag.core.names import parts_of_features
from gandiag.core.protocols import FeatureMap
from gandiag.core.samples import SampleSet
from gandiag.errors import DataError
from gandiag.numerics.moments import Moments
from gandiag.references.reference import Reference, Rows


def asked_for(name: str) -> str:
    """Name a feature map without the folders and the device of this machine: references travel.

    Examples
    --------
    >>> asked_for("inception:/weights/inception.pth?resize=clean&device=cuda:1"), asked_for("digits-cnn?device=cuda")
    ('inception:?resize=clean', 'digits-cnn')
    """
    base, argument = parts_of_features(name)
    target, _, query = argument.partition("?")
    options = [part for part in query.split("&") if part and not _is_local(part) and not part.startswith("device=")]
    kept = ("" if _is_local(target) else target) + ("?" + "&".join(options) if options else "")
    return PurePath(base).name + (f":{kept}" if kept else "")


def _is_local(text: str) -> bool:
    return "/" in text or "\\" in text


def outline_of(fit: SampleSet, fitted: FeatureMap, refit: Callable[[SampleSet], FeatureMap]) -> SampleSet:
    """Keep the raw rows that a map hangs on: all that it was fitted on, or two where it hangs on none of them."""
    few = fit.take(np.arange(min(2, len(fit))))
    try:
        again = refit(few).fingerprint()
    except DataError:
        # The map was fitted on all of them, so it is the rows that it now lacks (as 20 components do).
        return fit
    return few if again == fitted.fingerprint() else fit


def reference_of_rows(
    real: SampleSet, rows: Rows, *, outline: SampleSet, features: str, fingerprint: str, seed: int
) -> Reference:
    """Put a reference together from features under test and set aside.

    Parameters
    ----------
    real : SampleSet
        The raw rows under test.
    rows : Rows
    outline : SampleSet
        See `outline_of`.
    features : str
        As asked for.
    fingerprint : str
    seed : int
        Of the draw.
    """
    mean, covariance = Moments.of(rows.real).finalise()
    return Reference(
        source=real.source,
        features=asked_for(features),
        fingerprint=fingerprint,
        mean=mean,
        covariance=covariance,
        n=len(rows.real),
        rows=rows,
        outline=outline,
        lag=real.lag,
        notes=real.notes,
        written={"gandiag_version": __version__, "seed": seed},
    )


def reference_of_moments(
    moments: Moments, real: SampleSet, *, outline: SampleSet, features: str, fingerprint: str, seed: int
) -> Reference:
    """Put a reference without rows together; ``real`` are any raw rows of its source."""
    mean, covariance = moments.finalise()
    return Reference(
        source=real.source,
        features=asked_for(features),
        fingerprint=fingerprint,
        mean=mean,
        covariance=covariance,
        n=moments.count,
        outline=outline,
        lag=real.lag,
        notes=real.notes,
        written={"gandiag_version": __version__, "seed": seed},
    )
