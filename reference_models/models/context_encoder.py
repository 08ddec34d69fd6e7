"""Context encoder, Pathak et al. 2016 ("Context encoders: feature learning by inpainting").

An image x with a hole in its middle, a square of half its side, is filled from what surrounds it:

    min_F max_D  0.999 E |M (x - F((1 - M) x))|^2 + 0.001 (E log D(M x) + E log(1 - D(F((1 - M) x))))      (eqs. 1 to 3)

with M one inside the hole and the square as a mean over its pixels. F encodes the rest of the image, to a code that
every unit of the hole can see, and decodes the hole alone; D judges fillings without their surroundings. The first term
finds the mean of what may stand in the hole, which is soft; the second asks for one such filling. Inside the hole the
encoder sees grey, so that nothing of what is to be found leaks in. The paper also predicts a rim around the hole, with
ten times the weight; here nothing but the hole is predicted.

Breaks by: blur where the adversarial weight is small, seams and invented strokes where it is large; a hole whose pixels
leak into the encoder; and on small data regression from the border, which is hard to beat.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.optim import Adam

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.models.dcgan import Discriminator, Generator, Trunk


@dataclass(frozen=True, kw_only=True)
class ContextEncoderConfig:
    """Settings of a context encoder; ``width`` is the number of channels at the finest grid."""

    width: int = 64
    discriminator_width: int = 64
    bottleneck: int = 4000  # numbers of the code
    dropout: float = 0.0  # of the code
    squared: float = 0.999
    adversarial: float = 0.001
    lr: float = 2e-3  # ten times that of D, as the paper has it
    discriminator_lr: float = 2e-4
    beta1: float = 0.5


class ContextEncoder(Model[ContextEncoderConfig]):
    """Encoder and decoder ``F`` (image with a hole to filling) and discriminator ``D`` of fillings."""

    averaged = ("F",)

    def build(self, config: ContextEncoderConfig, units: Units) -> None:
        """Make both networks for the size of the images."""
        if units.kind != "image" or any(side % 4 for side in units.shape[1:]) or len(set(units.shape[1:])) > 1:
            raise ConfigError(
                "rows must be square images of a side that 4 divides",
                received=f"{units.kind} rows of shape {units.shape}",
                remedy="Resize or crop the images.",
            )
        hole = units.shape[0], units.shape[1] // 2, units.shape[2] // 2
        trunk = Trunk(units.shape, width=config.width, smallest=2)
        code = nn.Linear(trunk.features * trunk.base**2, config.bottleneck)
        decoder = Generator(config.bottleneck, hole, width=config.width, smallest=2)
        middle = [nn.Flatten(), code, nn.ReLU(), nn.Dropout(config.dropout)]
        self.F = self.named(nn.Sequential(trunk, *middle, decoder), name="F")
        self.D = self.named(Discriminator(hole, width=config.discriminator_width, smallest=2), name="D")
        betas = (config.beta1, 0.999)
        self.optimizers = {
            "F": Adam(self.F.parameters(), lr=config.lr, betas=betas),
            "D": Adam(self.D.parameters(), lr=config.discriminator_lr, betas=betas),
        }

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Take one step of D on true and made fillings, then one of F."""
        config, x = self.config, batch()
        true, made = hole_of(x), self.F(with_hole(x))
        real_logit, fake_logit = self.D(true), self.D(made.detach())
        d_loss = losses.discriminator_loss(real_logit, fake_logit)
        descend(self.optimizers["D"], d_loss)
        d_grad = losses.gradient_norm(self.D)
        squared, fooling = squared_error(made, true), losses.non_saturating(self.D(made))
        descend(self.optimizers["F"], config.squared * squared + config.adversarial * fooling)
        g_grad = losses.gradient_norm(self.F)
        scalars = losses.game_scalars(d_loss, fooling, real_logit, fake_logit, g_grad, d_grad)
        return {**scalars, "squared": squared.detach()}

    def translate(self, x: Tensor) -> Tensor:
        """Fill the hole of images, shape (n, channels, h, w), whatever they hold there, and leave the rest as it is."""
        filled = x.clone()
        hole_of(filled).copy_(in_blocks(self.F, with_hole(x)))
        return filled

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Refuse: without surroundings there is nothing to fill."""
        raise ConfigError(
            "a context encoder fills images and draws none",
            received=f"sample({n})",
            remedy="Call translate with images.",
        )


def hole_of(x: Tensor) -> Tensor:
    """Look at the middle square of half the side, shape (n, channels, h / 2, w / 2)."""
    h, w = x.shape[2:]
    return x[:, :, h // 4 : h - h // 4, w // 4 : w - w // 4]


def with_hole(x: Tensor) -> Tensor:
    """Copy images with grey (0 of [-1, 1]) in the hole."""
    shown = x.clone()
    hole_of(shown).zero_()
    return shown


def squared_error(made: Tensor, true: Tensor) -> Tensor:
    """Mean squared difference per pixel, in float32."""
    return (made.float() - true.float()).square().mean()


MODEL = ModelSpec(
    name="context_encoder",
    summary="Context encoder: fills a hole in the middle of an image from its surroundings.",
    formula="min_F max_D 0.999 E |M (x - F((1 - M) x))|^2 + 0.001 L_GAN(F, D)",
    paper="Pathak et al. 2016, Context encoders: feature learning by inpainting",
    model=ContextEncoder,
    config=ContextEncoderConfig,
    abilities=frozenset({"translate"}),
)
