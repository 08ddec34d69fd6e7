"""Hugging Face data sets, told by what they have (``features``, ``column_names``, ``with_format``), not imported.

The image column is the only one, or ``key`` names it. Images are taken as the bytes that the set stores, so that they
follow the rules of `_images` and not those of the library, which turns and converts on its own. Classes come from the
only ``ClassLabel`` column, by name, so that they meet the subfolders of a folder; ``classes="none"`` leaves them out.
A streamed set is read in its order, and that order is looked at for dependence.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from gandiag.core.classes import class_code
from gandiag.core.names import nearest
from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.errors import ConfigError, ImageDecodeError, TooFewSamplesError
from gandiag.samplers._guard import call
from gandiag.samplers._images import open_picture, pillow, quiet
from gandiag.samplers._items import is_picture
from gandiag.samplers._pictures import Pictures, PictureSampler, Reader
from gandiag.samplers._settings import Settings
from gandiag.samplers.batches import BatchSampler
from gandiag.samplers.dataset import DatasetSampler
from gandiag.samplers.image_folder import opened_file, refuse_large

_USES = ("key", "alpha", "frames", "orientation", "on_bad", "classes")


def accepts(source: object) -> bool:
    """Tell whether the source has what these data sets have."""
    if isinstance(source, type) or not callable(getattr(source, "with_format", None)):
        return False
    if isinstance(source, Mapping):
        return hasattr(source, "column_names")  # all splits at once: refused with their names
    readable = hasattr(source, "__getitem__") or hasattr(source, "__iter__")
    return readable and hasattr(source, "column_names") and hasattr(source, "features")


def open_hf(source: Any, **options: Any) -> Sampler:
    """Open a data set; ``key`` names the column."""
    settings = Settings.read(options, uses=_USES, by="Hugging Face data sets")
    name = settings.name or _called(source)
    if isinstance(source, Mapping):
        raise ConfigError(
            f"{name} holds several splits, and one is a source",
            received=", ".join(map(str, source)) or "none",
            remedy="Pass one of them: source['train'].",
        )
    features: Mapping[str, Any] = source.features or {}
    column = _column(source, features, settings.key, name=name)
    is_image = type(features.get(column)).__name__ == "Image"
    label = None if settings.classes == "none" else _label_column(features)
    if not hasattr(source, "__len__"):
        rows = _Streamed(_undecoded(source, column, features, name=name), column, label, features, name)
        return BatchSampler(rows, replace(settings, key=None, name=name, on_bad=None, classes=None))
    if not is_image or not hasattr(source, "cast_column"):
        return DatasetSampler(source, replace(settings, key=column, name=name, on_bad=None, classes=None))
    if len(source) == 0:
        raise TooFewSamplesError(f"{name} must hold at least one sample", received=0, remedy="Fill it.")
    pillow()
    stored = _undecoded(source, column, features, name=name)

    @contextmanager
    def reading() -> Iterator[Reader]:
        yield lambda at: _opened(call(lambda: stored[at][column], name=name, seed=0), at, name=name)

    pictures = Pictures(
        names=[f"row {at}" for at in range(len(source))],
        reading=reading,
        labels=_classes(stored, label, features, name=name),
        notes=(f"images of the column {column!r}",),
    )
    return PictureSampler(pictures, settings, name)


def _called(source: Any) -> str:
    return str(getattr(getattr(source, "info", None), "dataset_name", None) or type(source).__name__)


def _undecoded(source: Any, column: str, features: Mapping[str, Any], *, name: str) -> Any:
    """Ask the set for images as it stores them."""
    feature: Any = features.get(column)
    if type(feature).__name__ != "Image" or not hasattr(source, "cast_column"):
        return source
    return call(lambda: source.cast_column(column, type(feature)(decode=False)), name=name, seed=0)


def _column(source: Any, features: Mapping[str, Any], key: str | None, *, name: str) -> str:
    """Choose the column of the samples: named, the only image, or the only one that is no label."""
    columns = [str(c) for c in (source.column_names or features)]
    if key is not None:
        if columns and key not in columns:
            raise ConfigError(f"{name} has no such column", received=key, remedy=nearest(key, columns))
        return key
    images = [column for column, feature in features.items() if type(feature).__name__ == "Image"]
    others = [column for column in columns if type(features.get(column)).__name__ != "ClassLabel"]
    for found in (images, [] if images else others):
        if len(found) == 1:
            return found[0]
    raise ConfigError(
        f"{name} has several columns, so key= must name the one with the samples",
        received=", ".join(columns[:10]) or "no names",
        remedy="Pass one of these as key.",
    )


def _label_column(features: Mapping[str, Any]) -> str | None:
    found = [column for column, feature in features.items() if type(feature).__name__ == "ClassLabel"]
    return found[0] if len(found) == 1 else None


def _code(label: Any, feature: Any) -> int:
    """Read one class, a number or what a format makes of it (a tensor): by its name where it has one."""
    names, number = getattr(feature, "names", None), int(label)
    return class_code(str(names[number])) if names and number >= 0 else number


def _classes(stored: Any, label: str | None, features: Mapping[str, Any], *, name: str) -> list[int] | None:
    if label is None:
        return None
    marks = call(lambda: list(stored[label]), name=name, seed=0)
    if any(mark is None for mark in marks):
        return None
    return [_code(mark, features[label]) for mark in marks]


@contextmanager
def _opened(stored: Any, at: int, *, name: str) -> Iterator[IO[bytes]]:
    """Open one stored image: its bytes, or the file that it names."""
    data, path = (stored.get("bytes"), stored.get("path")) if isinstance(stored, Mapping) else (None, None)
    if data is not None:
        refuse_large(len(data), name=f"row {at} of {name}")
        yield io.BytesIO(data)
    elif path is not None:
        with opened_file(Path(path), name=f"row {at} of {name}") as file:
            yield file
    else:
        raise ImageDecodeError(
            f"row {at} of {name} must hold an image",
            received="None" if stored is None else type(stored).__name__,
            remedy="Filter it out first.",
        )


class _Streamed:
    """A set without a length, as batches of one row; it is read anew at every draw."""

    def __init__(self, source: Any, column: str, label: str | None, features: Mapping[str, Any], name: str) -> None:
        self._source, self._column, self._label = source, column, label
        self._features, self._name = features, name

    def __iter__(self) -> Iterator[Any]:
        for at, item in enumerate(self._source):
            row = self._row(item[self._column], at)
            mark = None if self._label is None else item[self._label]
            yield row if mark is None else (row, np.array([_code(mark, self._features[str(self._label)])]))

    def _row(self, value: Any, at: int) -> Any:
        if not isinstance(value, Mapping):
            return [value] if is_picture(value) else np.asarray(value)[None]
        with quiet(), _opened(value, at, name=self._name) as file:
            return [open_picture(io.BytesIO(file.read()), name=f"row {at} of {self._name}")]


SAMPLER = SamplerSpec(
    name="hf_dataset",
    summary="A Hugging Face data set; key= names the column where there are several.",
    accepts=accepts,
    open=open_hf,
    priority=-15,
)
