"""Counts per mode on two sides: homogeneity, exact tests of single modes, divergence of shares, corrected capture.

All tests condition on how many rows each mode holds on both sides together. Under equal laws the labels are then dealt
at random, so every count is hypergeometric (Fisher 1935, "The logic of inductive inference"), at any size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError
from gandiag.numerics.binomial import hypergeometric_pmf

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]

MISSING_SHARE = 0.1


def count_tails(fake: Counts, real: Counts, m: int, n: int) -> tuple[Vector, Vector]:
    """Compute exact p-values of "fake holds too few" and "fake holds too many", one pair per category.

    Parameters
    ----------
    fake, real : ndarray of int, shape (k,)
        Rows of either side in each category, at most ``m`` and ``n``.
    m, n : int
        Fake and real rows in all.

    Returns
    -------
    fewer, more : ndarray, shape (k,)
        ``P(F <= fake)`` and ``P(F >= fake)`` for F hypergeometric, each in (0, 1]. Cost O(m + n) in all.

    Raises
    ------
    ConfigError
        When a category holds more rows than there are.

    Examples
    --------
    >>> fewer, more = count_tails(np.array([0]), np.array([3]), 3, 3)
    >>> round(float(fewer[0]), 6), float(more[0])
    (0.05, 1.0)
    """
    fewer, more = np.ones(len(fake)), np.ones(len(fake))
    for k, (f, r) in enumerate(zip(fake.tolist(), real.tolist(), strict=True)):
        if not (0 <= f <= m and 0 <= r <= n):
            raise ConfigError(
                "a category cannot hold more rows than its side",
                received=f"{f} of {m} fake and {r} of {n} real",
                remedy="Count rows once each.",
            )
        counts, mass = hypergeometric_pmf(f + r, m, n)
        fewer[k], more[k] = mass[counts <= f].sum(), mass[counts >= f].sum()
    # Tails below the range of doubles would read as impossible.
    least = np.finfo(float).tiny
    return np.clip(fewer, least, 1.0), np.clip(more, least, 1.0)


def holm_adjusted(p_values: Vector) -> Vector:
    """Adjust p-values by Holm's step-down rule (Holm 1979): family-wise error under any dependence."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def chi_square_homogeneity(real: Matrix, totals: Vector) -> Vector:
    """Compute Pearson's statistic of a 2 x k table, for many relabellings of it.

    ``R F sum_k (r_k / R - f_k / F)^2 / (r_k + f_k)``, which equals ``sum (observed - expected)^2 / expected``.

    Parameters
    ----------
    real : ndarray, shape (k, b)
        Real rows per category, one table per column.
    totals : ndarray, shape (k,)
        Rows per category of both sides together.

    Returns
    -------
    ndarray, shape (b,)
        At least 0; about k - 1 under equal laws. 0 where one side has no row.
    """
    held = totals > 0
    real, totals = real[held], totals[held]
    fake = totals[:, None] - real
    n, m = real.sum(axis=0), fake.sum(axis=0)
    gap = real / np.maximum(n, 1.0) - fake / np.maximum(m, 1.0)
    out: Vector = np.where((n > 0) & (m > 0), n * m * (gap**2 / totals[:, None]).sum(axis=0), 0.0)
    return out


def two_proportion_scores(real: Matrix, totals: Vector) -> Matrix:
    """Compute the two-proportion z-score of each category, fake's share less real's, for many relabellings.

    ``(f/F - r/R) / sqrt(s (1 - s) (1/R + 1/F))`` with the pooled share s of the category (Richardson & Weiss 2018,
    "On GANs and GMMs", section 3.1).

    Parameters
    ----------
    real : ndarray, shape (k, b)
        Real rows per category, one table per column; both sides hold at least one row.
    totals : ndarray, shape (k,)
        Rows per category of both sides together.

    Returns
    -------
    ndarray, shape (k, b)
        About standard normal under equal laws where a category holds some ten rows. 0 where it holds none or all.

    Examples
    --------
    >>> two_proportion_scores(np.array([[10.0], [90.0]]), np.array([30.0, 170.0])).round(3).ravel()
    array([ 1.98, -1.98])
    """
    n = real.sum(axis=0)
    m = totals.sum() - n
    share = (totals / totals.sum())[:, None]
    gap = (totals[:, None] - real) / m - real / n
    spread = np.sqrt(share * (1.0 - share) * (1.0 / n + 1.0 / m))
    out: Matrix = np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0)
    return out


