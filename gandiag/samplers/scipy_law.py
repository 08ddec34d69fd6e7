"""scipy.stats laws, and whatever else has ``rvs(size=, random_state=)``."""

from __future__ import annotations

from typing import Any

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.samplers._settings import Settings
from gandiag.samplers._stream import Draw, StreamSampler


def accepts(source: object) -> bool:
    """Tell whether the source has an ``rvs`` method."""
    return not isinstance(source, type) and callable(getattr(source, "rvs", None))


def open_law(source: Any, **options: Any) -> Sampler:
    """Open a (frozen) law."""
    settings = Settings.read(options, by="scipy laws")
    law = getattr(getattr(source, "dist", source), "name", None)
    name = law if isinstance(law, str) else type(source).__name__

    def begin(n: int, rng: np.random.Generator) -> Draw:
        # Multivariate laws drop the row axis when asked for a single row, so two are drawn and one is kept.
        return lambda start, stop: source.rvs(size=max(2, stop - start), random_state=rng)[: stop - start]

    return StreamSampler(begin, name=name, settings=settings, lag=1)


SAMPLER = SamplerSpec(
    name="scipy_law",
    summary="A scipy.stats law, or anything with rvs(size=, random_state=).",
    accepts=accepts,
    open=open_law,
    priority=-45,
)
