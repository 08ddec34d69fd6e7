"""A kernel that a small network bends to where real and fake differ, learned for the power of its own test.

``k(x, y) = ((1 - e) exp(-|f(x) - f(y)|^2 / (2 a^2)) + e) exp(-|x - y|^2 / (2 b^2))`` (Liu et al. 2020, "Learning deep
kernels for non-parametric two-sample tests", eq. 1): the plain Gaussian keeps it characteristic, the features f decide
which near pairs count. Features, lengths and e maximise ``MMD^2 / sigma`` on the training half (eq. 4), which is the
power of the test in the limit. Weights and batches come from a NumPy generator alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.distances import off_diagonal, pooled_distances, positive_quantile
from gandiag.numerics.kernels import gaussian_kernel
from gandiag.numerics.moments import column_scales

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Tensor = Any

_WIDTH, _FEATURES = 32, 16
_STEPS, _BATCH, _RATE = 100, 128, 1e-2
# Keeps the objective finite where the variance vanishes (Liu et al. 2020, eq. 5).
_LEAST_VARIANCE = 1e-4
_FARTHEST = 10.0
_MEDIAN_ROWS = 500


@dataclass(frozen=True, kw_only=True, eq=False)
class DeepKernel:
    """A learned kernel, frozen.

    Attributes
    ----------
    centre, scale : ndarray, shape (d,)
    layers : list of ndarray
        Weights and offsets, in turn.
    feature_length, input_length : float
        a and b, in standardised units.
    share : float
        e, in (0, 1).
    objective : float
        ``MMD^2 / sigma`` of the last training batch.
    """

    centre: Vector
    scale: Vector
    layers: list[Matrix]
    feature_length: float
    input_length: float
    share: float
    objective: float

    def matrix(self, rows: Matrix) -> Matrix:
        """Evaluate the kernel between all rows, shape (t, t)."""
        inputs = np.clip((rows - self.centre) / self.scale, -_FARTHEST, _FARTHEST)
        hidden = inputs
        for place in range(0, len(self.layers), 2):
            hidden = hidden @ self.layers[place] + self.layers[place + 1]
            hidden = np.logaddexp(0.0, hidden) if place < len(self.layers) - 2 else hidden
        features = gaussian_kernel(pooled_distances(hidden), self.feature_length)
        plain = gaussian_kernel(pooled_distances(inputs), self.input_length)
        out: Matrix = ((1.0 - self.share) * features + self.share) * plain
        return out


def learn_deep_kernel(real: Matrix, fake: Matrix, rng: np.random.Generator) -> DeepKernel:
    """Learn the kernel on training rows, shapes (n, d) and (m, d), at least 2 of each.

    Notes
    -----
    100 Adam steps on batches of at most 128 rows per side: well below a second.
    """
    import torch

    pool = np.concatenate([real, fake])
    centre, scale = column_scales(pool)
    standard = np.clip((pool - centre) / scale, -_FARTHEST, _FARTHEST)
    x, y = (torch.as_tensor(part, dtype=torch.float32) for part in (standard[: len(real)], standard[len(real) :]))
    shapes = [(real.shape[1], _WIDTH), (_WIDTH, _WIDTH), (_WIDTH, _FEATURES)]
    layers = [tensor for shape in shapes for tensor in _layer(shape, rng)]
    lengths = _first_lengths(standard, layers, rng)
    # log a, log b, logit e
    dials = torch.tensor([math.log(lengths[0]), math.log(lengths[1]), math.log(0.1 / 0.9)], requires_grad=True)
    optimiser = torch.optim.Adam([*layers, dials], lr=_RATE)
    size, objective = min(len(real), len(fake), _BATCH), torch.zeros(())
    for _ in range(_STEPS):
        parts = [side[torch.as_tensor(rng.permutation(len(side))[:size])] for side in (x, y)]
        objective = _objective(_kernel(torch.cat(parts), layers, dials), size)
        optimiser.zero_grad(set_to_none=True)
        (-objective).backward()
        optimiser.step()
    a, b, e = dials.detach().double().numpy()
    return DeepKernel(
        centre=centre,
        scale=scale,
        layers=[layer.detach().double().numpy() for layer in layers],
        feature_length=float(np.exp(a)),
        input_length=float(np.exp(b)),
        share=float(1.0 / (1.0 + np.exp(-e))),
        objective=float(objective.detach()),
    )


def _layer(shape: tuple[int, int], rng: np.random.Generator) -> list[Tensor]:
    import torch

    weight = rng.standard_normal(shape) * math.sqrt(1.0 / shape[0])
    arrays = (weight, np.zeros(shape[1]))
    return [torch.as_tensor(array, dtype=torch.float32).requires_grad_() for array in arrays]


def _features(inputs: Tensor, layers: list[Tensor]) -> Tensor:
    from torch.nn.functional import softplus

    hidden = softplus(inputs @ layers[0] + layers[1])
    hidden = softplus(hidden @ layers[2] + layers[3])
    return hidden @ layers[4] + layers[5]


def _first_lengths(standard: Matrix, layers: list[Tensor], rng: np.random.Generator) -> tuple[float, float]:
    """Start from the median distances, of features and of inputs; 1 where all rows are equal."""
    import torch

    some = standard[rng.permutation(len(standard))[:_MEDIAN_ROWS]]
    with torch.no_grad():
        features = _features(torch.as_tensor(some, dtype=torch.float32), layers).double().numpy()
    a, b = (positive_quantile(off_diagonal(pooled_distances(rows)), 0.5)[0] for rows in (features, some))
    return a or 1.0, b or 1.0


def _squares(rows: Tensor) -> Tensor:
    norms = rows.square().sum(dim=1)
    return (norms[:, None] + norms[None, :] - 2.0 * rows @ rows.T).clamp_min(0.0)


def _kernel(pool: Tensor, layers: list[Tensor], dials: Tensor) -> Tensor:
    share = dials[2].sigmoid()
    features = (-0.5 * _squares(_features(pool, layers)) / (2.0 * dials[0]).exp()).exp()
    return ((1.0 - share) * features + share) * (-0.5 * _squares(pool) / (2.0 * dials[1]).exp()).exp()


def _objective(kernel: Tensor, size: int) -> Tensor:
    """Divide the unbiased MMD^2 by its spread away from equal laws (Liu et al. 2020, eq. 4 and 5)."""
    across = kernel[:size, size:]
    h = kernel[:size, :size] + kernel[size:, size:] - across - across.T
    mmd2 = (h.sum() - h.diagonal().sum()) / (size * (size - 1))
    variance = 4.0 * h.sum(dim=1).square().sum() / size**3 - 4.0 * h.sum().square() / size**4
    return mmd2 / (variance.clamp_min(0.0) + _LEAST_VARIANCE).sqrt()
