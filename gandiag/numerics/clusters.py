"""Modes: where a law holds its mass, found on rows set aside, and which mode any row belongs to.

Three sources, best first: modes that are known exactly, classes of labelled rows, and clusters. A row belongs to the
mode of highest Gaussian density (distance within the mode plus its log determinant), real and fake rows by one rule:
given labels of the rows under test are never used, since one side would then be judged better than the other. A row is
of high quality when it lies within its mode's radius, which a perfect sampler does with probability `LEVEL` in every
dimension; "three sigma" would say .997 in one dimension and 0 in seven hundred.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.distances import squared_distances
from gandiag.numerics.grouping import group_means, natural_clusters

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Index = NDArray[np.int64]
Kind = Literal["known", "labels", "clusters", "cells", "whole"]

LEVEL = 0.989
_ROWS = 5000
_WHITENER_VALUES = 2**20
_TILE = 4096


class Mixture(Protocol):
    """Exact mixture structure, of whichever class."""

    @property
    def centres(self) -> Matrix:
        """Centres, shape (k, d)."""
        ...

    @property
    def covariances(self) -> NDArray[np.float64]:
        """Covariances, shape (k, d, d)."""
        ...

    @property
    def weights(self) -> Vector:
        """Shares, shape (k,)."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class ModeModel:
    """Modes as ellipsoids.

    Attributes
    ----------
    kind : {"known", "labels", "clusters", "cells", "whole"}
        Where the modes come from.
    names : tuple of str, length k
    centres : ndarray, shape (k, d)
    whiteners : ndarray, shape (k, d, d) or (1, d, d)
        ``(x - centre) @ whitener / scale`` has unit covariance within the mode; one for all modes where k is large.
    scales : ndarray, shape (k,)
    log_dets : ndarray, shape (k,)
        Log determinant of each mode's covariance.
    radii : ndarray, shape (k,)
        Mahalanobis radius that holds `LEVEL` of fresh rows.
    classes : ndarray of int, shape (k,), or None
        The label of each mode, for kind "labels".
    weights : ndarray, shape (k,), or None
        True shares, for kind "known".
    silhouette : float or None
        Mean silhouette of the clusters, in [-1, 1].
    """

    kind: Kind
    names: tuple[str, ...]
    centres: Matrix
    whiteners: NDArray[np.float64]
    scales: Vector
    log_dets: Vector
    radii: Vector
    classes: Index | None = None
    weights: Vector | None = None
    silhouette: float | None = None

    def __len__(self) -> int:
        return len(self.centres)

    def assign(self, rows: Matrix) -> tuple[Index, Vector]:
        """Find each row's mode, and its distance from the centre in units of that mode's radius.

        Cost O(N k d^2), or O(N d (d + k)) with one whitener for all modes.
        """
        modes, reach = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows))
        for start in range(0, len(rows), _TILE):
            part = slice(start, start + _TILE)
            best = np.full(len(rows[part]), np.inf)
            for k, squares in self._squares(rows[part]):
                score = squares + self.log_dets[k]
                better = score < best
                best[better] = score[better]
                modes[part][better] = k
                reach[part][better] = np.sqrt(squares[better]) / self.radii[k]
        return modes, reach

    def whitened(self, rows: Matrix, mode: int) -> Matrix:
        """Bring rows of one mode to its centre and unit covariance."""
        whitener = self.whiteners[mode if len(self.whiteners) > 1 else 0]
        out: Matrix = (rows - self.centres[mode]) @ whitener / self.scales[mode]
        return out

    def _squares(self, rows: Matrix) -> Iterator[tuple[int, Vector]]:
        if len(self.whiteners) > 1:
            for k in range(len(self)):
                white = self.whitened(rows, k)
                yield k, np.einsum("ij,ij->i", white, white)
            return
        flat = squared_distances(rows @ self.whiteners[0], self.centres @ self.whiteners[0])
        for k in range(len(self)):
            yield k, flat[:, k] / self.scales[k] ** 2


