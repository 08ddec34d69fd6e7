"""Checks that every law must pass, each with teeth: the tests also apply them to wrong variants."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Matrix = NDArray[np.float64]

# Two-sided; the seeds are fixed, so this is no false-alarm rate but the size of the acceptance region.
LEVEL = 1e-5


def check_plane_integral(log_density: Callable[[Matrix], Matrix], low: float, high: float, step: float) -> None:
    """The density must integrate to 1 over a square.

    On an even grid the trapezoid rule for a law that is a Gaussian of sd ``step`` convolved with anything errs by
    about 4 exp(-2 pi^2) = 1e-8 (Poisson summation).
    """
    ticks = np.arange(low, high, step)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    total = float(np.exp(log_density(grid)).sum() * step**2)
    assert abs(total - 1) < 1e-6, f"the density integrates to {total}"


def check_mean_log_density(logs: Matrix, expected: float) -> None:
    """The mean of log p over samples must be within 4.5 standard errors of the truth."""
    error = logs.std() / math.sqrt(len(logs))
    assert abs(logs.mean() - expected) < 4.5 * error, f"the mean log density is {logs.mean()}, not {expected} ± {error}"


def check_variance(residuals: Matrix, covariance: Matrix) -> None:
    """Squared Mahalanobis lengths must sum to a chi-square variable with n d degrees of freedom."""
    n, d = residuals.shape
    total = float(np.einsum("ni,ij,nj->", residuals, np.linalg.inv(covariance), residuals))
    low, high = stats.chi2.ppf([LEVEL / 2, 1 - LEVEL / 2], df=n * d)
    assert low < total < high, f"the variance is {total / (n * d)} of what it should be"


def check_mean(rows: Matrix, centre: Matrix, covariance: Matrix) -> None:
    """The mean must lie within its chi-square ellipsoid."""
    gap = rows.mean(axis=0) - centre
    length = len(rows) * float(gap @ np.linalg.inv(covariance) @ gap)
    assert length < stats.chi2.ppf(1 - LEVEL, df=len(gap)), f"the mean is off by {length}"


def check_shares(counts: NDArray[np.int64], shares: Matrix) -> None:
    """Counts must fit the shares (Pearson's chi-square); what cannot occur must not."""
    assert counts[shares == 0].sum() == 0, "what cannot occur did"
    possible = shares > 0
    p_value = stats.chisquare(counts[possible], shares[possible] * counts.sum()).pvalue
    assert p_value > LEVEL, f"counts do not fit the shares, p = {p_value}"
