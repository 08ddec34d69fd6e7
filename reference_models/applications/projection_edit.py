"""Editing by projection, Zhu et al. 2016 ("Generative visual manipulation on the natural image manifold", iGAN).

    z* = argmin_z  mean of mask (G(z) - target)^2 + near |z - z0|^2 / latent + realism * loss of D at G(z)

With no mask this asks which image of the generator is nearest to a target: what it cannot make, it has not learnt, so
that the error is a measure of what is missing (inference via optimisation, Metz et al. 2017). With a mask around some
strokes of a brush it asks for an image that follows the strokes, near z0 where editing began. What the edit changed can
be put on the original image (Brock et al. 2017, "Neural photo editing"): the generator need not be able to make it.

The error has many valleys, so several latents are tried for each row, and the best is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gandiag.errors import ConfigError, ShapeError
from reference_models.core.model import Model, evaluating
from reference_models.core.rng import Keys
from reference_models.models.dcgan import DCGAN
from reference_models.models.gan import GAN
from reference_models.models.wgan import WGAN


@dataclass(frozen=True, kw_only=True)
class Projection:
    """Latents that were found for targets.

    Attributes
    ----------
    latents : Tensor, shape (n, latent)
    images : Tensor, shape (n, ...)
        What the generator makes of them.
    errors : Tensor, shape (n,)
        Mean squared error inside the mask, in the model's units.
    """

    latents: Tensor
    images: Tensor
    errors: Tensor


def project(
    model: Model[Any],
    target: Tensor,
    mask: Tensor | None = None,
    *,
    start: Tensor | None = None,
    near: float = 0.0,
    realism: float = 0.0,
    starts: int = 8,
    steps: int = 300,
    lr: float = 0.1,
    seed: int = 0,
) -> Projection:
    """Find latents whose images are nearest to targets.

    Parameters
    ----------
    model : Model
        Of the models gan, dcgan or wgan, whose generators are told nothing but a latent. It stays as it is.
    target : Tensor, shape (n, ...)
        In the model's units.
    mask : Tensor, shape (n, ...) or of one row, optional
        Weights of the pixels; all alike when absent.
    start : Tensor, shape (n, latent), optional
        Where to begin, and what to stay near to; ``starts`` random latents when absent.
    near : float
        Weight of the mean squared distance to ``start``; to the origin when absent.
    realism : float
        Weight of what the generator's loss would be: ``softplus(-D)``, or ``-D`` of a critic.
    starts, steps : int
    lr : float
        Of Adam.
    seed : int
        Of the random latents.

    Returns
    -------
    Projection

    Raises
    ------
    ConfigError
        For a model without such a generator.
    ShapeError
        When the mask is zero for a row, or ``start`` has not one row per target.
    """
    if not isinstance(model, GAN | DCGAN | WGAN):
        raise ConfigError(
            "a projection needs a generator of latents alone",
            received=type(model).__name__,
            remedy="Pass a model gan, dcgan or wgan.",
        )
    weights = torch.ones_like(target) if mask is None else mask.expand_as(target).to(target)
    mass = weights.flatten(1).sum(dim=1)
    size = len(target), model.config.latent
    if not bool((mass > 0).all()) or (start is not None and start.shape != size):
        raise ShapeError(
            f"every mask must cover something, and `start` have shape {size}",
            received=f"masks of {float(mass.min()):g} pixels at least, start of shape "
            f"{None if start is None else tuple(start.shape)}",
            remedy="Leave out what you do not need.",
        )
    tries = [start] if start is not None else [Keys(seed).normal("start", *size, index=i) for i in range(starts)]
    centre = torch.zeros(size) if start is None else start
    k = len(tries)  # all tries of all rows go down at once
    targets, masks, centres = (x.repeat(k, *[1] * (x.ndim - 1)) for x in (target, weights, centre.to(target)))
    found = _descended(model, targets, masks, torch.cat(tries).to(target), centres, (near, realism), steps, lr)
    best = found.errors.reshape(k, -1).argmin(dim=0) * len(target) + torch.arange(len(target), device=target.device)
    return Projection(latents=found.latents[best], images=found.images[best], errors=found.errors[best])


def _descended(
    model: Model[Any],
    target: Tensor,
    weights: Tensor,
    start: Tensor,
    centre: Tensor,
    prices: tuple[float, float],
    steps: int,
    lr: float,
) -> Projection:
    """Go down from one latent per row; rows do not hear of each other, as losses are summed over them."""
    generator, near, realism = model.networks["G"], *prices
    z = start.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([z], lr=lr)
    with evaluating(model.networks.values()), torch.enable_grad():
        for step in range(steps):
            for group in optimizer.param_groups:  # a cosine down to nothing, so that the end is a point
                group["lr"] = lr * 0.5 * (1 + math.cos(math.pi * step / steps))
            image = generator(z)
            loss = _error(image, target, weights) + near * (z - centre).square().mean(dim=1)
            if realism:
                loss = loss + realism * _realness_loss(model, image)
            (z.grad,) = torch.autograd.grad(loss.sum(), z)
            optimizer.step()
    with evaluating(model.networks.values()), torch.no_grad():
        image = generator(z)
    return Projection(latents=z.detach(), images=image, errors=_error(image, target, weights))


def _error(image: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean squared error inside a mask, shape (n,)."""
    off = (weights * (image - target).square()).flatten(1).sum(dim=1)
    out: Tensor = off / weights.flatten(1).sum(dim=1)
    return out


def _realness_loss(model: Model[Any], image: Tensor) -> Tensor:
    """Give what G's loss would be, shape (n,): of a critic, or non-saturating of a discriminator."""
    judged: Tensor = model.networks["D"](image).flatten()
    return -judged if isinstance(model, WGAN) else softplus(-judged)


def transferred(original: Tensor, before: Tensor, after: Tensor, *, low: float = -1.0, high: float = 1.0) -> Tensor:
    """Put on an image what an edit changed in its projection, within the range of values."""
    return (original + after - before).clamp(low, high)
