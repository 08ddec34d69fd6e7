"""The public functions behind `gandiag score --shard` and `gandiag merge`: one score from many processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import index
from pathlib import Path
from typing import Any

import gandiag
from gandiag.api import OPENING, Report
from gandiag.core.names import side_of_fake
from gandiag.core.options import refuse_unknown
from gandiag.core.protocols import Progress
from gandiag.errors import ConfigError, placed
from gandiag.settings import Settings, read_metrics
from gandiag.shards.merging import merged
from gandiag.shards.parts import Part, read_part
from gandiag.shards.ranks import gathered, group, rank_of_process, use_own_device
from gandiag.shards.reporting import report_of
from gandiag.shards.running import run_shard
from gandiag.shards.setup import setup
from gandiag.sources import open_sampler

__all__ = ["Part", "merge", "score_ranks", "score_shard"]


def score_shard(
    real: Any,
    fake: Any,
    shard: tuple[int, int],
    *,
    metrics: Iterable[str] | None = None,
    features: str | None = None,
    n: int | None = None,
    seed: int = 0,
    cache: bool = True,
    progress: Progress | None = None,
    **opening: Any,
) -> Part:
    """Score one shard of both sides: what `merge` makes a report of.

    Parameters
    ----------
    real : anything that `open_sampler` takes
        Or a reference with rows. All shards must name the same.
    fake : the same, or a mapping of one name to such
    shard : (int, int)
        Which of how many, counted from 1. Rows are cut in blocks of 4096 whatever the number of shards; shard i of k
        takes blocks i, i + k and so on, so that 1, 2 or 3 shards give the same numbers within rounding.
    metrics : names, optional
        Of metrics that have a stream; all of these when absent.
    features : str, optional
    n : int, optional
        Rows per side, of all shards together.
    seed : int
    cache : bool
        Use the feature cache.
    progress : callable, optional
        Called as ``progress(step, done, total)``.
    **opening
        Passed to `open_sampler` for the fake.

    Returns
    -------
    Part

    Raises
    ------
    GandiagError
        When samples cannot be drawn, read or compared.

    Examples
    --------
    >>> parts = [score_shard("toy:ring8", "toy:ring8", (i, 2), n=9000, metrics=["frechet"]) for i in (1, 2)]
    >>> round(merge(parts)["frechet"].estimate, 2)
    0.0
    """
    refuse_unknown(opening, OPENING, of="score_shard")
    i, k = _whole(shard)
    name, source = _one(fake)
    settings = Settings(metrics=read_metrics(metrics), features=features, n=n, seed=seed, cache=cache)
    with placed("real"):
        ours = open_sampler(real)
    with placed(side_of_fake(name)):
        theirs = open_sampler(source, **opening)
    made = setup(ours, (name or theirs.name, theirs), settings=settings, version=gandiag.__version__)
    return run_shard(made, (i, k), progress=progress)


def merge(parts: Iterable[Part | str | Path]) -> Report:
    """Make one report of the parts of all shards.

    Parameters
    ----------
    parts : parts, or paths of the files that they were written to
        In any order.

    Returns
    -------
    Report

    Raises
    ------
    ConfigError
        When shards are missing or given twice.
    IntegrityError
        When parts are of different runs, or damaged.
    """
    if isinstance(parts, str | Path | Part) or not isinstance(parts, Iterable):
        raise ConfigError("`parts` must be a list of parts", received=repr(parts), remedy="Pass merge([part, ...]).")
    found = [part if isinstance(part, Part) else _read(part) for part in parts]
    return Report.of(report_of(merged(found)))


def score_ranks(real: Any, fake: Any, *, init_method: str | None = None, **asked: Any) -> Report:
    """Score as one rank of many, and merge over all of them: every rank gets the report.

    Parameters
    ----------
    real, fake
        As in `score_shard`.
    init_method : str, optional
        Where the ranks meet, as in `torch.distributed`; the environment of torchrun when absent.
    **asked
        As in `score_shard`.

    Raises
    ------
    ConfigError
        When neither a process group nor the environment says which of how many ranks this is.
    """
    place = rank_of_process()
    if place is None:
        raise ConfigError(
            "this must be one of several ranks", received="a process alone", remedy="Start with torchrun, or use score."
        )
    rank, world = place
    use_own_device()
    with group(rank, world, init_method=init_method) as among:
        part = score_shard(real, fake, (rank + 1, world), **asked)
        return merge(gathered(part, among))


def _read(path: Any) -> Part:
    if not isinstance(path, str | Path):
        raise ConfigError(
            "a part must be what `score_shard` gave, or the path of its file",
            received=type(path).__name__,
            remedy='Pass "part-1.json".',
        )
    return read_part(Path(path))


def _whole(shard: Any) -> tuple[int, int]:
    try:
        i, k = (index(number) for number in shard)
    except (TypeError, ValueError):
        i, k = 0, 0
    if not 1 <= i <= k:
        raise ConfigError(
            "a shard must be i of k, whole numbers with 1 <= i <= k",
            received=repr(shard),
            remedy="Pass (1, 4) for the first of four.",
        )
    return i, k


def _one(fake: Any) -> tuple[str, Any]:
    if not isinstance(fake, Mapping):
        return "", fake
    if len(fake) != 1:
        raise ConfigError(
            "a sharded score is of one sampler", received=list(fake), remedy="Run the shards of each by themselves."
        )
    return next((str(name), source) for name, source in fake.items())
