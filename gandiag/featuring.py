"""The public function behind `gandiag features`: map the real side once, for many scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gandiag.cache.store import FeatureCache
from gandiag.core.protocols import FeatureMap, Progress, Sampler
from gandiag.core.samples import SampleSet
from gandiag.device import device_of, placing_networks
from gandiag.drawing import drawn_real
from gandiag.errors import ConfigError, placed
from gandiag.extraction import extracted, is_cacheable
from gandiag.features import default_name, fitted_map
from gandiag.memory import require_memory
from gandiag.numerics.moments import Moments
from gandiag.references.files import require_place, write_reference
from gandiag.references.making import outline_of, reference_of_moments, reference_of_rows
from gandiag.references.reference import Reference, Rows, reference_of
from gandiag.settings import Settings
from gandiag.shards.sides import real_side
from gandiag.sources import file_of, open_sampler


@placing_networks
def save_features(
    source: Any,
    path: str | Path,
    *,
    features: str | None = None,
    labels: Any = None,
    n: int | None = None,
    seed: int = 0,
    cache: bool = True,
    rows: bool = True,
    device: str | None = None,
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
    rows : bool
        Write the features of all rows, which every metric can be scored against. Without, mean and covariance alone are
        written, in one pass that holds one block of rows; what looks no further can be scored against them. The rows
        set aside then count too, where nothing is fitted on them.
    device : str, optional
        Where the network of the feature map runs, unless its name says another place (``?device=``); on a CUDA device
        where there is one when absent.
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
    require_place(Path(path))  # before the work
    Settings(features=features, n=n, seed=seed, cache=cache)  # refuses what makes no sense
    device_of((), device)
    tell = progress or (lambda step, done, total: None)
    given = {**opening, **({} if labels is None else {"labels": labels})}
    with placed("real"):
        sampler = open_sampler(source, **given)
    if reference_of(sampler) is not None:
        raise ConfigError(
            "a reference is made of samples", received=f"{sampler.name}, a reference", remedy="Give what it is made of."
        )
    _require_another_file(source, Path(path))
    asked = _Asked(features=features, n=n, seed=seed, cache=cache and sampler.size is not None)
    reference = (_with_rows if rows else _statistics)(sampler, asked, tell)
    write_reference(reference, Path(path))
    tell("done", 3, 3)
    return reference


def _require_another_file(source: Any, path: Path) -> None:
    file = file_of(source) if isinstance(source, str | Path) else None
    if file is not None and file.resolve() == path.resolve():
        raise ConfigError(
            "a reference must not be written over what it is made of", received=str(path), remedy="Name another file."
        )


@dataclass(frozen=True, kw_only=True)
class _Asked:
    features: str | None
    n: int | None
    seed: int
    cache: bool

    def fitted(self, fit: SampleSet) -> tuple[str, FeatureMap, FeatureCache | None]:
        """Fit the map, and open the cache where it is worth it."""
        name = self.features or default_name(fit)
        found = fitted_map(name, fit)
        return name, found, FeatureCache.default() if self.cache and is_cacheable(found) else None


def _with_rows(sampler: Sampler, asked: _Asked, tell: Progress) -> Reference:
    tell("drawing samples", 0, 3)
    with placed("real"):
        real, fit = drawn_real(sampler, None, asked.n, asked.seed)
    require_memory((len(real) + len(fit)) * int(np.prod(real.shape)), what="the rows of the reference")
    name, fitted, cache = asked.fitted(fit)
    tell("mapping the rows set aside", 1, 3)
    aside = extracted(fitted, fit, cache=cache)
    tell("mapping the rows under test", 2, 3)
    under_test = extracted(fitted, real, cache=cache)
    return reference_of_rows(
        real,
        Rows(real=under_test, fit=aside, real_labels=real.labels, fit_labels=fit.labels),
        outline=outline_of(fit, fitted, lambda few: fitted_map(name, few)),
        features=name,
        fingerprint=fitted.fingerprint(),
        seed=asked.seed,
    )


def _statistics(sampler: Sampler, asked: _Asked, tell: Progress) -> Reference:
    """Add up mean and covariance block by block; no more than one block is held."""
    side, fit = real_side(sampler, asked.n, asked.seed)
    name, fitted, cache = asked.fitted(fit)
    outline = outline_of(fit, fitted, lambda few: fitted_map(name, few))
    moments = None
    for number in range(side.blocks):
        tell(f"block {number + 1} of {side.blocks}", number, side.blocks)
        block = side.block(number)
        if block is not None:
            found = Moments.of(extracted(fitted, block, cache=cache))
            moments = found if moments is None else moments.merge(found)
    if len(outline) < len(fit) and moments is not None:  # nothing was fitted on the rows set aside: they count too
        moments = moments.merge(Moments.of(extracted(fitted, fit, cache=cache)))
    return reference_of_moments(
        moments or Moments.empty(1),
        side.outline,
        outline=outline,
        features=name,
        fingerprint=fitted.fingerprint(),
        seed=asked.seed,
    )
