"""SRGAN: the losses are the formulas, the small image is all that is seen, pixels are shuffled."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gandiag.errors import ConfigError
from reference_models.core.data import Batches, Units
from reference_models.core.model import evaluating
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.models.srgan import SRGAN, SRGANConfig, shrunk

SMALL = {"width": 4, "blocks": 1, "doublings": 1, "discriminator_width": 4}


def built(side: int = 8, channels: int = 1, shares: tuple[float, ...] = (), **settings: Any) -> SRGAN:
    shape = (channels, side, side)
    units = Units(shape=shape, kind="image", channels_last=False, low=0, high=1, scale="symmetric", shares=shares)
    return SRGAN(SRGANConfig(**{**SMALL, **settings}), units, Keys(0))


class Fixed(Batches):
    """A batch that does not change, with classes."""

    def __init__(self, x: Tensor) -> None:
        self._x, self.size = x, len(x)

    def __call__(self, domain: int = 0) -> Tensor:
        return self._x

    def labelled(self, domain: int = 0) -> tuple[Tensor, Tensor | None]:
        return self._x, torch.arange(len(self._x)) % 2


def images(n: int = 12) -> Tensor:
    return Keys(5).uniform("x", n, 1, 8, 8) * 2 - 1


def test_shrinking_averages_squares() -> None:
    x = torch.arange(64.0).reshape(1, 1, 8, 8)
    assert float(shrunk(x, 1)[0, 0, 0, 0]) == (0 + 1 + 8 + 9) / 4
    torch.testing.assert_close(shrunk(shrunk(x, 1), 1), shrunk(x, 2))


def test_a_pixel_shuffle_lays_channels_out_as_squares() -> None:
    (shuffle,) = (layer for layer in built().G.modules() if isinstance(layer, nn.PixelShuffle))
    channels = torch.arange(4.0).reshape(1, 4, 1, 1)
    assert torch.equal(shuffle(channels), torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]]))


def test_the_losses_are_those_of_the_formula() -> None:
    x, model, twin = images(), built(), built()
    with torch.no_grad():
        made = twin.G(shrunk(x, 1))
        real_logit, fake_logit = twin.D(x), twin.D(made)
    found = model.step(Fixed(x), Keys(0))
    torch.testing.assert_close(found["squared"], (made - x).square().mean())
    torch.testing.assert_close(
        found["d_loss"], -real_logit.sigmoid().log().mean() - (1 - fake_logit.sigmoid()).log().mean()
    )


def gradient(step: int = 0, net: str = "G", **settings: Any) -> Tensor:
    model = built(shares=(0.5, 0.5), lr=0.0, discriminator_lr=0.0, **settings)
    model.step(Fixed(images()), Keys(0, step))
    return torch.cat([w.grad.flatten() for w in model.networks[net].parameters() if w.grad is not None])


def test_g_feels_both_terms_by_their_weights_and_d_only_once_warm() -> None:
    alone, one = gradient(adversarial=0.0), gradient(adversarial=1.0)
    torch.testing.assert_close(gradient(), alone + 0.001 * (one - alone), atol=1e-6, rtol=1e-3)
    assert not torch.allclose(alone, one, atol=1e-6, rtol=1e-3)
    torch.testing.assert_close(gradient(step=9, warm=10, adversarial=1.0), alone, atol=1e-6, rtol=1e-3)
    torch.testing.assert_close(gradient(step=10, warm=10, adversarial=1.0), one, atol=1e-6, rtol=1e-3)


def test_features_are_the_classifiers_and_pixels_stand_beside_them() -> None:
    settings: dict[str, Any] = {"content": "features", "adversarial": 0.0}
    none, some = gradient(**settings, pixels=0.0), gradient(**settings, pixels=2.0)
    pixels = gradient(adversarial=0.0)
    torch.testing.assert_close(some, none + 2 * pixels, atol=1e-5, rtol=1e-3)
    assert float(none.abs().max()) > 0
    assert not torch.allclose(none, pixels)
    # C learns from the classes alone, though G's loss goes through it.
    x = images()
    model, twin = (built(shares=(0.5, 0.5), **settings, lr=1e-2) for _ in range(2))
    model.step(Fixed(x), Keys(0))
    loss = nn.functional.cross_entropy(twin.C(x), torch.arange(len(x)) % 2)
    twin.optimizers["C"].zero_grad()
    loss.backward()
    twin.optimizers["C"].step()
    assert all(torch.equal(a, b) for a, b in zip(model.C.parameters(), twin.C.parameters(), strict=True))


def test_what_a_square_holds_beside_its_mean_changes_nothing() -> None:
    model, x = built(), images()
    other = torch.kron(shrunk(x, 1), torch.ones(2, 2))
    with torch.no_grad(), evaluating(model.networks.values()):
        torch.testing.assert_close(model.translate(x), model.translate(other), atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(model.translate(x), model.enlarge(shrunk(x, 1)))
        assert not torch.allclose(model.translate(x), model.translate(x.flip(3)), atol=1e-4)  # it does see the image


@pytest.mark.parametrize(("side", "doublings"), [(8, 1), (8, 2), (28, 2), (32, 2)])
def test_images_come_back_at_their_size(side: int, doublings: int) -> None:
    model, x = built(side, 3, doublings=doublings), Keys(0).uniform("x", 2, 3, side, side)
    with torch.no_grad(), evaluating(model.networks.values()):
        assert model.translate(x).shape == x.shape


def test_what_cannot_be_shrunk_or_has_no_classes_is_refused_and_nothing_is_drawn() -> None:
    with pytest.raises(ConfigError, match="images whose sides 4 divides"):
        built(6, doublings=2)
    with pytest.raises(ConfigError, match="features are learnt from classes"):
        built(content="features")
    with pytest.raises(ConfigError, match="enlarges images and draws none"):
        begin("srgan", "smoke", device="cpu").model.sample(3, Keys(0))
