"""Where to train, and in what precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gandiag.errors import ConfigError


def chosen_device(word: str = "auto") -> torch.device:
    """Choose a device: CUDA, then Apple's MPS, then the CPU when ``word`` is "auto".

    Raises
    ------
    ConfigError
        When a device is named that is not there.
    """
    if word == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(word.partition(":")[0], False):
        raise ConfigError(
            "`device` must be auto, or one that is there",
            received=word,
            remedy=f"There is: {', '.join(name for name, found in there.items() if found)}.",
        )
    return torch.device(word)


def mixed_by_default(device: torch.device) -> bool:
    """Tell whether bfloat16 products pay on the device and need no scaling of the loss."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


@contextmanager
def mixed_precision(device: torch.device, on: bool) -> Iterator[None]:
    """Run products in bfloat16 inside; reductions and losses stay in float32 by autocast's own lists."""
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=on):
        yield


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Switch mixed precision off inside: gradient penalties, log-determinants, traces and free energies need it."""
    with torch.autocast(device.type, enabled=False):
        yield


@contextmanager
def repeatable() -> Iterator[None]:
    """Make cuDNN choose the same algorithm every time, so that a resumed run is the same run."""
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = before