def covered_shares(real: Matrix, totals: Vector, least: float = MISSING_SHARE) -> Vector:
    """Share the categories in which fake holds at least ``least`` of real's share, one number per column.

    Only categories with a real row count; 1 where real or fake has no row at all.
    """
    fake = totals[:, None] - real
    n, m = real.sum(axis=0), fake.sum(axis=0)
    present = real > 0
    covered = present & (fake * n >= least * real * m)
    out: Vector = np.where((n > 0) & (m > 0), covered.sum(axis=0) / np.maximum(present.sum(axis=0), 1), 1.0)
    return out


def reverse_kl(counts: Vector, reference: Vector) -> float:
    """Compute ``sum_k p_k log(p_k / q_k)`` of counted shares p against reference shares q, in nats.

    Its mean for a perfect sampler is about ``(K - 1) / (2 M)`` for M counted rows (Miller 1955), never 0.

    Raises
    ------
    ConfigError
        When there are no counts, or rows lie where the reference has no mass (the divergence is infinite there).

    Examples
    --------
    >>> round(reverse_kl(np.array([5.0, 5.0, 0.0, 0.0]), np.full(4, 0.25)), 6)
    0.693147
    """
    from scipy.special import rel_entr

    total = float(counts.sum())
    if total <= 0 or bool((counts[reference <= 0] > 0).any()):
        raise ConfigError(
            "shares need at least one row, and a reference above 0 wherever there are rows",
            received=f"{total:g} rows",
            remedy="Smooth the reference.",
        )
    return float(rel_entr(counts / total, reference / reference.sum()).sum())


def captured(counts: Counts, leak: Vector, *, level: float = 0.05) -> Flags:
    """Tell which categories hold more rows than misclassified rows of others explain.

    A category counts when its rows reject ``Binomial(M, leak)`` at ``level / k``. Where nothing leaks one row suffices:
    the raw count of the literature.

    Parameters
    ----------
    counts : ndarray of int, shape (k,)
    leak : ndarray, shape (k,)
        Probability that a row of another category is put here, in [0, 1).
    level : float
    """
    from scipy.special import bdtrc

    total = int(counts.sum())
    # bdtrc(c - 1) = P(at least c); a count of 0 never captures.
    at_least = np.where(counts > 0, bdtrc(np.maximum(counts, 1) - 1.0, total, np.clip(leak, 0.0, 1.0)), 1.0)
    flags: Flags = at_least <= level / max(len(counts), 1)
    return flags


@dataclass(frozen=True, kw_only=True, eq=False)
class JudgedModes:
    """Which modes are missing and which are imbalanced, with their evidence (arrays of shape (k,))."""

    expected: Vector
    missing: Flags
    imbalanced: Flags
    p_missing: Vector
    p_excess: Vector


def judge_modes(real: Counts, fake: Counts, *, leaked: Vector | None = None, level: float = 0.01) -> JudgedModes:
    """Test every mode exactly: first for being missing, then the rest for being imbalanced.

    A mode is missing when it holds too few fake rows (Holm over the modes at half the level) and less than a tenth of
    its real share. Missing modes swell the shares of all others, so the second step counts only the modes that are not
    missing, and tests both sides of each (Holm over modes and sides, the other half of the level). Under equal laws
    the chance of any flag is at most ``level``.

    Parameters
    ----------
    real, fake : ndarray of int, shape (k,)
    leaked : ndarray, shape (k,), optional
        Fake rows in each mode that misclassification alone is expected to put there; they do not fill a mode.
    level : float

    Returns
    -------
    JudgedModes
        ``p_missing`` and ``p_excess`` are plain one-sided p-values: over all modes for the missing ones, among the
        modes that are not missing for the others.
    """
    n, m = int(real.sum()), int(fake.sum())
    p_missing, p_excess = count_tails(fake, real, m, n)
    honest = fake if leaked is None else fake - leaked
    missing = (holm_adjusted(p_missing) <= level / 2.0) & (honest * n < MISSING_SHARE * real * m)
    imbalanced = np.zeros(len(real), dtype=bool)
    rest = np.flatnonzero(~missing)
    if len(rest) > 1 and fake[rest].sum() > 0 and real[rest].sum() > 0:
        fewer, more = count_tails(fake[rest], real[rest], int(fake[rest].sum()), int(real[rest].sum()))
        adjusted = holm_adjusted(np.concatenate([fewer, more])).reshape(2, -1)
        imbalanced[rest] = (adjusted <= level / 2.0).any(axis=0)
        p_missing[rest], p_excess[rest] = fewer, more
    expected = real * (m / max(n, 1))
    return JudgedModes(
        expected=expected.astype(np.float64),
        missing=missing,
        imbalanced=imbalanced,
        p_missing=p_missing,
        p_excess=p_excess,
    )
