"""Which pixels a network went by: the difference of its scores of real and fake images, shared out over the pixels.

Integrated gradients (Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", equation 1) along
straight lines from fake to real images: the shares of all pixels add up to the difference of the scores.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.networks import NetworkCritic

Matrix = NDArray[np.float64]

STEPS = 32
PAIRS = 64


def pixel_map(critic: NetworkCritic, real: Matrix, fake: Matrix, shape: tuple[int, ...]) -> Matrix:
    """Share the mean difference of scores, real less fake, out over the pixels.

    Parameters
    ----------
    critic : NetworkCritic
        Of flattened images.
    real, fake : ndarray, shapes (n, d) and (m, d)
        The first 64 of both are paired, in their order.
    shape : tuple of int
        ``(height, width)`` or ``(height, width, channels)``.

    Returns
    -------
    ndarray, shape (height, width)
        In log odds; channels are added up. Its sum is the mean difference of the scores of the pairs, up to the error
        of 32 steps. Positive where a pixel speaks for the right side.

    Notes
    -----
    O(2048 passes of one image): a second for images of 32 by 32.
    """
    import torch

    pairs = min(PAIRS, len(real), len(fake))
    starts, ends = (critic.standardised(rows[:pairs]) for rows in (fake, real))
    total = torch.zeros_like(starts)
    for step in range(STEPS):
        at = (starts + (step + 0.5) / STEPS * (ends - starts)).requires_grad_()
        (slopes,) = torch.autograd.grad(critic.forward(critic.parameters, at).sum(), at)
        total += slopes / STEPS
    shares = ((ends - starts) * total).mean(dim=0).double().cpu().numpy()
    height, width = shape[:2]
    found: Matrix = shares.reshape(height, width, -1).sum(axis=2)
    return found
