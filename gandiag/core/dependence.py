"""Whether consecutive rows depend on each other, and how far apart rows must lie to be independent.

Two-sample tests assume independent rows. Chains, video, augmented copies and sorted files break that, and shuffling
hides it, so the order in which rows arrived is looked at before anything else. Two things are compared with what a
random order of the same rows gives: the lagged products of the ranks of a few fixed projections (linear dependence,
however heavy the tails), and the distances between rows that follow each other (dependence that is spread over many
columns). Means and variances under a random order are exact (the permutation moments of a quadratic form along a
path; Wald & Wolfowitz 1943, "An exact test for randomness in the non-parametric case", section 4, for products).

What it cannot see: dependence over more than `MOST_ROWS` rows, and dependence of the spread alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.core.rng import stream

Matrix = NDArray[np.float64]

MOST_ROWS = 1000
FEWEST_ROWS = 20
_LAGS = (1, 2, 4, 8)
_PROJECTIONS = 4
_WIDEST = 256
_SUSPICIOUS = 4.0
_WITHIN_NOISE = 3.0
# A lag that is this many times the spacing needed and still not quiet belongs to a pattern that has no end.
_FAR = 10
# Variance, as a multiple of that of independent rows, up to which rows of such a pattern pass for independent.
_NO_MORE = 1.5
_ORDERS = 14_999
_ORDERS_AT_ONCE = 250


def dependence_stride(matrix: Matrix) -> tuple[int, float]:
    """Find the spacing from which rows may be treated as independent.

    Parameters
    ----------
    matrix : ndarray, shape (n, d)
        Rows in the order in which they were drawn or stored; the first `MOST_ROWS` are looked at.

    Returns
    -------
    stride : int
        1 for rows that are within noise of independent. Otherwise the smallest lag at which neither products nor
        distances stand out, and at least 1.5 integrated autocorrelation times (which leaves a correlation of about
        0.05 in an autoregression). 1 as well for a pattern without end whose lags cancel, such as a file that goes
        round its classes or takes turns between two sources: chosen at random, its rows pass for independent.
    lag1_z : float
        The most conspicuous lag-1 statistic in standard deviations of a random order: positive where consecutive rows
        are alike, negative where they alternate.

    Notes
    -----
    For independent rows of *any* law the chance of a stride above 1 is below 1e-4: what looks conspicuous must exceed
    all of 14 999 random orders, unless a Bernstein bound already puts it beyond reach. Fewer than `FEWEST_ROWS` rows
    give ``(1, 0.0)``. Cost O(n^2 d) time and O(n^2) memory at n <= 1000, and about a second more where the answer is
    close.
    """
    rows = np.asarray(matrix, dtype=np.float64)[:MOST_ROWS]
    if len(rows) < FEWEST_ROWS or rows.shape[1] == 0:
        return 1, 0.0
    series = _Series.of(_narrowed(_scaled(rows)))
    lags = tuple(k for k in _LAGS if 4 * k <= len(rows))
    scores = series.scores(np.arange(len(rows))[None, :], lags)[0]
    lag1 = scores[:, 0]
    lag1_z = float(lag1[np.argmax(np.abs(lag1))])
    highest = float(np.abs(scores).max())
    if highest < _SUSPICIOUS or not (series.is_beyond_reach(highest) or _beats_all_orders(series, lags, highest)):
        return 1, lag1_z
    return _stride(series), lag1_z


@dataclass(frozen=True, eq=False)
class _Series:
    """The order-free ingredients of the statistic: rank scores (n, p), centred distances (n, n), mean distance."""

    ranks: Matrix
    distances: Matrix
    typical: float

    @classmethod
    def of(cls, rows: Matrix) -> _Series:
        ranks = np.stack([_ranked(column) for column in _projected(rows).T], axis=1)
        return cls(ranks, *_centred_distances(rows))

    def scores(self, orders: NDArray[np.int64], lags: tuple[int, ...]) -> NDArray[np.float64]:
        """Standardise every statistic of every order, shape (orders, p + 1, lags); alike neighbours are positive."""
        out = np.zeros((len(orders), self.ranks.shape[1] + 1, len(lags)))
        ranks = self.ranks[orders]
        for at, k in enumerate(lags):
            first, second = orders[:, :-k], orders[:, k:]
            products = np.einsum("bnp,bnp->bp", ranks[:, :-k], ranks[:, k:])
            mean, sd = _product_moments(self.ranks, k)
            out[:, :-1, at] = np.divide(products - mean, sd, out=np.zeros_like(products), where=sd > 0)
            mean_d, sd_d = _path_moments(self.distances, k)
            if sd_d > 0:
                out[:, -1, at] = (mean_d - self.distances[first, second].sum(axis=1)) / sd_d
        return out

    def is_beyond_reach(self, z: float) -> bool:
        """Tell whether Bernstein's inequality alone excludes ``z`` under a random order."""
        n = len(self.ranks)
        widest = 1.0
        sd = np.sqrt(n) * self.ranks.var(axis=0)
        if (sd > 0).any():
            widest = float(np.max(np.abs(self.ranks).max(axis=0)[sd > 0] ** 2 * np.sqrt(n) / sd[sd > 0]))
        sd_d = _path_moments(self.distances, 1)[1]
        if sd_d > 0:
            widest = max(widest, float(np.abs(self.distances).max()) * np.sqrt(n) / sd_d)
        return bool(z**2 / (2.0 + 2.0 * z * widest / (3.0 * np.sqrt(n))) > 20.0)


