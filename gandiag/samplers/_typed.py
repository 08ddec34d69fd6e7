"""Options of `open_sampler` as they are written in an address, where everything is text or a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gandiag.errors import ConfigError
from gandiag.samplers._npy import read_array, require_file

_YES = frozenset({"yes", "true", "on", "1"})
_NO = frozenset({"no", "false", "off", "0"})
_MOST_TEXT = 64 * 2**20


def typed(options: Mapping[str, Any], *, text: str) -> dict[str, Any]:
    """Read options of an address: ``recursive=yes``, ``value_range=0:1``, ``labels=classes.npy``."""
    return {name: _READ[name](value, text) if name in _READ else value for name, value in options.items()}


def read_npy(path: str | Path) -> Any:
    """Read a small .npy file whole."""
    name = Path(path).name
    size = require_file(Path(path), name=name)
    with Path(path).open("rb") as file:
        return read_array(file, size, name=name)


def _switch(value: object, text: str) -> bool:
    said = str(value).lower()
    if said not in _YES | _NO:
        raise ConfigError("a switch in an address must be yes or no", received=f"{value} in {text}", remedy="Mend it.")
    return said in _YES


def _lines(path: str) -> list[str]:
    """Read a text file with one prompt per line."""
    name = Path(path).name
    if require_file(Path(path), name=name) > _MOST_TEXT:
        raise ConfigError(f"{name} must have at most {_MOST_TEXT >> 20} MiB", remedy="Pass fewer prompts.")
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name} must be UTF-8 text", received=str(error), remedy="Write it again.") from error
    return [line.strip() for line in lines if line.strip()]


def _pair(value: object, text: str) -> tuple[float, float]:
    low, _, high = str(value).replace(",", ":").partition(":")
    try:
        return float(low), float(high)
    except ValueError as error:
        raise ConfigError(
            "a range in an address must be two numbers with a colon between them",
            received=f"{value} in {text}",
            remedy="Write value_range=0:1.",
        ) from error


_READ: dict[str, Callable[[Any, str], Any]] = {
    "recursive": _switch,
    "train_mode": _switch,
    "trust": _switch,
    "draw_twice": _switch,
    "value_range": _pair,
    "labels": lambda value, text: read_npy(str(value)),
    "key": lambda value, text: str(value),
    "prompts": lambda value, text: _lines(str(value)),
    "name": lambda value, text: str(value),
}
