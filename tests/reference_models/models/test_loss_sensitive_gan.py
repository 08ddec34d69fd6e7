"""Loss-sensitive GAN: the hinge by hand, silence on pairs that have their margin, and a gradient that stays."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from reference_models import losses
from reference_models.core.data import Batches
from reference_models.core.loop import fit
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.models.loss_sensitive_gan import mean_distance, shortfall


def test_the_hinge_by_hand() -> None:
    real, fake = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([3.0, 1.0, 0.0])
    torch.testing.assert_close(shortfall(real, fake, torch.tensor([2.0, 2.0, 2.0])), torch.tensor([0.0, 1.0, 3.0]))
    x = torch.zeros(2, 1, 2, 2)
    y = torch.stack([torch.full((1, 2, 2), -1.0), torch.tensor([[[4.0, 0.0], [0.0, 0.0]]])])
    torch.testing.assert_close(mean_distance(x, y), torch.tensor([1.0, 1.0]))


def test_a_pair_that_has_its_margin_gives_no_gradient_and_another_gives_one_of_each_sign() -> None:
    real = torch.tensor([0.0, 0.0, 1.0, -2.0], requires_grad=True)
    fake = torch.tensor([3.0, 1.0, 0.0, 5.0], requires_grad=True)
    margin = torch.full((4,), 2.0)
    has_it = (fake - real).detach() >= margin
    down, up = torch.autograd.grad(shortfall(real, fake, margin).sum(), (real, fake))
    assert has_it.tolist() == [True, False, False, True]
    torch.testing.assert_close(down, (~has_it).float())
    torch.testing.assert_close(up, -(~has_it).float())
    # A logistic loss, which never rests, does not pass.
    (restless,) = torch.autograd.grad(losses.discriminator_loss(-real, -fake) * 4, real)
    assert bool((restless != 0).all())


def test_the_loss_does_not_move_when_every_pair_has_its_margin() -> None:
    run = begin("loss_sensitive_gan", "smoke", device="cpu", margin=0.0)
    model: Any = run.model
    with torch.no_grad():  # L = 0: a margin of 0 is had by every pair
        for weight in model.L.parameters():
            weight.zero_()
    before = [w.detach().clone() for w in model.L.parameters()]
    scalars = fit(run, 1).history[-1]
    assert scalars["satisfied"] == 1.0
    assert scalars["d_grad"] == 0.0
    assert all(torch.equal(a, b) for a, b in zip(model.L.parameters(), before, strict=True))
    moving = begin("loss_sensitive_gan", "smoke", device="cpu", margin=1.0)
    assert fit(moving, 1).history[-1]["d_grad"] > 0


def test_where_the_loss_has_won_the_generator_still_has_a_gradient() -> None:
    """The bar is the GAN's: there the minimax gradient is below a hundredth of its remedy's."""
    run = begin("loss_sensitive_gan", "smoke", device="cpu", lr=0.0, loss_lr=3e-2, margin=20.0)
    fit(run, 60)  # G stands still meanwhile
    model: Any = run.model
    fake = model.G(Keys(3).normal("z", 64, 4))
    weights = list(model.G.parameters())

    def norm(value: torch.Tensor) -> float:
        return float(torch.cat([g.flatten() for g in torch.autograd.grad(value, weights, retain_graph=True)]).norm())

    real = Batches(run.data, run.keys, 64, 1)()
    cost = model.L(fake) - model.L(real).mean().detach()
    assert float(cost.mean().detach()) > 7  # it is far ahead: read as a logit, D < 0.001
    assert norm(cost.mean()) > 0.1
    # The same L, read as a logit that a saturating loss is made of, leaves G nothing.
    assert norm(losses.saturating(-cost)) < 1e-2 * norm(cost.mean())


@pytest.mark.parametrize("first", [0.0, 0.5])
def test_the_first_term_pulls_real_samples_down(first: float) -> None:
    run = begin("loss_sensitive_gan", "smoke", device="cpu", margin=0.0, first=first, lr=0.0)
    model: Any = run.model
    with torch.no_grad():
        for weight in model.L.parameters():
            weight.zero_()
    fit(run, 1)
    assert (float(model.L.head.bias.detach()) < 0) == (first > 0)
