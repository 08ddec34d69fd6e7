"""What stands after the name of a feature map: ``name:target?option=value&option=value``."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl

from gandiag.core.options import refuse_unknown, whole
from gandiag.errors import ConfigError


def split(address: str, known: Sequence[str], *, of: str) -> tuple[str, dict[str, str]]:
    """Split into the target and the options.

    Parameters
    ----------
    address : str
        Everything after the colon; may be empty.
    known : sequence of str
        The options that there are.
    of : str
        Name of the feature map, for messages.

    Raises
    ------
    ConfigError
        For an option that the map has no use for, or that is given twice.
    """
    target, _, query = address.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    refuse_unknown(options, known, of=f"the feature map {of}")
    if len(options) < len(pairs):
        raise ConfigError(f"each option of {of} must be given once", received=query, remedy="Remove the repetition.")
    return target, options


def count(target: str, of: str, *, what: str, default: int | None = None, at_most: int) -> int:
    """Read the whole number that a map is told after its colon.

    Parameters
    ----------
    target : str
    of : str
        Name of the feature map.
    what : str
        What the number counts.
    default : int, optional
        Taken where there is no target; without a default one must be given.
    at_most : int
    """
    if not target and default is not None:
        return default
    if not target:
        raise ConfigError(
            f"{of} must be told the number of {what}", received=of, remedy=f"Name it after a colon: {of}:50."
        )
    try:
        return whole(target, what, at_least=1, at_most=at_most)
    except ConfigError as error:
        raise ConfigError(
            f"the number of {what} of {of} must be whole, at least 1 and at most {at_most}",
            received=target,
            remedy=f"Name {of}:{default or min(50, at_most)}, for example.",
        ) from error


def chosen(value: str, names: Sequence[str], option: str, of: str) -> str:
    """Refuse an option's value that is none of the names."""
    if value not in names:
        raise ConfigError(
            f"`{option}` of {of} must be one of {', '.join(names)}",
            received=value,
            remedy=f"Name {of}:...?{option}={names[0]}.",
        )
    return value
