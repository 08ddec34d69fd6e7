"""The trace of a recorded run: facts and arrays in one ``.safetensors`` file, checked when it is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.files import replace_file
from gandiag.core.tensor_files import metadata_of
from gandiag.errors import FileFormatError

NAME = "lab.safetensors"
FORMAT = "gandiag-lab-1"

# Name -> shape: F frames, N samples, G cells a side, R rows and C columns of the manifold, K arrows, B real rows,
# S scalars. JUDGED needs a discriminator, MAPPED a manifold. WITHIN is of the step of a frame: what was before it
# (where ``within`` is 1), and what D says after it of the samples of before.
ALWAYS = {
    "steps": "F",
    "seconds": "F",
    "scalars": "FS",
    "samples": "FN2",
    "q": "FGG",
    "p": "GG",
    "real": "B2",
}
JUDGED = {"disc": "FGG", "points": "FK2", "slopes": "FK2", "at_points": "FK", "d_real": "FB", "d_fake": "FN"}
MAPPED = {"manifold": "FRC2", "density": "FRC"}
WITHIN = {"within": "F", "disc_before": "FGG", "points_before": "FK2", "slopes_before": "FK2", "at_before": "FK"}
SHAPES = ALWAYS | JUDGED | MAPPED | WITHIN

FACTS = ("name", "data", "loss", "output", "latent", "prior", "exact", "q_from", "view", "scalars", "floors", "every")


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """What a run left for the lab.

    Parameters
    ----------
    facts : dict
        ``name``, ``data``, ``loss``, ``output`` of D, ``latent``, ``prior``, ``exact`` (whether the data's density is
        known), ``q_from``, ``view`` (x and y of the corner, side), ``scalars`` (names of the columns), ``floors``,
        ``every``, ``modes``, ``broken`` (steps whose outputs were not finite), ``rows`` (of each measurement),
        ``pack``.
    arrays : dict of ndarray
        See `SHAPES`; optional ones are absent where there was no discriminator or no manifold.
    """

    facts: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.arrays["steps"])

    def series(self, name: str) -> NDArray[np.float64]:
        """Give one scalar over the frames; not a number where it was not measured."""
        column: NDArray[np.float64] = self.arrays["scalars"][:, self.facts["scalars"].index(name)]
        return column

    def to_bytes(self) -> bytes:
        """Encode as ``.safetensors``; equal traces give equal bytes."""
        from safetensors.numpy import save

        text = json.dumps({"format": FORMAT, **self.facts}, allow_nan=False, sort_keys=True)
        data: bytes = save({k: np.ascontiguousarray(v) for k, v in sorted(self.arrays.items())}, {"lab": text})
        return data

    def write(self, folder: Path) -> Path:
        """Put the file into a folder, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / NAME, self.to_bytes())
        return folder / NAME


def read_trace(path: str | Path) -> Trace:
    """Read the trace of a run.

    Parameters
    ----------
    path : path
        The folder of the run, or the file in it.

    Raises
    ------
    FileFormatError
        When there is none, or it is torn, of another format, or holds what no recorder writes.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    file = Path(path)
    file = file / NAME if file.is_dir() else file
    try:
        data = file.read_bytes()
    except OSError as error:
        raise FileFormatError(
            "a recorded run must hold a file that can be read",
            received=f"{file}: {error.strerror}",
            remedy="Train with a LabRecorder, or with python -m reference_models train ... --lab 50.",
        ) from error
    try:
        facts = json.loads(metadata_of(data)["lab"])
        arrays = load(data)
        _require_whole(facts, arrays)
    except (SafetensorError, KeyError, ValueError, TypeError, IndexError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise _unfit(file, f"{type(error).__name__}: {error}") from error
    return Trace(facts=facts, arrays=arrays)


def _require_whole(facts: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Check every fact and array that the page relies on."""
    if facts.pop("format", None) != FORMAT:
        raise ValueError("another format")
    absent = [name for name in FACTS if name not in facts] + [name for name in ALWAYS if name not in arrays]
    if absent:
        raise ValueError(f"without {', '.join(absent)}")
    facts.setdefault("pack", 1)
    sizes: dict[str, int] = {"2": 2, "S": len(facts["scalars"])}
    for name, array in arrays.items():
        letters = SHAPES[name]
        if array.ndim != len(letters) or array.dtype.kind not in "fi" or not array.size:
            raise ValueError(f"{name} of shape {array.shape}")
        for letter, size in zip(letters, array.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ValueError(f"{name} of shape {array.shape}")
        if name != "scalars" and not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite")
    for group in (JUDGED, MAPPED, WITHIN):
        if 0 < len(group.keys() & arrays.keys()) < len(group):
            raise ValueError(f"without some of {', '.join(group)}")
    if (np.diff(arrays["steps"]) <= 0).any() or not float(facts["view"][2]) > 0 or len(facts["view"]) != 3:
        raise ValueError("steps that do not rise, or no view")


def _unfit(file: Path, why: str) -> FileFormatError:
    return FileFormatError(
        "the trace of a run must be whole",
        received=f"{file}: {why}",
        remedy="Record the run again with this version of gandiag.",
    )
