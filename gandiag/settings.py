"""How a report is made: what the caller says, checked before anything is drawn."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from gandiag.core.checks import require_seed
from gandiag.core.options import refuse_unknown, require_kind
from gandiag.core.specs import METRICS, Topic
from gandiag.errors import ConfigError
from gandiag.inference.permutation import ENOUGH

PERMUTATIONS = 2499


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a report is made; part of its provenance."""

    metrics: tuple[str, ...] | None = None
    features: str | None = None
    n: int | None = None
    seed: int = 0
    permutations: int = PERMUTATIONS
    options: Mapping[str, Mapping[str, Any]] | None = None
    device: str | None = None
    by_class: bool = False
    cache: bool = True
    # Draws as extreme as the data at which a permutation test stops.
    enough: int = ENOUGH

    def __post_init__(self) -> None:
        require_seed(self.seed)
        _require_whole(self.permutations, "permutations")
        if self.n is not None:
            _require_whole(self.n, "n")
        for name in ("by_class", "cache"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise ConfigError(f"`{name}` must be True or False", received=value, remedy=f"Pass {name}=True.")
        if self.metrics is not None and not (self.metrics and all(isinstance(m, str) for m in self.metrics)):
            raise ConfigError(
                "`metrics` must name at least one metric, each as text",
                received=list(self.metrics),
                remedy='Pass metrics=["energy", "mmd"], or leave it out for the default suite.',
            )
        if self.features is not None and not isinstance(self.features, str):
            raise ConfigError(
                "`features` must be the name of a feature map",
                received=type(self.features).__name__,
                remedy="See `gandiag list features`.",
            )
        require_options({} if self.options is None else self.options)


def _require_whole(value: object, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigError(
            f"`{name}` must be a whole number of at least 1", received=repr(value), remedy=f"Pass {name}=1000."
        )


def read_metrics(names: Iterable[str] | None) -> tuple[str, ...] | None:
    """Read names of metrics, refusing text that was meant as a list.

    Raises
    ------
    ConfigError
    """
    if names is None:
        return None
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ConfigError("`metrics` must be a list of names", received=names, remedy='Pass metrics=["energy"].')
    return tuple(names)


def require_options(options: object) -> None:
    """Refuse options of metrics that do not exist, that a metric does not take, or that are no plain values.

    Parameters
    ----------
    options : object
        Metric -> option -> value, if it is as it must be.

    Raises
    ------
    ConfigError
        Naming the nearest option that there is.
    """
    if not isinstance(options, Mapping) or not all(isinstance(given, Mapping) for given in options.values()):
        raise ConfigError(
            "`options` must map names of metrics to their options",
            received=repr(options),
            remedy='Pass options={"precision": {"k": 3}}.',
        )
    for name, given in options.items():
        parameters = inspect.signature(METRICS.get(name).measure).parameters
        takes = [p.name for p in parameters.values() if p.kind is p.KEYWORD_ONLY and p.name != "rng"]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            refuse_unknown(given, takes, of=f"the metric {name}")
        for option, value in given.items():
            if not _is_plain(value):
                raise ConfigError(
                    f"option `{option}` of {name} must be a finite number, text, or a list of these",
                    received=repr(value),
                    remedy="Pass a plain value: options are written into the report.",
                )
            if option in takes:
                require_kind(value, option, parameters[option].annotation, of=f"the metric {name}")


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    if isinstance(value, float | np.floating):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int | str | np.bool_ | np.integer)


def listed_metrics(names: Iterable[str]) -> tuple[str, ...]:
    """Name metrics once each; a topic or "all" stands for those on its shelf, any other name for itself."""
    out: dict[str, None] = {}
    for name in names:
        on_shelf = name == "all" or name in get_args(Topic)
        out |= dict.fromkeys([s.name for s in METRICS if name in ("all", s.topic)] if on_shelf else [name])
    return tuple(out)
