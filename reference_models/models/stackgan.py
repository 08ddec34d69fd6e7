"""Text to image in two stages, Zhang et al. 2017 ("StackGAN: text to photo-realistic image synthesis").

A caption t is a bag of words, phi(t). A rough image is drawn from noise and caption, and made finer by a second network
that reads the caption again:

    s = G1(z, c1), x = G2(s, c2), c ~ N(mu(phi(t)), diag sigma(phi(t))^2)                                       (eq. 2)
    max_D E log D(x, t) + [E log(1 - D(x, t')) + E log(1 - D(G, t))] / 2                   (Reed et al. 2016, section 4)
    min_G -E log D(G, t) + kl KL(N(mu, diag sigma^2) || N(0, I))                                              (eqs. 3-6)

The discriminators are *matching-aware*: a real image with a caption t' that is not its own is a fake as well, so that
an image must be good and be what is said. Drawing c instead of taking mu is *conditioning augmentation*: captions near
each other share images, which little data need; its KL, a mean over the numbers of c, keeps the law of c from shrinking
to a point. The first stage is trained first, on images at half their size, and stays as it is in the second, whose
only noise is that of s and c2.

Every class of the data stands for a caption. A bag of words knows no order: what hangs on it cannot be said.

Breaks by: words that change nothing; one image per caption; a second stage that paints over what the first one drew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Adam

from gandiag.datasets import captions as bundled
from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, evaluating, in_blocks
from reference_models.core.rng import Keys
from reference_models.models.cgan import labelled
from reference_models.models.dcgan import REFERENCE, Discriminator, Generator, normalised_by
from reference_models.models.srgan import Block, shrunk


@dataclass(frozen=True, kw_only=True)
class StackGANConfig:
    """Settings of a StackGAN; ``width`` is the number of channels at the finest grid.

    ``captions`` holds one sentence per class; where it is empty the classes are those of ``data:captions``.
    """

    captions: tuple[str, ...] = ()
    latent: int = 100
    condition: int = 128  # numbers of c, and of what a discriminator is told
    width: int = 64
    discriminator_width: int = 64
    blocks: int = 2  # residual blocks of the second stage
    first: int = 20000  # steps of the first stage
    kl: float = 1.0
    bn: Literal["batch", "running"] = "running"
    lr: float = 2e-4
    discriminator_lr: float = 2e-4
    beta1: float = 0.5


class Augmentation(nn.Module):
    """Words (n, words) to mean and log variance of the condition, (n, condition) each."""

    def __init__(self, words: int, condition: int) -> None:
        super().__init__()
        self.net = nn.Linear(words, 2 * condition)

    def forward(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """Give the law of c."""
        mean, log_variance = self.net(text).chunk(2, dim=1)
        return mean, log_variance


class Refiner(nn.Module):
    """Rough images and conditions to images of twice the size."""

    def __init__(self, config: StackGANConfig, channels: int) -> None:
        super().__init__()
        wide = config.width
        self.first = nn.Sequential(nn.Conv2d(channels + config.condition, wide, 3, padding=1), nn.ReLU())
        layers: list[nn.Module] = [Block(wide) for _ in range(config.blocks)]
        layers += [nn.Conv2d(wide, 4 * wide, 3, padding=1), nn.PixelShuffle(2), nn.BatchNorm2d(wide), nn.ReLU()]
        self.net = nn.Sequential(*layers, nn.Conv2d(wide, channels, 3, padding=1), nn.Tanh())

    def forward(self, rough: Tensor, c: Tensor) -> Tensor:
        """Make images finer."""
        out: Tensor = self.net(self.first(told(rough, c)))
        return out


class Judge(nn.Module):
    """Images and words to logits: whether an image is real and what the words say."""

    def __init__(self, config: StackGANConfig, shape: tuple[int, ...], words: int) -> None:
        super().__init__()
        self.text = nn.Linear(words, config.condition)
        wide = (shape[0] + config.condition, *shape[1:])
        self.net = Discriminator(wide, width=config.discriminator_width, smallest=2)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        """Judge (n, channels, h, w) and (n, words)."""
        logit: Tensor = self.net(told(x, self.text(text)))
        return logit


class StackGAN(Model[StackGANConfig]):
    """For each stage a generator ``G1``, ``G2``, its augmentation ``A1``, ``A2``, and its judge ``D1``, ``D2``."""

    averaged = ("G1", "G2", "A1", "A2")

    def build(self, config: StackGANConfig, units: Units) -> None:
        """Read the captions, and make the networks of both stages."""
        sentences = config.captions or bundled.captions()
        if units.kind != "image" or not units.classes or units.classes > len(sentences):
            raise ConfigError(
                "every class of the images must have a caption",
                received=f"{units.kind} rows of {units.classes} classes, and {len(sentences)} captions",
                remedy="Train on data:captions, or set captions = [one sentence per class].",
            )
        self.text = bags(sentences).to(self.device)
        words, (channels, *sides) = self.text.shape[1], units.shape
        small = (channels, *(side // 2 for side in sides))
        inputs = config.latent + config.condition
        nets = {
            "G1": Generator(inputs, small, width=config.width, smallest=2),
            "G2": Refiner(config, channels),
            "A1": Augmentation(words, config.condition),
            "A2": Augmentation(words, config.condition),
            "D1": Judge(config, small, words),
            "D2": Judge(config, units.shape, words),
        }
        for name, net in nets.items():
            self.named(net, name=name)
        betas = (config.beta1, 0.999)
        for stage in ("1", "2"):
            made = [*nets["G" + stage].parameters(), *nets["A" + stage].parameters()]
            self.optimizers["G" + stage] = Adam(made, lr=config.lr, betas=betas)
            judge = nets["D" + stage].parameters()
            self.optimizers["D" + stage] = Adam(judge, lr=config.discriminator_lr, betas=betas)

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Take one step of D and one of G, of the stage whose turn it is."""
        x, y = labelled(batch)
        stage, text, other = ("1" if keys.step < self.config.first else "2"), self.text[y], y.roll(1)
        real = shrunk(x, 1) if stage == "1" else x
        made, kl = self.made(stage, text, keys)
        judge = self.networks["D" + stage]
        real_logit, fake_logit = judge(real, text), judge(made.detach(), text)
        d_loss = matching_loss(real_logit, judge(real, self.text[other]), fake_logit, differ=(other != y).float())
        descend(self.optimizers["D" + stage], d_loss)
        d_grad = losses.gradient_norm(judge)
        g_loss = losses.non_saturating(judge(made, text))
        descend(self.optimizers["G" + stage], g_loss + self.config.kl * kl)
        g_grad = losses.gradient_norm(self.networks["G" + stage])
        scalars = losses.game_scalars(d_loss, g_loss, real_logit, fake_logit, g_grad, d_grad)
        return {**scalars, "kl": kl.detach()}

    def made(self, stage: str, text: Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        """Make images of a stage, and give the KL of its condition; the first stage does not move in the second."""
        if stage == "1":
            c, kl = self.condition("1", text, keys)
            return self.rough(c, keys), kl
        with torch.no_grad(), evaluating([self.networks["G1"]]):
            rough = self.rough(self.condition("1", text, keys)[0], keys)
        c, kl = self.condition("2", text, keys)
        made: Tensor = self.networks["G2"](rough, c)
        return made, kl

    def condition(self, stage: str, text: Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        """Draw conditions, and give the KL of their law to N(0, I) as a mean over rows and numbers."""
        mean, log_variance = self.networks["A" + stage](text)
        noise = keys.normal("c" + stage, len(text), self.config.condition)
        return augmented(mean, log_variance, noise), losses.gaussian_kl(mean.float(), log_variance.float()).mean()

    def rough(self, c: Tensor, keys: Keys) -> Tensor:
        """Draw images of the first stage."""
        z = keys.normal("z", len(c), self.config.latent)
        return in_blocks(self.networks["G1"], torch.cat([z, c], dim=1), rows=len(c))

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Make images of the given captions, or of captions with the data's shares."""
        return self.drawn(n, keys, labels)[1]

    def drawn(self, n: int, keys: Keys, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Make images of both stages; of the first, at half the size."""
        fixed = Keys(0).on(self.device)
        rough, c = self._inputs(REFERENCE, fixed, None)
        with normalised_by(self.config.bn, self.networks["G1"], rough):
            small = in_blocks(self.networks["G1"], rough)
            latents, conditions = self._inputs(n, keys, labels)
            first = in_blocks(self.networks["G1"], latents)
        with normalised_by(self.config.bn, self.networks["G2"], small, c):
            return first, in_blocks(self.networks["G2"], first, conditions)

    def _inputs(self, n: int, keys: Keys, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """Draw what both stages are given: noise and condition of the first, condition of the second."""
        if labels is None:
            shares = torch.tensor(self.units.shares)
            labels = torch.multinomial(shares, n, replacement=True, generator=keys.generator("y")).to(self.device)
        first, second = (self.condition(stage, self.text[labels], keys)[0] for stage in ("1", "2"))
        return torch.cat([keys.normal("z", n, self.config.latent), first], dim=1), second


def bags(sentences: tuple[str, ...]) -> Tensor:
    """Count the words of sentences, shape (n, words); the words in the order of the alphabet."""
    words = sorted({word for sentence in sentences for word in sentence.lower().split()})
    return torch.tensor([[float(s.lower().split().count(word)) for word in words] for s in sentences])


def augmented(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Draw conditions: ``mu + sigma noise``."""
    return mean + (0.5 * log_variance).exp() * noise


def matching_loss(real: Tensor, mismatched: Tensor, fake: Tensor, *, differ: Tensor) -> Tensor:
    """Cross-entropy of a matching-aware discriminator, from logits of shape (n,).

    ``-E log D(x, t) - [E log(1 - D(x, t')) + E log(1 - D(G, t))] / 2``; rows whose other caption is by chance their
    own (``differ`` 0) say nothing about mismatches. ``2 log 2`` where D knows nothing and all captions differ.
    """
    wrong = (softplus(mismatched) * differ).sum() / differ.sum().clamp(min=1)
    return softplus(-real).mean() + 0.5 * (wrong + softplus(fake).mean())


def told(x: Tensor, c: Tensor) -> Tensor:
    """Lay conditions (n, k) beside images (n, channels, h, w) as k constant channels."""
    return torch.cat([x, c.to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)


MODEL = ModelSpec(
    name="stackgan",
    summary="StackGAN: images of captions in two stages, with conditioning augmentation and matching-aware judges.",
    formula="min_G max_D E log D(x, t) + [E log(1 - D(x, t')) + E log(1 - D(G(z, c), t))] / 2 + KL(c)",
    paper="Zhang et al. 2017, StackGAN: text to photo-realistic image synthesis with stacked GANs",
    model=StackGAN,
    config=StackGANConfig,
    abilities=frozenset({"conditional"}),
)
