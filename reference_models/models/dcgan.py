"""Deep convolutional GAN, Radford, Metz & Chintala 2016 ("Unsupervised representation learning with DCGANs").

    min_G max_D  E log D(x) + E log(1 - D(G(z))),   G and D of convolutions only               (Goodfellow et al. 2014)

The loss is the GAN's, non-saturating for G; new are the rules of the networks that made it train on images:

- strided convolutions in D and fractionally strided ones in G instead of pooling; no hidden layer is fully connected;
- batch normalisation in both, but neither on G's output nor on D's input;
- ReLU in G with tanh at the end, LeakyReLU of slope 0.2 in D; weights from N(0, 0.02^2); Adam at 2e-4 with beta1 = 0.5.

Real and made images pass D in separate batches, so that batch normalisation compares like with like.

Breaks by: modes lost; chequerboards; and batch normalisation, which makes an image hang on its neighbours in training
and can make running means betray the generator in sampling (``bn`` chooses which statistics samples are made with).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.optim import Adam

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.models.gan import packed
from reference_models.nets import leaky

REFERENCE = 512


@dataclass(frozen=True, kw_only=True)
class DCGANConfig:
    """Settings of a DCGAN; the defaults are the paper's, but for ``width``, which is 128 there.

    ``width`` is the number of channels at the finest grid, doubled with every halving; ``smallest`` bounds the coarsest
    grid from below. ``bn`` chooses what samples are normalised by: the "running" means of training, or the statistics
    of one fixed reference "batch" of 512.
    """

    latent: int = 100
    width: int = 64
    discriminator_width: int = 64
    smallest: int = 4
    pack: int = 1
    smoothing: float = 0.0
    bn: Literal["batch", "running"] = "running"
    lr: float = 2e-4
    discriminator_lr: float = 2e-4
    beta1: float = 0.5


class Generator(nn.Module):
    """Noise to image: one fractionally strided convolution per doubling, (n, latent) to (n, *shape) in [-1, 1]."""

    def __init__(self, latent: int, shape: tuple[int, ...], *, width: int, smallest: int = 4) -> None:
        super().__init__()
        base, depth = grid(shape, smallest)
        wide = [width << level for level in reversed(range(depth))]
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(latent, wide[0], base, bias=False),  # 1 x 1 to base x base: the projection of z
            nn.BatchNorm2d(wide[0]),
            nn.ReLU(),
        ]
        for coarse, fine in itertools.pairwise(wide):
            layers += [nn.ConvTranspose2d(coarse, fine, 4, 2, 1, bias=False), nn.BatchNorm2d(fine), nn.ReLU()]
        layers += [nn.ConvTranspose2d(wide[-1], shape[0], 4, 2, 1), nn.Tanh()]
        self.net = nn.Sequential(*layers).apply(small_normal)

    def forward(self, z: Tensor) -> Tensor:
        """Make images."""
        image: Tensor = self.net(z[:, :, None, None])
        return image


class Trunk(nn.Sequential):
    """Image to features: one strided convolution per halving, (n, channels, h, w) to (n, features, base, base)."""

    def __init__(self, shape: tuple[int, ...], *, width: int, smallest: int = 4, norm: bool = True) -> None:
        self.base, depth = grid(shape, smallest)
        self.features = width << (depth - 1)
        layers: list[nn.Module] = [nn.Conv2d(shape[0], width, 4, 2, 1), leaky()]
        for level in range(1, depth):
            out = width << level
            layers.append(nn.Conv2d(out // 2, out, 4, 2, 1, bias=not norm))
            layers += [nn.BatchNorm2d(out), leaky()] if norm else [leaky()]
        super().__init__(*layers)
        self.apply(small_normal)


class Discriminator(nn.Module):
    """Image, or a pack of images as channels, to one logit."""

    def __init__(self, shape: tuple[int, ...], *, width: int, smallest: int = 4, pack: int = 1) -> None:
        super().__init__()
        self.trunk = Trunk((shape[0] * pack, *shape[1:]), width=width, smallest=smallest)
        self.head = nn.Conv2d(self.trunk.features, 1, self.trunk.base).apply(small_normal)

    def forward(self, x: Tensor) -> Tensor:
        """Judge (n, channels, h, w) or packs (n, pack, channels, h, w) with logits of shape (n,)."""
        logit: Tensor = self.head(self.trunk(x.flatten(1, -3)))
        return logit.flatten()


class DCGAN(Model[DCGANConfig]):
    """Convolutional generator ``G`` and discriminator ``D``."""

    averaged = ("G",)

    def build(self, config: DCGANConfig, units: Units) -> None:
        """Make the networks for the size of the images."""
        end = config.smallest
        self.G = self.named(Generator(config.latent, units.shape, width=config.width, smallest=end), name="G")
        judge = Discriminator(units.shape, width=config.discriminator_width, smallest=end, pack=config.pack)
        self.D = self.named(judge, name="D")
        betas = (config.beta1, 0.999)
        self.optimizers = {
            "G": Adam(self.G.parameters(), lr=config.lr, betas=betas),
            "D": Adam(self.D.parameters(), lr=config.discriminator_lr, betas=betas),
        }

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Take one step of D, then one of G."""
        config, x = self.config, batch()
        fake = self.G(keys.normal("z_D", len(x), config.latent)).detach()
        real_logit, fake_logit = self.D(packed(x, config.pack)), self.D(packed(fake, config.pack))
        d_loss = losses.discriminator_loss(real_logit, fake_logit, smoothing=config.smoothing)
        descend(self.optimizers["D"], d_loss)
        d_grad = losses.gradient_norm(self.D)
        fake_again = self.G(keys.normal("z_G", len(x), config.latent))
        g_loss = losses.non_saturating(self.D(packed(fake_again, config.pack)))
        descend(self.optimizers["G"], g_loss)
        g_grad = losses.gradient_norm(self.G)
        return losses.game_scalars(d_loss, g_loss, real_logit, fake_logit, g_grad, d_grad)

    def equilibrium(self) -> dict[str, float]:
        """Give the values at D = 1/2."""
        return losses.equilibrium("non_saturating", smoothing=self.config.smoothing)

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Map noise, normalised as the config says."""
        reference = Keys(0).on(self.device).normal("reference", REFERENCE, self.config.latent)
        with normalised_by(self.config.bn, self.G, reference):
            return in_blocks(self.G, keys.normal("z", n, self.config.latent))


def grid(shape: tuple[int, ...], smallest: int) -> tuple[int, int]:
    """Find the coarsest grid and the halvings that lead there: 64, 32 -> 4; 28 -> 7; 8 -> 4.

    Raises
    ------
    ConfigError
        For rows that are no square images of a side that halves to ``smallest`` .. 7.
    """
    side, depth = shape[-1], 0
    while side % 2 == 0 and side // 2 >= smallest:
        side, depth = side // 2, depth + 1
    if len(shape) != 3 or shape[1] != shape[2] or depth == 0 or side > 7:
        raise ConfigError(
            f"images must be square, with a side that halves evenly to {smallest} to 7, as 8, 28, 32 and 64 do",
            received=f"rows of shape {shape}",
            remedy="Resize or crop the images.",
        )
    return side, depth


def small_normal(layer: nn.Module) -> None:
    """Begin as the paper does: weights from N(0, 0.02^2), scales from N(1, 0.02^2), biases 0."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(layer.weight, 0.0, 0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)


@contextmanager
def normalised_by(bn: str, net: nn.Module, *reference: Tensor) -> Iterator[None]:
    """Let batch normalisation use the statistics of one ``reference`` batch inside, where ``bn`` is "batch".

    The statistics are then those of the weights in use, also where these are a moving average, and no sample hangs on
    its neighbours. The running means of training are back afterwards.
    """
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)] if bn == "batch" else []
    kept = [(m, m.training, m.momentum, {k: v.clone() for k, v in m.state_dict().items()}) for m in norms]
    try:
        for m in norms:
            m.training, m.momentum = True, 1.0  # the new means take the place of the old ones
        if norms:
            net(*reference)
        for m in norms:
            m.training = False
        yield
    finally:
        for m, training, momentum, state in kept:
            m.training, m.momentum = training, momentum
            m.load_state_dict(state)


MODEL = ModelSpec(
    name="dcgan",
    summary="GAN of strided convolutions with batch normalisation, for images of 8, 28, 32 or 64 pixels; packing.",
    formula="min_G max_D E log D(x) + E log(1 - D(G(z))), G and D convolutional",
    paper="Radford, Metz & Chintala 2016, Unsupervised representation learning with deep convolutional GANs",
    model=DCGAN,
    config=DCGANConfig,
)
