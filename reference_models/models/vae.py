"""Variational autoencoder, Kingma & Welling 2014 ("Auto-encoding variational Bayes"); Rezende et al. 2014.

    log p(x) >= ELBO(x) = E_q(z|x) log p(x | z)  -  KL( q(z | x) || N(0, I) )                                (eq. 3)

    q(z | x) = N(m(x), s(x)^2),    z = m + s e,  e ~ N(0, I),    KL = sum (s^2 + m^2 - 1 - log s^2) / 2      (app. B)

Both terms are sums in nats per image. The error most often reported of this model is a reconstruction *averaged* over
the d pixels beside a summed KL: it is a KL weight of d in disguise, and the latents die of it.

Heads: *bernoulli* for pixels of 0 and 1; *gaussian* with one noise for all pixels that is learnt (Rybkin et al. 2021,
"Simple and effective VAE training with calibrated decoders"), one per pixel, or fixed. With linear networks and one
noise this is probabilistic PCA, and its best ELBO *is* the log likelihood (`oracles.ppca`).

What is a sample? ``p(x) = E p(x | z)`` has the noise of the head in it, so ``observe = "sample"`` draws from the model
whose likelihood is bounded; ``"mean"`` gives the decoder's mean, as most pictures in papers do: another, smoother law.
The default is the honest one. Presets of grey images choose the mean: on digits of 8 by 8 a classifier told draws with
normal noise from data with an accuracy of 0.99, and means with one of 0.82 (in acceptance, rounded to whole grey
levels). Of 0 and 1 only draws are images at all.

Breaks by: posterior collapse (q = N(0, 1): see `active_units`), against which a warm-up of the KL weight or
free bits (Kingma et al. 2016) help; and blur, since one mean stands for all images that a code cannot tell apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import Adam

from gandiag.errors import ConfigError
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.losses import gaussian_kl
from reference_models.nets import coders


@dataclass(frozen=True, kw_only=True)
class VAEConfig:
    """Settings of a VAE."""

    latent: int = 8
    net: Literal["linear", "deep", "conv"] = "deep"
    widths: tuple[int, ...] = (128,)  # of the hidden layers from the data inwards, or channels; linear has none
    head: Literal["gaussian", "bernoulli"] = "gaussian"
    noise: Literal["shared", "pixel", "fixed"] = "shared"  # of the Gaussian head
    sigma: float = 0.3  # its standard deviation, at first or for good
    bounded: bool = False  # a sigmoid on the Gaussian head's mean, for data in [0, 1]
    observe: Literal["sample", "mean"] = "sample"
    beta: float = 1.0  # weight of the KL
    warmup: int = 0  # steps over which that weight rises from 0
    free_bits: float = 0.0  # nats that every latent may carry unpunished
    lr: float = 1e-3


class Gaussian(nn.Module):
    """Pixels with normal noise: one deviation for all, one for each, or a fixed one."""

    def __init__(self, config: VAEConfig, shape: tuple[int, ...]) -> None:
        super().__init__()
        start = torch.full(shape if config.noise == "pixel" else (), math.log(config.sigma))
        self.log_sigma = nn.Parameter(start, requires_grad=config.noise != "fixed")
        self.squash = nn.Sigmoid() if config.bounded else nn.Identity()

    @property
    def sigma(self) -> Tensor:
        """Standard deviation, at least `LEAST_SIGMA`: of a pixel that never changes there is no density.

        The gradient passes the bound, or a deviation that has once come below would stay there for ever.
        """
        free = self.log_sigma.exp()
        return free + (free.clamp(min=LEAST_SIGMA) - free).detach()

    def mean(self, out: Tensor) -> Tensor:
        """Give the mean of the pixels, from the decoder's output."""
        mean: Tensor = self.squash(out.float())
        return mean

    def log_density(self, x: Tensor, out: Tensor) -> Tensor:
        """Sum ``log N(x; mean, sigma^2)`` over the pixels, shape (n, ...) to (n,), in nats."""
        scaled = (x - self.mean(out)) / self.sigma
        per_pixel = -0.5 * scaled.square() - self.sigma.log() - 0.5 * math.log(2 * math.pi)
        return per_pixel.flatten(1).sum(dim=1)

    def observe(self, out: Tensor, keys: Keys) -> Tensor:
        """Draw pixels."""
        return self.mean(out) + self.sigma * keys.normal("pixels", *out.shape)


