"""Objects with a ``sample`` method: scikit-learn's mixtures and kernel densities, and anything like them.

scikit-learn's `GaussianMixture.sample` returns the same points at every call when its ``random_state`` is a number,
and returns them sorted by component. Here every call gets a fresh state on a copy, and rows are mixed.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.samplers._binding import Binding, parameter_names
from gandiag.samplers._settings import Settings
from gandiag.samplers._stream import Draw, StreamSampler
from gandiag.samplers.module import as_it_was, is_module, open_module


def accepts(source: object) -> bool:
    """Tell whether the source has a ``sample`` method of its own."""
    if isinstance(source, type) or not callable(getattr(source, "sample", None)):
        return False
    return not hasattr(source, "to_numpy")  # a data frame's `sample` picks rows


def open_sample_method(source: Any, **options: Any) -> Sampler:
    """Open ``source.sample``, bound by parameter name; (points, labels) is taken apart."""
    if is_module(source) and options.get("latent") is not None:
        return open_module(source, **options)
    settings = Settings.read(options, uses=("train_mode",), by="objects with a sample method")
    name = settings.name or type(source).__name__
    fitted = type(source).__module__.split(".")[0] == "sklearn"
    reseeded = hasattr(source, "random_state") and "random_state" not in parameter_names(source.sample)
    binding = Binding.of(source.sample, name=f"{name}.sample")

    def begin(n: int, rng: np.random.Generator) -> Draw:
        def draw(start: int, stop: int) -> Any:
            if reseeded:
                fresh = copy.copy(source)
                fresh.random_state = int(rng.integers(2**31))
                return Binding.of(fresh.sample, name=name)(stop - start, rng)
            with as_it_was(source, train=settings.train_mode):
                return _without_grad(binding, stop - start, rng, source)

        return draw

    return StreamSampler(
        begin,
        name=name,
        settings=settings,
        lag=1 if fitted else None,
        mixes=fitted,
        labelled=True,
        notes=() if reseeded else binding.notes,
    )


def _without_grad(binding: Binding, n: int, rng: np.random.Generator, source: Any) -> Any:
    if not is_module(source):
        return binding(n, rng)
    import torch

    with torch.no_grad():
        return binding(n, rng)


SAMPLER = SamplerSpec(
    name="sample_method",
    summary="An object with a sample(n) method, such as a fitted scikit-learn mixture.",
    accepts=accepts,
    open=open_sample_method,
    priority=-50,
)
