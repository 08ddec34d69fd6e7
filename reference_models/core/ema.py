"""Moving averages of weights, which smooth the wandering of a generator between steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

State = dict[str, dict[str, Tensor]]


class MovingAverage:
    """Exponential averages of some networks.

    Parameters
    ----------
    networks : mapping of str to Module
    decay : float
        In [0, 1). Early on the smaller ``(1 + t) / (10 + t)`` holds, so that the first weights are forgotten.
    """

    def __init__(self, networks: Mapping[str, nn.Module], decay: float) -> None:
        self._networks, self.decay = dict(networks), decay
        self.state: State = {
            name: {key: value.detach().clone() for key, value in net.state_dict().items()}
            for name, net in self._networks.items()
        }

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the averages towards the weights after ``step`` steps; buffers (counts, running means) are copied."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, net in self._networks.items():
            learnt = {key for key, _ in net.named_parameters()}
            for key, value in net.state_dict().items():
                mean = self.state[name][key]
                if key in learnt:
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(value)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averages into the networks inside, and the weights back after."""
        kept = {n: {k: v.detach().clone() for k, v in net.state_dict().items()} for n, net in self._networks.items()}
        try:
            for name, net in self._networks.items():
                net.load_state_dict(self.state[name])
            yield
        finally:
            for name, net in self._networks.items():
                net.load_state_dict(kept[name])
