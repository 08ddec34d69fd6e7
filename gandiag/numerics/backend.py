"""Where arrays live: one code for NumPy arrays and torch tensors, through the array API.

A function of `numerics` that does heavy work asks for the namespace of what it was given, and returns arrays of that
kind on that device. Small results are brought to the host by its caller.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = Any  # NumPy array or torch tensor; the array API has no common type


def namespace(*arrays: Array) -> Any:
    """Find the array-API namespace that all arrays share: `array_api_compat.numpy` or `array_api_compat.torch`."""
    from array_api_compat import array_namespace

    return array_namespace(*arrays)


def on_host(array: Array) -> NDArray[Any]:
    """Bring an array to the host as NumPy, without a copy where it already is there."""
    return np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)


def beside(values: NDArray[Any], near: Array) -> Array:
    """Bring host values to the device of ``near``, as an array of its kind; floats take its precision."""
    from array_api_compat import device

    xp = namespace(near)
    if values.dtype.kind == "f":
        return xp.asarray(values, dtype=near.dtype, device=device(near))
    return xp.asarray(values, device=device(near))
