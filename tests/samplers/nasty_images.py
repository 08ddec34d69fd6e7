"""About fifty image files that go wrong somewhere, made here: each with what must come of it.

What comes is either the exact pixels, or an error of a kind with a phrase in it; nothing else will do.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from gandiag.errors import GandiagError, ImageDecodeError, ResourceLimitError

RNG = np.random.default_rng(5)
GREY = RNG.integers(0, 256, (5, 7)).astype(np.uint8)
RGB = RNG.integers(0, 256, (5, 7, 3)).astype(np.uint8)
DEEP = RNG.integers(0, 65536, (5, 7)).astype(np.uint16)
ALPHA = np.dstack([RGB, np.arange(35, dtype=np.uint8).reshape(5, 7) * 7])
SOLID = np.dstack([RGB, np.full((5, 7), 255, np.uint8)])


@dataclass(frozen=True, kw_only=True)
class Nasty:
    """One file: its name and bytes, the options it is read with, and the pixels or the error that must come."""

    name: str
    data: bytes
    pixels: np.ndarray | None = None
    error: type[GandiagError] = ImageDecodeError
    phrase: str = ""
    note: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return ascii(self.name) + "".join(f"-{k}={v}" for k, v in self.options.items())


def encoded(values: np.ndarray | Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = values if isinstance(values, Image.Image) else Image.fromarray(values)
    image.save(buffer, format=form, **options)
    return buffer.getvalue()


def decoded(data: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, depth: int, colour: int, raw: bytes, *, between: bytes = b"", interlace: int = 0
) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    body = chunk(b"IHDR", head) + between + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def scanlines(values: np.ndarray) -> bytes:
    """Put filter type 0 in front of each row, big-endian."""
    big = values.astype(values.dtype.newbyteorder(">"))
    return b"".join(b"\0" + row.tobytes() for row in big)


def with_orientation(tag: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = tag
    return exif


def several(count: int, form: str) -> bytes:
    frames = [Image.fromarray(np.roll(RGB, at, axis=0)) for at in range(count)]
    return encoded(
        frames[0], form, save_all=True, append_images=frames[1:], **({"lossless": True} if form == "WEBP" else {})
    )


def tiff(bits: tuple[int, ...], samples: np.ndarray, *, photometric: int = 1, sign: int = 1) -> bytes:
    """Write an uncompressed little-endian TIFF of one strip, with tags that Pillow would not write."""
    raw = samples.tobytes()
    height, width = samples.shape[:2]
    count = len(bits)
    entries = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, count, None if count > 2 else bits[0]),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, None),
        (277, 3, 1, count),
        (278, 3, 1, height),
        (279, 4, 1, len(raw)),
        (339, 3, 1, sign),
    ]
    after = 8 + 2 + 12 * len(entries) + 4
    extra = struct.pack(f"<{count}H", *bits) if count > 2 else b""
    ifd = struct.pack("<H", len(entries))
    for tag, kind, n, value in entries:
        known = value if value is not None else after if tag == 258 else after + len(extra)
        ifd += struct.pack("<HHI", tag, kind, n) + (
            struct.pack("<HH", known, 0) if kind == 3 and n == 1 else struct.pack("<I", known)
        )
    return b"II*\0" + struct.pack("<I", 8) + ifd + struct.pack("<I", 0) + extra + raw


def bomb_bmp(side: int) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    )


def bomb_gif(side: int) -> bytes:
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", side, side, 0x80, 0, 0)
        + b"\0" * 6
        + b","
        + struct.pack("<HHHHB", 0, 0, side, side, 0)
        + b"\x02\x01\x44\0;"
    )


def corpus() -> Iterator[Nasty]:
    yield from _depths()
    yield from _palettes_and_colours()
    yield from _transparency()
    yield from _turned()
    yield from _frames()
    yield from _damaged()
    yield from _bombs()
    yield from _names()


def _depths() -> Iterator[Nasty]:
    deep_rgb = np.stack([DEEP] * 3, axis=-1)
    yield Nasty(name="grey16.png", data=encoded(DEEP, "PNG"), pixels=DEEP)
    yield Nasty(name="grey16.tif", data=encoded(DEEP, "TIFF"), pixels=DEEP)
    yield Nasty(name="grey16.pgm", data=b"P5 7 5 65535\n" + DEEP.astype(">u2").tobytes(), pixels=DEEP)
    cut = "must have 8 bits per channel, or 16 bits of plain grey; got "
    yield Nasty(name="rgb16.png", data=png(7, 5, 16, 2, scanlines(deep_rgb)), phrase=cut + "16 bits in mode RGB")
    alpha = scanlines(np.dstack([deep_rgb, DEEP]))
    yield Nasty(name="rgba16.png", data=png(7, 5, 16, 6, alpha), phrase=cut + "16 bits in mode RGBA with transparency")
    yield Nasty(name="la16.png", data=png(7, 5, 16, 4, scanlines(np.stack([DEEP, DEEP], -1))), phrase=cut)
    clear = chunk(b"tRNS", struct.pack(">H", int(DEEP[0, 0])))
    yield Nasty(name="clear16.png", data=png(7, 5, 16, 0, scanlines(DEEP), between=clear), phrase=cut)
    yield Nasty(name="rgb16.ppm", data=b"P6 7 5 65535\n" + deep_rgb.astype(">u2").tobytes(), phrase=cut)
    yield Nasty(name="rgb16.tif", data=tiff((16, 16, 16), deep_rgb, photometric=2), phrase=cut)
    yield Nasty(name="white-is-zero.tif", data=tiff((16,), DEEP, photometric=0), phrase=cut)
    yield Nasty(name="signed.tif", data=tiff((16,), DEEP, sign=2), phrase=cut)
    yield Nasty(name="whole32.tif", data=encoded(GREY.astype(np.int32), "TIFF"), phrase=cut + "32 bits in mode I")
    yield Nasty(name="float.tif", data=encoded(GREY.astype(np.float32), "TIFF"), phrase=cut + "32 bits in mode F")
    bits = GREY > 127
    widened = bits.astype(np.uint8) * 255
    yield Nasty(
        name="one-bit.png",
        data=encoded(Image.fromarray(bits), "PNG"),
        pixels=widened,
        note="1 images widened from 1 bit",
    )
    packed = np.packbits(np.unpackbits(np.full((5, 4), 0b00011011, np.uint8), axis=1)[:, :28], axis=1)
    four = np.tile(np.array([0, 85, 170, 255], np.uint8), (5, 2))[:, :7]
    yield Nasty(name="two-bit.png", data=png(7, 5, 2, 0, scanlines(packed[:, :2])), pixels=four)


def _palettes_and_colours() -> Iterator[Nasty]:
    colours = RNG.integers(0, 256, (8, 3)).astype(np.uint8)
    places = RNG.integers(0, 8, (5, 7)).astype(np.uint8)
    image = Image.new("P", (7, 5))
    image.putdata(places.reshape(-1).tolist())
    image.putpalette(colours.reshape(-1).tolist())
    note = "1 images converted from P to RGB"
    for form, name in (("PNG", "palette.png"), ("BMP", "palette.bmp"), ("GIF", "palette.gif")):
        yield Nasty(name=name, data=encoded(image, form), pixels=colours[places], note=note)
    cmyk = Image.new("CMYK", (7, 5), (255, 0, 0, 0))
    cyan = np.tile(np.array([0, 255, 255], np.uint8), (5, 7, 1))
    yield Nasty(name="cmyk.tif", data=encoded(cmyk, "TIFF"), pixels=cyan, note="1 images converted from CMYK to RGB")
    data = encoded(cmyk, "JPEG", quality=100)
    yield Nasty(
        name="cmyk.jpg", data=data, pixels=np.array(Image.open(io.BytesIO(data)).convert("RGB")), note="CMYK to RGB"
    )
    lab = Image.new("LAB", (7, 5), (128, 128, 128))
    yield Nasty(name="lab.tif", data=encoded(lab, "TIFF"), phrase="must be grey or RGB; got mode LAB")
    profile = encoded(RGB, "PNG", icc_profile=b"\0" * 3000)
    yield Nasty(name="profile.png", data=profile, pixels=RGB)
    yield Nasty(name="ascii.ppm", data=b"P3 1 2 255 1 2 3 4 5 6", pixels=np.array([[[1, 2, 3]], [[4, 5, 6]]], np.uint8))


def _transparency() -> Iterator[Nasty]:
    refused = "must not be transparent; got mode "
    yield Nasty(name="alpha.png", data=encoded(ALPHA, "PNG"), phrase=refused + "RGBA")
    for colour, level in (("white", 255), ("black", 0), ("#0a0a0a", 10)):
        share = ALPHA[..., 3:] / 255.0
        over = Image.alpha_composite(Image.new("RGBA", (7, 5), (level,) * 3 + (255,)), Image.fromarray(ALPHA))
        pixels = np.array(over.convert("RGB"))
        assert np.abs(pixels - (share * RGB + (1 - share) * level)).max() <= 1.0
        note = f"1 images laid over {colour}"
        yield Nasty(name="alpha.png", data=encoded(ALPHA, "PNG"), options={"alpha": colour}, pixels=pixels, note=note)
    opaque = "1 images had an opaque alpha channel, which was left out"
    yield Nasty(name="opaque.png", data=encoded(SOLID, "PNG"), pixels=RGB, note=opaque)
    yield Nasty(name="opaque.webp", data=encoded(SOLID, "WEBP", lossless=True), pixels=RGB)
    grey = encoded(np.dstack([GREY, GREY]), "PNG")
    yield Nasty(name="grey-alpha.png", data=grey, phrase=refused + "LA")
    colour_key = chunk(b"tRNS", struct.pack(">HHH", *(int(v) for v in RGB[0, 0])))
    keyed = png(7, 5, 8, 2, scanlines(RGB), between=colour_key)
    yield Nasty(name="colour-key.png", data=keyed, phrase=refused + "RGB")
    seen = RGB.copy()
    seen[(RGB[0, 0] == RGB).all(axis=-1)] = 255
    yield Nasty(name="colour-key.png", data=keyed, options={"alpha": "white"}, pixels=seen)
    clear = Image.fromarray(GREY).convert("P")
    yield Nasty(name="clear.gif", data=encoded(clear, "GIF", transparency=int(GREY[0, 0])), phrase=refused + "P")


def _turned() -> Iterator[Nasty]:
    ways: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        3: lambda p: np.rot90(p, 2),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
        8: np.rot90,
    }
    for tag, turn in ways.items():
        for form, ending in (("PNG", "png"), ("TIFF", "tif"), ("WEBP", "webp")):
            options = {"lossless": True} if form == "WEBP" else {}
            data = (
                encoded(RGB, form, exif=with_orientation(tag).tobytes(), **options)
                if form != "TIFF"
                else encoded(RGB, form, tiffinfo={274: tag})
            )
            name = f"turned{tag}.{ending}"
            kept = "1 images left as stored in spite of an orientation tag"
            yield Nasty(name=name, data=data, pixels=RGB, note=kept)
            up = "1 images turned upright by an orientation tag"
            yield Nasty(name=name, data=data, options={"orientation": "upright"}, pixels=turn(RGB), note=up)
    data = encoded(RGB, "JPEG", exif=with_orientation(6).tobytes(), quality=95)
    yield Nasty(name="turned.jpg", data=data, pixels=decoded(data))
    yield Nasty(name="turned.jpg", data=data, options={"orientation": "upright"}, pixels=np.rot90(decoded(data), -1))
    torn = encoded(RGB, "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    yield Nasty(name="torn-exif.png", data=torn, pixels=RGB)


def _frames() -> Iterator[Nasty]:
    for form, name in (("GIF", "moving.gif"), ("PNG", "moving.png"), ("WEBP", "moving.webp"), ("TIFF", "pages.tif")):
        data = several(3, form)
        yield Nasty(
            name=name,
            data=data,
            phrase='must hold one picture; got 3 frames. Extract the frames first, or pass frames="first"',
        )
        first = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
        note = "1 images read as the first of several frames"
        yield Nasty(name=name, data=data, options={"frames": "first"}, pixels=first, note=note)
    two = encoded(Image.fromarray(RGB), "MPO", save_all=True, append_images=[Image.fromarray(255 - RGB)], quality=95)
    note = "1 images read as the first picture of a multi-picture JPEG"
    yield Nasty(name="two-pictures.jpg", data=two, pixels=decoded(two), note=note)


def _damaged() -> Iterator[Nasty]:
    whole = "must be a whole image; got "
    big = RNG.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    for form, ending in (
        ("PNG", "png"),
        ("JPEG", "jpg"),
        ("BMP", "bmp"),
        ("TIFF", "tif"),
        ("WEBP", "webp"),
        ("GIF", "gif"),
        ("PPM", "ppm"),
    ):
        data = encoded(big, form)
        yield Nasty(name=f"cut.{ending}", data=data[: len(data) // 2], phrase=whole)
    yield Nasty(name="empty.png", data=b"", phrase=whole + "UnidentifiedImageError: not an image of a known format")
    yield Nasty(name="page.png", data=b"<!DOCTYPE html><html>404</html>", phrase=whole)
    yield Nasty(name="magic.png", data=b"\x89PNG\r\n\x1a\n", phrase=whole)
    yield Nasty(name="text.jpg", data=b"\xff\xd8\xff" + b"x" * 100, phrase=whole)
    checked = bytearray(encoded(RGB, "PNG"))
    checked[20] ^= 1
    yield Nasty(name="header-crc.png", data=bytes(checked), phrase=whole)
    yield Nasty(name="no-size.png", data=png(0, 0, 8, 0, b""), phrase=whole)
    yield Nasty(
        name="icon.png",
        data=encoded(RGB, "ICO"),
        phrase=whole + "UnidentifiedImageError: not an image of a known format",
    )
    short = png(7, 5, 8, 0, scanlines(GREY)[:10])
    yield Nasty(name="short.png", data=short, phrase=whole)


def _bombs() -> Iterator[Nasty]:
    phrase = "must have at most 67108864 pixels"
    for name, data in (
        ("bomb.png", png(12_000, 12_000, 8, 0, b"\0" * 1000)),
        ("giant.png", png(2**31 - 1, 2**31 - 1, 8, 0, b"\0" * 1000)),
        ("bomb.bmp", bomb_bmp(20_000)),
        ("bomb.gif", bomb_gif(65_535)),
        ("bomb.ppm", b"P6 100000 100000 255\n"),
    ):
        yield Nasty(name=name, data=data, error=ResourceLimitError, phrase=phrase)
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * 2**27))
    yield Nasty(
        name="text-bomb.png",
        data=png(7, 5, 8, 0, scanlines(GREY), between=text),
        phrase="must be a whole image; got ValueError",
    )


def _names() -> Iterator[Nasty]:
    data = encoded(RGB, "PNG")
    for name in (
        "ÄÖ图 .png",
        "-rf.png",
        "$(id).png",
        "a\nb.png",
        "x.PNG",
        "\x1b[31mred.png",
        "%41.png",
        "two words.png",
    ):
        yield Nasty(name=name, data=data, pixels=RGB)
    note = "1 images hold another format than their ending says"
    yield Nasty(name="really-png.jpg", data=data, pixels=RGB, note=note)
    yield Nasty(name="tail.png", data=data + b"PK\x03\x04" + b"\0" * 100, pixels=RGB)
