"""Groups of rows: natural clusters where there are some, cells of like size where there are none.

Clusters are Ward's (1963, "Hierarchical grouping to optimize an objective function"), refined by Lloyd's iterations;
their number maximises the mean silhouette (Rousseeuw 1987). Where a Gaussian law of the same covariance would have
clusters that are nearly as good, there are none, and the rows are cut in cells. Ward's tree is deterministic and holds
all numbers of clusters at once, so 25 well separated modes are found where k-means from random starts merges some.

Small groups say little for or against a number of clusters, and a few outliers would pass for one: such cuts are not
considered. Rare modes are therefore looked for afterwards, further down the tree: a few rows that lie apart from all
others by more than they lie apart from each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.distances import squared_distances

Matrix = NDArray[np.float64]
Index = NDArray[np.int64]

MOST_CLUSTERS = 30
NATURAL_SILHOUETTE = 0.25
NATURAL_GAIN = 0.15
_TREE_ROWS = 1500
# A rare mode is at least so many rows, and found at most so many cuts further. They are farther from all others than
# from each other by this factor in few columns; by less in many, where all distances are alike. And they are farther
# from others by it than rows are from their neighbours, which keeps the steps of a lattice from being gaps.
FEWEST_OF_RARE = 6
_FURTHER = 10
_APART = 1.5


def natural_clusters(rows: Matrix, rng: np.random.Generator) -> tuple[Index, float | None, bool]:
    """Cluster rows, and say whether the clusters are natural.

    Returns
    -------
    modes : ndarray of int, shape (l,)
        From 0, without gaps.
    silhouette : float or None
        Of the clusters with the best mean silhouette; None with fewer than 8 rows.
    natural : bool
        False when ``modes`` are mere cells: K = l / 60, from 2 to 20.
    """
    some = rows
    if len(rows) > _TREE_ROWS:
        some = rows[np.sort(rng.choice(len(rows), size=_TREE_ROWS, replace=False))]
    tree, distances = _ward(some)
    silhouette, cut = _best_cut(tree, distances)
    natural = False
    if silhouette is not None and silhouette >= NATURAL_SILHOUETTE:
        centred = some - some.mean(axis=0)
        gaussian = rng.standard_normal((len(some), len(some))) @ centred / np.sqrt(len(some))
        smooth, _ = _best_cut(*_ward(gaussian))
        natural = smooth is None or silhouette >= smooth + NATURAL_GAIN
    cut = _with_rare(tree, distances, cut) if natural else _cut(tree, int(np.clip(len(rows) // 60, 2, 20)))
    return _lloyd(rows, group_means(some, cut, int(cut.max()) + 1)), silhouette, natural


def _ward(rows: Matrix) -> tuple[Matrix, Matrix]:
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    if len(rows) < 2:
        return np.empty((0, 4)), np.zeros((1, 1))
    distances = np.sqrt(squared_distances(rows, rows))
    np.fill_diagonal(distances, 0.0)
    distances = np.minimum(distances, distances.T)
    return linkage(squareform(distances, checks=False), "ward"), distances


def _cut(tree: Matrix, k: int) -> Index:
    from scipy.cluster.hierarchy import fcluster

    if len(tree) == 0:
        return np.zeros(1, dtype=np.int64)
    found: Index = np.unique(fcluster(tree, k, "maxclust"), return_inverse=True)[1]
    return found


def _best_cut(tree: Matrix, distances: Matrix) -> tuple[float | None, Index]:
    """Cut where the mean silhouette is highest, among cuts without tiny clusters (which are outliers, not modes)."""
    best: tuple[float | None, Index] = (None, np.zeros(len(distances), dtype=np.int64))
    at = np.arange(len(distances))
    for k in range(2, min(MOST_CLUSTERS, len(distances) // 4) + 1):
        cut = _cut(tree, k)
        sizes = np.bincount(cut)
        if len(sizes) < 2 or sizes.min() < _fewest_counted(len(cut), len(sizes)):
            continue
        sums = distances @ np.eye(len(sizes))[cut]
        within = sums[at, cut] / (sizes[cut] - 1)
        means = sums / sizes
        means[at, cut] = np.inf
        nearest = means.min(axis=1)
        largest = np.maximum(within, nearest)
        score = float(np.mean(np.where(largest > 0, (nearest - within) / np.where(largest > 0, largest, 1.0), 0.0)))
        if best[0] is None or score > best[0]:
            best = (score, cut)
    return best


def _with_rare(tree: Matrix, distances: Matrix, cut: Index) -> Index:
    """Make clusters of their own of small groups that lie apart: those of finer cuts that were too small to count."""
    k = int(cut.max()) + 1
    steps = float(np.median(np.where(distances > 0.0, distances, np.inf).min(axis=1)))
    alike = steps / max(float(np.mean([_spread(distances, cut == c) for c in range(k)])), steps)
    found, new = np.zeros(len(cut), dtype=bool), cut.copy()
    for finer in (_cut(tree, k + more) for more in range(1, _FURTHER + 1)):
        sizes = np.bincount(finer)
        for group in np.flatnonzero((sizes >= FEWEST_OF_RARE) & (sizes < _fewest_counted(len(cut), k))):
            inside = finer == group
            gap = float(distances[np.ix_(inside, ~inside)].min(axis=1).mean())
            asked = max((_APART + (1.0 - _APART) * alike) * _spread(distances, inside), _APART * steps)
            if gap >= asked and not found[inside].any():
                found |= inside
                new[inside] = new.max() + 1
    modes: Index = np.unique(new, return_inverse=True)[1]
    return modes


def _spread(distances: Matrix, inside: NDArray[np.bool_]) -> float:
    """Give the mean distance between two rows of a group."""
    size = int(inside.sum())
    return float(distances[np.ix_(inside, inside)].sum()) / max(size * (size - 1), 1)


def _fewest_counted(rows: int, k: int) -> float:
    """Give the size from which a cluster counts, among k."""
    return max(2.0, rows / (4 * k))


def _lloyd(rows: Matrix, centres: Matrix) -> Index:
    modes = np.full(len(rows), -1, dtype=np.int64)
    for _ in range(50):
        found = squared_distances(rows, centres).argmin(axis=1)
        if (found == modes).all():
            break
        modes = found
        filled = np.bincount(modes, minlength=len(centres)) > 0
        centres = np.where(filled[:, None], group_means(rows, modes, len(centres)), centres)
    return np.unique(modes, return_inverse=True)[1].astype(np.int64)


def group_means(rows: Matrix, modes: Index, k: int) -> Matrix:
    """Average the rows of each group, shape (k, d); 0 for an empty group."""
    from scipy.sparse import csr_array

    belongs = csr_array((np.ones(len(rows)), (modes, np.arange(len(rows)))), shape=(k, len(rows)))
    means: Matrix = (belongs @ rows) / np.maximum(np.bincount(modes, minlength=k), 1)[:, None]
    return means
