"""Folders of images, flat or with one subfolder per class.

Files are taken by their ending (any case) in the order of the bytes of their relative path; links, hidden files and
anything else are skipped and counted. Nothing is resized. Pictures of a folder count as independent.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.classes import class_code
from gandiag.core.protocols import Sampler
from gandiag.core.samples import SampleSet
from gandiag.core.specs import SamplerSpec
from gandiag.errors import (
    FileFormatError,
    ResourceLimitError,
    SamplerExhausted,
    SamplerTimeout,
    ShapeError,
    TooFewSamplesError,
)
from gandiag.samplers._finish import finish
from gandiag.samplers._images import ENDINGS, decode, opened, pillow
from gandiag.samplers._receive import Form, refuse_mixed_sizes
from gandiag.samplers._settings import Settings, rows_asked_for

MOST_BYTES = 16 * 2**30


def accepts(source: object) -> bool:
    """Tell whether the source is a folder, or a single image (which is refused with a remedy)."""
    return isinstance(source, Path) and (source.suffix.lower() in ENDINGS or source.is_dir())


def open_folder(source: Any, **options: Any) -> Sampler:
    """Open a folder of images; ``alpha="composite"`` lays transparent ones over white."""
    settings = Settings.read(options, uses=("alpha",), by="folders of images")
    name = settings.name or source.name
    if not source.is_dir():
        raise FileFormatError("images must come as a folder", received=name, remedy="Pass the folder that holds it.")
    pillow()
    return FolderSampler(source, _Listing.of(source, name=name), settings, name)


@dataclass(eq=False)
class _Listing:
    """What a folder holds: relative paths of images, their classes, and what was skipped why."""

    paths: list[str] = field(default_factory=list)
    labels: list[int] | None = None
    skipped: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, folder: Path, *, name: str) -> _Listing:
        listing = cls()
        subfolders = listing._look(folder, "")
        if listing.paths:
            listing.skipped["subfolder"] += len(subfolders)
        else:
            listing.labels = []
            for subfolder in subfolders:
                inner = listing._look(folder / subfolder, subfolder + "/")
                listing.skipped["subfolder"] += len(inner)
                listing.labels += [class_code(subfolder)] * (len(listing.paths) - len(listing.labels))
        if not listing.paths:
            raise TooFewSamplesError(
                f"{name} must hold images ({', '.join(sorted(ENDINGS))})",
                received="none" + listing.skipped_in_words(),
                remedy="Check the path; subfolders are read one level deep, as classes.",
            )
        return listing

    def _look(self, folder: Path, prefix: str) -> list[str]:
        """Take the images of one folder, and return the names of its subfolders, sorted by bytes."""
        subfolders = []
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda e: os.fsencode(e.name)):
                mode = entry.stat(follow_symlinks=False).st_mode
                ending = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - names only
                if entry.name.startswith("."):
                    self.skipped["hidden"] += 1
                elif stat.S_ISLNK(mode):
                    self.skipped["link"] += 1
                elif stat.S_ISDIR(mode):
                    subfolders.append(entry.name)
                elif not stat.S_ISREG(mode):
                    self.skipped["pipe or device"] += 1
                elif ending not in ENDINGS:
                    self.skipped[ending or "no ending"] += 1
                else:
                    self.paths.append(prefix + entry.name)
        return subfolders

    def skipped_in_words(self) -> str:
        """Count what was skipped, by reason."""
        reasons = [f"{count} {reason}" for reason, count in self.skipped.most_common() if count]
        return f", skipped {', '.join(reasons)}" if reasons else ""


class FolderSampler:
    """Reads images at random places of a folder."""

    def __init__(self, folder: Path, listing: _Listing, settings: Settings, name: str) -> None:
        self.name = name
        self._folder, self._listing, self._settings = folder, listing, settings
        self._lag = settings.lag or 1

    @property
    def size(self) -> int:
        """How many images can be drawn."""
        return -(-len(self._listing.paths) // self._lag)

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw ``n`` different images in random order."""
        n = rows_asked_for(n)
        if n > self.size:
            raise SamplerExhausted(
                f"{self.name} holds fewer samples than were asked for",
                received=f"{self.size} of {n}",
                remedy="Ask for fewer, or bring more images; none is drawn twice.",
            )
        index = rng.permutation(self.size)[:n] * self._lag
        chosen = [self._listing.paths[i] for i in index]
        formats = self._refuse_sizes(chosen)
        values, notes = self._decoded(chosen)
        labels = self._listing.labels
        found = f"{len(self._listing.paths)} images found{self._listing.skipped_in_words()}; {n} used"
        samples = finish(
            values,
            form=Form.of(values.shape, values.dtype, self._settings, name=self.name),
            settings=self._settings,
            name=self.name,
            lag=1,
            labels=None if labels is None else np.asarray(labels, dtype=np.int64)[index],
            numbers=index,
            notes=(found, f"formats: {', '.join(f'{c} {f}' for f, c in sorted(formats.items()))}", *notes),
        )
        return replace(samples, extra={**samples.extra, "formats": " and ".join(sorted(formats))})

    def _refuse_sizes(self, chosen: list[str]) -> Counter[str]:
        """Look at every header before the first pixel is decoded."""
        shapes, formats = [], Counter[str]()
        for path in chosen:
            with opened(self._folder / path, name=_shown(path)) as image:
                shapes.append((image.height, image.width))
                formats[str(image.format)] += 1
        refuse_mixed_sizes(shapes, name=self.name)
        height, width = shapes[0]
        if len(chosen) * height * width * 3 > MOST_BYTES:
            raise ResourceLimitError(
                f"the images drawn from {self.name} must fit in {MOST_BYTES >> 30} GiB",
                received=f"{len(chosen)} of {height}×{width}",
                remedy="Draw fewer, or resize them first.",
            )
        return formats

    def _decoded(self, chosen: list[str]) -> tuple[NDArray[Any], tuple[str, ...]]:
        pictures, done, began = [], Counter[str](), time.monotonic()
        for have, path in enumerate(chosen):
            limit, seconds = self._settings.timeout, time.monotonic() - began
            if limit is not None and seconds > limit:
                raise SamplerTimeout(
                    f"{self.name} must deliver {len(chosen)} samples within {limit:g} s",
                    received=f"{have} samples in {seconds:.2g} s ({have / seconds:.3g} per second)",
                    remedy="Allow more time, or ask for fewer samples.",
                )
            picture, word = decode(self._folder / path, name=_shown(path), alpha=self._settings.alpha)
            pictures.append(picture)
            done[word] += 1
        notes = [f"{count} images {word}" for word, count in sorted(done.items()) if word]
        grey = sum(picture.ndim == 2 for picture in pictures)
        if 0 < grey < len(pictures):
            pictures = [np.stack([p] * 3, axis=-1) if p.ndim == 2 else p for p in pictures]
            notes.append(f"{grey} grey images were repeated to RGB, as the others are")
        depths = Counter(str(picture.dtype) for picture in pictures)
        if len(depths) > 1:
            raise ShapeError(
                f"all images of {self.name} must have one depth",
                received=", ".join(f"{c} of {d}" for d, c in depths.most_common()),
                remedy="Save them alike.",
            )
        return np.stack(pictures), tuple(notes)


def _shown(path: str) -> str:
    """Make a file name printable: stray bytes and control characters are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in path)


SAMPLER = SamplerSpec(
    name="image_folder",
    summary="A folder of images, flat or with one subfolder per class (needs gandiag[images]).",
    accepts=accepts,
    open=open_folder,
    priority=-10,
    extra="images",
)