def _scaled(rows: Matrix) -> Matrix:
    """Centre and scale every column robustly; far values are drawn in, since only order and nearness matter."""
    with np.errstate(over="ignore", invalid="ignore"):
        centred = rows - np.median(rows, axis=0)
        low, high = np.quantile(centred, (0.25, 0.75), axis=0)
        scale = (high - low) / 1.349
        spread = np.abs(centred).max(axis=0)
    scale = np.where((scale > 1e-9 * spread) & np.isfinite(scale), scale, spread)
    scaled = np.divide(centred, scale, out=np.zeros_like(centred), where=scale > 0)
    return np.asarray(np.clip(np.nan_to_num(scaled, nan=0.0, posinf=10.0, neginf=-10.0), -10.0, 10.0))


def _narrowed(rows: Matrix) -> Matrix:
    """Project wide rows at random onto `_WIDEST` columns, which keeps distances to a few per cent."""
    d = rows.shape[1]
    if d <= _WIDEST:
        return rows
    out = np.zeros((len(rows), _WIDEST))
    rng = stream(0, "dependence", "narrowed")
    for start in range(0, d, 4096):
        block = rows[:, start : start + 4096]
        out += block @ rng.standard_normal((block.shape[1], _WIDEST))
    out /= np.sqrt(_WIDEST)
    return out


def _projected(rows: Matrix) -> Matrix:
    d = rows.shape[1]
    if d <= _PROJECTIONS:
        return rows
    return rows @ stream(0, "dependence", "projections").standard_normal((d, _PROJECTIONS))


