"""Make the pictures of the gallery: run every block of code of docs/gallery.md, in its order.

``python docs/make_gallery.py`` makes all, ``python docs/make_gallery.py ring`` one part. The page is the truth:
what stands in it runs. Pictures are drawn for print, 300 dots per inch, and kept at 150 in few colours.
"""

from __future__ import annotations

import contextlib
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).with_name("gallery.md")
FOLDER = PAGE.with_suffix("")
HALVED = 2
COLOURS = 48


class Block(NamedTuple):
    """One block of code: the part of the page that it stands in (names live within a part), its section, the code."""

    part: str
    section: str
    code: str


def blocks(text: str | None = None) -> list[Block]:
    """Read the blocks of the page; parts are headed ``## ... {name}``, sections ``### name``."""
    part, section, found = "", "", []
    for piece in re.split(r"^(## .*|### .*|```python\n(?:.*\n)*?```)$", text or PAGE.read_text(), flags=re.MULTILINE):
        if piece.startswith("## "):
            part, section = piece.rpartition(": ")[2].strip("` "), ""
        elif piece.startswith("### "):
            section = piece.removeprefix("### ").strip("` ")
        elif piece.startswith("```python"):
            found.append(Block(part, section, piece.removeprefix("```python\n").removesuffix("```")))
    return found


def parts() -> list[str]:
    """List the parts of the page that hold code."""
    return list(dict.fromkeys(block.part for block in blocks()))


def run(part: str, folder: Path) -> dict[str, Any]:
    """Run the blocks of one part in a folder, as a reader would who pastes them; give the names that they leave."""
    names: dict[str, Any] = {"__name__": "__gallery__"}
    with contextlib.chdir(folder):
        for block in blocks():
            if block.part == part:
                exec(compile(block.code, f"{PAGE.name}, {block.part} {block.section}", "exec"), names)  # noqa: S102
    return names


def small(picture: Path) -> bytes:
    """Give a picture at the size and in the colours that the page keeps."""
    import io

    from PIL import Image

    with Image.open(picture) as image:
        flat = Image.new("RGB", image.size, "white")
        flat.paste(image, mask=image.convert("RGBA").getchannel("A"))
        kept = flat.reduce(HALVED).quantize(COLOURS, dither=Image.Dither.NONE)
        out = io.BytesIO()
        kept.save(out, format="PNG", optimize=True)
    return out.getvalue()


def make(part: str) -> Iterator[tuple[str, bytes]]:
    """Draw one part: the names of its pictures, and what the page keeps of them."""
    with tempfile.TemporaryDirectory() as folder:
        run(part, Path(folder))
        for picture in sorted(Path(folder).glob("*.png")):
            yield picture.name, small(picture)


def main(asked: list[str]) -> None:
    """Write the pictures of the parts that are asked for, or of all."""
    FOLDER.mkdir(exist_ok=True)
    for part in asked or parts():
        for name, data in make(part):
            (FOLDER / name).write_bytes(data)
            sys.stdout.write(f"{part}: {name}, {len(data)} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1:])