def known_modes(centres: Matrix, covariances: NDArray[np.float64], weights: Vector) -> ModeModel:
    """Take modes as given; the squared radius is the chi-square quantile at `LEVEL` with d degrees of freedom."""
    from scipy.special import gammaincinv

    k, d = centres.shape
    # A mode may be flat in some directions, or a point: rounding of the centres is then its size.
    size = float(np.mean(np.square(centres - centres.mean(axis=0)).sum(axis=1))) / d
    floor = 1e-12 * max(size, float(np.abs(covariances).max()), np.finfo(float).tiny ** 0.5)
    same = k > 1 and bool((covariances == covariances[0]).all())
    pairs = [_whitener(c, floor) for c in (covariances[:1] if same else covariances)]
    log_dets = np.array([log_det for _, log_det in pairs])
    return ModeModel(
        kind="known",
        names=tuple(f"mode {i}" for i in range(k)),
        centres=centres,
        whiteners=np.stack([w for w, _ in pairs]),
        scales=np.ones(k),
        log_dets=np.repeat(log_dets, k) if same else log_dets,
        radii=np.full(k, np.sqrt(2.0 * float(gammaincinv(d / 2.0, LEVEL)))),
        weights=weights,
    )


def fit_modes(
    rows: Matrix, *, labels: Index | None = None, known: Mixture | None = None, rng: np.random.Generator
) -> ModeModel:
    """Find modes: the known ones, else the classes of ``labels`` where there are several, else clusters of the rows.

    Parameters
    ----------
    rows : ndarray, shape (l, d)
        Real rows that are set aside.
    labels : ndarray of int, shape (l,), optional
        Their classes.
    known : mixture, optional
        Exact centres, covariances and weights.
    rng : numpy.random.Generator

    Notes
    -----
    At most 5000 rows are used. Cost O(l k d^2 + k d^3), and O(1500^2 d) for clusters.
    """
    if known is not None:
        return known_modes(known.centres, known.covariances, known.weights)
    if len(rows) > _ROWS:
        kept = np.sort(rng.choice(len(rows), size=_ROWS, replace=False))
        rows, labels = rows[kept], None if labels is None else labels[kept]
    if labels is not None:
        classes, modes = np.unique(labels, return_inverse=True)
        if len(classes) > 1:
            names = tuple(f"class {c}" for c in classes.tolist())
            return _ellipsoids(rows, modes, "labels", names, rng, classes=classes.astype(np.int64))
    modes, silhouette, natural = natural_clusters(rows, rng)
    kind: Kind = "clusters" if natural else "cells"
    names = tuple(f"{kind[:-1]} {i}" for i in range(int(modes.max()) + 1))
    return _ellipsoids(rows, modes, kind, names, rng, silhouette=silhouette)


def whole_mode(rows: Matrix, *, rng: np.random.Generator) -> ModeModel:
    """Fit one ellipsoid to all rows: the model of a law without separate modes."""
    if len(rows) > _ROWS:
        rows = rows[rng.choice(len(rows), size=_ROWS, replace=False)]
    return _ellipsoids(rows, np.zeros(len(rows), dtype=np.int64), "whole", ("all",), rng)


def _ellipsoids(
    rows: Matrix,
    modes: Index,
    kind: Kind,
    names: tuple[str, ...],
    rng: np.random.Generator,
    *,
    classes: Index | None = None,
    silhouette: float | None = None,
) -> ModeModel:
    """Fit a shrunk covariance per mode, and calibrate radii on the half of the rows that it was not fitted on."""

    def fitted(part: Index) -> ModeModel:
        centres, whiteners, scales, log_dets = _shapes(rows, modes, part, len(names))
        return ModeModel(
            kind=kind,
            names=names,
            centres=centres,
            whiteners=whiteners,
            scales=scales,
            log_dets=log_dets,
            radii=np.ones(len(names)),
            classes=classes,
            silhouette=silhouette,
        )

    order = rng.permutation(len(rows))
    order = order[np.argsort(modes[order], kind="stable")]  # halves that share each mode evenly
    held = [(other, *fitted(part).assign(rows[other])) for part, other in _halves(order)]
    model = fitted(np.arange(len(rows)))
    radii = _radii(np.concatenate([h[1] for h in held]), np.concatenate([h[2] for h in held]), len(names))
    return ModeModel(**(vars(model) | {"radii": radii}))


def _halves(order: Index) -> list[tuple[Index, Index]]:
    even, odd = order[::2], order[1::2]
    return [(even, odd), (odd, even)] if len(odd) else [(even, even)]


