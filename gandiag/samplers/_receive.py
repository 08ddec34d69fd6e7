"""Receipt: whatever arrives becomes an owned NumPy array, of a known kind, layout and range, or a clear error."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import require_real_dtype
from gandiag.core.classes import class_code
from gandiag.core.samples import Kind
from gandiag.errors import (
    ConfigError,
    DtypeError,
    NonFiniteError,
    SamplerContractError,
    ShapeError,
    TooFewSamplesError,
)
from gandiag.samplers._settings import Settings

Array = NDArray[Any]

_CHANNELS = (1, 3, 4)


def to_numpy(value: Any, *, name: str) -> Array:
    """Copy an array, tensor, list or data frame to the host in the machine's byte order.

    Raises
    ------
    SamplerContractError
        For None, text, dicts and tuples.
    ShapeError
        For rows of different sizes.
    DtypeError
        For values that are not real numbers.
    """
    if is_tensor(value):
        array = _from_tensor(value, name=name)
    elif isinstance(value, list):
        array = _from_list(value, name=name)
    elif value is None or isinstance(value, str | bytes | dict | tuple | set):
        raise SamplerContractError(
            f"{name} must give one array or tensor with one sample per row",
            received=_described(value),
            remedy="Return the samples alone, as an array of shape (n, ...).",
        )
    elif isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise NonFiniteError(
            f"{name} must have no missing values",
            received=f"{int(np.ma.getmaskarray(value).sum())} masked values",
            remedy="Fill or drop them knowingly first.",
        )
    else:
        array = np.array(value.to_numpy() if hasattr(value, "to_numpy") else value, subok=False)
    require_real_dtype(array, name=name)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def is_tensor(value: object) -> bool:
    """Tell whether a value is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and hasattr(torch, "Tensor") and isinstance(value, torch.Tensor)


def _from_tensor(tensor: Any, *, name: str) -> Array:
    if tensor.is_complex():
        raise DtypeError(
            f"`{name}` must hold real numbers (bool, integer or float)",
            received=f"dtype {tensor.dtype}",
            remedy="Split complex values in two columns.",
        )
    tensor = tensor.detach()
    if tensor.layout != sys.modules["torch"].strided:
        tensor = tensor.to_dense()
    if tensor.dtype.is_floating_point and str(tensor.dtype) not in ("torch.float64", "torch.float32", "torch.float16"):
        tensor = tensor.float()  # NumPy knows no bfloat16; it widens exactly
    return np.array(tensor.cpu().resolve_neg().numpy())


def _from_list(rows: list[Any], *, name: str) -> Array:
    if not rows:
        raise TooFewSamplesError(f"{name} must hold at least one sample", received="an empty list", remedy="Draw some.")
    if not any(is_tensor(row) for row in rows):
        with suppress(ValueError):  # rows of different sizes: said in our words below
            return np.array(rows)
    arrays = [_from_row(row, at, name=name) for at, row in enumerate(rows)]
    refuse_mixed_sizes([a.shape for a in arrays], name=name)
    return np.stack(arrays)


def _from_row(row: Any, at: int, *, name: str) -> Array:
    if is_tensor(row):
        return _from_tensor(row, name=name)
    try:
        return np.asarray(row)
    except ValueError as error:
        raise ShapeError(
            f"every sample of {name} must be a regular array",
            received=f"row {at}: {error}",
            remedy="Pad or cut it first.",
        ) from error


def refuse_mixed_sizes(shapes: Sequence[tuple[int, ...]] | Counter[tuple[int, ...]], *, name: str) -> None:
    """Refuse rows of different sizes, with the count of each."""
    counts = Counter(shapes)
    if len(counts) > 1:
        listed = ", ".join(f"{count} of {'×'.join(map(str, s)) or 'one value'}" for s, count in counts.most_common(5))
        raise ShapeError(
            f"all samples of {name} must have one size",
            received=listed + (", …" if len(counts) > 5 else ""),
            remedy="Resize them to one size first; gandiag does not resize, since the method changes every score.",
        )


def _described(value: object) -> str:
    if isinstance(value, dict):
        return f"a dict with keys {', '.join(map(str, list(value)[:5]))}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return "None" if value is None else f"a {type(value).__name__}"


