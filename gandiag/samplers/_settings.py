"""The options that sources are opened with, read and checked in one place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from gandiag.core.checks import require_one_of
from gandiag.core.names import nearest
from gandiag.core.samples import Kind
from gandiag.errors import ConfigError
from gandiag.samplers._pixels import BACKGROUNDS, background

Layout = Literal["channels_first", "channels_last"]

_COMMON = frozenset({"name", "batch_size", "lag", "value_range", "kind", "layout", "timeout"})
_CHOICES = {
    "frames": ("first",),
    "orientation": ("stored", "upright"),
    "on_bad": ("skip",),
    "classes": ("subfolders", "none"),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Settings:
    """Options of one source. None always means: not said.

    Parameters
    ----------
    name : str
        What reports call the source.
    batch_size : int
        Rows per call of code that draws.
    lag : int
        Rows are independent from this many rows on; 1 for independent rows.
    value_range : (float, float)
        The range that values are declared to lie in; anything outside is an error.
    kind : {"vector", "image", "discrete"}
    layout : {"channels_first", "channels_last"}
        Where images of four axes keep their channels.
    timeout : float
        Seconds that one draw may take, looked at between batches: a call that never returns cannot be stopped from
        within its own process.
    labels : array_like of shape (n,)
    key : str
        Member of a file, column of a table, or entry of a dict.
    latent : str, distribution or callable
    train_mode : bool
        Leave a module in training mode, where rows of a batch depend on each other.
    alpha : str
        What transparent images are laid over: "white" (or "composite"), "black", "grey", "#rrggbb".
    frames : {"first"}
        What is read of animated files and of those with several pages.
    orientation : {"stored", "upright"}
        Whether orientation tags are obeyed.
    on_bad : {"skip"}
        Leave out images that cannot be read, as long as they are at most 1 in 1000.
    recursive : bool
        Take images of folders at any depth.
    classes : {"subfolders", "none"}
        Whether the first subfolder is the class of an image.
    prompts : list of str
        What a pipeline is conditioned on.
    trust : bool
        Run code that a file holds.
    """

    name: str | None = None
    batch_size: int | None = None
    lag: int | None = None
    value_range: tuple[float, float] | None = None
    kind: Kind | None = None
    layout: Layout | None = None
    timeout: float | None = None
    labels: Any = None
    key: str | None = None
    latent: Any = None
    train_mode: bool = False
    alpha: str | None = None
    frames: str | None = None
    orientation: str | None = None
    on_bad: str | None = None
    recursive: bool = False
    classes: str | None = None
    prompts: Any = None
    trust: bool = False

    @classmethod
    def read(cls, options: Mapping[str, Any], *, uses: Iterable[str] = (), by: str) -> Settings:
        """Read options, refusing those that ``by`` has no use for: an option without effect is a mistake."""
        allowed = _COMMON | set(uses)
        given = {k: v for k, v in options.items() if v is not None and v is not False}
        for option in given:
            if option not in allowed:
                raise ConfigError(
                    f"`{option}` has no meaning for {by}",
                    received=given[option] if isinstance(given[option], str | int | float) else None,
                    remedy=f"Leave it out. {nearest(option, sorted(allowed), fallback='')}".strip(),
                )
        settings = cls(**given)
        _check(settings)
        return settings


def _check(settings: Settings) -> None:
    for option in ("batch_size", "lag"):
        value = getattr(settings, option)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ConfigError(f"`{option}` must be a whole number of at least 1", received=value, remedy="Mend it.")
    if settings.timeout is not None and not 0 < settings.timeout < math.inf:
        raise ConfigError("`timeout` must be a number of seconds above 0", received=settings.timeout, remedy="Mend it.")
    if settings.kind is not None:
        require_one_of(settings.kind, get_args(Kind), name="kind")
    if settings.layout is not None:
        require_one_of(settings.layout, get_args(Layout), name="layout")
    for option, choices in _CHOICES.items():
        if getattr(settings, option) is not None:
            require_one_of(getattr(settings, option), choices, name=option)
    if settings.alpha is not None and background(settings.alpha) is None:
        require_one_of(settings.alpha, (*BACKGROUNDS, "#rrggbb"), name="alpha")
    if settings.value_range is not None:
        _check_range(settings.value_range)


def _check_range(value_range: object) -> None:
    wrong = ConfigError(
        "`value_range` must be two increasing finite numbers", received=value_range, remedy="Pass (0, 1) or the like."
    )
    if not isinstance(value_range, tuple | list) or len(value_range) != 2:
        raise wrong
    low, high = value_range
    if not all(isinstance(v, int | float) and math.isfinite(v) for v in (low, high)) or not low < high:
        raise wrong


def rows_asked_for(n: object) -> int:
    """Check a number of rows."""
    if isinstance(n, bool) or not hasattr(n, "__index__") or n.__index__() < 1:
        raise ConfigError("the number of samples must be a whole number of at least 1", received=n, remedy="Mend it.")
    return int(n.__index__())
