"""Looking at a run without touching it: what scoring may change is saved before it and put back after it.

Sampling from a network draws random numbers, moves the running statistics of BatchNorm, and needs evaluation mode. Each
of these changes the training that follows; a run that was looked at would then differ from one that was not.
"""

from __future__ import annotations

import functools
import inspect
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np


@contextmanager
def undisturbed(modules: Iterable[Any] = (), *, evaluation: bool = True) -> Iterator[None]:
    """Put back, afterwards, everything that drawing samples may change.

    Covers the generators of `random`, of NumPy's legacy interface and of torch (CPU, every CUDA device in use, MPS),
    torch's grad mode and default dtype; and of every submodule the training flag, the buffers (BatchNorm's running
    statistics, spectral norm's vectors), and of every parameter ``requires_grad`` and ``.grad``. Parameters themselves
    are not copied: a sampler that changes weights must change them back.

    Parameters
    ----------
    modules : iterable of torch.nn.Module
    evaluation : bool
        Run the modules in evaluation mode, without gradients.
    """
    with ExitStack() as stack:
        # Entered first, left last: nothing that the other restorations do can move the generators.
        stack.enter_context(_generators())
        if "torch" in sys.modules:
            stack.enter_context(_settings_of_torch(evaluation))
            for module in _distinct(modules):
                stack.enter_context(_module(module, evaluation))
        yield


@contextmanager
def _generators() -> Iterator[None]:
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - user code may draw from it
    torch = sys.modules.get("torch")
    put_back = [] if torch is None else _torch_generators(torch)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        for restore in put_back:
            restore()


def _torch_generators(torch: Any) -> list[Callable[[], None]]:
    found: list[Callable[[], None]] = [functools.partial(torch.set_rng_state, torch.get_rng_state())]
    # A device that nobody has used has no state yet, and asking for it would start it.
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        found.append(functools.partial(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
    if getattr(torch.backends, "mps", None) is not None and torch.backends.mps.is_available():
        found.append(functools.partial(torch.mps.set_rng_state, torch.mps.get_rng_state()))
    return found


@contextmanager
def _settings_of_torch(evaluation: bool) -> Iterator[None]:
    import torch

    dtype = torch.get_default_dtype()
    grad, deterministic = torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled()
    threads = torch.get_num_threads()
    torch.set_grad_enabled(grad and not evaluation)
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)
        if torch.are_deterministic_algorithms_enabled() != deterministic:
            torch.use_deterministic_algorithms(deterministic)
        if torch.get_num_threads() != threads:  # sums depend on how many threads share them
            torch.set_num_threads(threads)


@contextmanager
def _module(module: Any, evaluation: bool) -> Iterator[None]:
    import torch

    flags = [(part, part.training) for part in module.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
    parameters = [(p, p.requires_grad, p.grad) for p in module.parameters()]
    for parameter, _, grad in parameters:
        if grad is not None:
            parameter.grad = None  # whatever accumulates meanwhile does so elsewhere
    if evaluation:
        module.eval()
    try:
        yield
    finally:
        for part, flag in flags:
            part.training = flag
        with torch.no_grad():
            for buffer, before in buffers:
                if not torch.equal(buffer, before):
                    buffer.copy_(before)
        for parameter, requires, grad in parameters:
            parameter.requires_grad_(requires)
            parameter.grad = grad


def modules_within(source: object) -> list[Any]:
    """Find the torch modules that a sampler uses: itself, its attributes, and what its code refers to by name.

    A dict, list or tuple of modules is looked into. A module that is reached in no such way must be named to the
    observer.
    """
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "nn"):
        return []
    looked_at = [source, *_held_by(source)]
    inside = [item for value in looked_at for item in _items(value)]
    return _distinct(value for value in (*looked_at, *inside) if isinstance(value, torch.nn.Module))


def _held_by(source: object) -> list[object]:
    if isinstance(source, functools.partial):
        return [source.func, *source.args, *source.keywords.values(), *_held_by(source.func)]
    owner = getattr(source, "__self__", None)
    held = [] if owner is None else [owner, *_attributes(owner)]
    if inspect.isfunction(source) or inspect.ismethod(source):
        names = inspect.getclosurevars(source)
        return [*held, *names.nonlocals.values(), *names.globals.values()]
    return [*held, *_attributes(source)]


def _attributes(owner: object) -> list[object]:
    return list(vars(owner).values()) if hasattr(owner, "__dict__") and not isinstance(owner, type) else []


def _items(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def _distinct(modules: Iterable[Any]) -> list[Any]:
    return list({id(module): module for module in modules}.values())
