"""pix2pix: the losses are the formulas, D hears the input, and rows of both sources belong together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import gandiag
from gandiag.datasets.domains import true_map
from gandiag.errors import ConfigError
from reference_models.core.data import Batches, Data, Units
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.models.pix2pix import Pix2Pix, Pix2PixConfig

SIDES = ["data:domains?side=a&kind=thicken", "data:domains?side=pair&kind=thicken"]


def built(side: int = 8, channels: int = 1, **settings: Any) -> Pix2Pix:
    units = Units(shape=(channels, side, side), kind="image", channels_last=False, low=0, high=1, scale="symmetric")
    return Pix2Pix(Pix2PixConfig(**{"width": 4, **settings}), units, Keys(0))


class Fixed(Batches):
    """Two batches that do not change."""

    def __init__(self, a: Tensor, b: Tensor) -> None:
        self._both, self.size = (a, b), len(a)

    def __call__(self, domain: int = 0) -> Tensor:
        return self._both[domain]


def images(name: str, n: int = 6) -> Tensor:
    return Keys(5).uniform(name, n, 1, 8, 8) * 2 - 1


def test_the_losses_are_those_of_the_formula() -> None:
    a, b = images("a"), images("b")
    model, twin = built(lr=0.0), built()
    with torch.no_grad():
        fake = twin.G(a)
        real_logit, fake_logit = (twin.D(torch.cat([a, x], dim=1)) for x in (b, fake))
    found = model.step(Fixed(a, b), Keys(0))
    d_loss = -real_logit.sigmoid().log().mean() - (1 - fake_logit.sigmoid()).log().mean()
    torch.testing.assert_close(found["d_loss"], d_loss)
    torch.testing.assert_close(found["l1"], (fake - b).abs().mean())
    torch.testing.assert_close(found["g_loss"], -fake_logit.sigmoid().log().mean())


def test_the_generator_feels_both_terms_by_their_weights_and_d_half_of_its_loss() -> None:
    a, b = images("a"), images("b")

    def gradient(name: str, **settings: float) -> Tensor:
        model = built(lr=0.0, **settings)
        model.step(Fixed(a, b), Keys(0))
        return torch.cat([w.grad.flatten() for w in model.networks[name].parameters() if w.grad is not None])

    adversarial, distance = gradient("G", distance=0.0), gradient("G", distance=1.0, adversarial=0.0)
    torch.testing.assert_close(gradient("G"), adversarial + 100 * distance, atol=1e-4, rtol=1e-3)
    assert not torch.allclose(gradient("G"), adversarial + 10 * distance, atol=1e-4, rtol=1e-3)
    model = built()
    real, fake = (model.judged(a, x) for x in (b, model.G(a).detach()))
    loss = torch.nn.functional.softplus(-real).mean() + torch.nn.functional.softplus(fake).mean()
    whole = torch.autograd.grad(loss, list(model.D.parameters()))
    kept = gradient("D", adversarial=0.0)  # G's own descent has added nothing to it
    torch.testing.assert_close(kept, 0.5 * torch.cat([g.flatten() for g in whole]), atol=1e-5, rtol=1e-3)


def test_d_hears_the_input() -> None:
    model, a, b = built(), images("a"), images("b")
    assert not torch.allclose(model.judged(a, b), model.judged(a.roll(1, 0), b))
    torch.testing.assert_close(model.judged(a, b), model.judged(a.clone(), b.clone()))


def test_batches_of_both_sources_are_the_same_rows() -> None:
    run = begin("pix2pix", "smoke", device="cpu")
    for step in (0, 3, 300):
        a, b = (grey(Batches(run.data, Keys(0, step), 4, 1, paired=True)(domain)) for domain in (0, 1))
        np.testing.assert_array_equal(true_map(a, "thicken"), b)
        a, b = (grey(Batches(run.data, Keys(0, step), 4, 1)(domain)) for domain in (0, 1))
        assert not np.array_equal(true_map(a, "thicken"), b)  # the control: as unpaired models have them


def grey(x: Tensor) -> np.ndarray:
    return ((x[:, 0] + 1) * 8).round().double().numpy()


def test_sources_whose_rows_cannot_belong_together_are_refused() -> None:
    Data(SIDES, "symmetric").require_pairs()
    with pytest.raises(ConfigError, match="must belong together, one by one; got sources of 899, 898 rows"):
        begin("pix2pix", "smoke", data=[SIDES[0], "data:domains?side=b&kind=thicken"], device="cpu")
    with pytest.raises(ConfigError, match="no end of rows"):
        Data(["toy:ring8", "toy:ring8"]).require_pairs()
    digits = gandiag.open_sampler("data:digits?split=train").sample(899, rng=np.random.default_rng(0))
    labels = np.asarray(digits.labels)
    wrong = [
        gandiag.open_sampler((np.asarray(digits.values), y), value_range=(0, 16)) for y in (labels, np.roll(labels, 1))
    ]
    with pytest.raises(ConfigError, match="must be of one class"):
        Data(wrong, "symmetric").require_pairs()


@pytest.mark.parametrize(("side", "halvings"), [(8, 1), (8, 2), (28, 2), (32, 4)])
def test_images_keep_their_size_and_none_hangs_on_its_batch(side: int, halvings: int) -> None:
    model, x = built(side=side, channels=3, halvings=halvings), Keys(0).uniform("x", 2, 3, side, side)
    assert model.translate(x).shape == x.shape
    torch.testing.assert_close(model.translate(x)[:1], model.translate(x[:1]), atol=1e-5, rtol=1e-4)


def test_what_is_no_image_that_halves_is_refused_and_nothing_is_drawn() -> None:
    with pytest.raises(ConfigError, match="must be images that halve 3 times"):
        built(halvings=3)
    with pytest.raises(ConfigError, match="must be images that halve 4 times"):
        built(side=28, halvings=4)
    with pytest.raises(ConfigError, match="translates images and draws none"):
        built().sample(3, Keys(0))
