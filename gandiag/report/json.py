"""A report as two files: strict JSON, and its arrays in a sibling ``.safetensors`` that the JSON names by SHA-256.

Equal reports give equal bytes: no dates, no timings, mappings in the order of their keys. No number is NaN or infinite:
what is absent is null, with its reason beside it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gandiag.core.files import write_files
from gandiag.core.report import SCHEMA_VERSION, Report
from gandiag.core.results import require_finite_fields
from gandiag.errors import ConfigError, DtypeError, FileFormatError, GandiagError, IntegrityError, NumericalError

Arrays = dict[str, NDArray[np.generic]]
T = TypeVar("T")

# Tells our own arrays, which may be written over, from data that happens to lie beside a report.
_MARK = {"written_by": "gandiag report"}
# Fields that a file does not hold: arrays go into the sibling, functions nowhere.
_IN_MEMORY_ALONE = ("arrays", "bounds")
_TOP = ("schema_version", "gandiag_version", "seed", "real", "fakes", "provenance")


def to_json(report: Report, *, arrays: Mapping[str, Any] | None = None) -> bytes:
    """Write a report as strict JSON of schema version 1.

    Parameters
    ----------
    report : Report
    arrays : mapping, optional
        What stands under ``arrays``: the file beside, its SHA-256, and its keys. `write_json` fills it in.

    Returns
    -------
    bytes
        UTF-8, indented, ends with a line break; the same for equal reports.

    Raises
    ------
    NumericalError
        For NaN and infinity anywhere.
    DtypeError
        For a value that JSON cannot hold.
    """
    document = {name: _plain(getattr(report, name), name) for name in _TOP} | {"arrays": arrays}
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
    return (text + "\n").encode("utf-8")


def _plain(value: Any, path: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # A lone surrogate, as in a file name that is not UTF-8, has no UTF-8 form: it is spelt out, as `\udc80`.
        return value.encode("utf-8", errors="backslashreplace").decode("utf-8")
    if isinstance(value, np.generic):
        return _plain(value.item(), path)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NumericalError(f"`{path}` must be finite or absent", received=value, remedy="Report None instead.")
        return value
    if is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in fields(value) if f.name not in _IN_MEMORY_ALONE]
        return {name: _plain(getattr(value, name), f"{path}.{name}") for name in names}
    if isinstance(value, Mapping):
        return {_plain(key, path): _plain(value[key], f"{path}.{key}") for key in _text_keys(value, path)}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{path}[{i}]") for i, item in enumerate(value)]
    raise DtypeError(
        f"`{path}` must hold plain values", received=type(value).__name__, remedy="Put arrays into `arrays`."
    )


def _text_keys(value: Mapping[Any, Any], path: str) -> list[str]:
    if not all(isinstance(key, str) for key in value):
        raise DtypeError(f"`{path}` must have text keys", received=list(value), remedy="Write the keys as text.")
    return sorted(value)


def write_json(report: Report, path: str | Path) -> None:
    """Write a report to ``path``, and its arrays to the sibling ``<stem>.safetensors``.

    Both are written whole or not at all; an earlier report of that name stays readable when writing fails.

    Raises
    ------
    ConfigError
        When the place is no place for a file, is itself called ``.safetensors``, or such a file of somebody else's
        stands beside it.
    ReportNotWritten
        When the disk is full or the folder cannot be written to.
    NumericalError
        For NaN and infinity anywhere, arrays included.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        raise ConfigError(
            "the report itself must not be called .safetensors: its arrays are",
            received=path.name,
            remedy="Call it report.json.",
        )
    if not report.arrays:
        write_files({path: to_json(report)})
        return
    sibling = path.with_suffix(".safetensors")
    if sibling.exists() and not _holds_arrays_of_a_report(sibling):
        raise ConfigError(
            f"the arrays of the report belong into {sibling.name}, and there is another file of that name",
            received=str(sibling),
            remedy="Give the report another name.",
        )
    data = _packed(report.arrays)
    named = {"file": sibling.name, "keys": sorted(report.arrays), "sha256": hashlib.sha256(data).hexdigest()}
    text = to_json(report, arrays=named)
    write_files({sibling: data, path: text})


