"""Loaders and iterables of batches: torch ``DataLoader``, generators, lists of batches behind an iterator.

A loader over a counted data set is read to its end once per draw, keeping rows at random places, so that a sorted
loader is never cut to a prefix. An iterable of unknown length is read in order, and its order is looked at for
dependence. An iterator can be read once only. A torch ``IterableDataset`` gives one sample at a time, as torch has it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.dependence import FEWEST_ROWS, dependence_stride
from gandiag.core.protocols import Sampler
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.core.specs import SamplerSpec
from gandiag.errors import GandiagError, SamplerContractError, SamplerExhausted, SamplerTimeout
from gandiag.samplers._finish import finish
from gandiag.samplers._guard import call
from gandiag.samplers._items import as_batch, comes_in, holds_pictures, samples_of
from gandiag.samplers._picture_rows import USES, PictureRows
from gandiag.samplers._receive import Array, Form, as_labels, refuse_nonfinite, to_numpy
from gandiag.samplers._settings import Settings, rows_asked_for

_END = object()


def accepts(source: object) -> bool:
    """Tell whether the source can be iterated over."""
    return hasattr(source, "__iter__") and not isinstance(source, type | str | bytes | dict)


def open_batches(source: Any, **options: Any) -> Sampler:
    """Open an iterable of batches; ``key`` names the entry where batches are dicts."""
    return BatchSampler(source, Settings.read(options, uses=("key", *USES), by="iterables of batches"))


class BatchSampler:
    """Reads batches from an iterable."""

    def __init__(self, source: Any, settings: Settings) -> None:
        self.name = settings.name or type(source).__name__
        self._source, self._settings, self._lag = source, settings, settings.lag or 1
        self._rows, self._comes_in = _counted(source), comes_in(source)

    @property
    def size(self) -> int | None:
        """How many rows can be drawn, None where the iterable does not say."""
        return None if self._rows is None else -(-self._rows // self._lag)

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw ``n`` rows."""
        n = rows_asked_for(n)
        seed = int(rng.integers(2**62))
        if self.size is None or self._rows is None:
            wanted = np.arange(n) * self._lag
        elif n > self.size:
            raise self._exhausted(self.size, n)
        else:
            wanted = np.sort(rng.permutation(self.size)[:n]) * self._lag
        pictures = PictureRows(self._settings, name=self.name)
        values, labels = self._read(wanted, seed, pictures)
        lag = self._settings.lag and 1
        notes: tuple[str, ...] = ()
        if self._rows is not None:
            order = rng.permutation(n)
            values, labels = values[order], None if labels is None else labels[order]
            lag = lag or 1
        elif lag is None:
            lag = dependence_stride(values[:1000].reshape(min(n, 1000), -1))[0] if n >= FEWEST_ROWS else 0
            if lag > 1:
                notes = (f"consecutive rows depend on each other up to {lag - 1} apart. Declare lag= to thin them",)
        return finish(
            values,
            form=Form.of(values.shape, values.dtype, pictures.settings, name=self.name),
            settings=self._settings,
            name=self.name,
            lag=lag,
            labels=labels,
            notes=(*pictures.notes, *notes),
        )

    def _read(
        self, wanted: NDArray[np.int64], seed: int, pictures: PictureRows
    ) -> tuple[Array, NDArray[np.int64] | None]:
        """Keep the rows at the places ``wanted`` (rising), holding one batch at a time."""
        kept: list[Array] = []
        labels: list[NDArray[np.int64] | None] = []
        seen = have = 0
        began = time.monotonic()
        for batch in self._each(len(wanted), seed):
            rows, marks = samples_of(batch, self._settings.key, name=self.name)
            rows, marks = as_batch(rows, marks, self._comes_in, name=self.name)
            if holds_pictures(rows):
                rows = pictures.stacked(rows if isinstance(rows, list | tuple) else [rows], f"batch at row {seen}")
            block = to_numpy(rows, name=self.name)
            self._refuse_shape(block, kept)
            refuse_nonfinite(block, name=self.name, start=seen)
            here = wanted[(wanted >= seen) & (wanted < seen + len(block))] - seen
            kept.append(block[here])
            labels.append(_marks(marks, len(block), here))
            seen, have = seen + len(block), have + len(here)
            if have == len(wanted):
                every = [m for m in labels if m is not None]
                return np.concatenate(kept), np.concatenate(every) if len(every) == len(labels) else None
            self._refuse_late(have, len(wanted), time.monotonic() - began)
        raise self._exhausted(have, len(wanted))

    def _each(self, n: int, seed: int) -> Iterator[Any]:
        seeds = stream(seed, "globals of the sampler")
        iterator: Any = call(lambda: iter(self._source), name=self.name, seed=int(seeds.integers(2**62)))
        count = 0
        while True:
            count += 1
            batch = call(
                lambda: next(iterator, _END),
                name=self.name,
                seed=int(seeds.integers(2**62)),
                progress=f"before {n} samples were there (batch {count})",
            )
            if batch is _END:
                return
            yield batch

    def _refuse_shape(self, block: Array, kept: list[Array]) -> None:
        if block.ndim == 0 or len(block) == 0:
            raise SamplerContractError(
                f"batches of {self.name} must hold rows",
                received=f"shape {block.shape}",
                remedy="Leave out empty ones.",
            )
        if kept and kept[0].shape[1:] != block.shape[1:]:
            raise SamplerContractError(
                f"all batches of {self.name} must hold rows of one shape",
                received=f"{block.shape[1:]} after {kept[0].shape[1:]}",
                remedy="Resize them first.",
            )

    def _refuse_late(self, have: int, n: int, seconds: float) -> None:
        limit = self._settings.timeout
        if limit is not None and seconds > limit:
            raise SamplerTimeout(
                f"{self.name} must deliver {n} samples within {limit:g} s",
                received=f"{have} samples in {seconds:.2g} s ({have / seconds:.3g} per second)",
                remedy="Allow more time, or ask for fewer samples.",
            )

    def _exhausted(self, have: int, n: int) -> SamplerExhausted:
        return SamplerExhausted(
            f"{self.name} ended before there were enough samples",
            received=f"{have} of {n}",
            remedy="Ask for fewer, or pass a source that can be read again (an iterator can be read once).",
        )


def _counted(source: Any) -> int | None:
    """Count the rows of a loader over a counted data set that leaves nothing out."""
    dataset, sampler = getattr(source, "dataset", None), getattr(source, "sampler", None)
    in_batches = getattr(source, "batch_sampler", source) is not None  # else items may hold any number of rows
    if dataset is None or getattr(source, "drop_last", False) or not in_batches:
        return None
    try:
        return len(dataset if sampler is None else sampler)
    except TypeError:
        return None


def _marks(marks: Any, n: int, here: NDArray[np.int64]) -> NDArray[np.int64] | None:
    if marks is None:
        return None
    try:
        return as_labels(marks, n, name="batch")[here]
    except (GandiagError, ValueError):
        return None  # not one class per row


SAMPLER = SamplerSpec(
    name="batches",
    summary="A torch DataLoader, or any iterable of batches.",
    accepts=accepts,
    open=open_batches,
    priority=-70,
)
