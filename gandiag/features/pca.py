"""Principal components of real rows that are set aside: ``pca:50``.

The k directions in which those rows vary most, each in the unit of the samples (images: of the value range); nothing
is whitened, so distances are those of the samples within the subspace, less what is left out (Hotelling 1933,
"Analysis of a complex of statistical variables into principal components"). What fakes do outside the real rows'
subspace is not seen: a fault that lives there, such as pixel noise on smooth images, needs ``random_projection`` or
``random_convolutions``.

Neither the fake side nor the real rows that are compared enter: components fitted on either would lean towards it, and
spoil the level of every permutation test.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.errors import TooFewSamplesError
from gandiag.features._address import count, split
from gandiag.features._linear import Matrix, Projection, digest_of, require_room, unit_of

MOST = 4096
_WIDE = 8192


def fit(samples: SampleSet, address: str = "") -> Projection:
    """Find the first k principal components.

    Parameters
    ----------
    samples : SampleSet
        More rows than components.
    address : str
        The number of components.

    Raises
    ------
    ConfigError
        Without a number.
    TooFewSamplesError
        Where rows or columns are fewer than components ask for.

    Notes
    -----
    Cost O(n d min(n, d)). A component's sign is such that its largest loading is positive.
    """
    target, _ = split(address, (), of="pca")
    k = count(target, "pca", what="components", at_most=MOST)
    unit = unit_of(samples, "pca")
    require_room(int(np.prod(samples.shape)), k, "pca")
    matrix = samples.matrix()
    digest = digest_of(matrix / unit)
    most = min(len(matrix) - 1, matrix.shape[1])
    if k > most:
        raise TooFewSamplesError(
            f"pca:{k} needs at least {k} values per sample, and more than {k} real rows that are set aside",
            received=f"{matrix.shape[1]} values, {len(matrix)} rows",
            remedy=f"Name pca:{most}, or give more real rows." if most else "Give more real rows.",
        )
    # In units of the largest value, so that no square overflows.
    largest = float(np.abs(matrix).max()) or 1.0
    matrix /= largest
    shift = matrix.mean(axis=0)
    directions = _directions(matrix - shift, k)
    return Projection("pca", shift * largest, directions.T / unit, digest)


def _directions(centred: Matrix, k: int) -> Matrix:
    """Give the first k right singular vectors, shape (k, d), with the largest loading of each positive."""
    import scipy.linalg

    if centred.shape[1] <= min(len(centred), _WIDE):
        d = centred.shape[1]
        _, vectors = scipy.linalg.eigh(centred.T @ centred, subset_by_index=(d - k, d - 1))
        rows = vectors[:, ::-1].T
    else:
        rows = scipy.linalg.svd(centred, full_matrices=False)[2][:k]
    signs = np.sign(rows[np.arange(k), np.abs(rows).argmax(axis=1)])
    out: Matrix = rows * np.where(signs == 0, 1.0, signs)[:, None]
    return out


FEATURES = FeatureSpec(
    name="pca",
    summary="The first k principal components of real rows that are set aside: pca:50.",
    fit=fit,
    argument="number of components",
)