def _packed(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    from safetensors.numpy import save

    ready: Arrays = {}
    for key in sorted(arrays):
        array = np.asarray(arrays[key])
        if array.dtype.kind not in "biuf":
            raise DtypeError(
                f"array `{key}` must hold real numbers", received=array.dtype, remedy="Leave it out of the report."
            )
        _require_finite_array(array, key, NumericalError)
        ready[key] = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
    return bytes(save(ready, metadata=_MARK))


def _holds_arrays_of_a_report(path: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).items() >= _MARK.items()
    except (SafetensorError, OSError):
        return False


def _require_finite_array(array: NDArray[np.generic], key: str, error: type[GandiagError]) -> None:
    if array.dtype.kind == "f" and not bool(np.isfinite(array).all()):
        raise error(f"array `{key}` must be finite", received="NaN or infinity", remedy="Make the report again.")


def read_json(path: str | Path) -> Report:
    """Read a report and the arrays beside it.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Report
        Without arrays, and with a note that says so in ``real.notes``, when the file of arrays is gone.

    Raises
    ------
    FileFormatError
        When there is no such file.
    IntegrityError
        For another schema version, a field of the wrong type, a number that is not finite, or arrays whose SHA-256
        is not the one that the report names.
    """
    path = Path(path)
    document = _document(_bytes(path))
    named = document.pop("arrays", None)
    report = _typed(document, Report, path)
    try:
        require_finite_fields(report, "report")
    except NumericalError as error:
        raise _broken(path, str(error)) from error
    if named is None:
        return report
    return _with_arrays(report, path, _arrays_entry(named, path))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileFormatError(
            "a report must be a file that can be read",
            received=f"{path}: {error.strerror}",
            remedy="Name the report.json that `gandiag score --json` wrote.",
        ) from error


def _document(data: bytes) -> dict[str, Any]:
    import msgspec

    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IntegrityError(
            "a report must be strict JSON", received=str(error), remedy="Make the report again."
        ) from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION or isinstance(version, bool | float):
        raise IntegrityError(
            f"a report must have schema version {SCHEMA_VERSION}",
            received="no version" if version is None else version,
            remedy="Read it with the gandiag that wrote it, or make the report again.",
        )
    unknown = sorted(set(document) - {*_TOP, "arrays"})
    if unknown:
        raise IntegrityError(
            "a report holds no other entries than the schema's",
            received=", ".join(unknown),
            remedy="Remove them, or make the report again.",
        )
    return dict(document)


def _typed(document: Any, kind: type[T], path: Path) -> T:
    import msgspec

    try:
        return msgspec.convert(document, kind, strict=True)
    except (msgspec.ValidationError, TypeError, RecursionError, GandiagError) as error:
        raise _broken(path, str(error)) from error


def _broken(path: Path, why: str) -> IntegrityError:
    return IntegrityError(
        f"{path.name} must follow the schema of a report", received=why, remedy="Make the report again."
    )


def _arrays_entry(named: Any, path: Path) -> dict[str, Any]:
    kinds = {"file": str, "keys": list, "sha256": str}
    if not isinstance(named, dict) or any(not isinstance(named.get(key), kind) for key, kind in kinds.items()):
        raise _broken(path, "`arrays` without file, keys and sha256")
    # Only a sibling is ever opened: a report from elsewhere must not reach other folders.
    if named["file"] in ("", ".", "..") or any(mark in named["file"] for mark in "/\\:\0"):
        raise _broken(path, f"`arrays.file` {named['file']!r}, which is not a plain file name")
    return named


def _with_arrays(report: Report, path: Path, named: dict[str, Any]) -> Report:
    sibling = path.with_name(named["file"])
    if not sibling.is_file():
        note = f"the arrays file {sibling.name} is missing: figures that need it cannot be drawn"
        return replace(report, real=replace(report.real, notes=(*report.real.notes, note)))
    data = _bytes(sibling)
    if hashlib.sha256(data).hexdigest() != named["sha256"]:
        raise IntegrityError(
            f"{sibling.name} must be the file that {path.name} names",
            received="another SHA-256",
            remedy="Put the two files of one run side by side, or make the report again.",
        )
    arrays = _unpacked(data, sibling)
    if sorted(arrays) != named["keys"]:
        raise _broken(path, "`arrays.keys` other than those in the file")
    return replace(report, arrays=arrays)


def _unpacked(data: bytes, sibling: Path) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: Arrays = dict(sorted(load(data).items()))
    except (SafetensorError, ValueError, KeyError) as error:
        raise IntegrityError(
            f"{sibling.name} must be a safetensors file", received=str(error), remedy="Make the report again."
        ) from error
    for key, array in arrays.items():
        _require_finite_array(array, key, IntegrityError)
    return arrays
