"""Random Fourier features: a Gaussian kernel as the inner product of some hundred cosines and sines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.backend import Array, beside, namespace, on_host

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

_ROWS_AT_ONCE = 4096
_HELD_BYTES = 2**28


@dataclass(frozen=True, kw_only=True, eq=False)
class FourierFeatures:
    """Features ``z(x)`` of length 1 with ``z(x).z(y)`` near the kernel, centred on the pool.

    Attributes
    ----------
    rows : array, shape (N, d)
        The pooled sample.
    frequencies : ndarray, shape (d, D / 2)
    centre : array, shape (D,)
        Mean feature of the pool.
    squares : ndarray, shape (N,)
        Squared lengths of the centred features.
    blocks : tuple of arrays, optional
        The centred features, where they are few enough to be held.
    """

    rows: Array
    frequencies: Array
    centre: Array
    squares: Matrix
    blocks: tuple[Array, ...] | None

    def _each(self) -> Iterator[tuple[slice, Array]]:
        for k, part in enumerate(_parts(self.rows.shape[0])):
            if self.blocks is not None:
                yield part, self.blocks[k]
            else:
                yield part, plain_features(self.rows[part, :], self.frequencies) - self.centre

    def unbiased_mmd2(self, labels: Labels) -> Matrix:
        """Compute the unbiased squared discrepancy of every column, shape (B,).

        Cost O(N D B), memory O(D B) beside the features.
        """
        xp = namespace(self.rows)
        sums = 0.0
        for part, block in self._each():
            sums = block.T @ xp.astype(beside(labels[part], self.rows), self.rows.dtype) + sums  # (D, B)
        lengths = on_host(xp.sum(sums * sums, axis=0))
        real = self.squares @ labels
        n = int(labels[:, 0].sum())
        m = len(labels) - n
        # Centred features of the fake rows sum to the opposite of those of the real rows.
        within = (lengths - real) / (n * (n - 1)) + (lengths - (self.squares.sum() - real)) / (m * (m - 1))
        out: Matrix = within + 2.0 * lengths / (n * m)
        return out


def fourier_features(rows: Array, frequencies: Matrix) -> FourierFeatures:
    """Prepare the features of a pooled sample.

    Parameters
    ----------
    rows : array, shape (N, d)
    frequencies : ndarray, shape (d, D / 2)
        Draws from the kernel's spectral law: normal over the bandwidth for a Gaussian kernel (Rahimi & Recht 2007,
        "Random features for large-scale kernel machines", section 3).
    """
    xp = namespace(rows)
    near = beside(frequencies, rows)
    count = rows.shape[0]
    held = 16 * count * frequencies.shape[1] <= _HELD_BYTES
    total, kept = 0.0, []
    for part in _parts(count):
        block = plain_features(rows[part, :], near)
        total = xp.sum(block, axis=0) + total
        if held:
            kept.append(block)
    centre = total / count
    kept = [block - centre for block in kept]
    found = FourierFeatures(
        rows=rows, frequencies=near, centre=centre, squares=np.empty(0), blocks=tuple(kept) if held else None
    )
    squares = [on_host(xp.sum(block * block, axis=1)) for _, block in found._each()]
    return FourierFeatures(
        rows=rows, frequencies=near, centre=centre, squares=np.concatenate(squares), blocks=found.blocks
    )


def _parts(count: int) -> Iterator[slice]:
    for start in range(0, count, _ROWS_AT_ONCE):
        yield slice(start, min(start + _ROWS_AT_ONCE, count))


def plain_features(rows: Array, frequencies: Array) -> Array:
    """Map rows (N, d) to their cosines and sines, shape (N, D), not centred."""
    xp = namespace(rows)
    angles = rows @ frequencies
    return xp.concat([xp.cos(angles), xp.sin(angles)], axis=1) / float(np.sqrt(frequencies.shape[1]))
