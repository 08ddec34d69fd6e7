"""VAE with two levels of latents, whose top level is the one that collapses (Sonderby et al. 2016, "Ladder VAEs").

    p(x, z1, z2) = p(x | z1) p(z1 | z2) N(z2; 0, I),      q(z1, z2 | x) = q(z2 | x) q(z1 | x, z2)

    ELBO = E_q log p(x | z1)  -  E_q KL( q(z1 | x, z2) || p(z1 | z2) )  -  KL( q(z2 | x) || N(0, I) )

All laws of latents are normal with learnt means and variances. Inference runs from the top down, so both divergences
are in closed form and each latent of each level shows what it carries: see `kl` and `active_units`.

Breaks by: *collapse of the top*. The data reach z2 only through p(z1 | z2), and a first level that can reach N(0, I)
by itself has no need of it: q(z2 | x) = N(0, I) with p(z1 | z2) = p(z1) is a local optimum that training finds early.
Two cures: a KL weight that rises from 0 over the first steps (`warmup`), so that z2 has something to say before it is
taxed; and free bits (Kingma et al. 2016), which leave the first nats of every latent untaxed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.optim import Adam

from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.models.vae import ACTIVE, VAEConfig, head_of, objective, reparametrised, warmed
from reference_models.nets import Flat, mlp


@dataclass(frozen=True, kw_only=True)
class HierarchicalVAEConfig:
    """Settings of a VAE of two levels."""

    latent: int = 8  # of z1, beside the data
    top: int = 4  # of z2
    widths: tuple[int, ...] = (128,)  # hidden layers between data and latents
    top_widths: tuple[int, ...] = (32,)  # hidden layers of p(z1 | z2); none makes it linear
    head: Literal["gaussian", "bernoulli"] = "gaussian"
    noise: Literal["shared", "pixel", "fixed"] = "shared"
    sigma: float = 0.3
    bounded: bool = False
    observe: Literal["sample", "mean"] = "sample"
    beta: float = 1.0  # weight of both divergences
    warmup: int = 0  # steps over which that weight rises from 0
    free_bits: float = 0.0  # nats that every latent of either level may carry untaxed
    lr: float = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Passed:
    """One pass through both levels.

    ``fit`` is log p(x | z1), shape (n,); ``kl_bottom`` (n, latent) and ``kl_top`` (n, top) are the divergences of every
    latent; ``mean_bottom`` and ``mean_top`` the means of q.
    """

    fit: Tensor
    kl_bottom: Tensor
    kl_top: Tensor
    mean_bottom: Tensor
    mean_top: Tensor

    @property
    def elbo(self) -> Tensor:
        """The bound of every row, shape (n,), in nats."""
        return self.fit - self.kl_bottom.sum(dim=1) - self.kl_top.sum(dim=1)


class HierarchicalVAE(Model[HierarchicalVAEConfig]):
    """Networks ``top`` (x to z2), ``bottom`` (x and z2 to z1), ``prior`` (z2 to z1), ``decoder`` and ``head``."""

    averaged = ("top", "bottom", "prior", "decoder", "head")

    def build(self, config: HierarchicalVAEConfig, units: Units) -> None:
        """Make the networks and the one optimiser that they share."""
        size, k, t, widths = math.prod(units.shape), config.latent, config.top, config.widths
        self.top = self.named(mlp([size, *widths, 2 * t]), name="top")
        self.bottom = self.named(mlp([size + t, *widths, 2 * k]), name="bottom")
        self.prior = self.named(mlp([t, *config.top_widths, 2 * k]), name="prior")
        self.decoder = self.named(Flat(mlp([k, *reversed(widths), size]), units.shape), name="decoder")
        pixels = VAEConfig(head=config.head, noise=config.noise, sigma=config.sigma, bounded=config.bounded)
        self.head = head_of(pixels, units)
        self.named(self.head, name="head")
        weights = [w for net in self.networks.values() for w in net.parameters() if w.requires_grad]
        self.optimizers = {"all": Adam(weights, lr=config.lr)}

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Take one step up the bound."""
        config, x = self.config, batch()
        passed = self.passed(x, keys)
        kl = torch.cat([passed.kl_bottom, passed.kl_top], dim=1)
        weight = config.beta * warmed(keys.step, config.warmup)
        descend(self.optimizers["all"], objective(passed.fit, kl, weight=weight, free_bits=config.free_bits))
        return {
            "elbo": passed.elbo.detach().mean(),
            "reconstruction": passed.fit.detach().mean(),
            "kl_bottom": passed.kl_bottom.detach().sum(dim=1).mean(),
            "kl_top": passed.kl_top.detach().sum(dim=1).mean(),
            "active_bottom": (passed.mean_bottom.detach().var(dim=0) > ACTIVE).float().sum(),
            "active_top": (passed.mean_top.detach().var(dim=0) > ACTIVE).float().sum(),
        }

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Draw z2, then z1 given z2, then pixels given z1, or their mean."""
        z2 = keys.normal("z2", n, self.config.top)
        mean, log_variance = halves(self.prior(z2))
        out = in_blocks(self.decoder, reparametrised(mean, log_variance, keys.normal("z1", n, self.config.latent)))
        return self.head.observe(out, keys) if self.config.observe == "sample" else self.head.mean(out)

    def passed(self, x: Tensor, keys: Keys) -> Passed:
        """Infer z2, then z1, and measure all terms of the bound, with one draw of each."""
        flat = x.flatten(1)
        top_mean, top_log_variance = halves(self.top(flat))
        z2 = reparametrised(top_mean, top_log_variance, keys.normal("z2", len(x), self.config.top))
        mean, log_variance = halves(self.bottom(torch.cat([flat, z2], dim=1)))
        z1 = reparametrised(mean, log_variance, keys.normal("z1", len(x), self.config.latent))
        return Passed(
            fit=self.head.log_density(x, self.decoder(z1)),
            kl_bottom=divergence(mean, log_variance, *halves(self.prior(z2))),
            kl_top=divergence(top_mean, top_log_variance, torch.zeros_like(top_mean), torch.zeros_like(top_mean)),
            mean_bottom=mean,
            mean_top=top_mean,
        )

    def elbo(self, x: Tensor, keys: Keys) -> Tensor:
        """Estimate the bound of every row with one draw of both levels, shape (n,), in nats."""
        return self.passed(x, keys).elbo

    def kl(self, x: Tensor, keys: Keys) -> dict[str, Tensor]:
        """Average over rows what every latent carries, in nats: "bottom" of shape (latent,) and "top" of (top,)."""
        passed = self.passed(x, keys)
        return {"bottom": passed.kl_bottom.mean(dim=0), "top": passed.kl_top.mean(dim=0)}

    def active_units(self, x: Tensor, keys: Keys) -> dict[str, int]:
        """Count the latents of each level whose posterior mean varies by more than 0.01 (Burda et al. 2016).

        A mean of z1 also varies with the draw of z2; a level that follows its prior can seem active: `kl` tells.
        """
        passed = self.passed(x, keys)
        levels = {"bottom": passed.mean_bottom, "top": passed.mean_top}
        return {name: int((mean.var(dim=0, correction=0) > ACTIVE).sum()) for name, mean in levels.items()}


def halves(out: Tensor) -> tuple[Tensor, Tensor]:
    """Read the output of a network as means and log variances, in float32."""
    mean, log_variance = out.float().chunk(2, dim=1)
    return mean, log_variance


def divergence(mean: Tensor, log_variance: Tensor, prior_mean: Tensor, prior_log_variance: Tensor) -> Tensor:
    """``KL(N(m, s^2) || N(a, t^2)) = (log t^2 / s^2 + (s^2 + (m - a)^2) / t^2 - 1) / 2`` of every element, in nats."""
    ratio = log_variance - prior_log_variance
    return 0.5 * (ratio.exp() + (mean - prior_mean).square() * (-prior_log_variance).exp() - 1 - ratio)


MODEL = ModelSpec(
    name="hierarchical_vae",
    summary="VAE with two levels of latents; what each latent of each level carries is measured.",
    formula="max E_q log p(x | z1) - KL( q(z1 | x, z2) || p(z1 | z2) ) - KL( q(z2 | x) || N(0, I) )",
    paper="Sonderby et al. 2016, Ladder variational autoencoders",
    model=HierarchicalVAE,
    config=HierarchicalVAEConfig,
    abilities=frozenset({"elbo"}),
)