def as_labels(labels: Any, n: int, *, name: str) -> NDArray[np.int64]:
    """Read one class per row; a name becomes the number of that name (see `gandiag.core.classes`)."""
    array = np.asarray(to_numpy(labels, name="labels")) if is_tensor(labels) else np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (n,):
        raise ShapeError(
            f"labels of {name} must be one per sample",
            received=f"shape {array.shape} for {n} samples",
            remedy="Pass labels of shape (n,).",
        )
    if array.dtype.kind == "O" and any(label is None or label != label for label in array.tolist()):
        raise DtypeError(f"labels of {name} must not be missing", received="None or NaN", remedy="Drop these rows.")
    if array.dtype.kind in "USO":
        names, place = np.unique(array.astype(str), return_inverse=True)
        return np.array([class_code(title) for title in names.tolist()], dtype=np.int64)[place.reshape(-1)]
    fits = array.dtype.kind in "biu" or (array.dtype.kind == "f" and bool(np.all(np.abs(array) < 2.0**53)))
    if not fits or not np.all(np.equal(np.mod(array, 1), 0)):
        raise DtypeError(
            f"labels of {name} must be whole numbers or names", received=f"dtype {array.dtype}", remedy="Encode them."
        )
    return array.astype(np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Form:
    """What rows of one shape and dtype are, and how they are stored."""

    kind: Kind
    change: str
    notes: tuple[str, ...]

    @classmethod
    def of(cls, shape: tuple[int, ...], dtype: np.dtype[Any], settings: Settings, *, name: str) -> Form:
        """Tell the kind of an array of ``shape`` (n, ...) from its rank, dtype and what was declared."""
        rank, whole = len(shape), dtype.kind in "biu"
        if rank == 0 or rank > 4:
            raise ShapeError(
                f"{name} must have one sample per row: (n, d), (n, h, w), or (n, h, w, c)",
                received=f"shape {shape}",
                remedy="Reshape it; x.reshape(len(x), -1) turns any rows into vectors.",
            )
        if rank <= 2:
            return cls._of_flat(rank, whole, shape, settings, name=name)
        if settings.kind == "vector":
            return cls(kind="vector", change="flatten", notes=(f"rows of shape {shape[1:]} were flattened",))
        if settings.kind == "discrete":
            raise ShapeError(
                "discrete samples must have shape (n,) or (n, t)", received=f"shape {shape}", remedy="Reshape them."
            )
        first = rank == 4 and _channels_first(shape, settings, name=name)
        if rank == 4 and shape[1 if first else 3] == 1:
            # Grey files, and most grey data, have no axis of channels: one picture has one form.
            change = "grey_first" if first else "grey_last"
            return cls(kind="image", change=change, notes=("the axis of the single channel was left out: grey",))
        if first:
            return cls(kind="image", change="channels_last", notes=("channels were moved from first to last",))
        return cls(kind="image", change="", notes=())

    @classmethod
    def _of_flat(cls, rank: int, whole: bool, shape: tuple[int, ...], settings: Settings, *, name: str) -> Form:
        if settings.kind == "image":
            raise ShapeError(
                f"images of {name} must have shape (n, h, w) or (n, h, w, c)",
                received=f"shape {shape}",
                remedy="Reshape the rows to images first, for example x.reshape(-1, 28, 28).",
            )
        if rank == 2:
            return cls(kind=settings.kind or "vector", change="", notes=())
        kind = settings.kind or ("discrete" if whole else "vector")
        return cls(kind=kind, change="column", notes=(f"one value per sample: read as a single {kind} column",))

    @property
    def is_view(self) -> bool:
        """Whether the stored form shows the rows as they are: only axes of length 1 are left out."""
        return self.change in ("", "grey_first", "grey_last")

    def apply(self, rows: Array) -> Array:
        """Bring rows into the stored form."""
        if self.change == "grey_first":
            return rows[:, 0]
        if self.change == "grey_last":
            return rows[..., 0]
        if self.change == "column":
            return rows[:, None]
        if self.change == "flatten":
            return rows.reshape(len(rows), -1)
        if self.change == "channels_last":
            rows = np.moveaxis(rows, 1, -1)
        return rows


def _channels_first(shape: tuple[int, ...], settings: Settings, *, name: str) -> bool:
    if settings.layout is not None:
        return settings.layout == "channels_first"
    first, last = shape[1] in _CHANNELS, shape[3] in _CHANNELS
    if first == last:
        raise ShapeError(
            f"the channel axis of {name} must be plain: 1, 3 or 4 long, either first or last",
            received=f"shape {shape}",
            remedy='Say layout="channels_first" or layout="channels_last".',
        )
    return first


def refuse_nonfinite(rows: Array, *, name: str, numbers: NDArray[np.int64] | None = None, start: int = 0) -> None:
    """Refuse NaN and infinity, naming rows by their place in the source."""
    if rows.dtype.kind != "f":
        return
    flat = rows.reshape(len(rows), -1)
    with np.errstate(invalid="ignore", over="ignore"):
        if np.isfinite(flat.sum(dtype=np.float64)):
            return
    bad = np.flatnonzero(~np.isfinite(flat).all(axis=1))
    if bad.size:
        places = np.sort(bad + start if numbers is None else numbers[bad])
        listed = ", ".join(str(i) for i in places[:5]) + (", …" if bad.size > 5 else "")
        raise NonFiniteError(
            f"samples of {name} must be finite",
            received=f"{bad.size} of {len(rows)} rows with NaN or infinity (first rows {listed})",
            remedy="Mend the sampler, or drop these rows knowingly before scoring.",
        )


def pair(source: object) -> tuple[Any, Any] | None:
    """Take apart a (values, labels) tuple, or answer None."""
    if not isinstance(source, tuple) or len(source) != 2:
        return None
    values, labels = source
    shapes = [_shape(v) for v in (values, labels)]
    if not shapes[0] or shapes[1] not in (shapes[0][:1], (shapes[0][0], 1)):
        raise ConfigError(
            "a tuple must be (values, labels) with one label per sample",
            received=" and ".join(str(tuple(s)) for s in shapes),
            remedy="Pass the values alone, or labels=... of shape (n,).",
        )
    return values, labels


def _shape(value: object) -> tuple[int, ...]:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return tuple(shape)
    return (len(value),) if hasattr(value, "__len__") else ()
