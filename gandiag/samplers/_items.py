"""Items of data sets and loaders: the samples, and the labels beside them."""

from __future__ import annotations

from typing import Any

from gandiag.errors import SamplerContractError
from gandiag.samplers._receive import is_tensor


def samples_of(item: Any, key: str | None, *, name: str) -> tuple[Any, Any]:
    """Take (samples, labels or None) from one item or batch: the first of a tuple, a named entry of a dict."""
    if isinstance(item, dict) or (hasattr(item, "keys") and hasattr(item, "__getitem__")):
        known = ", ".join(map(str, list(item.keys())[:10]))
        if key is None or key not in item:
            raise SamplerContractError(
                f"items of {name} are dicts, so key= must name the entry with the samples",
                received=f"key {key!r} and entries {known}",
                remedy="Pass one of these as key.",
            )
        label = next((item[k] for k in ("labels", "label", "y") if k in item and k != key), None)
        return item[key], label
    if isinstance(item, tuple | list) and item and _holds_numbers(item[0]):
        return item[0], item[1] if len(item) == 2 else None
    return item, None


def _holds_numbers(value: Any) -> bool:
    return is_tensor(value) or hasattr(value, "__array__") or hasattr(value, "__array_interface__")
