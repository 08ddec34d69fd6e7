"""A unit segment at a chosen distance from the axis: two laws that share no point, however near they come.

Arjovsky, Chintala & Bottou 2017, "Wasserstein GAN", example 1. Against ``theta = 0``: W1 = |theta|, while JSD = ln 2,
total variation = 1 and KL is infinite for every other theta. No density in the plane exists.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gandiag.core.options import number
from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import Law, opens


class ParallelLine(Law):
    """Points ``(theta, u)`` with u uniform on [0, 1]."""

    def __init__(self, theta: float) -> None:
        super().__init__()
        self.theta = theta

    def draw(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], None]:
        """Draw values of shape (n, 2)."""
        return np.column_stack([np.full(n, self.theta), rng.random(n)]), None


def wasserstein_between(theta: float, other: float) -> float:
    """Give the Wasserstein distance of any order between two lines: each point moves straight across."""
    return abs(theta - other)


def jsd_between(theta: float, other: float) -> float:
    """Give the Jensen-Shannon divergence between two lines in nats: ln 2, or 0 where they coincide."""
    return 0.0 if theta == other else math.log(2.0)


@opens("toy:parallel_lines")
def open_parallel_lines(*, theta: object = 0.0) -> ParallelLine:
    """Open one line.

    Parameters
    ----------
    theta : float
        Its distance from the second axis.
    """
    return ParallelLine(number(theta, "theta"))


DATASET = DatasetSpec(
    name="parallel_lines",
    summary="A unit segment at distance theta: disjoint supports, where only transport distances see how far.",
    scheme="toy",
    open=open_parallel_lines,
    source="Arjovsky, Chintala & Bottou 2017, example 1",
)
