"""Callables: ``def sample(n, rng)`` and its relatives, bound by parameter name.

The number of rows goes to the first of ``n``, ``n_samples``, ``num_samples``, ``size``, ``batch_size``; randomness to
the first of ``rng`` (a NumPy generator), ``generator`` (a torch generator where the annotation or the code asks for
one), ``seed`` and ``random_state`` (a fresh whole number at every call). A callable without randomness is run under
seeded global generators, which are put back, and is noted as uncontrolled.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.samplers._binding import Binding
from gandiag.samplers._settings import Settings
from gandiag.samplers._stream import Draw, StreamSampler
from gandiag.samplers.module import open_module


def accepts(source: object) -> bool:
    """Tell whether the source can be called."""
    return callable(source) and not isinstance(source, type)


def open_function(source: Any, **options: Any) -> Sampler:
    """Open a callable; rows are kept in the order in which they come, so that dependence can be seen.

    With ``latent`` it is a map from latents to samples instead.
    """
    if options.get("latent") is not None:
        return open_module(source, **options)
    settings = Settings.read(options, by="callables")
    name = settings.name or called(source)
    binding = Binding.of(source, name=name)

    def begin(n: int, rng: np.random.Generator) -> Draw:
        return lambda start, stop: binding(stop - start, rng)

    return StreamSampler(begin, name=name, settings=settings, notes=binding.notes)


def called(source: object) -> str:
    """Name a callable for people."""
    if isinstance(source, functools.partial):
        return called(source.func)
    return str(getattr(source, "__name__", type(source).__name__))


SAMPLER = SamplerSpec(
    name="function",
    summary="A callable of the number of samples, such as def sample(n, rng).",
    accepts=accepts,
    open=open_function,
    priority=-60,
)