def _radii(modes: Index, distances: Vector, k: int) -> Vector:
    """Scale one tail quantile by each mode's median: a single mode has too few rows for a quantile of its own."""
    middle = float(np.median(distances))
    medians = np.full(k, middle)
    for mode in range(k):
        own = distances[modes == mode]
        if len(own) >= 8:
            medians[mode] = np.median(own)
    usable = np.where(medians > 0, medians, 1.0)
    tail = float(np.quantile(distances / usable[modes], LEVEL, method="higher"))
    radii = usable * tail
    # Rows that all sit on their centres leave no radius: any other row is then outside.
    return np.where(radii > 0, radii, 1.0)


def _shapes(rows: Matrix, modes: Index, part: Index, k: int) -> tuple[Matrix, NDArray[np.float64], Vector, Vector]:
    """Estimate centres and covariances: each mode's own, shrunk to the pooled one and that to a sphere."""
    rows, d = rows[part], rows.shape[1]
    modes = modes[part]
    sizes = np.bincount(modes, minlength=k)
    centres = group_means(rows, modes, k)
    centres[sizes == 0] = rows.mean(axis=0)
    residuals = rows - centres[modes]
    freedom = max(len(rows) - int((sizes > 0).sum()), 1)
    pooled = residuals.T @ residuals / freedom
    sphere = _oas(pooled, freedom)
    size = float(np.trace(pooled)) / d
    floor = 1e-9 * max(size, 1e-6 * float(np.mean(np.square(rows - rows.mean(axis=0)))), np.finfo(float).tiny ** 0.5)
    own = sizes / (sizes + d / 2.0 + 4.0)
    squares = np.bincount(modes, weights=np.square(residuals).sum(axis=1), minlength=k)
    sizes_1 = np.maximum(sizes - 1, 1)
    if k == 1 or k * d * d > _WHITENER_VALUES:
        variance = own * squares / sizes_1 / d + (1.0 - own) * size
        relative = np.sqrt(np.maximum(variance, floor) / max(size, floor)) if k > 1 else np.ones(1)
        whitener, log_det = _whitener(_rounded(pooled, sphere), floor, sphere)
        return centres, whitener[None], relative, log_det + 2.0 * d * np.log(relative)
    pairs = []
    for mode in range(k):
        mine = residuals[modes == mode]
        mixed = own[mode] * (mine.T @ mine) / sizes_1[mode] + (1.0 - own[mode]) * pooled
        pairs.append(_whitener(_rounded(mixed, sphere), floor, sphere))
    return centres, np.stack([w for w, _ in pairs]), np.ones(k), np.array([log_det for _, log_det in pairs])


def _oas(covariance: Matrix, n: int) -> float:
    """Weigh the sphere against the sample covariance (Chen et al. 2010, oracle approximating shrinkage, eq. 23)."""
    d = len(covariance)
    largest = float(np.abs(covariance).max())
    if largest <= 0:
        return 1.0
    scaled = covariance / largest  # squares of large or tiny scales would leave the range of doubles
    trace, square = float(np.trace(scaled)), float(np.square(scaled).sum())
    below = (n + 1.0 - 2.0 / d) * (square - trace**2 / d)
    return 1.0 if below <= 0 else float(min(1.0, ((1.0 - 2.0 / d) * square + trace**2) / below))


def _rounded(covariance: Matrix, sphere: float) -> Matrix:
    d = len(covariance)
    out: Matrix = (1.0 - sphere) * covariance + sphere * float(np.trace(covariance)) / d * np.eye(d)
    return out


def _whitener(covariance: Matrix, floor: float, sphere: float = 0.0) -> tuple[Matrix, float]:
    """Find W with ``W.T @ covariance @ W = 1``, no direction being flatter than the floor, and the log determinant."""
    if sphere * float(np.trace(covariance)) / len(covariance) > 1e3 * floor:  # out of reach, rounding included
        from scipy.linalg.lapack import dtrtri

        lower = np.linalg.cholesky(covariance)
        return np.ascontiguousarray(dtrtri(lower, lower=1)[0].T), 2.0 * float(np.log(np.diag(lower)).sum())
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, floor)
    return vectors / np.sqrt(values), float(np.log(values).sum())
