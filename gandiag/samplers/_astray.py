"""Addresses that lead nowhere: what to say, and the nearest thing that exists."""

from __future__ import annotations

import difflib
import importlib.util
from pathlib import Path

from gandiag.core.names import nearest
from gandiag.errors import FileFormatError, GandiagError, UnknownName
from gandiag.samplers._address import SCHEMES, Address, exists
from gandiag.samplers._npy import missing


def no_such(address: Address, path: Path) -> GandiagError:
    """Build the error for a path that leads nowhere, or whose beginning looks like a scheme."""
    scheme, colon, _ = address.base.partition(":")
    if colon and len(scheme) > 1 and "/" not in scheme and "\\" not in scheme:
        remedy = nearest(scheme, [*SCHEMES], fallback="Addresses are paths, toy:name, data:name, or module:attr.")
        return UnknownName("an address must start with a known scheme", received=address.text, remedy=remedy)
    return missing(path, name=address.text)


def refuse_misspelt_scheme(address: Address) -> None:
    """Take ``tooy:ring8`` for a misspelt scheme, unless there is such a module."""
    close = difflib.get_close_matches(address.base, SCHEMES, n=1, cutoff=0.5)
    if close and "." not in address.base and importlib.util.find_spec(address.base) is None:
        raise UnknownName(
            "an address must start with a known scheme",
            received=address.text,
            remedy=f"Did you mean '{close[0]}:{address.attribute}'? There is no module {address.base!r} either.",
        )


def unknown_path(path: Path, name: str, broken: list[str]) -> FileFormatError:
    """Build the error for a path that no adapter takes."""
    if not exists(str(path)):
        return missing(path, name=name)
    return FileFormatError(
        "the ending of a file must say what it holds: .npy, .npz, .csv, .tsv, .safetensors, .zip, .tar or .onnx",
        received=f"{name}{aside(broken)}",
        remedy="Save it in one of these; a folder of images is passed as the folder.",
    )


def aside(broken: list[str]) -> str:
    """Name the adapters that do not load, since one of them may have taken it."""
    return f" (adapters that do not load: {'; '.join(broken)})" if broken else ""
