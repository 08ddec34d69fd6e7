"""Corrections for asking several questions at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gandiag.numerics.contingency import holm_adjusted


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values by Holm's step-down rule: family-wise error under any dependence.

    Parameters
    ----------
    p_values : sequence of float
        In [0, 1].

    Returns
    -------
    list of float
        In the order of the input; rejecting where the adjusted value is at most alpha keeps the chance of any false
        rejection at alpha.

    References
    ----------
    Holm 1979, "A simple sequentially rejective multiple test procedure".

    Examples
    --------
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03, 0.005])]
    [0.03, 0.06, 0.06, 0.02]
    """
    return [float(a) for a in holm_adjusted(np.asarray(p_values, dtype=np.float64))]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for the false discovery rate under positive dependence.

    Parameters
    ----------
    p_values : sequence of float
        In [0, 1].

    Returns
    -------
    list of float
        In the order of the input.

    References
    ----------
    Benjamini & Hochberg 1995, "Controlling the false discovery rate".

    Examples
    --------
    >>> [round(p, 3) for p in benjamini_hochberg([0.01, 0.04, 0.03, 0.005])]
    [0.02, 0.04, 0.04, 0.02]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")[::-1]
    stepped = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(a) for a in adjusted]
