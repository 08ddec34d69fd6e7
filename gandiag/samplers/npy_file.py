"""``.npy`` files: memory-mapped, so that only the chosen rows are read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.errors import FileFormatError, TooFewSamplesError
from gandiag.samplers._finite import FiniteSampler
from gandiag.samplers._npy import read_header, require_file
from gandiag.samplers._receive import as_labels
from gandiag.samplers._settings import Settings


def accepts(source: object) -> bool:
    """Tell whether the source is a path ending in .npy."""
    return isinstance(source, Path) and source.suffix.lower() == ".npy"


def open_npy(source: Any, **options: Any) -> Sampler:
    """Open a .npy file; the file must not change while it is in use."""
    settings = Settings.read(options, uses=("labels",), by=".npy files")
    name = settings.name or source.name
    size = require_file(source, name=name)
    try:
        with source.open("rb") as file:
            shape, fortran, dtype, offset = read_header(file, size, name=name)
        if math.prod(shape) == 0:
            raise TooFewSamplesError(f"{name} must hold samples", received=f"shape {shape}", remedy="Write some.")
        values = np.memmap(source, dtype=dtype, mode="r", offset=offset, shape=shape, order="F" if fortran else "C")
    except OSError as error:
        raise FileFormatError(f"{name} must be readable", received=str(error.strerror), remedy="Mend it.") from error
    labels = None if settings.labels is None else as_labels(settings.labels, shape[0] if shape else 0, name=name)
    return FiniteSampler(values, name=name, settings=settings, labels=labels)


SAMPLER = SamplerSpec(
    name="npy_file",
    summary="A .npy file, memory-mapped.",
    accepts=accepts,
    open=open_npy,
    priority=-10,
)
