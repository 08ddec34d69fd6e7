"""The trace of the root of a product of covariances, without a matrix root.

``tr (S1 S2)^{1/2}`` is the sum of the roots of the eigenvalues of ``S1 S2``, and equally the nuclear norm of
``A1 A2'`` for any ``A_i`` with ``S_i = A_i' A_i``. Each route says its name.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import NumericalError

Matrix = NDArray[np.float64]

ROUTE_DEFINITE = "symmetric-definite eigenvalues"
ROUTE_CUT = "cut eigenvalues and singular values"
ROUTE_THIN = "thin singular values"

# Eigenvalues of S1 S2 below this share of the largest are rounding: their roots would add up to a wrong trace.
_TRUSTED_SPAN = 1e-12


def trace_root_product(first: Matrix, second: Matrix) -> tuple[float, str]:
    """Compute ``tr (S1 S2)^{1/2}`` of two covariance matrices.

    Parameters
    ----------
    first, second : ndarray, shape (d, d)
        Symmetric, positive semi-definite.

    Returns
    -------
    trace : float
        At least 0.
    route : str
        "symmetric-definite eigenvalues" for regular matrices; otherwise "cut eigenvalues and singular values", which
        sets eigenvalues below ``eps d lambda_max`` to 0. Nothing is added to a diagonal.

    Raises
    ------
    NumericalError
        When neither route gives a finite number.

    Notes
    -----
    Cost O(d^3).
    """
    from scipy.linalg import LinAlgError, eigvalsh

    scales = float(np.trace(first)), float(np.trace(second))
    if min(scales) <= 0.0:
        return 0.0, ROUTE_CUT
    first, second = first / scales[0], second / scales[1]
    with suppress(LinAlgError):  # not definite: the cut route below
        values = eigvalsh(second, first, type=2, driver="gv", check_finite=False)
        if values[0] > _TRUSTED_SPAN * values[-1]:
            return float(np.sqrt(values).sum() * np.sqrt(scales[0]) * np.sqrt(scales[1])), ROUTE_DEFINITE
    values = _singular_values(_cut_root(second).T @ _cut_root(first))
    return float(values.sum() * np.sqrt(scales[0]) * np.sqrt(scales[1])), ROUTE_CUT


def nuclear_norm_of_rows(first: Matrix, second: Matrix) -> float:
    """Compute the nuclear norm of ``X Y'`` from centred rows: ``tr (S1 S2)^{1/2}`` for ``S = X'X``.

    Parameters
    ----------
    first : ndarray, shape (n, d)
    second : ndarray, shape (m, d)

    Notes
    -----
    The condition number is never squared, so it holds for ``n < d`` to rounding. More than d rows are first reduced to
    d by QR. Cost O(n m d + min(n, m)^2 max(n, m)), with n and m at most d after the reduction.
    """
    return float(_singular_values(_reduced(first) @ _reduced(second).T).sum())


def bures_squared(first: Matrix, second: Matrix) -> tuple[float, str]:
    """Compute ``tr(S1 + S2 - 2 (S1 S2)^{1/2})``, the squared Bures distance, and the route taken."""
    scale = float(np.trace(first) + np.trace(second))
    trace, route = trace_root_product(first, second)
    return nonnegative(scale - 2.0 * trace, scale, what="a squared Bures distance"), route


def nonnegative(value: float, scale: float, *, what: str) -> float:
    """Read a difference of large numbers that cannot be negative.

    Parameters
    ----------
    value : float
    scale : float
        The size of the numbers that were subtracted.
    what : str
        How the message calls the value.

    Returns
    -------
    float
        0 within rounding of 0 (from ``-10 sqrt(eps) scale`` to ``1e-13 scale``), else the value itself.

    Raises
    ------
    NumericalError
        When the value is more negative than rounding explains, or not finite.
    """
    if not np.isfinite(value) or value < -10.0 * np.sqrt(np.finfo(float).eps) * scale:
        raise NumericalError(
            f"{what} cannot be negative beyond rounding",
            received=f"{value!r} as a difference of numbers of size {scale!r}",
            remedy="Standardise the features: columns of very different size cancel.",
        )
    return 0.0 if value <= 1e-13 * scale else value


def _cut_root(matrix: Matrix) -> Matrix:
    """Factor a semi-definite matrix as ``R R'``, dropping directions that are rounding."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > np.finfo(float).eps * len(values) * values[-1]
    out: Matrix = vectors[:, kept] * np.sqrt(values[kept])
    return out


def _reduced(rows: Matrix) -> Matrix:
    if len(rows) <= rows.shape[1]:
        return rows
    return np.asarray(np.linalg.qr(rows, mode="r"))


def _singular_values(matrix: Matrix) -> Matrix:
    try:
        return np.asarray(np.linalg.svd(matrix, compute_uv=False))
    except np.linalg.LinAlgError as error:
        raise NumericalError(
            "the singular values of a product of covariances must be found",
            received=f"shape {matrix.shape}, largest entry {np.abs(matrix).max():.3g}",
            remedy="Standardise the features, and look for columns of very different size.",
        ) from error
