"""Keyed randomness without state: every draw is a function of (seed, name, step, index).

A run that is resumed needs no saved generator: step 100 draws the same noise whether the run came there in one piece or
in ten. Draws are made on the host and moved, so that every device sees the same ones; masks of dropout alone are the
device's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from gandiag.core.rng import stream


@dataclass(frozen=True)
class Keys:
    """The randomness of one step of one run.

    Parameters
    ----------
    seed : int
        Of the run, at least 0.
    step : int
        Steps done so far.
    device : torch.device
        Where draws are brought.
    """

    seed: int
    step: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def at(self, step: int) -> Keys:
        """Give the keys of another step of the same run."""
        return replace(self, step=step)

    def on(self, device: torch.device) -> Keys:
        """Give the same keys with draws brought to another device."""
        return replace(self, device=device)

    def number(self, name: str, index: int = 0) -> int:
        """Hash the key to a whole number below 2^63."""
        text = f"{self.seed}\x1f{name}\x1f{self.step}\x1f{index}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1

    def generator(self, name: str, index: int = 0) -> torch.Generator:
        """Make the host generator that belongs to a name; ``index`` tells repeated draws of one step apart."""
        return torch.Generator().manual_seed(self.number(name, index))

    def numpy(self, name: str, index: int = 0) -> np.random.Generator:
        """Make a NumPy generator, for samplers."""
        return stream(self.seed, "reference_models", name, str(self.step), str(index))

    def normal(self, name: str, *shape: int, index: int = 0) -> Tensor:
        """Draw standard normal numbers."""
        return torch.randn(shape, generator=self.generator(name, index)).to(self.device)

    def uniform(self, name: str, *shape: int, index: int = 0) -> Tensor:
        """Draw numbers uniform in [0, 1)."""
        return torch.rand(shape, generator=self.generator(name, index)).to(self.device)

    def integers(self, name: str, high: int, *shape: int, index: int = 0) -> Tensor:
        """Draw whole numbers 0 to ``high - 1``."""
        return torch.randint(high, shape, generator=self.generator(name, index)).to(self.device)

    def permutation(self, name: str, n: int, index: int = 0) -> Tensor:
        """Draw an order of ``n`` rows; it stays on the host."""
        return torch.randperm(n, generator=self.generator(name, index))

    @contextmanager
    def everywhere(self, name: str) -> Iterator[None]:
        """Seed torch's global generators inside, for code that draws from them (layers' first weights), and restore."""
        with torch.random.fork_rng():
            torch.manual_seed(self.number(name))
            yield
