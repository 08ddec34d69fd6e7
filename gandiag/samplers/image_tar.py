"""Tar shards of images, as webdataset writes them: read in place, nothing is ever unpacked to disk.

Members that share a name up to its first dot are one sample: its image, and its class in ``.cls`` where there is one.
Samples come in the order of the shards and of their members. Several shards are one set: ``shard-{000..010}.tar``,
``shards/*.tar``. Links, devices and files of other kinds are skipped and counted. A shard is read at random places, so
it must not be compressed; and it must end as tar archives end, for a broken download must not pass as a smaller set.
"""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from gandiag.core.classes import class_code
from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.errors import (
    ConfigError,
    FileFormatError,
    GandiagError,
    ImageDecodeError,
    ResourceLimitError,
    TooFewSamplesError,
)
from gandiag.samplers._images import ENDINGS, pillow
from gandiag.samplers._listing import reason_to_skip
from gandiag.samplers._npy import require_file
from gandiag.samplers._pictures import Pictures, PictureSampler, Reader, printable, unreadable
from gandiag.samplers._settings import Settings
from gandiag.samplers._shards import is_pattern, shards_of
from gandiag.samplers.image_folder import refuse_large

MOST_MEMBERS = 10_000_000

_USES = ("alpha", "frames", "orientation", "on_bad", "key")
_END = b"\0" * 512
_LONGEST_CLASS = 100
_MOST_OPEN = 64


def accepts(source: object) -> bool:
    """Tell whether the source is a path to tar shards, or to a compressed one (which is refused with a remedy)."""
    return isinstance(source, Path) and (
        is_pattern(source) or source.name.lower().endswith((".tar", ".tar.gz", ".tgz"))
    )


def open_tar(source: Any, **options: Any) -> Sampler:
    """Open shards of images; ``key`` names the ending to read where samples have several images."""
    settings = Settings.read(options, uses=_USES, by="tar shards")
    name = settings.name or source.name
    if not is_pattern(source) and source.suffix.lower() != ".tar":
        raise FileFormatError(
            "tar shards are read at random places, so they must not be compressed", received=name, remedy="gunzip it."
        )
    pillow()
    index = _Index(name=name, key=settings.key)
    shards = shards_of(source, name=name)
    for shard in shards:
        index.add(shard)
    return PictureSampler(index.pictures(shards), settings, name)


