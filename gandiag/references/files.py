"""References as files: ``.npz``, which other programs read mean and covariance from, or ``.safetensors``.

Both hold plain arrays and one JSON text; the text names the SHA-256 of all arrays. ``mu`` and ``sigma`` are called as
pytorch-fid calls them.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.classes import FIRST_CODE, class_code, name_of_class
from gandiag.core.files import require_places, write_files
from gandiag.core.samples import KnownModes, SampleSet
from gandiag.errors import ConfigError, GandiagError, IntegrityError
from gandiag.references.reference import Reference, Rows

Arrays = dict[str, NDArray[Any]]

SCHEMA = 1
MARK = "gandiag_reference"
ENDINGS = (".npz", ".safetensors")
_MODES = ("centres", "covariances", "weights")


def require_place(path: Path) -> None:
    """Refuse a place that no reference can be written to.

    Raises
    ------
    ConfigError
        For another ending than .npz and .safetensors, or a folder that does not exist.
    ReportNotWritten
        When the folder takes no files.
    """
    if path.suffix.lower() not in ENDINGS or not path.parent.is_dir():
        raise ConfigError(
            "a reference must be a .npz or .safetensors file in a folder that exists",
            received=str(path),
            remedy="Name it ref.npz, or ref.safetensors.",
        )
    require_places([path], "a reference")


def write_reference(reference: Reference, path: Path) -> None:
    """Write a reference whole or not at all.

    Raises
    ------
    ConfigError
        For another ending than .npz and .safetensors, or a folder that does not exist.
    ReportNotWritten
        When the disk does not take it.
    """
    require_place(path)
    arrays = _arrays(reference)
    text = json.dumps(_described(reference) | {"sha256": _digest(arrays)}, sort_keys=True)
    data = _npz(arrays, text) if path.suffix.lower() == ".npz" else _safetensors(arrays, text)
    write_files({path: data}, "a reference")


def reference_from(arrays: Arrays, text: str, *, name: str) -> Reference:
    """Put a reference together from what a file holds.

    Raises
    ------
    IntegrityError
        For another schema, or arrays that are not those that were written.
    """
    try:
        told = json.loads(text)
        if told["schema"] != SCHEMA:
            raise _broken(name, f"schema {told['schema']}, not {SCHEMA}")
        if told["sha256"] != _digest(arrays):
            raise _broken(name, "arrays with another checksum")
        return _reference(told, arrays)
    except GandiagError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _broken(name, f"{type(error).__name__}: {error}") from error


def _broken(name: str, why: str) -> IntegrityError:
    return IntegrityError(
        f"{name} must be a whole reference", received=why, remedy="Write it again with `gandiag features`."
    )


def _described(reference: Reference) -> dict[str, Any]:
    outline = reference.outline
    named = () if reference.rows is None else (reference.rows.real_labels, reference.rows.fit_labels)
    codes = sorted({int(c) for labels in named if labels is not None for c in labels if c >= FIRST_CODE})
    return {
        "schema": SCHEMA,
        "source": reference.source,
        "features": reference.features,
        "fingerprint": reference.fingerprint,
        "n": reference.n,
        "lag": reference.lag,
        "notes": list(reference.notes),
        "classes": [name_of_class(code) for code in codes],
        "kind": None if outline is None else outline.kind,
        "range": None if outline is None or outline.value_range is None else list(outline.value_range),
        "formats": None if outline is None else outline.extra.get("formats"),
        "written": dict(reference.written),
    }


def _arrays(reference: Reference) -> Arrays:
    found: dict[str, NDArray[Any] | None] = {"mu": reference.mean, "sigma": reference.covariance}
    if reference.rows is not None:
        rows = reference.rows
        found |= {"features": _halved(rows.real), "fit_features": _halved(rows.fit)}
        found |= {"labels": rows.real_labels, "fit_labels": rows.fit_labels}
    if reference.outline is not None:
        found["fitted_on"] = np.concatenate([block for _, block in reference.outline.blocks()])
        found["fitted_on_labels"] = reference.outline.labels
        modes = reference.outline.modes
        found |= {f"modes_{part}": None if modes is None else getattr(modes, part) for part in _MODES}
    return {key: np.ascontiguousarray(value) for key, value in sorted(found.items()) if value is not None}


def _reference(told: dict[str, Any], arrays: Arrays) -> Reference:
    for name in told["classes"]:
        class_code(name)  # what the numbers of named classes stand for, in this process too
    rows = outline = None
    if "features" in arrays:
        rows = Rows(
            real=arrays["features"].astype(np.float64),
            fit=arrays["fit_features"].astype(np.float64),
            real_labels=arrays.get("labels"),
            fit_labels=arrays.get("fit_labels"),
        )
    if "fitted_on" in arrays:
        outline = SampleSet(
            values=arrays["fitted_on"],
            kind=told["kind"],
            labels=arrays.get("fitted_on_labels"),
            value_range=None if told["range"] is None else (told["range"][0], told["range"][1]),
            modes=KnownModes(**{part: arrays[f"modes_{part}"] for part in _MODES})
            if "modes_weights" in arrays
            else None,
            source=told["source"],
            extra={} if told["formats"] is None else {"formats": told["formats"]},
        )
    return Reference(
        source=told["source"],
        features=told["features"],
        fingerprint=told["fingerprint"],
        mean=arrays["mu"],
        covariance=arrays["sigma"],
        n=told["n"],
        rows=rows,
        outline=outline,
        lag=told["lag"],
        notes=tuple(told["notes"]),
        written=told["written"],
    )


def _modes(arrays: Arrays) -> KnownModes | None:
    held = {part: arrays[f"modes_{part}"] for part in _MODES if f"modes_{part}" in arrays}
    return KnownModes(**held) if held else None


def _halved(rows: NDArray[np.float64]) -> NDArray[Any]:
    """Keep single precision where it holds every value, as it does the outputs of networks."""
    with np.errstate(over="ignore"):
        small = rows.astype(np.float32)
    return small if np.array_equal(small.astype(np.float64), rows) else rows


def _digest(arrays: Arrays) -> str:
    digest = hashlib.sha256()
    for key in sorted(arrays):
        if key != MARK:
            value = np.ascontiguousarray(arrays[key])
            digest.update(f"{key}{value.dtype.str.lstrip('<>=|')}{value.shape}".encode())
            digest.update(value.data)
    return digest.hexdigest()


def _npz(arrays: Arrays, text: str) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays, **{MARK: np.frombuffer(text.encode(), dtype=np.uint8)})  # type: ignore[arg-type]
    return out.getvalue()


def _safetensors(arrays: Arrays, text: str) -> bytes:
    from safetensors.numpy import save

    return bytes(save(arrays, metadata={MARK: text}))
