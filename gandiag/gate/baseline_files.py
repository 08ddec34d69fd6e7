"""Baselines on the disk: strict JSON that names its rows by SHA-256, both written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.files import write_files
from gandiag.core.results import require_finite_fields
from gandiag.errors import (
    ConfigError,
    FileFormatError,
    GandiagError,
    IntegrityError,
    NumericalError,
)
from gandiag.gate.baseline import SCHEMA_VERSION, WRITTEN, Baseline

# Tells our own arrays, which may be written over, from data that happens to lie beside a baseline.
_MARK = {"written_by": "gandiag baseline"}
_AGAIN = "Make it again: gandiag baseline update."
_SIBLING = ".safetensors"


def write_baseline(baseline: Baseline, path: str | Path) -> None:
    """Write a baseline to ``path``, and its rows to the sibling ``<stem>.safetensors``.

    Raises
    ------
    ConfigError
        When there is no such folder, or a file of somebody else's stands where the rows belong.
    ReportNotWritten
        When the disk does not take it; an earlier baseline is untouched.
    NumericalError
        For a number that is not finite.
    """
    path = Path(path)
    sibling = path.with_suffix(_SIBLING)
    if path.suffix == _SIBLING:
        raise ConfigError(
            f"a baseline itself must not be called {_SIBLING}: its rows are",
            received=str(path),
            remedy="Name it baseline.json.",
        )
    if sibling.exists() and not _is_ours(sibling):
        raise ConfigError(
            f"the rows of the baseline belong into {sibling.name}, and there is another file of that name",
            received=str(sibling),
            remedy="Give the baseline another name.",
        )
    data = _packed(baseline)
    document = {name: getattr(baseline, name) for name in ("schema_version", *WRITTEN)}
    require_finite_fields(document, "baseline")
    document["rows"] = {"file": sibling.name, "sha256": hashlib.sha256(data).hexdigest(), "count": len(baseline.rows)}
    text = json.dumps(document, ensure_ascii=True, allow_nan=False, indent=1) + "\n"
    write_files({sibling: data, path: text.encode()}, "a baseline")


def _packed(baseline: Baseline) -> bytes:
    from safetensors.numpy import save

    return bytes(save({name: _lossless(array) for name, array in baseline.arrays.items()}, metadata=_MARK))


def _lossless(array: NDArray[Any]) -> NDArray[Any]:
    """Store in single precision what that holds exactly."""
    array = np.ascontiguousarray(array)
    if array.dtype.kind != "f":
        return array.copy()
    with np.errstate(over="ignore"):
        small = array.astype(np.float32)
    return small if np.array_equal(small.astype(np.float64), array) else array.astype(np.float64)


def _is_ours(path: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).items() >= _MARK.items()
    except (SafetensorError, OSError):
        return False


def read_baseline(path: str | Path) -> Baseline:
    """Read a baseline and its rows.

    Raises
    ------
    FileFormatError
        When one of the two files is not there.
    IntegrityError
        For another schema version, a field that is missing or wrong, or rows with another SHA-256 than the named one.
    """
    path = Path(path)
    document = _document(path)
    named = document.pop("rows")
    sibling = path.with_name(named["file"])
    data = _bytes(sibling)
    if hashlib.sha256(data).hexdigest() != named["sha256"]:
        raise IntegrityError(
            f"{sibling.name} must be the file that {path.name} names",
            received="another SHA-256",
            remedy=f"Put the two files of one run side by side. {_AGAIN}",
        )
    try:
        return _assembled(document, _unpacked(data))
    except (TypeError, ValueError, KeyError, GandiagError) as error:
        raise _broken(path, str(error)) from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileFormatError(
            "a baseline must be a file that can be read, with its rows beside it",
            received=f"{path}: {error.strerror}",
            remedy="Name the file that `gandiag baseline update` wrote; commit both of its files.",
        ) from error


def _document(path: Path) -> dict[str, Any]:
    data = _bytes(path)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{path.name} must be JSON", received=str(error), remedy=_AGAIN) from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION or isinstance(version, bool | float):
        raise IntegrityError(
            f"a baseline must have schema version {SCHEMA_VERSION}",
            received="no version" if version is None else version,
            remedy=f"Use the gandiag that wrote it. {_AGAIN}",
        )
    odd = sorted(set(document) ^ {*WRITTEN, "rows"})
    if odd:
        raise _broken(path, f"entries that lack or are too many: {', '.join(odd)}")
    named = document["rows"]
    if not isinstance(named, dict) or not all(isinstance(named.get(key), str) for key in ("file", "sha256")):
        raise _broken(path, "`rows` without file and sha256")
    # Only a sibling is ever opened: a baseline from elsewhere must not reach other folders.
    if named["file"] in ("", ".", "..") or any(mark in named["file"] for mark in "/\\:\0"):
        raise _broken(path, f"`rows.file` {named['file']!r}, which is not a plain file name")
    return dict(document)


def _assembled(document: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Baseline:
    kinds: dict[str, Any] = {"gandiag_version": str, "fake": str, "drawn_as": str, "endless": bool}
    kinds |= {"fingerprints": dict, "metrics": dict, "dependence": str | None, "features": str | None}
    for name, kind in kinds.items():
        if not isinstance(document[name], kind):
            raise TypeError(f"`{name}` must be {kind}, and is {type(document[name]).__name__}")
    require_finite_fields(document, "baseline")
    for name, entry in document["metrics"].items():
        estimate = entry.get("estimate", "absent") if isinstance(entry, dict) else "absent"
        if isinstance(estimate, bool) or not isinstance(estimate, int | float | None):
            raise TypeError(f"`metrics.{name}` must have an estimate, a number or null")
    rows = np.asarray(arrays["rows"], dtype=np.float64)
    lengths = {len(array) for array in arrays.values()}
    if rows.ndim != 2 or len(lengths) != 1 or not np.isfinite(rows).all():
        raise NumericalError("rows must be a finite matrix, with one label each", remedy=_AGAIN)
    rows.setflags(write=False)
    return Baseline(**document, rows=rows, labels=arrays.get("labels"), outside=arrays.get("outside"))


def _unpacked(data: bytes) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: dict[str, NDArray[Any]] = dict(load(data))
    except SafetensorError as error:
        raise ValueError(f"rows that are no safetensors file: {error}") from error
    if not {"rows"} <= set(arrays) <= {"rows", "labels", "outside"}:
        raise KeyError(f"arrays {sorted(arrays)}")
    return arrays


def _broken(path: Path, why: str) -> IntegrityError:
    return IntegrityError(f"{path.name} must follow the schema of a baseline", received=why, remedy=_AGAIN)
