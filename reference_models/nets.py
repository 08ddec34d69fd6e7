"""The networks that several models share."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from gandiag.errors import ConfigError

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


def conv_down(shape: Sequence[int], widths: Sequence[int], out: int) -> nn.Sequential:
    """Halve images (channels, height, width) once per width with strided convolutions, then map to ``out`` numbers."""
    channels, height, width = shape
    _require_halves(shape, len(widths))
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise([channels, *widths]):
        layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
    inner = widths[-1] * (height >> len(widths)) * (width >> len(widths))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(inner, out))


def conv_up(latent: int, widths: Sequence[int], shape: Sequence[int], *, last: Activation | None = None) -> nn.Module:
    """Mirror `conv_down`: from ``latent`` numbers to images, doubled once per width with up-convolutions."""
    channels, height, width = shape
    _require_halves(shape, len(widths))
    small = (widths[-1], height >> len(widths), width >> len(widths))
    layers: list[nn.Module] = [nn.Linear(latent, math.prod(small)), nn.ReLU(), nn.Unflatten(1, small)]
    for before, after in itertools.pairwise([*reversed(widths), channels]):
        layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
    layers[-1:] = [] if last is None else [last()]
    return nn.Sequential(*layers)


def coders(
    kind: str, shape: Sequence[int], widths: Sequence[int], *, latent: int, out: int, last: Activation | None = None
) -> tuple[nn.Module, nn.Module]:
    """Make an encoder to ``out`` numbers and a decoder from ``latent`` ones, each other's mirror.

    Parameters
    ----------
    kind : {"linear", "deep", "conv"}
        One affine map each way, fully connected layers, or convolutions of stride 2.
    shape : sequence of int
        Of one row: (d,), or (channels, height, width).
    widths : sequence of int
        Of the hidden layers, from the data inwards; a linear coder has none.
    latent, out : int
        Length of a code, and what the encoder says about it: as many numbers, or two for each.
    last : callable, optional
        What the decoder ends in.
    """
    if kind == "conv":
        return conv_down(shape, widths, out), conv_up(latent, widths, shape, last=last)
    size, hidden = math.prod(shape), widths if kind == "deep" else ()
    return Flat(mlp([size, *hidden, out]), (out,)), Flat(mlp([latent, *reversed(hidden), size], last=last), shape)


def _require_halves(shape: Sequence[int], times: int) -> None:
    if not times or any(side % 2**times for side in shape[1:]):
        raise ConfigError(
            f"images must halve {times} times without a rest, at least once",
            received=f"{shape[1]} x {shape[2]}",
            remedy="Change the number of widths, or crop the images.",
        )
