"""Files of weights: where they are looked for, what digest they must have, and how they are read.

In this order: the path in the name of the features, the environment variable of the network, the folder that
``GANDIAG_WEIGHTS`` names (``~/.cache/gandiag/weights`` by default), torch's own cache. Whatever is found must have
the digest that is pinned here, or the one that the user names; it is checked on every load, before a byte is read as
anything. Only what the user allows is fetched from the network: ``--allow-download``.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gandiag.core.downloads import downloads_allowed
from gandiag.core.files import in_home, is_homeless
from gandiag.errors import ConfigError, FileFormatError, IntegrityError
from gandiag.features._fetching import agrees, fetch

FOLDER = "GANDIAG_WEIGHTS"


@dataclass(frozen=True, kw_only=True)
class Known:
    """A file of weights that others publish.

    Parameters
    ----------
    of : str
        The feature map.
    file : str
        Its usual name.
    url : str
        Where it can be fetched; empty where there is no such place.
    sha256 : str or None
        Or its first digits, eight at least, where no more is published. None where nothing is: the path is trusted.
    variable : str
        Environment variable that may hold a path; empty for none.
    package : str
        A Python package that brings the file; empty for none.
    """

    of: str
    file: str
    url: str = ""
    sha256: str | None = None
    variable: str = ""
    package: str = ""


def load(known: Known, target: str = "", sha256: str = "") -> tuple[bytes, str, str]:
    """Find a file of weights and check it.

    Parameters
    ----------
    known : Known
    target : str
        A path that the user gives; empty for none.
    sha256 : str
        A digest that the user gives, in the place of the pinned one.

    Returns
    -------
    data : bytes
    digest : str
        SHA-256 of the bytes.
    place : str
        Where they come from, for messages.

    Raises
    ------
    ConfigError
        When there is no file, or it cannot be read.
    IntegrityError
        When it has another digest.
    """
    expected = (sha256 or known.sha256 or "").lower()
    path = _found(known, target)
    if path is None:
        path = folder() / known.file
        data = fetch(known.url, expected, path) if _may_fetch(known, expected) else _absent(known)
    else:
        data = _read(path, known)
    digest = hashlib.sha256(data).hexdigest()
    if expected and not agrees(digest, expected):
        again = f"Fetch {known.url} again; to" if known.url else "To"
        raise IntegrityError(
            f"the weights of {known.of} must have SHA-256 {expected}",
            received=f"{digest} of {path}",
            remedy=f"{again} use another file knowingly, name {known.of}:PATH?sha256={digest}.",
        )
    return data, digest, str(path)


def folder() -> Path:
    """Find the folder of weights, without touching it."""
    named = os.environ.get(FOLDER, "").strip()
    if named:
        found = in_home(named)
        return found if is_homeless(found) else found.absolute()
    return in_home(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "gandiag" / "weights"


def torch_home() -> Path:
    """Find torch's folder of hub and checkpoints, as torch does."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return in_home(home) / "hub"


def _found(known: Known, target: str) -> Path | None:
    named = target or (os.environ.get(known.variable, "") if known.variable else "")
    if named:
        return in_home(named)
    places = (folder() / known.file, torch_home() / "checkpoints" / known.file)
    return next((place for place in places if place.is_file()), None)


def _may_fetch(known: Known, expected: str) -> bool:
    return downloads_allowed() and bool(known.url and expected)


def _absent(known: Known) -> bytes:
    get = f"Fetch {known.url} once" if known.url else f"Get {known.file} once"
    if known.package:
        get = f"Run: pip install {known.package}; or get {known.file}"
    by_variable = f", set {known.variable} to its path" if known.variable else ""
    allowed = ", or allow it with --allow-download" if known.url and known.sha256 else ""
    raise ConfigError(
        f"{known.of} features need the weights of the network in a file on this machine; nothing is downloaded",
        received="no path, and no file in the usual places",
        remedy=f"{get} and put it at {folder() / known.file}{by_variable}, name features='{known.of}:PATH'{allowed}.",
    )


def _read(path: Path, known: Known) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        fetch_it = f"Fetch {known.url} to that path, or correct" if known.url else "Correct"
        raise ConfigError(
            f"the weights of {known.of} must be readable",
            received=f"{path}: {error.strerror}",
            remedy=f"{fetch_it} the path.",
        ) from error


def tensors(data: bytes, place: str, *, of: str) -> Mapping[str, Any]:
    """Read named tensors without running code from the file: safetensors, or what ``torch.save`` wrote.

    Raises
    ------
    FileFormatError
        When the bytes hold no mapping of names to tensors.
    """
    import torch

    try:
        if place.endswith(".safetensors"):
            from safetensors.torch import load as load_safetensors

            state: Any = load_safetensors(data)
        else:
            state = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except Exception as error:
        raise FileFormatError(
            f"{place} must hold the tensors of {of}",
            received=f"{type(error).__name__}: {str(error)[:200]}",
            remedy="Give a file that torch.save or safetensors wrote.",
        ) from error
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise FileFormatError(
            f"{place} must hold the tensors of {of} by name",
            received=type(state).__name__,
            remedy="Save module.state_dict().",
        )
    return state