@dataclass(eq=False)
class _Index:
    """Where every image lies: shard, first byte, size."""

    name: str
    key: str | None
    names: list[str] = field(default_factory=list)
    places: list[tuple[Path, int, int]] = field(default_factory=list)
    classes: list[int | None] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, shard: Path) -> None:
        """Read the member headers of one shard."""
        title = printable(shard.name)
        size = require_file(shard, name=title)
        sample, images, label = None, list[tuple[str, int, int]](), None
        try:
            with shard.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
                while (member := archive.next()) is not None:
                    vars(archive)["members"] = []  # else all headers stay in memory
                    base, ending = _parted(member.name)
                    if base != sample:
                        self._close(shard, images, label)
                        sample, images, label = base, [], None
                    if member.isreg() and not member.issparse() and ending == "cls":
                        label = _label(file, member)
                    elif self._takes(member, ending):
                        images.append((member.name, member.offset_data, member.size))
                self._close(shard, images, label)
                file.seek(max(0, size - 512))
                whole = file.read() == _END
        except GandiagError:
            raise
        except Exception as error:
            raise FileFormatError(
                f"{title} must be a whole tar archive",
                received=f"{type(error).__name__}: {error}",
                remedy="Write it again; compressed archives must be unpacked.",
            ) from error
        if not whole:
            raise FileFormatError(
                f"{title} must end as tar archives do, with a block of zeros",
                received="other bytes",
                remedy="It is cut off: fetch or write it again.",
            )

    def _takes(self, member: tarfile.TarInfo, ending: str) -> bool:
        if not member.isreg() or member.issparse():
            if not member.isdir():
                self.skipped["link" if member.issym() or member.islnk() else "of another kind"] += 1
            return False
        reason = reason_to_skip(member.name.rpartition("/")[2])
        if not reason and self.key is not None and ending != self.key.lower().lstrip("."):
            reason = "of another key"
        if reason:
            self.skipped[reason] += 1
        return not reason

    def _close(self, shard: Path, images: list[tuple[str, int, int]], label: int | None) -> None:
        """Take the image of one sample."""
        if not images:
            return
        if len(images) > 1:
            raise ConfigError(
                f"samples of {self.name} hold several images, so key= must name the ending of one",
                received=", ".join(printable(member) for member, _, _ in images[:5]),
                remedy=f"Pass key={_parted(images[0][0])[1]!r}.",
            )
        (member, start, size), count = images[0], len(self.names) + 1
        if count > MOST_MEMBERS:
            raise ResourceLimitError(f"{self.name} must hold at most {MOST_MEMBERS} images", remedy="Score a part.")
        self.names.append(printable(f"{shard.name}/{member}"))
        self.places.append((shard, start, size))
        self.classes.append(label)

    def pictures(self, shards: list[Path]) -> Pictures:
        """Hand over everything."""
        labels = [label for label in self.classes if label is not None]
        unlabelled = len(self.classes) - len(labels)
        notes: tuple[str, ...] = (f"{len(shards)} shards",) if len(shards) > 1 else ()
        if labels:
            notes += (
                f"{unlabelled} images have no class: classes were left out" if unlabelled else "classes from .cls",
            )
        places = self.places
        pictures = Pictures(
            names=self.names,
            reading=lambda: _reading(places),
            labels=labels if labels and not unlabelled else None,
            skipped=self.skipped,
            notes=notes,
            read_ahead=True,
        )
        if not self.names:
            raise TooFewSamplesError(
                f"{self.name} must hold images ({', '.join(sorted(ENDINGS))})",
                received="none" + pictures.skipped_in_words(),
                remedy="Check the path.",
            )
        return pictures


def _parted(member: str) -> tuple[str, str]:
    """Part the name of a sample from the ending of a member: at the first dot of the last part."""
    folder, slash, last = member.rpartition("/")
    stem, dot, ending = (last[1:] if last.startswith(".") else last).partition(".")
    return folder + slash + stem, ending.lower() if dot else ""


def _label(file: IO[bytes], member: tarfile.TarInfo) -> int | None:
    if member.size > _LONGEST_CLASS:
        return None
    file.seek(member.offset_data)
    text = file.read(member.size).decode("utf-8", "replace").strip()
    return class_code(text) if text else None


@contextmanager
def _reading(places: list[tuple[Path, int, int]]) -> Iterator[Reader]:
    """Keep some shards open while images are read from them."""
    held: dict[Path, IO[bytes]] = {}

    @contextmanager
    def read(at: int) -> Iterator[IO[bytes]]:
        shard, start, size = places[at]
        refuse_large(size, name=printable(shard.name))
        try:
            if shard not in held:
                if len(held) >= _MOST_OPEN:
                    held.pop(next(iter(held))).close()
                held[shard] = shard.open("rb")
            held[shard].seek(start)
            data = held[shard].read(size)
        except OSError as error:
            raise unreadable(error, name=printable(shard.name)) from error
        if len(data) != size:
            raise ImageDecodeError(
                f"{printable(shard.name)} must not change while it is read", received="its end", remedy="Score a copy."
            )
        yield io.BytesIO(data)

    try:
        yield read
    finally:
        for file in held.values():
            file.close()


SAMPLER = SamplerSpec(
    name="image_tar",
    summary="Tar shards of images as webdataset writes them: shard-{000..010}.tar (needs gandiag[images]).",
    accepts=accepts,
    open=open_tar,
    priority=-10,
    extra="images",
)
