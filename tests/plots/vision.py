"""How others see colours: in grey, and with one kind of cones missing (Machado, Oliveira & Fernandes 2009, severity 1).

The matrices are theirs, for linear light; lightness and distances are those of CIE L*a*b* with the white of sRGB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.float64]

PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(srgb: Any) -> Colours:
    """Turn sRGB in [0, 1] into linear light."""
    values = np.asarray(srgb, dtype=np.float64)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(light: Colours) -> Colours:
    """Turn linear light into sRGB, clipped to what a screen shows."""
    held = np.clip(light, 0.0, 1.0)
    return np.where(held <= 0.0031308, 12.92 * held, 1.055 * held ** (1.0 / 2.4) - 0.055)


def grey(srgb: Any) -> Colours:
    """Print in grey: equal luminance on all three channels."""
    return encoded(np.repeat((linear(srgb) @ _TO_XYZ[1])[..., None], 3, axis=-1))


def deuteranopia(srgb: Any) -> Colours:
    """See without the cones for middle wavelengths."""
    return encoded(linear(srgb) @ DEUTERANOPIA.T)


def protanopia(srgb: Any) -> Colours:
    """See without the cones for long wavelengths."""
    return encoded(linear(srgb) @ PROTANOPIA.T)


SIGHTS: dict[str, Callable[[Any], Colours]] = {
    "usual": lambda srgb: np.asarray(srgb, dtype=np.float64),
    "grey": grey,
    "deuteranopia": deuteranopia,
    "protanopia": protanopia,
}


def lab(srgb: Any) -> Colours:
    """Give CIE L*a*b* of colours, shape (..., 3)."""
    ratio = (linear(srgb) @ _TO_XYZ.T) / _TO_XYZ.sum(axis=1)
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def apart(one: Any, other: Any, sight: str) -> float:
    """Give the distance of two colours as one sight has them; 2.3 is just noticed side by side."""
    see = SIGHTS[sight]
    return float(np.linalg.norm(lab(see(one)) - lab(see(other))))
