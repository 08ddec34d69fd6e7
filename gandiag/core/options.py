"""Reading options: they come from addresses as text or from Python as values, and are checked the same way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real

from gandiag.core.names import nearest
from gandiag.errors import ConfigError


def number(
    value: object,
    name: str,
    *,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Read a finite number within bounds.

    Raises
    ------
    ConfigError
        When the value is no finite number, or is out of bounds.
    """
    try:
        if isinstance(value, bool) or (not isinstance(value, str | int | float) and not hasattr(value, "__float__")):
            raise ValueError
        read = float(value)
    except (ValueError, TypeError, OverflowError):
        read = math.nan
    if not math.isfinite(read) or not (at_least <= read <= at_most and above < read < below):
        bounds = _bounds(at_least, at_most, above, below)
        raise ConfigError(f"`{name}` must be a finite number{bounds}", received=value, remedy=f"Pass {name}=<number>.")
    return read


def whole(value: object, name: str, *, at_least: float = -math.inf, at_most: float = math.inf) -> int:
    """Read a whole number within bounds; ``"3"`` and ``3.0`` count as 3."""
    try:
        read = number(value, name, at_least=at_least, at_most=at_most)
    except ConfigError:
        read = math.nan
    if read != read or read != int(read):
        bounds = _bounds(at_least, at_most, -math.inf, math.inf)
        raise ConfigError(f"`{name}` must be a whole number{bounds}", received=value, remedy=f"Pass {name}=<number>.")
    return int(read)


def numbers(value: object, name: str, *, length: int, above: float = -math.inf) -> list[float]:
    """Read ``length`` numbers: a sequence, or text with commas between."""
    parts: Sequence[object]
    if isinstance(value, str):
        parts = value.split(",")
    elif isinstance(value, Iterable):
        parts = list(value)
    else:
        parts = [value]
    if len(parts) != length:
        raise ConfigError(
            f"`{name}` must be {length} numbers with commas between", received=value, remedy="Give one per mode."
        )
    return [number(part, name, above=above) for part in parts]


def refuse_unknown(options: Iterable[str], known: Sequence[str], *, of: str) -> None:
    """Refuse options that ``of`` has no use for, naming the nearest that it has."""
    for option in options:
        if option not in known:
            listing = f"It takes {', '.join(known)}." if known else "It takes none."
            raise ConfigError(
                f"{of} has no such option", received=option, remedy=nearest(option, list(known), fallback=listing)
            )


# What annotations of options mean; a metric whose option is declared otherwise reads it itself.
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((Integral,), "a whole number"),
    "float": ((Real,), "a number"),
    "str": ((str,), "text"),
    "bool": ((bool,), "True or False"),
    "None": ((type(None),), "None"),
}


def require_kind(value: object, name: str, annotation: object, *, of: str) -> None:
    """Refuse a value of a kind that the option is not declared to take.

    Parameters
    ----------
    value : object
    name : str
        Of the option.
    annotation : object
        Of the parameter: a type, or text such as "int | None".
    of : str
        Whose option it is.
    """
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    declared = [part.strip() for part in text.split("|")]
    if not all(kind in _KINDS for kind in declared):
        return
    is_bool = isinstance(value, bool)
    if not any(isinstance(value, _KINDS[kind][0]) and is_bool <= (kind == "bool") for kind in declared):
        raise ConfigError(
            f"option `{name}` of {of} must be {' or '.join(_KINDS[kind][1] for kind in declared)}",
            received=repr(value),
            remedy="See `gandiag list metrics` and the metric's docstring.",
        )


def _bounds(at_least: float, at_most: float, above: float, below: float) -> str:
    words = [
        f"{word} {bound:g}"
        for word, bound in (("at least", at_least), ("above", above), ("at most", at_most), ("below", below))
        if math.isfinite(bound)
    ]
    return f", {' and '.join(words)}" if words else ""
