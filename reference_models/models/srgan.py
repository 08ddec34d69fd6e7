"""Super-resolution by a GAN, Ledig et al. 2017 ("Photo-realistic single image super-resolution", SRGAN).

An image x is shown at half its size, as s = the means over squares of 2 by 2, and G is to give it back:

    min_G max_D  E |phi(x) - phi(G(s))|^2 + 0.001 (E log D(x) + E log(1 - D(G(s))))                       (eqs. 2 to 6)

with squares as means. The content phi is the image itself (the paper's SRGAN-MSE), or ``features``, where the paper
takes those of a network that was trained on millions of photographs: here a small classifier that is trained along with
the rest, on the classes of the training images, and of which G sees the features alone. The pixels' squared error is
kept beside them by the weight ``pixels``.

Many images have the same s. The squared error is least for their mean, which is no image but soft; the adversarial term
wants one of them. G is the paper's: residual blocks, and a finer grid by *pixel shuffle*, which lays four channels out
as squares of 2 by 2. It begins, for ``warm`` steps, without D.

Breaks by: sharp detail that is not there in the original, which a squared error punishes and an eye does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy
from torch.optim import Adam

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.models.cgan import labelled
from reference_models.models.context_encoder import squared_error
from reference_models.models.dcgan import Discriminator
from reference_models.nets import leaky


@dataclass(frozen=True, kw_only=True)
class SRGANConfig:
    """Settings of an SRGAN; the paper has 16 blocks and enlarges four times, here each ``doubling`` counts twice."""

    width: int = 64
    blocks: int = 16
    doublings: int = 2
    discriminator_width: int = 64
    content: Literal["pixels", "features"] = "pixels"
    pixels: float = 1.0  # weight of the pixels' squared error beside the features
    adversarial: float = 0.001
    warm: int = 0  # steps without the adversarial term, at the beginning
    lr: float = 1e-4
    discriminator_lr: float = 1e-4
    beta1: float = 0.9


class Block(nn.Module):
    """Two convolutions beside a straight way: ``x + h(x)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        norms = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.net = nn.Sequential(first, norms[0], nn.PReLU(), second, norms[1])

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to the same shape."""
        out: Tensor = x + self.net(x)
        return out


class Enlarger(nn.Module):
    """Residual network of the small image, then pixel shuffles: (n, channels, h, w) to sides 2^doublings as long."""

    def __init__(self, config: SRGANConfig, channels: int) -> None:
        super().__init__()
        wide = config.width
        self.first = nn.Sequential(nn.Conv2d(channels, wide, 3, padding=1), nn.PReLU())
        self.blocks = nn.Sequential(*[Block(wide) for _ in range(config.blocks)], nn.Conv2d(wide, wide, 3, padding=1))
        up: list[nn.Module] = []
        for _ in range(config.doublings):
            up += [nn.Conv2d(wide, 4 * wide, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()]
        self.last = nn.Sequential(*up, nn.Conv2d(wide, channels, 3, padding=1), nn.Tanh())

    def forward(self, small: Tensor) -> Tensor:
        """Enlarge images."""
        seen = self.first(small)
        out: Tensor = self.last(seen + self.blocks(seen))
        return out


class Classifier(nn.Module):
    """Images to features, (n, features), and to classes."""

    def __init__(self, shape: tuple[int, ...], classes: int, width: int) -> None:
        super().__init__()
        small = 2 * width * (shape[1] // 2) * (shape[2] // 2)
        self.features = nn.Sequential(
            nn.Conv2d(shape[0], width, 3, padding=1),
            leaky(),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            leaky(),
            nn.Flatten(),
            nn.Linear(small, 64),
        )
        self.head = nn.Sequential(leaky(), nn.Linear(64, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Give the logits of the classes."""
        logits: Tensor = self.head(self.features(x))
        return logits


