"""Folders of images, flat, nested, or with one subfolder per class.

Links, hidden files and anything else that is no image are skipped and counted; pipes and devices are never opened.
Nothing is resized. Pictures of a folder count as independent.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.errors import FileFormatError, ImageDecodeError, ResourceLimitError
from gandiag.samplers._images import ENDINGS, MOST_FILE_BYTES, pillow
from gandiag.samplers._index_file import INDEX, indexed_classes, refuse_large_index
from gandiag.samplers._listing import listed, reason_to_skip
from gandiag.samplers._pictures import Pictures, PictureSampler, Reader, printable, unreadable
from gandiag.samplers._settings import Settings

MOST_FILES = 10_000_000
DEEPEST = 64
USES = ("alpha", "frames", "orientation", "on_bad", "recursive", "classes")


def accepts(source: object) -> bool:
    """Tell whether the source is a folder, or a single image (which is refused with a remedy)."""
    return isinstance(source, Path) and (source.suffix.lower() in ENDINGS or source.is_dir())


def open_folder(source: Any, **options: Any) -> Sampler:
    """Open a folder of images.

    ``alpha="white"`` lays transparent ones over white, ``frames="first"`` takes the first frame of animated ones,
    ``orientation="upright"`` obeys orientation tags, ``recursive=True`` takes folders at any depth, ``classes`` says
    whether subfolders are classes, ``on_bad="skip"`` leaves out unreadable ones where they are few.
    """
    settings = Settings.read(options, uses=USES, by="folders of images")
    name = settings.name or source.name
    if not source.is_dir():
        raise FileFormatError("images must come as a folder", received=name, remedy="Pass the folder that holds it.")
    pillow()
    skipped = Counter[str]()
    index = _index(source, name=name)
    deep = settings.recursive or index is not None
    found = listed(_walk(source, skipped, deep=deep, name=name), skipped, settings, name=name, index=index)

    @contextmanager
    def reading() -> Iterator[Reader]:
        yield lambda at: opened_file(source / found.paths[at], name=printable(found.paths[at]))

    pictures = Pictures(
        names=[printable(path) for path in found.paths],
        reading=reading,
        labels=found.labels,
        skipped=skipped,
        notes=found.notes,
        read_ahead=True,
    )
    return PictureSampler(pictures, settings, name)


def _index(source: Path, *, name: str) -> dict[str, int] | None:
    """Read the classes of an index in the root, None where there is none."""
    if not (source / INDEX).is_file():
        return None
    with opened_file(source / INDEX, name=f"{INDEX} of {name}") as file:
        refuse_large_index(os.fstat(file.fileno()).st_size, name=name)
        return indexed_classes(file.read(), name=name)


def _walk(root: Path, skipped: Counter[str], *, deep: bool, name: str) -> list[str]:
    """Look for images without following a link, one level deep unless ``deep``."""
    deepest = DEEPEST if deep else 1
    paths: list[str] = []
    folders = [("", 0)]
    while folders:
        prefix, depth = folders.pop()
        for entry in _entries(root / prefix, name=name):
            mode = _mode(entry)
            if mode is None:
                skipped["gone while listed"] += 1
            elif stat.S_ISLNK(mode):
                skipped["hidden" if entry.name.startswith(".") else "link"] += 1
            elif stat.S_ISDIR(mode):
                if entry.name.startswith(".") or depth >= deepest:
                    skipped["hidden folder" if entry.name.startswith(".") else "subfolder"] += 1
                else:
                    folders.append((f"{prefix}{entry.name}/", depth + 1))
            elif not stat.S_ISREG(mode):
                skipped["pipe or device"] += 1
            elif reason := reason_to_skip(entry.name):
                skipped[reason] += 1
            else:
                paths.append(prefix + entry.name)
        if len(paths) > MOST_FILES:
            raise ResourceLimitError(
                f"{name} must hold at most {MOST_FILES} images", received="more", remedy="Score a part of it."
            )
    return paths


def _entries(folder: Path, *, name: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise unreadable(error, FileFormatError, name=f"{name}: folder {printable(folder.name)}") from error


def _mode(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat(follow_symlinks=False).st_mode
    except OSError:
        return None


@contextmanager
def opened_file(path: Path, *, name: str) -> Iterator[IO[bytes]]:
    """Open an ordinary file that is no link, even if it became something else since it was listed."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        file = open(os.open(path, flags), "rb")  # noqa: PTH123, SIM115 - a descriptor, closed below
    except OSError as error:
        raise unreadable(error, name=name) from error
    with file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ImageDecodeError(f"{name} must be an ordinary file", received="no file", remedy="Remove it.")
        refuse_large(status.st_size, name=name)
        yield file


def refuse_large(size: int, *, name: str) -> None:
    """Refuse one image file of an unreasonable size."""
    if size > MOST_FILE_BYTES:
        raise ResourceLimitError(
            f"{name} must have at most {MOST_FILE_BYTES >> 20} MiB", received=f"{size} bytes", remedy="Resize it first."
        )


SAMPLER = SamplerSpec(
    name="image_folder",
    summary="A folder of images, flat, nested or with one subfolder per class (needs gandiag[images]).",
    accepts=accepts,
    open=open_folder,
    priority=-10,
    extra="images",
)
