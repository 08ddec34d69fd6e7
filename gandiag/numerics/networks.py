"""Small neural networks that learn to tell real from fake: fixed once trained, and the same for the same stream.

Weights, batches and the inner split come from a NumPy generator alone, so that nothing depends on torch's global state
and networks may be trained in several threads. Both sides weigh as much as each other, whatever their sizes: the output
is the log odds of "real" at equal priors. An inner fifth of the training half says which step was best.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.moments import column_scales

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]
Tensor = Any
Forward = Callable[[list[Tensor], Tensor], Tensor]

_RATE, _DECAY = 5e-3, 1e-3
_PATIENCE = 20
_HELD_OUT = 5
_AT_ONCE = 1024
_NARROWEST, _WIDEST = 32, 128
_CHANNELS = (16, 32, 64)
# Standardised values farther out are held there: one outlier must not blow up a layer.
_FARTHEST = 10.0


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkCritic:
    """A trained network behind a fixed standardisation of its inputs.

    Attributes
    ----------
    centre, scale : ndarray, shape (d,)
        From the training half.
    parameters : list of tensor
    forward : callable
        ``(parameters, inputs of shape (b, d)) -> (b,)``.
    epochs : int
        Passes over the training rows until the best one.
    """

    centre: Vector
    scale: Vector
    parameters: list[Tensor]
    forward: Forward
    epochs: int

    def scores(self, rows: Matrix) -> Vector:
        """Give the log odds of "real" at equal priors, shape (len(rows),)."""
        import torch

        inputs = self.standardised(rows)
        with torch.no_grad():
            parts = [self.forward(self.parameters, part) for part in inputs.split(_AT_ONCE)]
        found: Vector = torch.cat(parts).double().cpu().numpy()
        return found

    def standardised(self, rows: Matrix) -> Tensor:
        """Give rows as the network takes them, on its device."""
        return _inputs(rows, self.centre, self.scale, self.parameters[0].device)


def fit_mlp(rows: Matrix, labels: Labels, rng: np.random.Generator) -> NetworkCritic:
    """Train a network of two hidden layers, ten units per column, at least 32 and at most 128, on the host.

    Parameters
    ----------
    rows : ndarray, shape (l, d)
    labels : ndarray of bool, shape (l,)
        True where real; at least one of each.
    rng : numpy.random.Generator
    """
    width = int(np.clip(10 * rows.shape[1], _NARROWEST, _WIDEST))
    shapes = [(rows.shape[1], width), (width, width), (width, 1)]
    parameters = [tensor for shape in shapes for tensor in _layer(shape, shape[0], shape[1], rng, "cpu")]
    centre, scale = column_scales(rows)
    return _trained(rows, labels, centre, scale, parameters, _mlp, rng, epochs=60, batch=32)


def fit_cnn(
    rows: Matrix, labels: Labels, shape: tuple[int, ...], rng: np.random.Generator, device: str = "cpu"
) -> NetworkCritic:
    """Train three layers of 3 x 3 filters, the mean over the image, and a linear layer.

    Parameters
    ----------
    rows : ndarray, shape (l, d)
        Flattened images.
    labels : ndarray of bool, shape (l,)
    shape : tuple of int
        ``(height, width)`` or ``(height, width, channels)``.
    rng : numpy.random.Generator
    device : str
        "cpu" or a CUDA device.
    """
    height, width, channels = (*shape, 1)[:3]
    sizes = (channels, *_CHANNELS)
    filters = [(b, a, 3, 3) for a, b in pairwise(sizes)]
    parameters = [tensor for f in filters for tensor in _layer(f, 9 * f[1], f[0], rng, device)]
    parameters += _layer((_CHANNELS[-1], 1), _CHANNELS[-1], 1, rng, device)

    def forward(weights: list[Tensor], inputs: Tensor) -> Tensor:
        return _cnn(weights, inputs.reshape(-1, height, width, channels).permute(0, 3, 1, 2))

    # One centre and scale for all pixels of a channel: edges stay edges.
    pixels = rows.reshape(-1, channels)
    centre, scale = (np.tile(values, height * width) for values in column_scales(pixels))
    return _trained(rows, labels, centre, scale, parameters, forward, rng, epochs=15, batch=64)


def _mlp(weights: list[Tensor], inputs: Tensor) -> Tensor:
    hidden = (inputs @ weights[0] + weights[1]).relu()
    hidden = (hidden @ weights[2] + weights[3]).relu()
    return (hidden @ weights[4] + weights[5])[:, 0]


def _cnn(weights: list[Tensor], images: Tensor) -> Tensor:
    from torch.nn.functional import conv2d

    hidden = images
    for layer in range(len(_CHANNELS)):
        stride = 1 if layer == 0 else 2
        hidden = conv2d(hidden, weights[2 * layer], weights[2 * layer + 1], stride=stride, padding=1).relu()
    return (hidden.mean(dim=(2, 3)) @ weights[-2] + weights[-1])[:, 0]


def _layer(shape: tuple[int, ...], inputs: int, outputs: int, rng: np.random.Generator, device: str) -> list[Tensor]:
    """Draw weights for rectified units (He et al. 2015, eq. 10), and offsets of 0."""
    import torch

    weight = rng.standard_normal(shape) * math.sqrt(2.0 / inputs)
    values = [torch.as_tensor(array, dtype=torch.float32, device=device) for array in (weight, np.zeros(outputs))]
    return [value.requires_grad_() for value in values]


def _inputs(rows: Matrix, centre: Vector, scale: Vector, device: Any) -> Tensor:
    import torch

    standard = np.clip((rows - centre) / scale, -_FARTHEST, _FARTHEST)
    return torch.as_tensor(standard, dtype=torch.float32, device=device)


def _trained(
    rows: Matrix,
    labels: Labels,
    centre: Vector,
    scale: Vector,
    parameters: list[Tensor],
    forward: Forward,
    rng: np.random.Generator,
    *,
    epochs: int,
    batch: int,
) -> NetworkCritic:
    """Descend until an inner fifth of the training rows sees no more gain, and keep the best parameters."""
    import torch

    device = parameters[0].device
    inputs = _inputs(rows, centre, scale, device)
    targets = torch.as_tensor(labels, dtype=torch.float32, device=device)
    weights = torch.as_tensor(np.where(labels, 0.5 / labels.mean(), 0.5 / (~labels).mean()), dtype=torch.float32)
    weights = weights.to(device)
    inner, learn = _inner_split(labels, rng)
    optimiser = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=_DECAY)

    def loss(part: NDArray[np.int64]) -> Tensor:
        at = torch.as_tensor(part, device=device)
        errors = torch.nn.functional.softplus((1.0 - 2.0 * targets[at]) * forward(parameters, inputs[at]))
        return (weights[at] * errors).mean()

    best, kept, best_epoch = math.inf, [p.detach().clone() for p in parameters], 0
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        for epoch in range(1, epochs + 1):
            order = rng.permutation(learn)
            for start in range(0, len(order), batch):
                optimiser.zero_grad(set_to_none=True)
                loss(order[start : start + batch]).backward()
                optimiser.step()
            with torch.no_grad():
                found = float(loss(inner))
            if found < best - 1e-4:
                best, kept, best_epoch = found, [p.detach().clone() for p in parameters], epoch
            elif epoch - best_epoch >= _PATIENCE:
                break
    return NetworkCritic(centre=centre, scale=scale, parameters=kept, forward=forward, epochs=best_epoch)


def _inner_split(labels: Labels, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Set a fifth of each side aside, at least one row of each."""
    aside = np.zeros(len(labels), dtype=bool)
    for side in (np.flatnonzero(labels), np.flatnonzero(~labels)):
        aside[rng.permutation(side)[: max(1, len(side) // _HELD_OUT)]] = True
    return np.flatnonzero(aside), np.flatnonzero(~aside)
