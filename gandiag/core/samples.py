"""SampleSet: frozen samples, and what is known about them.

The samples stay where they are (NumPy, memory map, or a tensor on its device) behind one opaque array, and are read
with `SampleSet.blocks`. Everything above `numerics` sees NumPy only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import require_finite, require_real_dtype
from gandiag.errors import ShapeError, TooFewSamplesError

Kind = Literal["vector", "image", "discrete"]

ROWS_PER_BLOCK = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownModes:
    """Exact mixture structure, where the source is a law with known answers.

    Parameters
    ----------
    centres : ndarray, shape (k, d)
        Mode centres in the units of the samples.
    covariances : ndarray, shape (k, d, d)
        Within-mode covariance of each mode.
    weights : ndarray, shape (k,)
        True shares, summing to 1.
    """

    centres: NDArray[np.float64]
    covariances: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class SampleSet:
    """Samples of one source.

    Parameters
    ----------
    values : array or tensor, shape (n, ...)
        One sample per row: ``(n, d)`` vectors, ``(n, h, w)`` or ``(n, h, w, c)`` images, ``(n,)`` or ``(n, t)``
        integers for discrete laws (stored as ``(n, t)``). Owned by this object: adapters copy what they receive.
    kind : {"vector", "image", "discrete"}
    labels : ndarray of int, shape (n,), optional
        Class or mode of each row, where known.
    value_range : (float, float), optional
        The range that the values are declared to lie in.
    modes : KnownModes, optional
        Exact mode structure, where known.
    lag : int
        Draws are treated as independent from ``lag`` rows on; 1 for independent rows, more for chains and video,
        0 when nobody declared it (then it is measured before rows are shuffled).
    source : str
        Where the samples come from, for people.
    notes : tuple of str
        Everything that was done to the samples on receipt and that a reader of a score must know.
    """

    values: Any
    kind: Kind = "vector"
    labels: NDArray[np.int64] | None = None
    value_range: tuple[float, float] | None = None
    modes: KnownModes | None = None
    lag: int = 0
    source: str = "unnamed"
    notes: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        shape = tuple(self.values.shape)
        if len(shape) < 2:
            raise ShapeError(
                "samples must have one row each: shape (n, d) or (n, height, width[, channels])",
                received=f"shape {shape}",
                remedy="Reshape a single column with x[:, None]; never flatten samples and values into one axis.",
            )
        if shape[0] == 0:
            raise TooFewSamplesError(f"{self.source} must hold at least one sample", received=0, remedy="Draw some.")
        if 0 in shape[1:]:
            raise ShapeError(f"{self.source} must hold values", received=f"shape {shape}", remedy="Pass the values.")
        if self.labels is not None and self.labels.shape != (shape[0],):
            raise ShapeError(
                "labels must be one whole number per sample",
                received=f"shape {self.labels.shape} for {shape[0]} samples",
                remedy="Pass labels of shape (n,).",
            )
        # Whole numbers are finite; rows that are read when they are wanted are looked at when they are read.
        trusted = getattr(self.values.dtype, "kind", "") in ("b", "i", "u") or hasattr(self.values, "rows")
        for start, block in () if trusted else self.blocks():
            require_real_dtype(block, name=self.source)
            require_finite(block, name=_rows(self.source, start))
        if isinstance(self.values, np.ndarray) and not isinstance(self.values, np.memmap):
            self.values.setflags(write=False)

    def __len__(self) -> int:
        return int(self.values.shape[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(int(s) for s in self.values.shape[1:])

    def blocks(self, rows: int = ROWS_PER_BLOCK) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield ``(first row, host array)`` pairs that together hold every sample once, in order.

        Of samples that are read or decoded when they are wanted, a block holds at most 256 MiB.
        """
        if hasattr(self.values, "rows"):
            rows = max(1, min(rows, 2**28 // (int(np.prod(self.shape)) * self.values.dtype.itemsize)))
        for start in range(0, int(self.values.shape[0]), rows):
            yield start, on_host(self.values[start : start + rows])

    def matrix(self) -> NDArray[np.float64]:
        """Copy the samples to the host as float64, one flattened row each, shape (n, d)."""
        out = np.empty((len(self), int(np.prod(self.shape))), dtype=np.float64)
        for start, block in self.blocks():
            out[start : start + len(block)] = block.reshape(len(block), -1)
        return out

    def take(self, index: NDArray[np.integer[Any]]) -> SampleSet:
        """Select rows, with everything that is known about them."""
        if hasattr(self.values, "rows"):  # read or decoded when they are wanted: chosen without reading them
            values = self.values.rows(index)
        else:
            values = self.values[index] if isinstance(self.values, np.ndarray) else _taken(self.values, index)
        labels = None if self.labels is None else self.labels[index]
        return replace(self, values=np.array(values) if isinstance(values, np.memmap) else values, labels=labels)

    def noting(self, *notes: str) -> SampleSet:
        """Return the same samples with further notes."""
        return replace(self, notes=(*self.notes, *notes))


def on_host(block: Any) -> NDArray[Any]:
    """Bring an array or tensor to the host as NumPy, without a copy where it already is there."""
    if isinstance(block, np.ndarray):
        return block
    block = block.detach().cpu()
    if block.dtype.is_floating_point and block.element_size() < 4:
        block = block.float()  # NumPy knows no bfloat16; half precision widens exactly
    return np.asarray(block.numpy())


def _taken(values: Any, index: NDArray[np.integer[Any]]) -> Any:
    import torch

    return values[torch.as_tensor(np.ascontiguousarray(index), device=values.device)]


def _rows(source: str, start: int) -> str:
    return source if start == 0 else f"{source} (rows counted from {start})"
