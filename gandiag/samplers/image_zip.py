"""Zip archives of images: read in place, nothing is ever unpacked to disk.

What a folder would give, an archive of it gives: the same images in the same order, with the same classes and counts.
A folder that all members share is the archive's own, and no class. Every image is unpacked in memory, alone, and
checked against the archive's checksum.
"""

from __future__ import annotations

import io
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.errors import FileFormatError, GandiagError, ImageDecodeError, ResourceLimitError
from gandiag.samplers._images import MOST_FILE_BYTES, pillow
from gandiag.samplers._index_file import INDEX, indexed_classes, refuse_large_index
from gandiag.samplers._listing import listed, reason_to_skip
from gandiag.samplers._members_of_zip import refuse_odd_names, refuse_overlap, refuse_swelling
from gandiag.samplers._npy import require_file
from gandiag.samplers._pictures import Pictures, PictureSampler, Reader, printable
from gandiag.samplers._settings import Settings
from gandiag.samplers.image_folder import USES

MOST_MEMBERS = 2_000_000

_AGAIN = "Write it again with zip, without compression."


def accepts(source: object) -> bool:
    """Tell whether the source is a path ending in .zip."""
    return isinstance(source, Path) and source.suffix.lower() == ".zip"


def open_zip(source: Any, **options: Any) -> Sampler:
    """Open an archive of images, with the options that folders of images take."""
    settings = Settings.read(options, uses=USES, by="archives of images")
    name = settings.name or source.name
    require_file(source, name=name)
    pillow()
    skipped = Counter[str]()
    # Open for as long as the sampler lives: reading the directory of a large archive anew for every block takes longer
    # than the block. It closes itself, and several threads may read from it.
    archive = _archive(source, name=name)
    members, index = _members(archive, skipped, name=name)
    found = listed(members, skipped, settings, name=name, index=index)

    @contextmanager
    def reading() -> Iterator[Reader]:
        yield lambda at: _opened(archive, members[found.paths[at]])

    pictures = Pictures(
        names=[printable(path) for path in found.paths],
        reading=reading,
        labels=found.labels,
        skipped=skipped,
        notes=found.notes,
        read_ahead=True,
    )
    return PictureSampler(pictures, settings, name)


def _archive(source: Path, *, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    except Exception as error:
        raise FileFormatError(
            f"{name} must be a whole zip archive", received=f"{type(error).__name__}: {error}", remedy=_AGAIN
        ) from error


def _members(
    archive: zipfile.ZipFile, skipped: Counter[str], *, name: str
) -> tuple[dict[str, zipfile.ZipInfo], dict[str, int] | None]:
    """List the images by their path below the folder that all members share, with the classes of an index there."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > MOST_MEMBERS:
        raise ResourceLimitError(
            f"{name} must have at most {MOST_MEMBERS} members", received=len(infos), remedy="Split it."
        )
    refuse_odd_names(infos, name=name, remedy=_AGAIN)
    refuse_overlap(infos, name=name, remedy=_AGAIN)
    refuse_swelling(infos, name=name, remedy=_AGAIN, most=None)
    members = {}
    for info in infos:
        path = info.filename.replace("\\", "/")
        if reason := _reason_to_skip(info, path):
            skipped[reason] += 1
        elif path in members:  # once with slashes, once with backslashes
            raise FileFormatError(f"{name} must not hold two members of one name", received=ascii(path), remedy=_AGAIN)
        else:
            members[path] = info
    shared = _shared_folder([*members])
    index = next((info for info in infos if info.filename in (INDEX, shared + INDEX)), None)
    if index is None:
        return {path[len(shared) :]: info for path, info in members.items()}, None
    refuse_large_index(index.file_size, name=name)
    root = index.filename.removesuffix(INDEX)
    try:
        data = archive.read(index)
    except Exception as error:
        raise FileFormatError(
            f"{INDEX} of {name} must come out whole", received=f"{type(error).__name__}: {error}", remedy=_AGAIN
        ) from error
    return {path[len(root) :]: info for path, info in members.items()}, indexed_classes(data, name=name)


def _reason_to_skip(info: zipfile.ZipInfo, path: str) -> str:
    *folders, last = path.split("/")
    if any(folder.startswith(".") or folder == "__MACOSX" for folder in folders):
        return "hidden"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "link"
    return reason_to_skip(last)


def _shared_folder(paths: list[str]) -> str:
    """Name the folders, with a slash, that all paths lie in."""
    folders = [path.split("/")[:-1] for path in paths]
    shared: list[str] = []
    for parts in zip(*folders, strict=False):
        if len({*parts}) > 1:
            break
        shared.append(parts[0] + "/")
    return "".join(shared)


@contextmanager
def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    name = printable(info.filename)
    if info.file_size > MOST_FILE_BYTES:
        raise ResourceLimitError(
            f"{name} must have at most {MOST_FILE_BYTES >> 20} MiB",
            received=f"{info.file_size} bytes",
            remedy="Resize it first.",
        )
    try:
        data = archive.read(info)
    except GandiagError:
        raise
    except Exception as error:
        raise ImageDecodeError(
            f"{name} must come out of its archive whole", received=f"{type(error).__name__}: {error}", remedy=_AGAIN
        ) from error
    yield io.BytesIO(data)


SAMPLER = SamplerSpec(
    name="image_zip",
    summary="A .zip archive of images, read without unpacking it (needs gandiag[images]).",
    accepts=accepts,
    open=open_zip,
    priority=-10,
    extra="images",
)
