"""Addresses: one line of text that names a source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gandiag.errors import ConfigError

Option = str | int | float
SCHEMES = ("toy", "data", "model", "exec")

_BUILTIN = re.compile(r"(toy|data|model):(.*)", re.DOTALL)
_CODE = re.compile(r"(.+\.py|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)", re.DOTALL)
_QUERY = re.compile(r"(.+?)\?([A-Za-z_]\w*=.*)", re.DOTALL)
_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, kw_only=True)
class Distortion:
    """One ``!name=severity,option=value`` of an address."""

    name: str
    severity: Option
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Address:
    """The parts of an address.

    Parameters
    ----------
    text : str
        As given.
    form : {"path", "builtin", "code"}
    base : str
        The path, the name of the built-in, the module, or the command.
    scheme : str
        "toy", "data" or "model" for a built-in, "exec" for a program, else empty.
    attribute : str
        What to take of the module, else empty.
    options : dict
        After the question mark; values that look like numbers are numbers. Of a built-in they are its own, of a path or
        of code they are options of `open_sampler`.
    distortions : tuple of Distortion
        Pathologies, innermost first.
    """

    text: str
    form: Literal["path", "builtin", "code"]
    base: str
    scheme: str = ""
    attribute: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    distortions: tuple[Distortion, ...] = ()

    @property
    def runs_code(self) -> bool:
        """Whether opening it runs code or a program that it names."""
        return self.form == "code" or "trust" in self.options

    @property
    def asks_for_trust(self) -> bool:
        """Whether it runs what only the user's own command line may name."""
        return self.scheme == "exec" or "trust" in self.options


def parse_address(text: str) -> Address:
    """Read an address without touching what it names.

    A path that exists is taken as it stands, even with ``!`` or ``?`` in its name. A one-letter scheme is a Windows
    drive.

    Raises
    ------
    ConfigError
        For an empty address, a malformed option, or a pathology without a severity.

    Examples
    --------
    >>> parse_address("toy:ring8?sigma=0.05!drop_modes=3").distortions
    (Distortion(name='drop_modes', severity=3, options={}),)
    >>> parse_address("my_gan.py:models.G").attribute
    'models.G'
    >>> parse_address("faces.zip?alpha=white&recursive=yes").options
    {'alpha': 'white', 'recursive': 'yes'}
    """
    if not text.strip() or "\0" in text:
        raise ConfigError("an address must say something", received=repr(text), remedy="Pass a path, or toy:ring8.")
    if text.startswith("exec:") and not exists(text):  # taken whole: a command may hold any mark
        return Address(text=text, form="code", scheme="exec", base=text.removeprefix("exec:"))
    base = text
    distortions: tuple[Distortion, ...] = ()
    if "!" in text and not exists(text):
        base, *parts = text.split("!")
        distortions = tuple(_distortion(part, text) for part in parts)
    builtin = _BUILTIN.fullmatch(base)
    if builtin is not None:
        name, _, query = builtin[2].partition("?")
        return Address(
            text=text,
            form="builtin",
            base=name,
            scheme=builtin[1],
            options=_options(_parts(query), text),
            distortions=distortions,
        )
    asked = None if exists(base) else _QUERY.fullmatch(base)
    base, options = (base, {}) if asked is None else (asked[1], _options(_parts(asked[2]), text))
    code = _CODE.fullmatch(base)
    if code is not None and not (len(code[1]) == 1 and base[1] == ":") and not exists(base):
        return Address(
            text=text, form="code", base=code[1], attribute=code[2], options=options, distortions=distortions
        )
    return Address(text=text, form="path", base=base, options=options, distortions=distortions)


def file_of(source: str | Path) -> Path | None:
    """Give the file or folder that a source is read from; None for a built-in, a program, or an address that is none.

    Examples
    --------
    >>> str(file_of("real.npz?key=images!shift=1")), str(file_of("my_gan.py:net")), file_of("toy:ring8")
    ('real.npz', 'my_gan.py', None)
    """
    if isinstance(source, Path):
        return source
    try:
        address = parse_address(source)
    except ConfigError:  # said where it is opened
        return None
    return None if address.scheme else Path(address.base)


def exists(text: str) -> bool:
    """Tell whether a path leads somewhere; impossible paths do not."""
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False


def _distortion(part: str, text: str) -> Distortion:
    first, *rest = _parts(part) or [""]
    name, equals, severity = first.partition("=")
    if not name or not equals or not severity:
        raise ConfigError(
            "a pathology must be written !name=severity",
            received=text,
            remedy=f"For example !{name or 'drop_modes'}=0.5; see `gandiag list pathologies`.",
        )
    return Distortion(name=name.strip(), severity=_value(severity.strip()), options=_options(rest, text))


def _parts(text: str) -> list[str]:
    """Split at & and commas; what holds no = goes on from the part before it (weights=1,2,3)."""
    parts: list[str] = []
    for part in re.split("[&,]", text) if text else []:
        if parts and "=" not in part and "=" in parts[-1]:
            parts[-1] += "," + part
        else:
            parts.append(part)
    return parts


def _options(parts: list[str], text: str) -> dict[str, Option]:
    options: dict[str, Option] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        key = key.strip()
        if not key.isidentifier() or not equals or key in options:
            raise ConfigError(
                "options of an address must be written once each, as option=value",
                received=f"{part!r} in {text}",
                remedy="For example toy:ring8?sigma=0.05.",
            )
        options[key] = _value(value.strip())
    return options


def _value(text: str) -> Option:
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
