"""The networks that several models share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from torch import Tensor, nn

Activation = Callable[[], nn.Module]


def leaky() -> nn.Module:
    """Leaky rectifier with slope 0.2, as in DCGAN's discriminator."""
    return nn.LeakyReLU(0.2)


def mlp(sizes: Sequence[int], activation: Activation = nn.ReLU, *, last: Activation | None = None) -> nn.Sequential:
    """Fully connected layers, ``sizes[0]`` to ``sizes[-1]`` wide, ``activation`` between and ``last`` at the end."""
    layers: list[nn.Module] = []
    for i, (wide, next_wide) in enumerate(itertools.pairwise(sizes)):
        layers.append(nn.Linear(wide, next_wide))
        end = i == len(sizes) - 2
        if not end or last is not None:
            layers.append(last() if end and last is not None else activation())
    return nn.Sequential(*layers)


class Flat(nn.Module):
    """A network of vectors, applied to images: flattened on the way in, shaped on the way out."""

    def __init__(self, net: nn.Module, out: Sequence[int] = ()) -> None:
        super().__init__()
        self.net, self.out = net, tuple(out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, ...) to (n, *out), or to (n,) where ``out`` is empty."""
        y: Tensor = self.net(x.flatten(1))
        return y.reshape(len(x), *self.out)
