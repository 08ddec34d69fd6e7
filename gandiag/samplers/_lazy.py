"""Images that are decoded when they are read: an array of them that holds names only.

Stands where an array stands in a `SampleSet`: it has a shape and a dtype, a slice of it is an array, and `rows` chooses
among it without reading anything. 50 000 colour images of 299 x 299 are 13 GB as bytes; here a reader holds one block.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ImageDecodeError, RangeError, ResourceLimitError
from gandiag.samplers._ahead import Ahead
from gandiag.samplers._decoders import Decoders
from gandiag.samplers._images import decode, quiet
from gandiag.samplers._settings import Settings

if TYPE_CHECKING:
    from gandiag.samplers._pictures import Pictures

MOST_BYTES = 16 * 2**30


class Decoded:
    """Chosen images of a set, each decoded anew whenever it is read.

    Parameters
    ----------
    pictures : Pictures
    index : ndarray of int, shape (n,)
        Places of the chosen images in the set.
    shape : tuple of int
        (n, h, w) or (n, h, w, 3); grey images among RGB are repeated.
    dtype : numpy.dtype
    settings : Settings
    name : str
    """

    def __init__(
        self,
        pictures: Pictures,
        index: NDArray[np.int64],
        *,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        settings: Settings,
        name: str,
    ) -> None:
        self._pictures, self._index, self._settings, self._name = pictures, index, settings, name
        self.shape, self.dtype = shape, dtype
        self._ahead = Ahead(self._part, shape[0]) if pictures.read_ahead else None

    @property
    def nbytes(self) -> int:
        """Size of all rows, decoded."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def value_range(self) -> tuple[float, float]:
        """The declared range, or that of the depth."""
        declared = self._settings.value_range
        return (0.0, float(np.iinfo(self.dtype).max)) if declared is None else (float(declared[0]), float(declared[1]))

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, part: slice) -> NDArray[Any]:
        start, stop, step = part.indices(len(self))
        if self._ahead is not None and step == 1:
            rows = self._ahead.read(start, stop)
        else:
            rows = self.rows(np.arange(start, stop, step)).read()
        low, high = self.value_range
        if self._settings.value_range is not None and rows.size and (rows.min() < low or rows.max() > high):
            raise RangeError(
                f"values of {self._name} must lie in the declared range [{low:g}, {high:g}]",
                received=f"values from {rows.min()} to {rows.max()}",
                remedy="Declare the range that the files have; values are never clipped.",
            )
        return rows

    def _part(self, start: int, stop: int, ahead: bool) -> NDArray[Any]:
        # Filters of warnings belong to the process: a thread that reads ahead must not set them.
        return self.rows(np.arange(start, stop)).read(silence=not ahead)

    def rows(self, index: NDArray[np.integer[Any]]) -> Decoded:
        """Choose rows without reading them."""
        places = self._index[index]
        return Decoded(
            self._pictures,
            places,
            shape=(len(places), *self.shape[1:]),
            dtype=self.dtype,
            settings=self._settings,
            name=self._name,
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        rows = self.read()
        return rows if dtype is None else rows.astype(dtype)

    def read(self, late: Callable[[int, float], None] | None = None, *, silence: bool = True) -> NDArray[Any]:
        """Decode all rows; ``late(have, began)`` is asked as they arrive, warnings are silenced where ``silence``."""
        if self.nbytes > MOST_BYTES:
            raise ResourceLimitError(
                f"the images drawn from {self._name} must fit in {MOST_BYTES >> 30} GiB where they are held at once",
                received="×".join(map(str, self.shape)),
                remedy="Draw fewer, or resize them first.",
            )
        out = np.empty(self.shape, dtype=self.dtype)
        began = time.monotonic()
        with closing(self._decoded(silence)) as decoded:
            for have, (place, picture) in enumerate(decoded):
                if late is not None and have:
                    late(have, began)
                self._keep(out, place, picture)
        return out

    def _decoded(self, silence: bool) -> Generator[tuple[int, NDArray[Any]], None, None]:
        """Read the files one after another, and decode them in several threads: Pillow lets them run side by side."""
        each = self.nbytes // max(1, len(self))
        with quiet() if silence else nullcontext(), self._pictures.reading() as read, Decoders() as decoders:
            for place, at in enumerate(self._index.tolist()):
                with read(at) as file:
                    data = file.read()
                work = (decode, io.BytesIO(data), self._pictures.names[at], self._settings)
                yield from decoders.add(place, len(data) + each, *work)
            yield from decoders.rest()

    def _keep(self, out: NDArray[Any], place: int, picture: NDArray[Any]) -> None:
        grey = picture.ndim == 2 and out.ndim == 4
        if picture.shape[:2] != out.shape[1:3] or (picture.ndim == 3) > (out.ndim == 4):
            raise ImageDecodeError(
                f"{self._pictures.names[int(self._index[place])]} must not change while it is read",
                received=f"{picture.shape} after {self.shape[1:]}",
                remedy="Score a copy.",
            )
        out[place] = picture[..., None] if grey else picture
