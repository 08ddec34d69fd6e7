"""Sequences of T uniform values, with or without the last value: infinite KL at a tiny distance.

``{0 .. N-1}^T`` against ``{0 .. N-2}^T``: the divergence of the first from the second is infinite for every N and T,
while the total variation is ``1 - ((N - 1)/N)^T``, 0.0952 for N = 1000 and T = 100. One row is one sequence.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gandiag.core.options import whole
from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import Law, opens, points


def total_variation_between(N: int, T: int) -> float:
    """Give the total variation between the full law and the one without the last value."""
    return -math.expm1(T * math.log1p(-1.0 / N))


class Sequences(Law):
    """Rows of T independent values, uniform on 0 to ``N - missing - 1``."""

    def __init__(self, N: int, T: int, missing: int) -> None:
        super().__init__(kind="discrete", value_range=(0.0, float(N - 1)))
        self.N, self.T, self.missing = N, T, missing

    def draw(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], None]:
        """Draw values of shape (n, T)."""
        return rng.integers(self.N - self.missing, size=(n, self.T)), None

    def log_density(self, x: ArrayLike) -> NDArray[np.float64]:
        """Evaluate the natural logarithm of the probability at ``x``, shape (n, T) to (n,); -inf where it is 0."""
        at = points(x, self.T)
        inside = ((at >= 0) & (at < self.N - self.missing) & (at == np.floor(at))).all(axis=1)
        return np.where(inside, -self.T * math.log(self.N - self.missing), -np.inf)


@opens("toy:sequences")
def open_sequences(*, N: object = 1000, T: object = 100, missing: object = 0) -> Sequences:
    """Open one side of the pair.

    Parameters
    ----------
    N : int
        Size of the alphabet 0 to N-1, at least 2.
    T : int
        Length of a sequence, at least 1.
    missing : int
        Values at the end of the alphabet that never occur: 0 for one side of the pair, 1 for the other.
    """
    values = whole(N, "N", at_least=2, at_most=2**53)
    length = whole(T, "T", at_least=1, at_most=100_000)
    return Sequences(values, length, whole(missing, "missing", at_least=0, at_most=values - 1))


DATASET = DatasetSpec(
    name="sequences",
    summary="Sequences of T uniform values (options N, T, missing): infinite KL at a tiny total variation.",
    scheme="toy",
    open=open_sequences,
    source="closed forms",
)
