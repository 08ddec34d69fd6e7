"""Telling references from samples: by a mark of ours, or by what other programs call their statistics."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import FileFormatError, GandiagError, IntegrityError
from gandiag.references.files import MARK, reference_from
from gandiag.references.reference import Reference, ReferenceSampler
from gandiag.samplers.npz_file import members_of, read_member

_STATISTICS = frozenset({"mu", "sigma"})


def opened_reference(path: Path, name: str) -> ReferenceSampler | None:
    """Open a reference; None for any other file.

    Raises
    ------
    GandiagError
        For a file that is a reference and cannot be read as one.
    """
    try:
        read = {".npz": _from_npz, ".safetensors": _from_safetensors}.get(path.suffix.lower())
        found = None if read is None or not path.is_file() else read(path, name)
    except GandiagError:
        raise
    except Exception as error:
        raise FileFormatError(
            f"{name} must be a whole file", received=f"{type(error).__name__}: {error}", remedy="Write it again."
        ) from error
    return None if found is None else ReferenceSampler(found, name)


def _from_npz(path: Path, name: str) -> Reference | None:
    if not zipfile.is_zipfile(path):
        return None  # the reader of samples says what is wrong with it
    with zipfile.ZipFile(path) as archive:
        held = set(archive.namelist())
        if f"{MARK}.npy" in held:
            members = members_of(archive, name=name)
            arrays = {key: read_member(archive, info, name=name) for key, info in members.items()}
            return reference_from(arrays, bytes(arrays.pop(MARK)).decode(), name=name)
        if not {f"{key}.npy" for key in _STATISTICS} <= held:
            return None
        members = members_of(archive, name=name)
        arrays = {key: read_member(archive, members[key], name=name) for key in _STATISTICS}
        return _foreign(arrays, frozenset(members), name=name)


def _from_safetensors(path: Path, name: str) -> Reference | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(MARK)
            if text is None:
                return None
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - the file is no mapping
    except (SafetensorError, ImportError):
        return None  # the reader of samples says what is wrong with it
    return reference_from(arrays, text, name=name)


def _foreign(arrays: dict[str, NDArray[Any]], members: frozenset[str], *, name: str) -> Reference | None:
    """Take mean and covariance as pytorch-fid, ADM and StyleGAN write them."""
    mean, covariance = np.asarray(arrays["mu"]), np.asarray(arrays["sigma"])
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)) or mean.dtype.kind != "f":
        return None  # arrays that happen to have these names
    _require_covariance(mean, covariance, name=name)
    spatial, images = {"mu_s", "sigma_s"} <= members, "arr_0" in members
    writer = "guided-diffusion (ADM)" if spatial else "pytorch-fid or StyleGAN"
    notes = [f"mean and covariance written by another program ({writer}): its weights, resize and rows are not known"]
    if spatial:
        notes.append("the statistics of spatial features (mu_s, sigma_s) were left out")
    if images:
        notes.append(f"the images (arr_0) were left out: name {name}?key=arr_0 to score against them")
    return Reference(
        source=name,
        features="",
        fingerprint="",
        mean=mean.astype(np.float64),
        covariance=covariance.astype(np.float64),
        n=None,
        notes=tuple(notes),
        foreign=writer,
    )


def _require_covariance(mean: NDArray[Any], covariance: NDArray[Any], *, name: str) -> None:
    finite = bool(np.isfinite(mean).all() and np.isfinite(covariance).all())
    size = float(np.abs(np.diag(covariance)).max(initial=0.0))
    symmetric = finite and bool(np.abs(covariance - covariance.T).max(initial=0.0) <= 1e-6 * size)
    if not symmetric or bool((np.diag(covariance) < 0.0).any()):
        raise IntegrityError(
            f"`sigma` of {name} must be a covariance: finite, symmetric, with no negative variance",
            received="NaN or infinity" if not finite else "a matrix that is none",
            remedy="Write the statistics again.",
        )