class Bernoulli(nn.Module):
    """Pixels of 0 and 1, from logits."""

    def __init__(self, config: VAEConfig, shape: tuple[int, ...]) -> None:
        super().__init__()

    def mean(self, out: Tensor) -> Tensor:
        """Give the probability of a 1."""
        return out.float().sigmoid()

    def log_density(self, x: Tensor, out: Tensor) -> Tensor:
        """Sum ``x log p + (1 - x) log(1 - p)`` over the pixels, shape (n, ...) to (n,), in nats."""
        return -binary_cross_entropy_with_logits(out.float(), x, reduction="none").flatten(1).sum(dim=1)

    def observe(self, out: Tensor, keys: Keys) -> Tensor:
        """Draw pixels."""
        return (keys.uniform("pixels", *out.shape) < self.mean(out)).float()


LEAST_SIGMA = 0.01
HEADS: dict[str, type[Gaussian] | type[Bernoulli]] = {"gaussian": Gaussian, "bernoulli": Bernoulli}


def head_of(config: VAEConfig, units: Units) -> Gaussian | Bernoulli:
    """Make the law of the pixels; one under which the bound is none is refused."""
    if config.head == "bernoulli" and units.scale not in ("binary", "unit"):
        raise ConfigError(
            "a Bernoulli head needs pixels from 0 to 1", received=f"scale {units.scale}", remedy='Use scale = "binary".'
        )
    if config.sigma < LEAST_SIGMA:
        raise ConfigError(f"`sigma` must be at least {LEAST_SIGMA}", received=config.sigma, remedy="Raise it.")
    return HEADS[config.head](config, units.shape)


