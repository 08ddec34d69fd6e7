"""Sets of image files, wherever they lie: drawn without replacement, all headers before the first pixel.

Folders, archives and shards each say which images they hold, in one stated order, and how one of them is read; all the
rest (rules of decoding, counts, limits, labels) is the same for all and is here. Small sets are decoded at once; sets
above `EAGER_BYTES` are decoded block by block whenever their rows are read, so that memory does not grow with them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError, GandiagError, ImageDecodeError, SamplerExhausted, SamplerTimeout, ShapeError
from gandiag.samplers._finish import finish
from gandiag.samplers._images import Header, decode, quiet, read_header, wrong_ending
from gandiag.samplers._lazy import Decoded
from gandiag.samplers._listing import in_words
from gandiag.samplers._receive import Form, refuse_mixed_sizes
from gandiag.samplers._settings import Settings, rows_asked_for

EAGER_BYTES = 2**30
MOST_BAD = 0.001

Reader = Callable[[int], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """The images that a source holds.

    Parameters
    ----------
    names : sequence of str
        Printable, one per image, in the order of the source.
    reading : callable
        Opens the source; the context gives ``read(i)``, which opens image ``i`` as a seekable stream of bytes.
    labels : sequence of int, optional
    skipped : Counter
        What else is there, by reason.
    notes : tuple of str
    read_ahead : bool
        Whether another thread may read the source at the same time.
    """

    names: Sequence[str]
    reading: Callable[[], AbstractContextManager[Reader]]
    labels: Sequence[int] | None = None
    skipped: Counter[str] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()
    read_ahead: bool = False

    def skipped_in_words(self) -> str:
        """Count what was skipped, by reason."""
        return in_words(self.skipped)


class PictureSampler:
    """Reads images at random places of a set."""

    def __init__(self, pictures: Pictures, settings: Settings, name: str) -> None:
        if settings.layout == "channels_first":
            raise ConfigError(
                "image files have no layout to declare", received=settings.layout, remedy="Leave layout out."
            )
        self.name = name
        self._pictures, self._lag = pictures, settings.lag or 1
        # Decoded here, so known: an image 3 pixels high must not be taken for one with its channels first.
        self._settings = replace(settings, layout="channels_last")

    @property
    def size(self) -> int:
        """How many images can be drawn."""
        return -(-len(self._usable[0]) // self._lag)

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw ``n`` different images in random order."""
        n = rows_asked_for(n)
        if n > self.size:
            raise SamplerExhausted(
                f"{self.name} holds fewer samples than were asked for",
                received=f"{self.size} of {n}",
                remedy="Ask for fewer, or bring more images; none is drawn twice.",
            )
        usable, bad = self._usable
        index = usable[rng.permutation(self.size)[:n] * self._lag]
        shape, dtype, notes, formats = self._alike(index)
        found = f"{len(self._pictures.names)} images found{self._pictures.skipped_in_words()}; {n} used"
        samples = self._read(index, (n, *shape), dtype, notes=(found, *bad, *self._pictures.notes, *notes))
        left_out = (
            {"left_out": f"{len(self._pictures.names) - len(usable)} of {len(self._pictures.names)}"} if bad else {}
        )
        return replace(samples, extra={**samples.extra, "formats": formats, **left_out})

    @cached_property
    def _usable(self) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Places of the images that can be drawn: all of them, or those that decode where bad ones may be skipped."""
        every = np.arange(len(self._pictures.names))
        if self._settings.on_bad is None:
            return every, ()
        bad = list(self._unreadable(every))
        if not bad:
            return every, ()
        listed = "; ".join(said for _, said in bad[:5])
        if len(bad) > MOST_BAD * len(every):
            raise ImageDecodeError(
                f"at most {MOST_BAD:.1%} of the images of {self.name} may be left out as unreadable",
                received=f"{len(bad)} of {len(every)}: {listed}",
                remedy="Mend or remove them knowingly.",
            )
        left = np.setdiff1d(every, [at for at, _ in bad])
        return left, (f"{len(bad)} images could not be read and were left out: {listed}",)

    def _unreadable(self, every: NDArray[np.int64]) -> Iterator[tuple[int, str]]:
        with quiet(), self._pictures.reading() as read:
            for at in every.tolist():
                try:
                    with read(at) as file:
                        decode(file, self._pictures.names[at], self._settings)
                except ImageDecodeError as error:
                    yield at, str(error)

    def _headers(self, index: NDArray[np.int64]) -> Iterator[tuple[str, Header]]:
        with quiet(), self._pictures.reading() as read:
            for at in index.tolist():
                name = self._pictures.names[at]
                with read(at) as file:
                    yield name, read_header(file, name=name, settings=self._settings)

    def _alike(self, index: NDArray[np.int64]) -> tuple[tuple[int, ...], np.dtype[Any], list[str], str]:
        """Hold all headers against each other: one shape, one depth, and what is said about them."""
        sizes = Counter[tuple[int, ...]]()
        depths, formats, words = Counter[str](), Counter[str](), Counter[str]()
        grey, mislabelled, qualities = 0, 0, list[int]()
        for name, header in self._headers(index):
            sizes[header.shape[:2]] += 1
            depths[header.dtype] += 1
            formats[header.format] += 1
            words.update(header.words)
            grey += len(header.shape) == 2
            mislabelled += wrong_ending(name, header.format)
            qualities += [] if header.quality is None else [header.quality]
        refuse_mixed_sizes(sizes, name=self.name)
        if len(depths) > 1:
            raise ShapeError(
                f"all images of {self.name} must have one depth",
                received=", ".join(f"{c} of {d}" for d, c in depths.most_common()),
                remedy="Save them alike.",
            )
        notes = [f"formats: {', '.join(f'{c} {f}' for f, c in sorted(formats.items()))}"]
        notes += [f"{count} images {word}" for word, count in sorted(words.items())]
        if qualities:
            notes.append(f"JPEG quality about {np.median(qualities):.0f}, from {min(qualities)} to {max(qualities)}")
        if mislabelled:
            notes.append(f"{mislabelled} images hold another format than their ending says")
        plain = grey == len(index)
        if grey and not plain:
            notes.append(f"{grey} grey images were repeated to RGB, as the others are")
        size = next(iter(sizes))
        return (size if plain else (*size, 3)), np.dtype(next(iter(depths))), notes, _told(formats, qualities)

    def _read(
        self, index: NDArray[np.int64], shape: tuple[int, ...], dtype: np.dtype[Any], *, notes: tuple[str, ...]
    ) -> SampleSet:
        labels = self._pictures.labels
        rows = Decoded(self._pictures, index, shape=shape, dtype=dtype, settings=self._settings, name=self.name)
        chosen = None if labels is None else np.asarray(labels, dtype=np.int64)[index]
        form = Form.of(shape, dtype, self._settings, name=self.name)
        if rows.nbytes > EAGER_BYTES and form.kind == "image":
            return SampleSet(
                values=rows,
                kind="image",
                labels=chosen,
                value_range=rows.value_range,
                lag=1,
                source=self.name,
                notes=(*notes, "decoded block by block, whenever they are read"),
                extra={"value_range": "declared" if self._settings.value_range else "dtype"},
            )
        return finish(
            rows.read(late=self._refuse_late),
            form=form,
            settings=self._settings,
            name=self.name,
            lag=1,
            labels=chosen,
            numbers=index,
            notes=notes,
        )

    def _refuse_late(self, have: int, began: float) -> None:
        limit, seconds = self._settings.timeout, time.monotonic() - began
        if limit is not None and seconds > limit:
            raise SamplerTimeout(
                f"{self.name} must deliver its samples within {limit:g} s",
                received=f"{have} samples in {seconds:.2g} s ({have / seconds:.3g} per second)",
                remedy="Allow more time, or ask for fewer samples.",
            )


def _told(formats: Counter[str], qualities: list[int]) -> str:
    """Say in which formats images are, so that both sides of a comparison can be held against each other."""
    about = f" of quality about {10 * round(float(np.median(qualities)) / 10)}" if qualities else ""
    return " and ".join(kind + (about if kind == "JPEG" else "") for kind in sorted(formats))


def printable(name: str) -> str:
    """Make a file name printable: stray bytes and control characters are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)


def unreadable(error: Exception, kind: type[GandiagError] = ImageDecodeError, *, name: str) -> GandiagError:
    """Say in our words that a source could not be read."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}: {error}"
    return kind(f"{name} must be readable", received=said, remedy="Check the file and its permissions.")
