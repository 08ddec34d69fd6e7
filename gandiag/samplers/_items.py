"""Items of data sets and loaders: the samples, and the labels beside them."""

from __future__ import annotations

import sys
from typing import Any, Literal

import numpy as np

from gandiag.errors import SamplerContractError
from gandiag.samplers._receive import is_tensor

_MOST_AXES = 3  # of a sample: an image in colour


def samples_of(item: Any, key: str | None, *, name: str) -> tuple[Any, Any]:
    """Take (samples, labels or None) from one item or batch: the first of a tuple, a named entry of a dict."""
    if isinstance(item, dict) or (hasattr(item, "keys") and hasattr(item, "__getitem__")):
        known = ", ".join(map(str, list(item.keys())[:10]))
        pictures = [entry for entry in item.keys() if holds_pictures(item[entry])]  # noqa: SIM118 - of any mapping
        if key is None and len(pictures) == 1:
            key = pictures[0]
        if key is None or key not in item:
            raise SamplerContractError(
                f"items of {name} are dicts, so key= must name the entry with the samples",
                received=f"key {key!r} and entries {known}",
                remedy="Pass one of these as key.",
            )
        label = next((item[k] for k in ("labels", "label", "y") if k in item and k != key), None)
        return item[key], label
    if isinstance(item, list) and item and is_picture(item[0]):
        return item, None  # a batch of images, and no (image, label)
    if isinstance(item, tuple | list) and item and (_holds_numbers(item[0]) or holds_pictures(item[0])):
        return item[0], item[1] if len(item) == 2 else None
    return item, None


Portion = Literal["samples", "batches", "either"]


def comes_in(source: Any) -> Portion:
    """Tell what iterating over a source gives: samples or batches; of a loader that makes no batches, either."""
    data = sys.modules.get("torch.utils.data")
    if data is None or not isinstance(source, data.IterableDataset | data.DataLoader):
        return "batches"
    if isinstance(source, data.IterableDataset):
        return "samples"
    return "either" if source.batch_sampler is None else "batches"


def as_batch(rows: Any, labels: Any, portion: Portion, *, name: str) -> tuple[Any, Any]:
    """Make a batch of what may be one sample: a sample has at most three axes, and one label.

    Raises
    ------
    SamplerContractError
        Where nothing tells a sample from a batch.
    """
    if portion == "batches" or (holds_pictures(rows) and not is_picture(rows)):
        return rows, labels
    if is_picture(rows):
        return [rows], None if labels is None else [labels]
    rows = rows if _holds_numbers(rows) else np.asarray(rows)
    if np.ndim(rows) > _MOST_AXES:
        return rows, labels
    if labels is not None and np.ndim(labels) == 1 and np.ndim(rows) > 1 and len(labels) == len(rows):
        return rows, labels
    if portion == "either" and (labels is None or np.ndim(labels) > 0):
        raise SamplerContractError(
            f"{name} has no batch_size, so it must be told whether it gives samples or batches",
            received=f"items of shape {tuple(np.shape(rows))}, without a class",
            remedy="Give it a batch_size; where it gives batches, pass iter(loader).",
        )
    return rows[None], None if labels is None else [labels]


def is_picture(value: Any) -> bool:
    """Tell whether a value is a Pillow image, without importing Pillow."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def holds_pictures(value: Any) -> bool:
    """Tell whether a value is a Pillow image or a list of them."""
    return is_picture(value) or (isinstance(value, list | tuple) and bool(value) and all(map(is_picture, value)))


def _holds_numbers(value: Any) -> bool:
    return is_tensor(value) or hasattr(value, "__array__") or hasattr(value, "__array_interface__")
