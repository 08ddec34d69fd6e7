"""Unrolled GAN, Metz, Poole, Pfau & Sohl-Dickstein 2017 ("Unrolled generative adversarial networks").

The generator is judged not by the discriminator as it is, but by what that would become in answer::

    theta_D^0 = theta_D,    theta_D^{j+1} = theta_D^j + eta df(theta_G, theta_D^j) / d theta_D^j               (eq. 8)
    f_K(theta_G, theta_D) = f(theta_G, theta_D^K(theta_G, theta_D)),    f = E log D(x) + E log(1 - D(G(z)))    (eq. 9)
    theta_G <- theta_G - eta df_K / d theta_G,    theta_D <- theta_D + eta df / d theta_D                (eqs. 10, 11)

The derivative of f_K has two parts (eq. 12): what D thinks of G's samples, as in any GAN, and *how D would react to a
change of them*, through all K steps. Where G moves all its mass to one mode, D's answer is to reject that mode, and the
second part says so beforehand. K = 0 is the plain GAN.

The steps ahead are those that D's own optimiser would take on one batch, its moments included; D itself takes only its
own step. The value's term on real rows belongs to the loss of G, since it hangs on G through the steps ahead.

Breaks by: cost, as a step of G is K steps of D and a derivative through them; noise, as the look ahead is on one batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import softplus

from gandiag.errors import ConfigError
from reference_models.core.data import Batches, Units
from reference_models.core.model import ModelSpec
from reference_models.core.rng import Keys
from reference_models.models.gan import GAN, GENERATOR_LOSSES, GANConfig, discriminator_loss, packed

Weights = dict[str, Tensor]
Update = Callable[[Weights, Weights], Weights]


@dataclass(frozen=True, kw_only=True)
class UnrolledGANConfig(GANConfig):
    """Settings of an unrolled GAN: those of a GAN, and ``unroll``, the steps of D that G looks ahead."""

    unroll: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unroll < 0:
            raise ConfigError("`unroll` must be at least 0", received=self.unroll, remedy="Pass 0 for the plain GAN.")
        if self.unroll and self.loss == "least_squares":
            raise ConfigError(
                "a GAN is unrolled in the value of the log loss",
                received="loss='least_squares'",
                remedy="Pass saturating or non_saturating.",
            )


class UnrolledGAN(GAN):
    """A GAN whose generator looks ``unroll`` steps of D ahead."""

    config: UnrolledGANConfig

    def build(self, config: GANConfig, units: Units) -> None:
        """Make the networks of a GAN; a step asks for one batch more, to look ahead on."""
        super().build(config, units)
        self.per_step = config.k + (self.config.unroll > 0)

    def generator_loss(self, batch: Batches, keys: Keys) -> Tensor:
        """Compute the loss of G against D as it would be after ``unroll`` more steps (eq. 9)."""
        config = self.config
        fake = packed(self.G(keys.normal("z_G", batch.size, config.latent)), config.pack)
        weights: Weights = dict(self.D.named_parameters())
        if not config.unroll:
            return GENERATOR_LOSSES[config.loss](functional_call(self.D, weights, (fake,)))
        x = packed(batch(), config.pack)

        def answer(ahead: Weights) -> Tensor:
            return discriminator_loss(config, self.judged(ahead, x), self.judged(ahead, fake))

        ahead = looked_ahead(answer, weights, self.update(), config.unroll)
        on_real = -softplus(-self.judged(ahead, x)).mean()
        return GENERATOR_LOSSES[config.loss](self.judged(ahead, fake)) + on_real

    def equilibrium(self) -> dict[str, float]:
        """Give the values at D = 1/2, without that of a loss of G that looks ahead, which has a term more."""
        known = super().equilibrium()
        return {name: level for name, level in known.items() if name != "g_loss" or not self.config.unroll}

    def judged(self, weights: Weights, x: Tensor) -> Tensor:
        """Give the logits of D with other weights than its own."""
        logit: Tensor = functional_call(self.D, weights, (x,))
        return logit

    def update(self) -> Update:
        """Give the next step of D's optimiser, as a function that can be differentiated."""
        (group,) = self.optimizers["D"].param_groups
        if self.config.discriminator_optimizer == "sgd":
            return descent(group["lr"])
        return Adam(group["lr"], group["betas"], group["eps"], self._moments())

    def _moments(self) -> dict[str, tuple[float, Tensor, Tensor]]:
        state = self.optimizers["D"].state
        return {
            name: (float(state[w]["step"]), state[w]["exp_avg"], state[w]["exp_avg_sq"])
            for name, w in self.D.named_parameters()
        }


def looked_ahead(loss: Callable[[Weights], Tensor], weights: Weights, update: Update, times: int) -> Weights:
    """Descend a loss for some steps without moving anything; the weights that come out know what they hang on (eq. 8).

    Parameters
    ----------
    loss : callable
        Of the weights; it may hang on other tensors, through which the steps are differentiated.
    weights : dict of Tensor
        Where the first step starts.
    update : callable
        From weights and their gradients to the next weights.
    times : int

    Returns
    -------
    dict of Tensor
    """
    for _ in range(times):
        slopes = torch.autograd.grad(loss(weights), list(weights.values()), create_graph=True)
        weights = update(weights, dict(zip(weights, slopes, strict=True)))
    return weights


def descent(lr: float) -> Update:
    """Make a step of gradient descent."""
    return lambda weights, slopes: {name: w - lr * slopes[name] for name, w in weights.items()}


class Adam:
    """Steps of Adam (Kingma & Ba 2015, algorithm 1) that can be differentiated, from moments that are there already.

    Parameters
    ----------
    lr : float
    betas : (float, float)
    eps : float
    moments : dict of (float, Tensor, Tensor)
        Steps done, first and second moment of every weight.
    """

    # The square root has no slope at 0, where a weight has never had a gradient; this is below any float32 moment.
    TINY = 1e-30

    def __init__(
        self, lr: float, betas: tuple[float, float], eps: float, moments: dict[str, tuple[float, Tensor, Tensor]]
    ) -> None:
        self._lr, (self._one, self._two), self._eps, self._moments = lr, betas, eps, dict(moments)

    def __call__(self, weights: Weights, slopes: Weights) -> Weights:
        """Take the next step."""
        return {name: self._moved(name, w, slopes[name]) for name, w in weights.items()}

    def _moved(self, name: str, weight: Tensor, slope: Tensor) -> Tensor:
        step, first, second = self._moments[name]
        step, first = step + 1, self._one * first + (1 - self._one) * slope
        second = self._two * second + (1 - self._two) * slope.square()
        self._moments[name] = step, first, second
        size = (second / (1 - float(self._two**step)) + self.TINY).sqrt() + self._eps
        return weight - self._lr / (1 - float(self._one**step)) * first / size


MODEL = ModelSpec(
    name="unrolled_gan",
    summary="GAN whose generator looks K steps of the discriminator ahead, and is differentiated through them.",
    formula="min_G f(G, D^K(G)),  D^{j+1} = D^j + eta df(G, D^j)/dD^j,  f = E log D(x) + E log(1 - D(G(z)))",
    paper="Metz, Poole, Pfau & Sohl-Dickstein 2017, Unrolled generative adversarial networks",
    model=UnrolledGAN,
    config=UnrolledGANConfig,
)
