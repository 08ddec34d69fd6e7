"""Zipf's law on N whole numbers: a few frequent values and a long tail of rare ones.

The probability of value i is proportional to ``(i + 1)^-s``. For N = 1000, s = 1 two draws coincide with probability
0.0293391.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.options import number, whole
from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import DiscreteLaw, opens
from gandiag.datasets.uniform import MOST


@opens("toy:zipf")
def open_zipf(*, N: object = 1000, s: object = 1.0) -> DiscreteLaw:
    """Open the law.

    Parameters
    ----------
    N : int
        Size of the domain 0 to N-1, at least 2.
    s : float
        Exponent from 0 (uniform) to 20.
    """
    values = whole(N, "N", at_least=2, at_most=MOST)
    exponent = number(s, "s", at_least=0, at_most=20)
    return DiscreteLaw(np.arange(1.0, values + 1.0) ** -exponent)


DATASET = DatasetSpec(
    name="zipf",
    summary="Zipf's law on 0 to N-1 (options N, s).",
    scheme="toy",
    open=open_zipf,
    source="Zipf 1949",
)
