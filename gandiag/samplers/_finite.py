"""Finite sources: drawn without replacement in random order, with dependence measured in the order of the source."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gandiag.core.dependence import FEWEST_ROWS, MOST_ROWS, dependence_stride
from gandiag.core.samples import SampleSet
from gandiag.errors import SamplerExhausted, ShapeError, TooFewSamplesError
from gandiag.samplers._finish import finish
from gandiag.samplers._mapped import MappedRows, rows_at
from gandiag.samplers._receive import Array, Form, refuse_nonfinite
from gandiag.samplers._settings import Settings, rows_asked_for

FEWEST_AFTER_THINNING = 50
_MOST_VALUES_MEASURED = 4_000_000
# Larger draws of a memory map stay on the disk until they are read.
MOST_BYTES_READ = 2**26


class FiniteSampler:
    """Rows of an array or of a memory map.

    A memory map is read at the chosen rows only. The rows of an array must be the sampler's own: adapters copy.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
    name : str
    settings : Settings
    labels : ndarray of int, shape (n,), optional
    notes : tuple of str
    value_range : (float, float), optional
        Range that the format implies.
    """

    def __init__(
        self,
        values: Array,
        *,
        name: str,
        settings: Settings,
        labels: NDArray[np.int64] | None = None,
        notes: tuple[str, ...] = (),
        value_range: tuple[float, float] | None = None,
    ) -> None:
        self.name = settings.name or name
        if values.ndim == 0:
            raise ShapeError(
                f"{self.name} must have one sample per row", received="a single number", remedy="Pass an array."
            )
        if len(values) == 0:
            raise TooFewSamplesError(
                f"{self.name} must hold at least one sample", received="0 rows", remedy="Draw samples first."
            )
        self._form = Form.of(values.shape, values.dtype, settings, name=self.name)
        if not isinstance(values, np.memmap):
            refuse_nonfinite(values, name=self.name)
        self._values, self._labels, self._settings = values, labels, settings
        self._value_range, self._notes = value_range, notes

    @cached_property
    def lag(self) -> int:
        """Spacing from which rows count as independent: declared, or measured in file order."""
        if self._settings.lag is not None:
            return self._settings.lag
        return dependence_stride(self._in_file_order())[0]

    def _in_file_order(self) -> NDArray[np.float64]:
        """Take contiguous rows to measure on; where rows are sorted by class, those of the largest class."""
        first, past = 0, len(self._values)
        if self._labels is not None:
            cuts = np.flatnonzero(np.diff(self._labels)) + 1
            if 0 < len(cuts) == len(np.unique(self._labels)) - 1:
                edges = np.concatenate([[0], cuts, [past]])
                largest = int(np.argmax(np.diff(edges)))
                first, past = int(edges[largest]), int(edges[largest + 1])
        width = max(1, int(np.prod(self._values.shape[1:])))
        rows = min(past - first, MOST_ROWS, max(64, _MOST_VALUES_MEASURED // width))
        block = np.asarray(self._values[first : first + rows])
        return block.reshape(rows, -1).astype(np.float64)

    @property
    def _thins(self) -> bool:
        return self.lag > 1 and -(-len(self._values) // self.lag) >= FEWEST_AFTER_THINNING

    @property
    def size(self) -> int:
        """How many rows can be drawn: all of them, or one in ``lag`` where rows depend on each other."""
        return -(-len(self._values) // self.lag) if self._thins else len(self._values)

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw ``n`` different rows in random order."""
        n = rows_asked_for(n)
        if n > self.size:
            raise SamplerExhausted(
                f"{self.name} holds fewer samples than were asked for",
                received=f"{self.size} of {n}" + self._why_fewer(),
                remedy="Ask for fewer, or bring more samples; rows are never drawn twice.",
            )
        offset = int(rng.integers((len(self._values) - 1) % self.lag + 1)) if self._thins else 0
        step = self.lag if self._thins else 1
        index = rng.permutation(self.size)[:n] * step + offset
        if isinstance(self._values, np.memmap) and self._is_left_on_disk(n):
            return self._on_disk(self._values, index)
        return finish(
            rows_at(self._values, index) if isinstance(self._values, np.memmap) else np.asarray(self._values[index]),
            form=self._form,
            settings=self._settings,
            name=self.name,
            lag=1 if self._thins else self.lag,
            labels=None if self._labels is None else self._labels[index],
            numbers=index,
            value_range=self._value_range,
            notes=(*self._notes, *self._lag_notes()),
        )

    def _is_left_on_disk(self, n: int) -> bool:
        """Leave many plain rows where they are until they are read: nothing has to be known of all of them first."""
        form, dtype = self._form, self._values.dtype
        size = n * int(np.prod(self._values.shape[1:])) * dtype.itemsize
        vectors = form.kind == "vector" and dtype.kind == "f"
        images = form.kind == "image" and dtype.name in ("uint8", "uint16")  # in range, whatever they hold
        free = self._settings.value_range is None and self._value_range is None
        return (vectors or images) and form.is_view and size > MOST_BYTES_READ and free

    def _on_disk(self, values: np.memmap[Any, Any], index: NDArray[np.int64]) -> SampleSet:
        bounds = (0.0, float(np.iinfo(values.dtype).max)) if self._form.kind == "image" else None
        return SampleSet(
            values=MappedRows(cast("np.memmap[Any, Any]", self._form.apply(values)), index, name=self.name),
            kind=self._form.kind,
            labels=None if self._labels is None else self._labels[index],
            value_range=bounds,
            lag=1 if self._thins else self.lag,
            source=self.name,
            notes=(*self._notes, *self._form.notes, *self._lag_notes()),
            extra={"value_range": "dtype" if bounds else ""},
        )

    def _why_fewer(self) -> str:
        if not self._thins:
            return ""
        return f" (of {len(self._values)} rows in the source, one in {self.lag} is independent of the others)"

    def _lag_notes(self) -> tuple[str, ...]:
        if self._settings.lag is not None:
            return (f"one row in {self.lag} was used, as declared",) if self._thins else ()
        if self.lag == 1:
            few = len(self._values) < FEWEST_ROWS
            return ("too few rows to tell whether they depend on each other",) if few else ()
        found = f"neighbouring rows of the source depend on each other up to {self.lag - 1} rows apart: "
        done = f"one row in {self.lag} was used" if self._thins else "thinning would leave too few, all were used"
        return (f"{found}{done}. Declare lag=1 where rows are independent and only sorted",)
