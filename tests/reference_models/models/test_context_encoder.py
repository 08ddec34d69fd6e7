"""Context encoder: the losses are the formulas, and nothing of what the hole held leaks into its filling."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gandiag.errors import ConfigError
from reference_models.core.data import Batches, Units
from reference_models.core.model import evaluating
from reference_models.core.rng import Keys
from reference_models.models.context_encoder import ContextEncoder, ContextEncoderConfig, hole_of, with_hole

SMALL = {"width": 4, "discriminator_width": 4, "bottleneck": 8}


def built(side: int = 8, channels: int = 1, **settings: Any) -> ContextEncoder:
    units = Units(shape=(channels, side, side), kind="image", channels_last=False, low=0, high=1, scale="symmetric")
    return ContextEncoder(ContextEncoderConfig(**{**SMALL, **settings}), units, Keys(0))


class Fixed(Batches):
    """A batch that does not change."""

    def __init__(self, x: Tensor) -> None:
        self._x, self.size = x, len(x)

    def __call__(self, domain: int = 0) -> Tensor:
        return self._x


def images(n: int = 12) -> Tensor:
    return Keys(5).uniform("x", n, 1, 8, 8) * 2 - 1


def test_the_hole_is_the_middle_square_of_half_the_side() -> None:
    x = torch.arange(64.0).reshape(1, 1, 8, 8)
    assert torch.equal(hole_of(x), x[:, :, 2:6, 2:6])
    shown = with_hole(x)
    assert not hole_of(shown).any()
    assert torch.equal(x, torch.arange(64.0).reshape(1, 1, 8, 8))  # the image itself stays whole
    assert float(x.sum() - shown.sum()) == float(hole_of(x).sum())


def test_the_losses_are_those_of_the_formula() -> None:
    x, model, twin = images(), built(), built()
    with torch.no_grad():
        made = twin.F(with_hole(x))
        real_logit, fake_logit = twin.D(hole_of(x)), twin.D(made)
    found = model.step(Fixed(x), Keys(0))
    torch.testing.assert_close(found["squared"], (made - x[:, :, 2:6, 2:6]).square().mean())
    torch.testing.assert_close(
        found["d_loss"], -real_logit.sigmoid().log().mean() - (1 - fake_logit.sigmoid()).log().mean()
    )


def test_the_filling_feels_both_terms_by_their_weights() -> None:
    x = images()

    def gradient(**settings: float) -> Tensor:
        model = built(lr=0.0, discriminator_lr=0.0, **settings)
        model.step(Fixed(x), Keys(0))
        return torch.cat([w.grad.flatten() for w in model.F.parameters() if w.grad is not None])

    squared, fooling = gradient(squared=1.0, adversarial=0.0), gradient(squared=0.0, adversarial=1.0)
    torch.testing.assert_close(gradient(), 0.999 * squared + 0.001 * fooling, atol=1e-7, rtol=1e-3)
    assert not torch.allclose(gradient(adversarial=1.0), squared, atol=1e-7, rtol=1e-3)


class Leaking(ContextEncoder):
    """The wrong encoder, which is shown the image as it is."""

    def translate(self, x: Tensor) -> Tensor:
        filled = x.clone()
        hole_of(filled).copy_(self.F(x))
        return filled


@pytest.mark.parametrize(("kind", "same"), [(ContextEncoder, True), (Leaking, False)])
def test_what_the_hole_held_changes_nothing_and_the_rest_stays(kind: type[ContextEncoder], same: bool) -> None:
    x = images()
    other = x.clone()
    hole_of(other).copy_(-hole_of(x))
    model = built()
    with torch.no_grad(), evaluating(model.networks.values()):
        one, two = (kind.translate(model, y) for y in (x, other))
    assert torch.equal(one, two) is same
    assert torch.equal(with_hole(one), with_hole(x))
    assert not torch.equal(one, x)


@pytest.mark.parametrize("side", [8, 28, 32])
def test_images_of_other_sides_are_filled(side: int) -> None:
    x = Keys(0).uniform("x", 2, 3, side, side)
    model = built(side, 3)
    with torch.no_grad(), evaluating(model.networks.values()):
        assert model.translate(x).shape == x.shape


def test_what_cannot_be_filled_is_refused_and_nothing_is_drawn() -> None:
    with pytest.raises(ConfigError, match="square images of a side that 4 divides"):
        built(6)
    with pytest.raises(ConfigError, match="fills images and draws none"):
        built().sample(3, Keys(0))