class SRGAN(Model[SRGANConfig]):
    """Generator ``G`` (small to large), discriminator ``D``, and the classifier ``C`` where features are asked for."""

    averaged = ("G",)

    def build(self, config: SRGANConfig, units: Units) -> None:
        """Make the networks for the size of the large images."""
        if units.kind != "image" or any(side % 2**config.doublings for side in units.shape[1:]):
            raise ConfigError(
                f"rows must be images whose sides {2**config.doublings} divides",
                received=f"{units.kind} rows of shape {units.shape}",
                remedy="Change `doublings`, or crop the images.",
            )
        self.G = self.named(Enlarger(config, units.shape[0]), name="G")
        self.D = self.named(Discriminator(units.shape, width=config.discriminator_width, smallest=2), name="D")
        if config.content == "features":
            if not units.classes:
                raise ConfigError(
                    "features are learnt from classes",
                    received="data without labels",
                    remedy='Give labelled data, or set content = "pixels".',
                )
            self.C = self.named(Classifier(units.shape, units.classes, config.discriminator_width), name="C")
        rates = {"G": config.lr, "D": config.discriminator_lr, "C": config.lr}
        betas = (config.beta1, 0.999)
        self.optimizers = {n: Adam(net.parameters(), lr=rates[n], betas=betas) for n, net in self.networks.items()}

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Take one step of C where there is one, one of D, and one of G."""
        config = self.config
        if config.content == "features":
            x, y = labelled(batch)
            descend(self.optimizers["C"], cross_entropy(self.C(x), y))
        else:
            x = batch()
        made = self.G(shrunk(x, config.doublings))
        real_logit, fake_logit = self.D(x), self.D(made.detach())
        d_loss = losses.discriminator_loss(real_logit, fake_logit)
        descend(self.optimizers["D"], d_loss)
        d_grad = losses.gradient_norm(self.D)
        pixels, fooling = squared_error(made, x), losses.non_saturating(self.D(made))
        weight = config.adversarial if keys.step >= config.warm else 0.0
        descend(self.optimizers["G"], self.content(made, x, pixels) + weight * fooling)
        g_grad = losses.gradient_norm(self.G)
        scalars = losses.game_scalars(d_loss, fooling, real_logit, fake_logit, g_grad, d_grad)
        return {**scalars, "squared": pixels.detach()}

    def content(self, made: Tensor, true: Tensor, pixels: Tensor) -> Tensor:
        """Give the content loss; C learns nothing from it, as its gradients are dropped before its own step."""
        if self.config.content == "pixels":
            return pixels
        features = squared_error(self.C.features(made), self.C.features(true).detach())  # type: ignore[operator]
        return features + self.config.pixels * pixels

    def translate(self, x: Tensor) -> Tensor:
        """Shrink images, shape (n, channels, h, w), and give them back at their size."""
        return self.enlarge(shrunk(x, self.config.doublings))

    def enlarge(self, small: Tensor) -> Tensor:
        """Enlarge images, shape (n, channels, h, w), to sides 2^doublings as long."""
        return in_blocks(self.G, small)

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Refuse: without a small image there is nothing to enlarge."""
        raise ConfigError(
            "an SRGAN enlarges images and draws none", received=f"sample({n})", remedy="Call translate with images."
        )


def shrunk(x: Tensor, halvings: int) -> Tensor:
    """Average squares of 2^halvings by 2^halvings pixels."""
    return avg_pool2d(x, 2**halvings)


MODEL = ModelSpec(
    name="srgan",
    summary="SRGAN: images at twice or four times their size, by squared error and a discriminator.",
    formula="min_G max_D E |phi(x) - phi(G(s))|^2 + 0.001 L_GAN(G, D), s = x at a smaller size",
    paper="Ledig et al. 2017, Photo-realistic single image super-resolution using a generative adversarial network",
    model=SRGAN,
    config=SRGANConfig,
    abilities=frozenset({"translate"}),
)
