"""Items of data sets and loaders: the samples, and the labels beside them."""

from __future__ import annotations

import sys
from typing import Any

from gandiag.errors import SamplerContractError
from gandiag.samplers._receive import is_tensor


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


def is_picture(value: Any) -> bool:
    """Tell whether a value is a Pillow image, without importing Pillow."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def holds_pictures(value: Any) -> bool:
    """Tell whether a value is a Pillow image or a list of them."""
    return is_picture(value) or (isinstance(value, list | tuple) and bool(value) and all(map(is_picture, value)))


def _holds_numbers(value: Any) -> bool:
    return is_tensor(value) or hasattr(value, "__array__") or hasattr(value, "__array_interface__")
