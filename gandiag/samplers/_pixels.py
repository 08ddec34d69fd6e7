"""Which mode of Pillow becomes which pixels: the rules of `_images`, as one table and its exceptions."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ImageDecodeError

BACKGROUNDS = {"composite": (255, 255, 255), "white": (255, 255, 255), "black": (0, 0, 0), "grey": (128, 128, 128)}

_HEX = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_SIXTEEN = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
_ALPHA = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
# Mode: channels, dtype, and what is said about it.
_MODES: dict[str, tuple[int, str, str]] = {
    "L": (1, "uint8", ""),
    "RGB": (3, "uint8", ""),
    "1": (1, "uint8", "widened from 1 bit"),
    **{mode: (3, "uint8", f"converted from {mode} to RGB") for mode in ("P", "CMYK", "YCbCr", "RGBX")},
    **dict.fromkeys((*_SIXTEEN, "I"), (1, "uint16", "kept at 16 bits")),
}
_LUMINANCE_SUM = 3688  # of the standard's table for luminance, at quality 50
_BITS, _PHOTOMETRIC, _ORIENTATION, _WHITE_IS_ZERO = 258, 262, 274, 0


def background(alpha: object) -> tuple[int, int, int] | None:
    """Read the colour that transparent images are laid over: a name, or #rrggbb."""
    match = _HEX.fullmatch(str(alpha))
    if match is None:
        return BACKGROUNDS.get(str(alpha))
    red, green, blue = (int(match[i], 16) for i in (1, 2, 3))
    return red, green, blue


def form_of(image: Any, *, name: str, alpha: str | None) -> tuple[int, str, str]:
    """Say what the pixels of an opened image are going to be: channels, dtype, and a word about it ("" for none)."""
    depth = _depth(image)
    seen = image.mode in _ALPHA or "transparency" in image.info
    sixteen = image.mode in _SIXTEEN or image.mode == "I"
    if depth > 8 and not (sixteen and depth == 16 and not seen and _counts_up(image)):
        raise ImageDecodeError(
            f"{name} must have 8 bits per channel, or 16 bits of plain grey",
            received=f"{depth} bits in mode {image.mode}" + (" with transparency" if seen else ""),
            remedy="Pillow would cut or misread it: save it as 8-bit PNG, or all of them as one .npy.",
        )
    if seen:
        said = "had an opaque alpha channel, which was left out" if alpha is None else f"laid over {_called(alpha)}"
        return 3, "uint8", said
    known = _MODES.get(image.mode)
    if known is None or (sixteen and depth != 16):
        raise ImageDecodeError(
            f"{name} must be grey or RGB", received=f"mode {image.mode}", remedy="Convert it first, or save it as .npy."
        )
    return known


def pixels_of(image: Any, *, name: str, alpha: str | None) -> NDArray[Any]:
    """Take the pixels of a loaded image, as `form_of` says."""
    mode = image.mode
    if mode in _ALPHA or "transparency" in image.info:
        return _without_alpha(image, name=name, alpha=alpha)
    channels, dtype, word = _MODES[mode]
    if dtype == "uint16":
        return np.array(image).astype(np.uint16)
    plain = "L" if channels == 1 else "RGB"
    return np.array(image.convert(plain) if word else image)


def _without_alpha(image: Any, *, name: str, alpha: str | None) -> NDArray[Any]:
    from PIL import Image

    rgba = image.convert("RGBA")
    if rgba.getextrema()[3][0] == 255:  # nothing shines through: any background gives the same
        return np.array(rgba.convert("RGB"))
    colour = None if alpha is None else background(alpha)
    if colour is None:
        raise ImageDecodeError(
            f"{name} must not be transparent",
            received=f"mode {image.mode} with transparency",
            remedy='Dropping it would show hidden colours: pass alpha="white", or another background, to lay it over.',
        )
    under = Image.new("RGBA", rgba.size, (*colour, 255))
    return np.array(Image.alpha_composite(under, rgba).convert("RGB"))


def _called(alpha: str) -> str:
    return "white" if alpha == "composite" else alpha


def _depth(image: Any) -> int:
    """Say how many bits the file spends on a channel, which the mode does not always tell."""
    tags = getattr(image, "tag_v2", None)
    if tags is not None:
        bits = tags.get(_BITS, (1,))
        return max(bits) if isinstance(bits, tuple) else int(bits)
    for tile in getattr(image, "tile", ()):
        said = tile[3]
        if image.format == "PNG" and ";16" in str(said):
            return 16
        if image.format == "PPM" and isinstance(said, tuple) and isinstance(said[-1], int) and said[-1] > 255:
            return 16
    if image.mode in _SIXTEEN or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return 16
    return 32 if image.mode in ("I", "F") else 8


def quality_of(image: Any) -> int | None:
    """Estimate the quality that a JPEG was written with, 1 to 100, from its first quantisation table; None for others.

    The tables of the JPEG standard are scaled by a quality in almost all writers, so the ratio of sums tells it; below
    25, where entries are capped, it is told too high.
    """
    tables = getattr(image, "quantization", None)
    if not isinstance(tables, dict) or not tables:
        return None
    scale = 100.0 * sum(tables[min(tables)]) / _LUMINANCE_SUM
    quality = 100.0 - scale / 2.0 if scale <= 100.0 else 5000.0 / scale
    return min(100, max(1, round(quality)))


def _counts_up(image: Any) -> bool:
    """Tell whether 0 is black and no sign is meant: Pillow takes other 16-bit TIFFs as if they were so."""
    tags = getattr(image, "tag_v2", None)
    return image.mode != "I" if tags is not None and tags.get(_PHOTOMETRIC) != _WHITE_IS_ZERO else tags is None


def turn_of(image: Any) -> int:
    """Read the orientation tag, 1 for none; a tag that cannot be read is none.

    Of a PNG only a tag before the pixels counts: looking further would decode it.
    """
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    if image.format in (None, "BMP", "GIF", "PPM"):
        return 1
    try:
        tags = getattr(image, "tag_v2", None)
        turn = image.getexif().get(_ORIENTATION, 1) if tags is None else tags.get(_ORIENTATION, 1)
    except Exception:  # hostile tags raise whatever they like, and say nothing
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def turned(pixels: NDArray[Any], turn: int, *, back: bool) -> NDArray[Any]:
    """Bring stored pixels upright by their orientation tag, or ``back`` from upright to stored."""
    if back and turn in (6, 8):
        turn = 14 - turn
    ways = {
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
        8: lambda p: np.rot90(p, 1),
    }
    return np.ascontiguousarray(ways[turn](pixels))
