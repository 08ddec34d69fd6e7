"""Autoencoder, Hinton & Salakhutdinov 2006 ("Reducing the dimensionality of data with neural networks").

    min E || x - dec(enc(x)) ||^2

A code of k numbers, and the way back. Three stages: *linear*, *deep* (fully connected, with rectifiers) and *conv*
(strided convolutions down, up-convolutions back). The linear one is principal component analysis in disguise: at the
optimum its decoder spans the first k principal components, in no particular basis, and its error is theirs (Baldi &
Hornik 1989, "Neural networks and principal component analysis").

It is no generator. Nothing asks the codes of data to follow a law from which one could draw. So ``draw``, which
decodes codes from N(0, I) for want of a better law, lands in places that the decoder has never seen, and a two-sample
test tells its samples from data. That failure is why there is the variational autoencoder: its loss asks for the law.

Breaks by: holes in the space of codes; a code as wide as the data, which learns the identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.optim import Adam

from reference_models.core.data import Batches, Units
from reference_models.core.model import Model, ModelSpec, Scalars, descend, in_blocks
from reference_models.core.rng import Keys
from reference_models.nets import coders


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """Settings of an autoencoder."""

    latent: int = 8
    net: Literal["linear", "deep", "conv"] = "deep"
    widths: tuple[int, ...] = (128, 64)  # of the hidden layers from the data inwards, or channels; linear has none
    bounded: bool = False  # a sigmoid at the end, for data in [0, 1]
    lr: float = 1e-3


class Autoencoder(Model[AutoencoderConfig]):
    """Networks ``encoder`` and ``decoder``."""

    averaged = ("encoder", "decoder")

    def build(self, config: AutoencoderConfig, units: Units) -> None:
        """Make the two networks and the optimiser that they share."""
        last, k = nn.Sigmoid if config.bounded else None, config.latent
        encoder, decoder = coders(config.net, units.shape, config.widths, latent=k, out=k, last=last)
        self.encoder = self.named(encoder, name="encoder")
        self.decoder = self.named(decoder, name="decoder")
        weights = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimizers = {"both": Adam(weights, lr=config.lr)}

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        """Take one step down the squared error."""
        x = batch()
        loss = squared_error(x, self.decoder(self.encoder(x))).mean()
        descend(self.optimizers["both"], loss)
        return {"loss": loss.detach()}

    def draw(self, n: int, keys: Keys, labels: Tensor | None = None) -> Tensor:
        """Decode codes from N(0, I): no law that training knows of."""
        return self.decode(keys.normal("z", n, self.config.latent))

    def encode(self, x: Tensor) -> Tensor:
        """Map rows to codes, shape (n, latent)."""
        return in_blocks(self.encoder, x)

    def decode(self, z: Tensor) -> Tensor:
        """Map codes, shape (n, latent), to rows."""
        return in_blocks(self.decoder, z)


def squared_error(x: Tensor, back: Tensor) -> Tensor:
    """Sum ``(x - back)^2`` over all elements of a row, shape (n, ...) to (n,); 0 where the copy is perfect."""
    return (x - back.float()).square().flatten(1).sum(dim=1)


MODEL = ModelSpec(
    name="autoencoder",
    summary="Autoencoder, linear (= PCA), deep or convolutional; decoded noise shows why VAEs exist.",
    formula="min E || x - dec(enc(x)) ||^2",
    paper="Hinton & Salakhutdinov 2006, Reducing the dimensionality of data with neural networks",
    model=Autoencoder,
    config=AutoencoderConfig,
    abilities=frozenset({"encode", "decode"}),
)
