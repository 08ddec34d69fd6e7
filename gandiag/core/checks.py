"""Checks at the public boundary, with one wording for one rule."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.core.names import nearest
from gandiag.errors import (
    ConfigError,
    DtypeError,
    NonFiniteError,
    ShapeError,
    TooFewSamplesError,
    UnknownName,
)

Matrix = NDArray[np.float64]

_NUMERIC_KINDS = "biuf"


def as_matrix(values: ArrayLike, *, name: str) -> Matrix:
    """Read ``values`` as a finite float64 matrix with one row per sample.

    Parameters
    ----------
    values : array_like, shape (n, d)
        Any real dtype.
    name : str
        How messages call the argument.

    Returns
    -------
    ndarray of float64, shape (n, d)
        C-contiguous; the input itself when it already is one.

    Raises
    ------
    DtypeError
        For complex, object, string and structured values.
    ShapeError
        When the rank is not 2, or there is no column.
    TooFewSamplesError
        When there is no row.
    NonFiniteError
        For NaN and infinity.
    """
    array = np.asarray(values)
    require_real_dtype(array, name=name)
    if array.ndim != 2:
        raise ShapeError(
            f"`{name}` must be a matrix of shape (n, d)",
            received=f"shape {array.shape}",
            remedy="Reshape to one row per sample; a single column is x[:, None], images are x.reshape(len(x), -1).",
        )
    if array.shape[0] == 0:
        raise TooFewSamplesError(
            f"`{name}` must hold at least one row", received="0 rows", remedy="Draw samples first."
        )
    if array.shape[1] == 0:
        raise ShapeError(f"`{name}` must have at least one column", received="0 columns", remedy="Pass the values.")
    require_finite(array, name=name)
    return np.ascontiguousarray(array, dtype=np.float64)


def require_real_dtype(array: NDArray[np.generic], *, name: str) -> None:
    """Refuse values that are not real numbers."""
    if array.dtype.kind not in _NUMERIC_KINDS:
        raise DtypeError(
            f"`{name}` must hold real numbers (bool, integer or float)",
            received=f"dtype {array.dtype}",
            remedy="Convert it first: encode strings and categories as numbers, split complex values in two columns.",
        )


def require_finite(array: NDArray[np.generic], *, name: str) -> None:
    """Refuse NaN and infinity, naming the first rows that hold them."""
    if array.dtype.kind != "f":
        return
    flat = array.reshape(len(array), -1)
    # One pass that allocates one number per row; the exact rows are sought only after a failure.
    with np.errstate(invalid="ignore", over="ignore"):
        if np.isfinite(flat.sum(dtype=np.float64)):
            return
    bad = np.flatnonzero(~np.isfinite(flat).all(axis=1))
    if bad.size == 0:
        return
    rows = ", ".join(str(i) for i in bad[:5]) + (", …" if bad.size > 5 else "")
    raise NonFiniteError(
        f"`{name}` must be finite",
        received=f"{bad.size} of {len(flat)} rows with NaN or infinity (first rows {rows})",
        remedy="Mend the sampler, or drop these rows knowingly before scoring.",
    )


def require_same_width(real: Matrix, fake: Matrix) -> None:
    """Refuse two sides with different numbers of columns."""
    if real.shape[1] != fake.shape[1]:
        raise ShapeError(
            "real and fake samples must have the same number of values each",
            received=f"{real.shape[1]} (real) and {fake.shape[1]} (fake)",
            remedy="Bring both through the same features, or the same layout and size.",
        )


def require_rows(n: int, at_least: int, *, name: str, why: str) -> None:
    """Refuse fewer rows than a method needs."""
    if n < at_least:
        raise TooFewSamplesError(
            f"{why} needs at least {at_least} {name} rows", received=f"{n}", remedy="Draw more samples."
        )


def require_seed(seed: int) -> None:
    """Refuse anything but a whole number of at least 0."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ConfigError("`seed` must be a whole number of at least 0", received=seed, remedy="Pass seed=0.")


def require_one_of(value: str, allowed: Iterable[str], *, name: str) -> None:
    """Refuse an option value outside ``allowed``, saying the nearest."""
    choices = sorted(allowed)
    if value not in choices:
        raise ConfigError(
            f"`{name}` must be one of {', '.join(choices)}", received=value, remedy=nearest(value, choices)
        )


def unknown_name(name: str, known: Iterable[str], *, what: str, listing: str) -> UnknownName:
    """Build the error for a name that a catalog does not hold."""
    return UnknownName(
        f"there is no {what} of that name", received=name, remedy=nearest(name, sorted(known), fallback=listing)
    )
