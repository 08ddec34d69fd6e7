"""Logistic regression with an L2 penalty of 1: scikit-learn's on the host, the same minimisation on a device.

Both minimise the mean of ``log(1 + exp(-s (x . w + b)))`` plus ``|w|^2 / (2 l)`` by SciPy's L-BFGS-B from 0 with
scikit-learn's stopping rules, so that they agree to rounding where they converge. Each step is two passes over the
rows, which memory bounds: with thousands of columns a graphics card is about twenty times as fast.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

_MOST_ITERATIONS = 200
_STOP: dict[str, Any] = {"maxls": 50, "gtol": 1e-4, "ftol": 64 * np.finfo(float).eps}


def fit_logistic(rows: Matrix, labels: Labels, device: str | None = None) -> tuple[Vector, float, bool]:
    """Find the weights of the log odds of True.

    Parameters
    ----------
    rows : ndarray, shape (l, d)
        Of both labels.
    labels : ndarray of bool, shape (l,)
    device : str, optional
        A torch device; the host with scikit-learn when absent.

    Returns
    -------
    weights : ndarray, shape (d,)
    intercept : float
    converged : bool
        Whether the fit ended before its 200 iterations did.

    Examples
    --------
    >>> import numpy as np
    >>> weights, intercept, _ = fit_logistic(np.array([[-1.0], [1.0]]), np.array([False, True]))
    >>> bool(weights[0] > 0.0), abs(intercept) < 1e-9
    (True, True)
    """
    return _on_host(rows, labels) if device is None else _on_device(rows, labels, device)


def _on_host(rows: Matrix, labels: Labels) -> tuple[Vector, float, bool]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=_MOST_ITERATIONS)
    with warnings.catch_warnings():
        # A critic that stopped early is still one fixed function, and is judged as such; `converged` says so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows, labels)
    return model.coef_[0].astype(np.float64), float(model.intercept_[0]), bool(model.n_iter_[0] < _MOST_ITERATIONS)


def _on_device(rows: Matrix, labels: Labels, device: str) -> tuple[Vector, float, bool]:
    from scipy.optimize import minimize

    found = minimize(
        _loss_and_gradient(rows, labels, device),
        np.zeros(rows.shape[1] + 1),
        method="L-BFGS-B",
        jac=True,
        options=_STOP | {"maxiter": _MOST_ITERATIONS},
    )
    return found.x[:-1], float(found.x[-1]), bool(found.nit < _MOST_ITERATIONS)


def _loss_and_gradient(rows: Matrix, labels: Labels, device: str) -> Callable[[Vector], tuple[float, Vector]]:
    import torch

    there = torch.from_numpy(np.ascontiguousarray(rows)).to(device)
    signs = torch.from_numpy(np.where(labels, 1.0, -1.0)).to(device)
    many = len(rows)

    def loss_and_gradient(point: Vector) -> tuple[float, Vector]:
        at = torch.from_numpy(point).to(device)
        weights, margins = at[:-1], signs * (there @ at[:-1] + at[-1])
        loss = torch.nn.functional.softplus(-margins).mean() + (weights @ weights) / (2 * many)
        pull = -signs * torch.sigmoid(-margins) / many
        slope = pull @ there + weights / many
        both = torch.cat([slope, pull.sum()[None], loss[None]]).cpu().numpy()  # one wait for the device a step
        return float(both[-1]), both[:-1]

    return loss_and_gradient
