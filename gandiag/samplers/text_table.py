"""``.csv`` and ``.tsv`` tables of numbers, one sample per line, with or without a header.

A column called label or labels gives the classes. ``key`` names the columns to read, joined by commas.
"""

from __future__ import annotations

import csv
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from gandiag.core.names import nearest
from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.errors import ConfigError, FileFormatError, ResourceLimitError, TooFewSamplesError
from gandiag.samplers._finite import FiniteSampler
from gandiag.samplers._npy import require_file
from gandiag.samplers._receive import as_labels
from gandiag.samplers._settings import Settings

MOST_BYTES = 4 * 2**30
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LABELS = ("label", "labels")


def accepts(source: object) -> bool:
    """Tell whether the source is a path ending in .csv or .tsv."""
    return isinstance(source, Path) and source.suffix.lower() in _DELIMITERS


def open_table(source: Any, **options: Any) -> Sampler:
    """Open a table of numbers."""
    settings = Settings.read(options, uses=("labels", "key"), by="tables")
    name = settings.name or source.name
    if require_file(source, name=name) > MOST_BYTES:
        raise ResourceLimitError(f"{name} must be at most 4 GiB", received="more", remedy="Save it as .npy.")
    delimiter = _DELIMITERS[source.suffix.lower()]
    try:
        header = _header(source, delimiter)
        columns, label = _columns(header, settings.key, name=name)
        values = _numbers(source, delimiter, bool(header), columns)
        labels = settings.labels if label is None or settings.labels is not None else _column(source, delimiter, label)
    except (OSError, ValueError, csv.Error) as error:
        if isinstance(error, ConfigError):
            raise
        raise FileFormatError(
            f"{name} must be a table of numbers with lines of one length",
            received=str(error).split("\n")[0],
            remedy="Mend that cell; text columns must be left out with key= or encoded as numbers.",
        ) from error
    if values.size == 0:
        raise TooFewSamplesError(f"{name} must hold at least one line of numbers", received="none", remedy="Fill it.")
    notes = (f"labels were read from column {header[label]!r}",) if label is not None else ()
    return FiniteSampler(
        values,
        name=name,
        settings=settings,
        labels=None if labels is None else as_labels(labels, len(values), name=name),
        notes=notes,
    )


def _header(path: Path, delimiter: str) -> list[str]:
    """Read the names of the columns, none where the first line holds numbers."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = next(csv.reader(file, delimiter=delimiter), [])
    cells = [cell.strip() for cell in first]
    return [] if any(_is_number(cell) for cell in cells) else cells


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _columns(header: list[str], key: str | None, *, name: str) -> tuple[list[int] | None, int | None]:
    """Choose the columns of numbers, and that of the labels."""
    if key is None:
        label = next((i for i, cell in enumerate(header) if cell.lower() in _LABELS), None)
        return (None if label is None else [i for i in range(len(header)) if i != label]), label
    wanted = [part.strip() for part in key.split(",")]
    for part in wanted:
        if part not in header:
            raise ConfigError(f"{name} has no column of that name", received=part, remedy=nearest(part, header))
    return [header.index(part) for part in wanted], None


def _numbers(path: Path, delimiter: str, headed: bool, columns: list[int] | None) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an empty file is said in our words
        return np.loadtxt(
            path,
            delimiter=delimiter,
            skiprows=int(headed),
            usecols=columns,
            ndmin=2,
            comments=None,
            quotechar='"',
            encoding="utf-8-sig",
        )


def _column(path: Path, delimiter: str, at: int) -> list[str] | list[float]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [line[at].strip() for line in list(csv.reader(file, delimiter=delimiter))[1:] if line]
    return [float(cell) for cell in cells] if all(_is_number(cell) for cell in cells) else cells


SAMPLER = SamplerSpec(
    name="text_table",
    summary="A .csv or .tsv table of numbers, one sample per line.",
    accepts=accepts,
    open=open_table,
    priority=-10,
)
