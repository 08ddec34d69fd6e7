"""`torch.distributions` objects.

Their ``sample`` takes no generator, so torch's global generator is seeded for the call and put back.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.samplers._settings import Settings
from gandiag.samplers._stream import Draw, StreamSampler


def accepts(source: object) -> bool:
    """Tell whether the source is a torch distribution, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.distributions.Distribution)


def open_distribution(source: Any, **options: Any) -> Sampler:
    """Open a distribution; one draw is one sample of shape ``batch_shape + event_shape``."""
    settings = Settings.read(options, by="torch distributions")

    def begin(n: int, rng: np.random.Generator) -> Draw:
        return lambda start, stop: source.sample((stop - start,))

    return StreamSampler(begin, name=type(source).__name__, settings=settings, lag=1)


SAMPLER = SamplerSpec(
    name="torch_distribution",
    summary="A torch.distributions object.",
    accepts=accepts,
    open=open_distribution,
    priority=-40,
)
