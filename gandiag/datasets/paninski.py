"""Paninski's family: the laws that are hardest to tell from uniform at a given total variation.

Neighbouring values form pairs; one of each pair, chosen by a coin, has probability ``(1 + 2 eps)/N``, the other
``(1 - 2 eps)/N`` (Paninski 2008, "A coincidence-based test for uniformity given very sparsely sampled discrete data").
Total variation to uniform is exactly eps, the collision probability ``(1 + 4 eps^2)/N``.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.options import number, whole
from gandiag.core.rng import stream
from gandiag.core.specs import DatasetSpec
from gandiag.datasets._laws import DiscreteLaw, opens
from gandiag.datasets.uniform import MOST
from gandiag.errors import ConfigError


@opens("toy:paninski")
def open_paninski(*, N: object = 1000, eps: object = 0.25, seed: object = 0) -> DiscreteLaw:
    """Open one member of the family.

    Parameters
    ----------
    N : int
        Size of the domain 0 to N-1; even, at least 2.
    eps : float
        Total variation to uniform, from 0 to 0.5.
    seed : int
        Seed of the coins: the law, not the draws.
    """
    values = whole(N, "N", at_least=2, at_most=MOST)
    if values % 2:
        raise ConfigError("`N` must be even, since values form pairs", received=values, remedy=f"Pass N={values + 1}.")
    far, own_seed = number(eps, "eps", at_least=0, at_most=0.5), whole(seed, "seed", at_least=0)
    signs = stream(own_seed, "dataset", "paninski").choice([-1.0, 1.0], size=values // 2)
    return DiscreteLaw(1.0 + 2.0 * far * np.column_stack([signs, -signs]).ravel())


DATASET = DatasetSpec(
    name="paninski",
    summary="The laws hardest to tell from uniform at total variation eps (options N, eps, seed).",
    scheme="toy",
    open=open_paninski,
    source="Paninski 2008",
)
