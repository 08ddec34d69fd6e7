"""Generators given as a torch module and a latent law: ``module(z)``.

Latents are drawn by NumPy for all rows at once, the module runs in evaluation mode under inference mode, and it is
given back exactly as it was: training flags of every submodule, buffers, grad mode and device. Its outputs may differ
by rounding between batch sizes (1e-5), since matrix products do.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.errors import ConfigError, SamplerContractError
from gandiag.samplers._latents import latents_of
from gandiag.samplers._receive import is_tensor, to_numpy
from gandiag.samplers._settings import Settings
from gandiag.samplers._stream import Draw, StreamSampler

ROWS_PER_CALL = 256


def accepts(source: object) -> bool:
    """Tell whether the source is a torch module without a ``sample`` method."""
    return is_module(source) and not callable(getattr(source, "sample", None))


def is_module(source: object) -> bool:
    """Tell whether the source is a torch module, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and hasattr(torch, "nn") and isinstance(source, torch.nn.Module)


def open_module(source: Any, **options: Any) -> Sampler:
    """Open ``source`` as a map from latents to samples; a plain callable of latents is taken as well."""
    settings = Settings.read(options, uses=("latent", "train_mode", "key"), by="modules")
    name = settings.name or str(getattr(source, "__name__", type(source).__name__))
    if settings.latent is None:
        raise ConfigError(
            f"{name} needs to know its latent law", received="a module alone", remedy='Pass latent="normal:128".'
        )
    latents = latents_of(settings.latent)

    def begin(n: int, rng: np.random.Generator) -> Draw:
        z = latents(n, rng)
        return lambda start, stop: _forward(source, z[start:stop], settings, name=name)

    return StreamSampler(
        begin,
        name=name,
        settings=settings,
        lag=None if settings.train_mode or not is_module(source) else 1,
        batch_size=ROWS_PER_CALL,
        notes=_mode_notes(source, settings),
    )


def _mode_notes(source: Any, settings: Settings) -> tuple[str, ...]:
    if settings.train_mode:
        return ("the module was run in training mode: rows of a batch may depend on each other",)
    if is_module(source) and any(m.training for m in source.modules()):
        return ("the module was in training mode and was run in evaluation mode",)
    return ()


def _forward(source: Any, z: np.ndarray[Any, Any], settings: Settings, *, name: str) -> Any:
    import torch

    with as_it_was(source, train=settings.train_mode), torch.inference_mode():
        output = source(_placed(z, source))
        if isinstance(output, dict) and settings.key is not None:
            output = _entry(output, settings.key, name=name)
        # Brought to the host at once: the device never holds more than one batch.
        return to_numpy(output, name=name) if is_tensor(output) else output


def _entry(output: dict[Any, Any], key: str, *, name: str) -> Any:
    if key not in output:
        raise SamplerContractError(
            f"{name} must return an entry called {key!r}",
            received=", ".join(map(str, output)) or "no entries",
            remedy="Pass one of these as key.",
        )
    return output[key]


def _placed(z: np.ndarray[Any, Any], source: Any) -> Any:
    """Move latents to where the module's parameters are, and floats to their precision."""
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(z))
    held = [*source.parameters(), *source.buffers()] if is_module(source) else []
    if not held:
        return tensor
    tensor = tensor.to(held[0].device)
    precision = next((p.dtype for p in held if p.dtype.is_floating_point), None)
    return tensor.to(precision) if precision is not None and tensor.dtype.is_floating_point else tensor


@contextlib.contextmanager
def as_it_was(source: Any, *, train: bool = False) -> Iterator[None]:
    """Run a module in one mode, and give training flags and buffers back as they were."""
    if not is_module(source):
        yield
        return
    import torch

    flags = [(module, module.training) for module in source.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in source.buffers()]
    source.train(train)
    try:
        yield
    finally:
        for module, flag in flags:
            module.training = flag
        with torch.inference_mode(False), torch.no_grad():
            for buffer, before in buffers:
                if not torch.equal(buffer, before):
                    buffer.copy_(before)


SAMPLER = SamplerSpec(
    name="module",
    summary='A torch module that maps latents to samples, with latent="normal:128".',
    accepts=accepts,
    open=open_module,
    priority=-30,
)
