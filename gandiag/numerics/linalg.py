"""The trace of the root of a product of covariances, without a matrix root.

``tr (S1 S2)^{1/2}`` is the sum of the roots of the eigenvalues of ``S1 S2``, and equally the nuclear norm of
``A1 A2'`` for any ``A_i`` with ``S_i = A_i' A_i``. Each route says its name. All take float64 NumPy arrays or torch
tensors, and work where these lie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import NumericalError
from gandiag.numerics.backend import Array, namespace

ROUTE_DEFINITE = "symmetric-definite eigenvalues"
ROUTE_CUT = "cut eigenvalues and singular values"
ROUTE_THIN = "thin singular values"

# Eigenvalues of S1 S2 below this share of the largest are rounding: their roots would add up to a wrong trace.
_TRUSTED_SPAN = 1e-12
# Rows that are reduced to a triangle at once.
_BLOCK_ROWS = 4096


def trace_root_product(first: Array, second: Array) -> tuple[float, str]:
    """Compute ``tr (S1 S2)^{1/2}`` of two covariance matrices.

    Parameters
    ----------
    first, second : ndarray or tensor, shape (d, d)
        Symmetric, positive semi-definite, float64.

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
    With ``S1 = L L'`` the eigenvalues of ``S1 S2`` are those of ``L' S2 L``. Cost O(d^3).
    """
    return _trace_of_root(first, second, (_trace(first), _trace(second)))


def _trace_of_root(first: Array, second: Array, scales: tuple[float, float]) -> tuple[float, str]:
    if min(scales) <= 0.0:
        return 0.0, ROUTE_CUT
    scale = float(np.sqrt(scales[0]) * np.sqrt(scales[1]))
    xp = namespace(first, second)
    product = _congruent(first / scales[0], second / scales[1])
    if product is not None:
        values = _lower_eigenvalues(product)
        if bool(values[0] > _TRUSTED_SPAN * values[-1]):
            return float(xp.sum(xp.sqrt(values))) * scale, ROUTE_DEFINITE
    values = _singular_values(xp.matmul(_cut_root(second / scales[1]).T, _cut_root(first / scales[0])))
    return float(xp.sum(values)) * scale, ROUTE_CUT


def nuclear_norm_of_rows(first: Array, second: Array) -> float:
    """Compute the nuclear norm of ``X Y'`` from centred rows: ``tr (S1 S2)^{1/2}`` for ``S = X'X``.

    Parameters
    ----------
    first : ndarray or tensor, shape (n, d)
    second : ndarray or tensor, shape (m, d)

    Notes
    -----
    The condition number is never squared, so it holds for ``n < d`` to rounding. More than d rows are first reduced to
    d by QR, block by block. Cost O(n m d + min(n, m)^2 max(n, m)), with n and m at most d after the reduction.
    """
    xp = namespace(first, second)
    return float(xp.sum(_singular_values(xp.matmul(_reduced(first), _reduced(second).T))))


def bures_squared(first: Array, second: Array) -> tuple[float, str]:
    """Compute ``tr(S1 + S2 - 2 (S1 S2)^{1/2})``, the squared Bures distance, and the route taken."""
    scales = _trace(first), _trace(second)
    scale = sum(scales)
    trace, route = _trace_of_root(first, second, scales)
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


def _trace(matrix: Array) -> float:
    return float(matrix.trace())


def _congruent(first: Array, second: Array) -> Array | None:
    """Compute ``L' S2 L`` for ``S1 = L L'``, its lower triangle at least; None where S1 is not definite.

    NumPy arrays are overwritten.
    """
    if isinstance(first, np.ndarray):
        return _congruent_on_host(first, second)
    import torch

    factor, failed = torch.linalg.cholesky_ex(first)
    return None if int(failed) else factor.T @ second @ factor


def _congruent_on_host(first: NDArray[np.float64], second: NDArray[np.float64]) -> Array | None:
    """Let LAPACK use that all three are symmetric: a third of the work of two products."""
    from scipy.linalg import lapack

    factor, failed = lapack.dpotrf(first.T, lower=1, overwrite_a=1)
    if failed:
        return None
    product, failed = lapack.dsygst(second.T, factor, itype=2, lower=1, overwrite_a=1)
    return None if failed else product


def _lower_eigenvalues(matrix: Array) -> Array:
    """Find the eigenvalues of a symmetric matrix, rising, from its lower triangle; a NumPy array is overwritten."""
    if not isinstance(matrix, np.ndarray):
        return namespace(matrix).linalg.eigvalsh(matrix)
    from scipy.linalg import eigvalsh

    return eigvalsh(matrix, lower=True, overwrite_a=True, check_finite=False, driver="evr")


def _cut_root(matrix: Array) -> Array:
    """Factor a semi-definite matrix as ``R R'``, dropping directions that are rounding."""
    xp = namespace(matrix)
    values, vectors = xp.linalg.eigh(matrix)
    kept = values > np.finfo(float).eps * len(values) * values[-1]
    return vectors[:, kept] * xp.sqrt(values[kept])


def _reduced(rows: Array) -> Array:
    """Reduce more than d rows X to a triangle R of d rows with ``R'R = X'X``."""
    if len(rows) <= rows.shape[1]:
        return rows
    xp = namespace(rows)
    step = max(_BLOCK_ROWS, 2 * int(rows.shape[1]))
    triangle = _triangle(rows[:step])
    for start in range(step, len(rows), step):
        triangle = _triangle(xp.concat([triangle, rows[start : start + step]], axis=0))
    return triangle


def _triangle(rows: Array) -> Array:
    if isinstance(rows, np.ndarray):
        return np.linalg.qr(rows, mode="r")
    import torch

    return torch.linalg.qr(rows, mode="r")[1]


def _singular_values(matrix: Array) -> Array:
    if isinstance(matrix, np.ndarray):
        try:
            return np.linalg.svd(matrix, compute_uv=False)
        except np.linalg.LinAlgError as error:
            raise _not_found(matrix) from error
    import torch

    try:
        return torch.linalg.svdvals(matrix)
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
        raise _not_found(matrix) from error


def _not_found(matrix: Array) -> NumericalError:
    return NumericalError(
        "the singular values of a product of covariances must be found",
        received=f"shape {tuple(matrix.shape)}, largest entry {float(abs(matrix).max()):.3g}",
        remedy="Standardise the features, and look for columns of very different size.",
    )
