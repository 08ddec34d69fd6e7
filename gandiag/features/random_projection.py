"""Random directions that depend on a seed alone: ``random_projection:64`` or ``random_projection:64?seed=3``.

``x W / sqrt(k)`` with W of independent standard normal entries: squared distances are kept on average, and those of n
rows to within a factor of 1 ± e for k of about 8 log(n) / e^2 (Johnson & Lindenstrauss 1984, "Extensions of Lipschitz
mappings into a Hilbert space"). Nothing is fitted, so no direction is favoured over another, and a report made
elsewhere with the same k, width and seed has the same features. Images are in units of their value range; columns of
other samples are taken as they are, so bring them to comparable units first.
"""

from __future__ import annotations

import math

import numpy as np

from gandiag.core.options import whole
from gandiag.core.rng import stream
from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.features._address import count, split
from gandiag.features._linear import Projection, digest_of, require_room, unit_of

MOST = 4096


def fit(samples: SampleSet, address: str = "") -> Projection:
    """Draw the directions from the seed; of the samples only the width and the range are used.

    Parameters
    ----------
    samples : SampleSet
    address : str
        The number of directions, with ``?seed=`` after it; 0 by default.

    Raises
    ------
    ConfigError
        Without a number of directions.
    RangeError
        For images without a value range.
    """
    target, options = split(address, ("seed",), of="random_projection")
    k = count(target, "random_projection", what="directions", at_most=MOST)
    seed = whole(options.get("seed", 0), "seed", at_least=0)
    width = math.prod(samples.shape)
    require_room(width, k, "random_projection")
    draws = stream(seed, "features", "random_projection", str(width), str(k)).standard_normal((width, k))
    weights = draws / (math.sqrt(k) * unit_of(samples, "random_projection"))
    return Projection(f"random_projection?seed={seed}", np.zeros(width), weights, digest_of(weights))


FEATURES = FeatureSpec(
    name="random_projection",
    summary="k random directions from a seed, nothing fitted: random_projection:64?seed=0.",
    fit=fit,
    argument="number of directions",
)
