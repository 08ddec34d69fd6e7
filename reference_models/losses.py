"""The losses and penalties that several models share: one to three lines each, from logits, the formula beside it."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from reference_models.core.device import full_precision

Critic = Callable[[Tensor], Tensor]


def discriminator_loss(real: Tensor, fake: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of a discriminator: ``-E log D(x) - E log(1 - D(G(z)))``, from logits.

    With one-sided smoothing ``a`` the first term is ``-(1 - a) log D(x) - a log(1 - D(x))``, whose optimum is
    ``D* = (1 - a) p / (p + q)`` (Salimans et al. 2016). Equal laws give ``2 log 2`` at ``a = 0``.
    """
    on_real = (1 - smoothing) * softplus(-real) + smoothing * softplus(real)
    return on_real.mean() + softplus(fake).mean()


def saturating(fake: Tensor) -> Tensor:
    """Minimax loss of a generator: ``E log(1 - D(G(z)))`` (Goodfellow et al. 2014, eq. 1); it dies where D wins."""
    return -softplus(fake).mean()


def non_saturating(fake: Tensor) -> Tensor:
    """Heuristic loss of a generator: ``-E log D(G(z))`` (Goodfellow et al. 2014, section 3)."""
    return softplus(-fake).mean()


def least_squares_generator(fake: Tensor) -> Tensor:
    """Least-squares loss of a generator: ``E (f(G(z)) - 1)^2 / 2`` (Mao et al. 2017, eq. 9)."""
    return 0.5 * (fake - 1).square().mean()


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Least-squares loss of a discriminator: ``E (f(x) - 1)^2 / 2 + E f(G(z))^2 / 2`` (Mao et al. 2017, eq. 9)."""
    return 0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean()


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Penalise slopes other than one: ``E (|grad f(x)| - 1)^2`` at ``x = u real + (1 - u) fake``.

    Gulrajani et al. 2017, eq. 3: one ``u`` per row (``mix``, shape (n,)), one norm per row; in float32 throughout.
    """
    with full_precision(real.device):
        u = mix.reshape(-1, *([1] * (real.ndim - 1)))
        between = (u * real.float() + (1 - u) * fake.float()).requires_grad_(True)
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        penalty: Tensor = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        return penalty


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """``KL(N(m, s^2) || N(0, 1)) = (s^2 + m^2 - 1 - log s^2) / 2`` of every element, in nats."""
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance)


def gradient_norm(net: torch.nn.Module) -> Tensor:
    """Euclidean norm of all gradients that a network holds."""
    norms = [w.grad.norm() for w in net.parameters() if w.grad is not None]
    return torch.stack(norms).norm() if norms else torch.zeros(())


def equilibrium(loss: str, *, smoothing: float = 0.0) -> dict[str, float]:
    """Say what a GAN logs where fakes have the law of the data: D is 1/2; unknown where labels are smoothed.

    The least-squares discriminator is at 1/2 itself, not its logit: the mean of its logit's sigmoid says nothing.
    """
    if smoothing:
        return {}
    if loss == "least_squares":
        return {"d_loss": 0.25, "g_loss": 0.125}
    log2 = math.log(2.0)
    return {"d_loss": 2 * log2, "g_loss": -log2 if loss == "saturating" else log2, "d_real": 0.5, "d_fake": 0.5}


def game_scalars(
    d_loss: Tensor, g_loss: Tensor, real: Tensor, fake: Tensor, g_grad: Tensor, d_grad: Tensor
) -> dict[str, Tensor]:
    """Name what a step of a GAN logs: both losses, what D believes of real rows and of fakes, both gradients' norms."""
    return {
        "d_loss": d_loss.detach(),
        "g_loss": g_loss.detach(),
        "d_real": real.detach().sigmoid().mean(),
        "d_fake": fake.detach().sigmoid().mean(),
        "g_grad": g_grad,
        "d_grad": d_grad,
    }
