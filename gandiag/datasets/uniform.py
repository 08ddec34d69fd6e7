"""The uniform law on N whole numbers, or on the first few of them.

Collision probability 1/N; with ``support = N/2`` it is 2/N and the total variation to the full law 1/2.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.options import whole
from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import DiscreteLaw, opens

MOST = 10_000_000


@opens("toy:uniform")
def open_uniform(*, N: object = 1000, support: object = None) -> DiscreteLaw:
    """Open the law.

    Parameters
    ----------
    N : int
        Size of the domain 0 to N-1, at least 2.
    support : int, optional
        Only the first so many values occur; all by default.
    """
    values = whole(N, "N", at_least=2, at_most=MOST)
    held = values if support is None else whole(support, "support", at_least=1, at_most=values)
    return DiscreteLaw(np.arange(values) < held)


DATASET = DatasetSpec(
    name="uniform",
    summary="Uniform whole numbers 0 to N-1 (options N, support).",
    scheme="toy",
    open=open_uniform,
    source="Goldreich & Ron 2000",
)