def _ranked(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn values into centred mid-ranks of unit size, so that ties and heavy tails do no harm."""
    _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
    upper = np.cumsum(counts)
    middle = upper - (counts - 1) / 2.0
    ranks = middle[inverse]
    return np.asarray((ranks - ranks.mean()) / len(column))


def _centred_distances(rows: Matrix) -> tuple[Matrix, float]:
    """Compute pairwise distances less both row means, so that far-off rows do not count by where they stand."""
    squares = np.einsum("ij,ij->i", rows, rows)
    gaps = squares[:, None] + squares[None, :] - 2.0 * rows @ rows.T
    gaps[gaps < 1e-12 * (squares[:, None] + squares[None, :])] = 0.0
    distances: Matrix = np.sqrt(gaps)
    np.fill_diagonal(distances, 0.0)
    n = len(rows)
    row_means = distances.sum(axis=1) / (n - 1)
    typical = float(row_means.mean())
    distances -= row_means[:, None] + row_means[None, :] - typical
    np.fill_diagonal(distances, 0.0)
    return distances, typical


def _product_moments(ranks: Matrix, k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and sd of the sum of lag-k products of every column over all orders of the rows."""
    squares = (ranks**2).sum(axis=0)
    fourths = (ranks**4).sum(axis=0)
    return _moments(len(ranks), k, -squares, squares**2 - fourths, fourths)


def _path_moments(distances: Matrix, k: int) -> tuple[float, float]:
    """Mean and sd of the sum of distances between rows k apart over all orders of the rows."""
    sums = distances.sum(axis=1)
    mean, sd = _moments(
        len(distances),
        k,
        np.asarray(sums.sum()),
        np.asarray(np.einsum("ij,ij->", distances, distances)),
        np.asarray(np.einsum("i,i->", sums, sums)),
    )
    return float(mean), float(sd)


def _moments(
    n: int, k: int, total: NDArray[np.float64], squared: NDArray[np.float64], sums: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Permutation moments of a sum over the edges (i, i + k) of a symmetric matrix with an empty diagonal.

    ``total`` is the sum of the entries, ``squared`` of their squares, ``sums`` of the squared row sums. Two edges are
    the same, share one row, or share none, and each case has its own exact expectation.
    """
    edges = n - k
    sharing = 2 * max(n - 2 * k, 0)
    same = squared / (n * (n - 1))
    one = (sums - squared) / (n * (n - 1) * (n - 2))
    none = (total**2 - 4.0 * sums + 2.0 * squared) / (n * (n - 1) * (n - 2) * (n - 3))
    mean = edges * total / (n * (n - 1))
    variance = edges * same + sharing * one + (edges * (edges - 1) - sharing) * none - mean**2
    floor = 1e-12 * (edges * same + mean**2)
    return mean, np.sqrt(np.where(variance > floor, variance, 0.0))


def _beats_all_orders(series: _Series, lags: tuple[int, ...], highest: float) -> bool:
    """Tell whether no random order of the same rows is as conspicuous: exact for every law, ties included."""
    rng = stream(0, "dependence", "orders")
    n = len(series.ranks)
    for start in range(0, _ORDERS, _ORDERS_AT_ONCE):
        orders = rng.permuted(np.tile(np.arange(n), (min(_ORDERS_AT_ONCE, _ORDERS - start), 1)), axis=1)
        if np.abs(series.scores(orders, lags)).max() >= highest * (1.0 - 1e-9):
            return False
    return True


def _stride(series: _Series) -> int:
    """Take the first lag that is quiet in every statistic, and at least 1.5 autocorrelation times.

    Where lags stand out far beyond the longest of these times, what they add cancels: the file goes round its classes,
    or takes turns between two sources. Its rows vary no more than independent ones, and no spacing would be quiet.
    """
    n = len(series.ranks)
    longest = n // 2
    order = np.arange(n)[None, :]
    time = max(_summed(correlations) for correlations in (*map(_autocorrelations, series.ranks.T), _likeness(series)))
    enough = min(longest, int(np.ceil(1.5 * time)))
    for k in range(1, min(longest, _FAR * enough) + 1):
        if np.abs(series.scores(order, (k,))).max() < _WITHIN_NOISE:
            return max(2, k, enough)
    return 1 if time < _NO_MORE else enough


def _autocorrelations(column: NDArray[np.float64]) -> NDArray[np.float64]:
    n = len(column)
    products = np.fft.irfft(np.abs(np.fft.rfft(column, 2 * n)) ** 2)[:n]
    return products / products[0] if products[0] > 0 else np.zeros(n)


def _likeness(series: _Series) -> NDArray[np.float64]:
    """Compute autocorrelations of all columns at once, by the kernel whose mean the energy distance compares."""
    n = len(series.ranks)
    sums = np.array([-np.diagonal(series.distances, k).sum() for k in range(1, n)])
    return np.append(1.0, sums / (n * series.typical)) if series.typical > 0 else np.zeros(n)


def _summed(correlations: NDArray[np.float64]) -> float:
    """Sum autocorrelations up to the first window of five times the sum (Sokal 1997, section 3.3)."""
    times = 2.0 * np.cumsum(correlations) - 1.0
    beyond = np.arange(len(times)) >= 5.0 * times
    window = int(np.argmax(beyond)) if beyond.any() else len(times) - 1
    return float(max(1.0, times[window]))
