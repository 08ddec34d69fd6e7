"""Decoding images that nobody vouches for, without changing a value silently.

The size is looked at before a pixel is decoded, only known formats are tried, truncated files are errors, and every
conversion is counted. Pixels are taken as stored: orientation tags are not applied.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import GandiagError, ImageDecodeError, MissingExtra, ResourceLimitError

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})
MOST_PIXELS = 64 * 2**20

_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM")
_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")
_TO_RGB = ("P", "CMYK", "YCbCr", "LAB", "HSV", "RGBX")
_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")


def pillow() -> Any:
    """Import Pillow, or say how to get it."""
    try:
        from PIL import Image
    except Exception as error:  # a broken installation raises whatever it likes
        raise MissingExtra(
            "reading images needs Pillow",
            received=f"{type(error).__name__}: {error}",
            remedy='Run: pip install "gandiag[images]"',
        ) from error
    return Image


@contextlib.contextmanager
def opened(path: Path, *, name: str) -> Iterator[Any]:
    """Open an image without decoding it, refusing what is too large or has several frames."""
    image_module = pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit is lower than the one that Pillow warns about
            image = image_module.open(path, formats=_FORMATS)
    except image_module.DecompressionBombError as error:
        raise _too_large(name, "more pixels than Pillow opens") from error
    except Exception as error:
        raise _unreadable(name, error) from error
    with image:
        if image.width * image.height > MOST_PIXELS:
            raise _too_large(name, f"{image.width}×{image.height}")
        try:
            frames = int(getattr(image, "n_frames", 1))  # counting frames reads the file on
        except Exception as error:
            raise _unreadable(name, error) from error
        if frames > 1:
            raise ImageDecodeError(
                f"{name} must hold one picture", received=f"{frames} frames", remedy="Extract the frames first."
            )
        yield image


def decode(path: Path, *, name: str, alpha: str | None) -> tuple[NDArray[Any], str]:
    """Decode one image to (h, w) or (h, w, 3), with a word about what was converted ("" for nothing)."""
    with opened(path, name=name) as image:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                image.load()
            return _pixels(image, name=name, alpha=alpha)
        except GandiagError:
            raise
        except Exception as error:
            raise _unreadable(name, error) from error


def _pixels(image: Any, *, name: str, alpha: str | None) -> tuple[NDArray[Any], str]:
    mode = image.mode
    if mode in _ALPHA or "transparency" in image.info:
        if alpha is None:
            raise ImageDecodeError(
                f"{name} must not be transparent",
                received=f"mode {mode} with transparency",
                remedy='Dropping it would show hidden colours: pass alpha="composite" to lay it over white.',
            )
        return _over_white(image), "laid over white"
    if mode in _SIXTEEN:
        return np.array(image).astype(np.uint16), ""
    if mode == "I":
        values = np.array(image)
        if values.min() < 0 or values.max() > 65535:
            raise ImageDecodeError(f"{name} must be 8 or 16 bit", received="32 bit", remedy="Save it as .npy.")
        return values.astype(np.uint16), ""
    if mode == "1":
        return np.array(image.convert("L")), "widened from 1 bit"
    if mode in _TO_RGB:
        return np.array(image.convert("RGB")), f"converted from {mode} to RGB"
    if mode not in ("L", "RGB"):
        raise ImageDecodeError(f"{name} must be grey or RGB", received=f"mode {mode}", remedy="Convert it first.")
    return np.array(image), ""


def _over_white(image: Any) -> NDArray[Any]:
    image_module = pillow()
    rgba = image.convert("RGBA")
    white = image_module.new("RGBA", rgba.size, (255, 255, 255, 255))
    return np.array(image_module.alpha_composite(white, rgba).convert("RGB"))


def _too_large(name: str, received: str) -> ResourceLimitError:
    return ResourceLimitError(
        f"{name} must have at most {MOST_PIXELS} pixels", received=received, remedy="Crop or resize it first."
    )


def _unreadable(name: str, error: Exception) -> ImageDecodeError:
    reason = str(error).split(" <_io")[0].replace("\n", " ")
    if "cannot identify image file" in reason:
        reason = "not an image of a known format"
    return ImageDecodeError(
        f"{name} must be a whole image", received=f"{type(error).__name__}: {reason}", remedy="Remove or mend the file."
    )
