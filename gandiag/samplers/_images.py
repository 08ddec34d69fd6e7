"""Decoding images that nobody vouches for, by rule: no value is changed silently, and none by accident.

The size is looked at before a pixel is decoded, only known formats are tried, and truncated files are errors. What a
file becomes (grey or colour, 8 or 16 bits, upright or as stored) follows from its header alone, so that all headers of
a set can be held against each other before the first pixel is read; every conversion is said.

===================================  =================================================================================
8-bit grey and RGB                   as stored
16-bit grey                          as stored, in [0, 65535]
16-bit colour, 32-bit, floats        refused: Pillow would cut them to 8 bits
1 bit, palette, CMYK, YCbCr          widened to 8-bit grey or RGB, and counted
transparency                         refused, unless it is opaque everywhere or ``alpha`` names a background
orientation tags                     counted; pixels as stored, unless ``orientation="upright"``
several frames or pages              refused, unless ``frames="first"``; of a multi-picture JPEG the first, counted
===================================  =================================================================================
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from numpy.typing import NDArray

from gandiag.errors import GandiagError, ImageDecodeError, MissingExtra, ResourceLimitError
from gandiag.samplers._pixels import form_of, pixels_of, quality_of, turn_of, turned
from gandiag.samplers._settings import Settings

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})
MOST_PIXELS = 64 * 2**20
MOST_FILE_BYTES = 512 * 2**20

_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM")
_OF_ENDING = {".png": "PNG", ".bmp": "BMP", ".webp": "WEBP", ".gif": "GIF", ".ppm": "PPM", ".pgm": "PPM"}
_OF_ENDING |= {".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}


@dataclass(frozen=True, kw_only=True)
class Header:
    """What an image is going to be, read without decoding it.

    Parameters
    ----------
    shape : tuple of int
        (h, w) or (h, w, 3).
    dtype : str
        "uint8" or "uint16".
    format : str
        Of its content, whatever its ending says.
    words : tuple of str
        What is done to it on reading.
    quality : int, optional
        That a JPEG was written with, estimated.
    """

    shape: tuple[int, ...]
    dtype: str
    format: str
    words: tuple[str, ...]
    quality: int | None = None


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


def read_header(file: IO[bytes], *, name: str, settings: Settings) -> Header:
    """Say what an image is going to be, refusing what the rules do not allow."""
    with open_picture(file, name=name) as image:
        return _header(image, name=name, settings=settings)


def decode(file: IO[bytes], name: str, settings: Settings) -> NDArray[Any]:
    """Decode one image to (h, w) or (h, w, 3)."""
    with open_picture(file, name=name) as image:
        return by_rule(image, name=name, settings=settings)[0]


def by_rule(image: Any, *, name: str, settings: Settings) -> tuple[NDArray[Any], Header]:
    """Turn a Pillow image, loaded or not, into pixels."""
    header = _header(image, name=name, settings=settings)
    turn = turn_of(image)
    with _in_our_words(name):
        image.load()
        pixels = pixels_of(image, name=name, alpha=settings.alpha)
        # Pillow has no say over TIFF: it always brings these upright, so that "as stored" turns them back.
        upright = header.format == "TIFF"
        if turn != 1 and upright != (settings.orientation == "upright"):
            pixels = turned(pixels, turn, back=upright)
    if pixels.shape != header.shape or str(pixels.dtype) != header.dtype:
        raise ImageDecodeError(
            f"{name} must hold what its header says",
            received=f"{pixels.shape} {pixels.dtype} after {header.shape} {header.dtype}",
            remedy="Write it again, and leave it alone while it is read.",
        )
    return pixels, header


def wrong_ending(name: str, found: str) -> bool:
    """Tell whether a name ends on another format than the one that was found."""
    ending = "." + name.rpartition(".")[2].lower()
    return ending in _OF_ENDING and _OF_ENDING[ending] != found


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence Pillow's warnings: our limits are lower than those it warns about, and the rest is said by the rules.

    Filters of warnings belong to the whole process, so this stands around work and never inside a thread.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def open_picture(file: IO[bytes], *, name: str) -> Any:
    """Open a Pillow image of a known format without decoding it."""
    image_module = pillow()
    try:
        return image_module.open(file, formats=_FORMATS)
    except image_module.DecompressionBombError as error:
        raise _too_large(name, "more pixels than Pillow opens") from error
    except Exception as error:
        raise _unreadable(name, error) from error


def _header(image: Any, *, name: str, settings: Settings) -> Header:
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(name, f"{image.width}×{image.height}")
    words = []
    with _in_our_words(name):
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        if getattr(image, "is_animated", False):
            words.append(_of_frames(image, name=name, settings=settings))
        channels, dtype, word = form_of(image, name=name, alpha=settings.alpha)
        turn = turn_of(image)
    if word:
        words.append(word)
    height, width = image.height, image.width
    if turn != 1:
        upright = settings.orientation == "upright"
        done = "turned upright by" if upright else "left as stored in spite of"
        words.append(f"{done} an orientation tag")
        # Of a rotated TIFF Pillow tells the upright size, of everything else the stored one.
        if turn >= 5 and upright != (kind == "TIFF"):
            height, width = width, height
    shape = (height, width) if channels == 1 else (height, width, channels)
    return Header(shape=shape, dtype=dtype, format=kind, words=tuple(words), quality=quality_of(image))


def _of_frames(image: Any, *, name: str, settings: Settings) -> str:
    if image.format == "MPO":  # what every reader shows; the others are previews, depths and gains
        return "read as the first picture of a multi-picture JPEG"
    if settings.frames == "first":
        return "read as the first of several frames"
    raise ImageDecodeError(
        f"{name} must hold one picture",
        received=f"{int(image.n_frames)} frames",
        remedy='Extract the frames first, or pass frames="first".',
    )


@contextlib.contextmanager
def _in_our_words(name: str) -> Iterator[None]:
    try:
        yield
    except GandiagError:
        raise
    except MemoryError as error:
        raise _too_large(name, "more than there is memory for") from error
    except Exception as error:
        raise _unreadable(name, error) from error


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
