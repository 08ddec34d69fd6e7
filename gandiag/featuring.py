"""The public function behind `gandiag features`: map the real side once, for many scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gandiag.cache.store import FeatureCache
from gandiag.core.protocols import Progress
from gandiag.drawing import drawn_real
from gandiag.errors import ConfigError, placed
from gandiag.extraction import extracted, is_cacheable
from gandiag.features import default_name, fitted_map
from gandiag.memory import require_memory
from gandiag.references.files import write_reference
from gandiag.references.making import outline_of, reference_of_rows
from gandiag.references.reference import Reference, Rows, reference_of
from gandiag.sources import open_sampler


def save_features(
    source: Any,
    path: str | Path,
    *,
    features: str | None = None,
    labels: Any = None,
    n: int | None = None,
    seed: int = 0,
    cache: bool = True,
    progress: Progress | None = None,
    **opening: Any,
) -> Reference:
    """Map real rows to features and write them as a reference, which `score` takes for its real side.

    Parameters
    ----------
    source : anything that `open_sampler` takes
        The real data.
    path : str or Path
        A .npz or .safetensors file.
    features : str, optional
        A feature map; the default of this kind of samples when absent.
    labels : array of int, optional
        Classes of the rows.
    n : int, optional
        Rows under test; all when absent. A quarter as many are set aside for what is fitted, as by `score`.
    seed : int
        Of the draw: a score against the reference is that against its source with the same seed, to the last digit.
    cache : bool
        Use the feature cache.
    progress : callable, optional
        Called as ``progress(step, done, total)``.
    **opening
        Passed to `open_sampler`.

    Returns
    -------
    Reference

    Raises
    ------
    GandiagError
        When the source cannot be read, or the file cannot be written.
    """
    tell = progress or (lambda step, done, total: None)
    given = {**opening, **({} if labels is None else {"labels": labels})}
    with placed("real"):
        sampler = open_sampler(source, **given)
    if reference_of(sampler) is not None:
        raise ConfigError(
            "a reference is made of samples", received=f"{sampler.name}, a reference", remedy="Give what it is made of."
        )
    tell("drawing samples", 0, 3)
    with placed("real"):
        real, fit = drawn_real(sampler, None, n, seed)
    require_memory((len(real) + len(fit)) * int(np.prod(real.shape)), what="the rows of the reference")
    name = features or default_name(real)
    fitted = fitted_map(name, fit)
    kept = FeatureCache.default() if cache and sampler.size is not None and is_cacheable(fitted) else None
    tell("mapping the rows set aside", 1, 3)
    fit_rows = extracted(fitted, fit, cache=kept)
    tell("mapping the rows under test", 2, 3)
    rows = Rows(real=extracted(fitted, real, cache=kept), fit=fit_rows, real_labels=real.labels, fit_labels=fit.labels)
    reference = reference_of_rows(
        real,
        rows,
        outline=outline_of(fit, fitted, lambda few: fitted_map(name, few)),
        features=name,
        fingerprint=fitted.fingerprint(),
        seed=seed,
    )
    write_reference(reference, Path(path))
    tell("done", 3, 3)
    return reference