class VAE(Model[VAEConfig]):
    """Networks ``encoder`` (to means and log variances), ``decoder`` and ``head`` (the law of the pixels)."""

    averaged = ("encoder", "decoder", "head")

    def build(self, config: VAEConfig, units: Units) -> None:
        """Make the networks and the one optimiser that they share."""
        k = config.latent
        encoder, decoder = coders(config.net, units.shape, config.widths, latent=k, out=2 * k)
        self.encoder = self.named(encoder, name="encoder")
        self.decoder = self.named(decoder, name="decoder")
        self.head = head_of(config, units)
        self.named(self.head, name="head")
        weights = [w for net in self.networks.values() for w in net.parameters() if w.requires_grad]
        self.optimizers = {"all": Adam(weights, lr=config.lr)}

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Take one step up the bound, with one draw of the code per image."""
        config, x = self.config, batch()
        mean, log_variance = self.posterior(x)
        z = reparametrised(mean, log_variance, keys.normal("z", len(x), config.latent))
        fit = self.head.log_density(x, self.decoder(z))
        kl = gaussian_kl(mean, log_variance)
        weight = config.beta * warmed(keys.step, config.warmup)
        descend(self.optimizers["all"], objective(fit, kl, weight=weight, free_bits=config.free_bits))
        return {
            "elbo": (fit - kl.sum(dim=1)).detach().mean(),
            "reconstruction": fit.detach().mean(),
            "kl": kl.detach().sum(dim=1).mean(),
            "active": (mean.detach().var(dim=0) > ACTIVE).float().sum(),
        }

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Decode codes from the prior: a draw of the pixels, or their mean."""
        out = in_blocks(self.decoder, keys.normal("z", n, self.config.latent))
        return self.head.observe(out, keys) if self.config.observe == "sample" else self.head.mean(out)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give the mean and the log variance of q(z | x), each of shape (n, latent), in float32."""
        mean, log_variance = in_blocks(self.encoder, x).float().chunk(2, dim=1)
        return mean, log_variance

    def encode(self, x: Tensor) -> Tensor:
        """Map rows to the means of their codes, shape (n, latent)."""
        return self.posterior(x)[0]

    def decode(self, z: Tensor) -> Tensor:
        """Map codes, shape (n, latent), to the means of rows."""
        return self.head.mean(in_blocks(self.decoder, z))

    def interpolate(self, one: Tensor, other: Tensor, points: int = 8) -> Tensor:
        """Decode the straight way from the codes of some rows to those of others, shape (n, points, ...)."""
        start, end = self.encode(one), self.encode(other)
        steps = torch.linspace(0, 1, points, device=self.device)
        return torch.stack([self.decode(torch.lerp(start, end, t)) for t in steps], dim=1)

    def elbo(self, x: Tensor, keys: Keys) -> Tensor:
        """Estimate the bound of every row with one code each and the KL in closed form, shape (n,), in nats."""
        mean, log_variance = self.posterior(x)
        z = reparametrised(mean, log_variance, keys.normal("z", len(x), self.config.latent))
        return self.head.log_density(x, in_blocks(self.decoder, z)) - gaussian_kl(mean, log_variance).sum(dim=1)

    def iwae(self, x: Tensor, k: int, keys: Keys) -> Tensor:
        """Estimate the tighter bound ``E log mean_k p(x, z) / q(z | x)`` with k codes per row, shape (n,), in nats.

        Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders", eq. 8: it grows with k up to log p(x).
        """
        mean, log_variance = self.posterior(x)
        log_weights = []
        for j in range(k):
            noise = keys.normal("z", len(x), self.config.latent, index=j)
            z = reparametrised(mean, log_variance, noise)
            fit = self.head.log_density(x, in_blocks(self.decoder, z))
            log_weights.append(fit + log_prior_over_posterior(z, noise, log_variance))
        return torch.stack(log_weights).logsumexp(dim=0) - math.log(k)

    def kl(self, x: Tensor) -> Tensor:
        """Average ``KL(q(z_i | x) || N(0, 1))`` over rows, shape (latent,), in nats: what every latent carries."""
        return gaussian_kl(*self.posterior(x)).mean(dim=0)

    def activity(self, x: Tensor) -> Tensor:
        """Take the variance over rows of the posterior means, shape (latent,): 0 for a latent that says nothing."""
        return self.encode(x).var(dim=0, correction=0)

    def active_units(self, x: Tensor) -> int:
        """Count the latents whose activity is above 0.01 (Burda et al. 2016, section 5.3)."""
        return int((self.activity(x) > ACTIVE).sum())


ACTIVE = 0.01


def reparametrised(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Write a draw of N(m, s^2) as ``m + s e``, so that gradients reach m and s."""
    return mean + (0.5 * log_variance).exp() * noise


def objective(fit: Tensor, kl: Tensor, *, weight: float = 1.0, free_bits: float = 0.0) -> Tensor:
    """Compute ``-E log p(x | z) + weight * sum_i max(free_bits, E KL_i)``, from shapes (n,) and (n, latent).

    With weight 1 and no free bits it is the negative ELBO, per image; a weight other than 1 bounds nothing.
    """
    return -fit.mean() + weight * kl.mean(dim=0).clamp(min=free_bits).sum()


def warmed(step: int, warmup: int) -> float:
    """Let a weight rise from 0 to 1 over some steps (Sonderby et al. 2016, "Ladder variational autoencoders")."""
    return min(1.0, step / warmup) if warmup else 1.0


def log_prior_over_posterior(z: Tensor, noise: Tensor, log_variance: Tensor) -> Tensor:
    """Evaluate ``log N(z; 0, I) - log q(z | x)`` at ``z = m + s noise``, shape (n, latent) to (n,)."""
    return (0.5 * (noise.square() - z.square() + log_variance)).sum(dim=1)


MODEL = ModelSpec(
    name="vae",
    summary="VAE with Gaussian or Bernoulli pixels; linear (= probabilistic PCA), deep or convolutional.",
    formula="max E_q log p(x | z) - KL( q(z | x) || N(0, I) )",
    paper="Kingma & Welling 2014, Auto-encoding variational Bayes",
    model=VAE,
    config=VAEConfig,
    abilities=frozenset({"encode", "decode", "elbo", "iwae"}),
)
