"""Arrays, tensors, lists, data frames, and (values, labels) pairs held in memory.

Rows are copied when the source is opened, so a buffer that is overwritten later changes nothing; a memory map is not
copied, and only the chosen rows of it are ever read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.samplers._finite import FiniteSampler
from gandiag.samplers._receive import as_labels, is_tensor, pair, to_numpy
from gandiag.samplers._settings import Settings


def accepts(source: object) -> bool:
    """Tell whether the source holds numbers in memory."""
    if isinstance(source, type):
        return False
    if isinstance(source, np.ndarray | list | tuple) or is_tensor(source):
        return True
    return hasattr(source, "to_numpy") or (hasattr(source, "shape") and hasattr(source, "dtype"))


def open_array(source: Any, **options: Any) -> Sampler:
    """Open rows in memory, with labels from a pair or from ``labels=``."""
    settings = Settings.read(options, uses=("labels",), by="arrays")
    name = settings.name or _called(source)
    labelled = pair(source)
    values, labels = (source, settings.labels) if labelled is None else labelled
    if isinstance(values, tuple):
        values = list(values)
    rows = values if isinstance(values, np.memmap) else to_numpy(values, name=name)
    return FiniteSampler(
        rows,
        name=name,
        settings=settings,
        labels=None if labels is None else as_labels(labels, len(rows) if rows.ndim else 0, name=name),
    )


def _called(source: Any) -> str:
    if is_tensor(source):
        return "tensor"
    return {"list": "list", "tuple": "array", "DataFrame": "data frame"}.get(type(source).__name__, "array")


SAMPLER = SamplerSpec(
    name="array",
    summary="A NumPy array, torch tensor, list, data frame, or (values, labels) pair.",
    accepts=accepts,
    open=open_array,
    priority=-20,
)
