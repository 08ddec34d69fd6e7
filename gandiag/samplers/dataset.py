"""Indexed data sets: torch ``Dataset`` and anything else with ``len`` and ``[i]``.

Rows are read one by one at random places, never as a prefix. As with folders of images, rows of an indexed set are
taken as independent unless ``lag=`` says otherwise: sets sorted by class are the rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.protocols import Sampler
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.core.specs import SamplerSpec
from gandiag.errors import GandiagError, SamplerExhausted, TooFewSamplesError
from gandiag.samplers._finish import finish
from gandiag.samplers._guard import call
from gandiag.samplers._items import samples_of
from gandiag.samplers._picture_rows import USES, PictureRows
from gandiag.samplers._receive import Form, as_labels, to_numpy
from gandiag.samplers._settings import Settings, rows_asked_for


def accepts(source: object) -> bool:
    """Tell whether the source is indexed and counted (a mapping is not)."""
    if isinstance(source, type | str | bytes | dict) or hasattr(source, "keys"):
        return False
    return hasattr(source, "__getitem__") and hasattr(source, "__len__")


def open_dataset(source: Any, **options: Any) -> Sampler:
    """Open an indexed data set; ``key`` names the entry where items are dicts. Pillow images follow `_images`."""
    settings = Settings.read(options, uses=("key", *USES), by="data sets")
    return DatasetSampler(source, settings)


class DatasetSampler:
    """Reads items of an indexed data set at random places."""

    def __init__(self, source: Any, settings: Settings) -> None:
        self.name = settings.name or type(source).__name__
        self._source, self._settings = source, settings
        rows = int(call(lambda: len(source), name=self.name, seed=0))
        if rows == 0:
            raise TooFewSamplesError(f"{self.name} must hold at least one sample", received=0, remedy="Fill it.")
        self._lag = settings.lag or 1
        self._size = -(-rows // self._lag)

    @property
    def size(self) -> int:
        """How many items can be drawn."""
        return self._size

    def sample(self, n: int, *, rng: np.random.Generator) -> SampleSet:
        """Draw ``n`` different items in random order."""
        n = rows_asked_for(n)
        if n > self._size:
            raise SamplerExhausted(
                f"{self.name} holds fewer samples than were asked for",
                received=f"{self._size} of {n}",
                remedy="Ask for fewer, or bring more samples; rows are never drawn twice.",
            )
        index = rng.permutation(self._size)[:n] * self._lag
        seeds = stream(int(rng.integers(2**62)), "globals of the sampler")
        rows, labels = [], []
        pictures = PictureRows(self._settings, name=self.name)
        for have, at in enumerate(index.tolist()):
            item = call(
                lambda at=at: self._source[at],  # type: ignore[misc]
                name=self.name,
                seed=int(seeds.integers(2**62)),
                progress=f"after {have} of {n} samples (item {at})",
            )
            row, label = samples_of(item, self._settings.key, name=self.name)
            row = pictures.pixels(row, f"item {at}")
            rows.append(row if hasattr(row, "__array__") else np.asarray(row))
            labels.append(label)
        values = to_numpy(pictures.alike(rows), name=self.name)
        return finish(
            values,
            form=Form.of(values.shape, values.dtype, pictures.settings, name=self.name),
            settings=self._settings,
            name=self.name,
            lag=1,
            labels=_labels(labels, n),
            numbers=index,
            notes=pictures.notes,
        )


def _labels(labels: list[Any], n: int) -> NDArray[np.int64] | None:
    if any(label is None for label in labels):
        return None
    try:
        return as_labels([label.item() if hasattr(label, "item") else label for label in labels], n, name="items")
    except (GandiagError, ValueError, TypeError, RuntimeError):
        return None  # the second entry of an item is not a class: targets of a regression, a mask, another image


SAMPLER = SamplerSpec(
    name="dataset",
    summary="A torch Dataset, or anything with len() and [i].",
    accepts=accepts,
    open=open_dataset,
    priority=-55,
)
