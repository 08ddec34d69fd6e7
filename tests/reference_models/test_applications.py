"""Latent arithmetic and projection: known answers on generators that are plain, and what must not come out."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from gandiag.errors import ConfigError, ShapeError
from reference_models.applications.latent_arithmetic import great_circle, random_steps, trait_of, worth
from reference_models.applications.projection_edit import project, transferred
from reference_models.core.rng import Keys
from reference_models.core.running import begin

Z = Keys(0).normal("z", 4000, 16)


def has(x: Tensor) -> Tensor:
    return x[:, 0] > 0.5


def shows(x: Tensor) -> Tensor:
    return (x[:, 1] > 0).long()


def same(z: Tensor) -> Tensor:
    return z


def test_the_trait_of_a_plain_generator_is_its_axis() -> None:
    step = trait_of(Z[has(Z)], Z[Z[:, 0] < -0.5])
    # E[z | z > 1/2] - E[z | z < -1/2] of a standard normal is twice the density over the tail; the rest is noise.
    tail = 0.5 * math.erfc(0.5 / math.sqrt(2))
    expected = 2 * math.exp(-0.125) / math.sqrt(2 * math.pi) / tail
    assert float(step[0]) == pytest.approx(expected, abs=0.1)
    assert float(step[1:].abs().max()) < 5 * math.sqrt(2 / (4000 * tail))


def test_a_trait_flips_and_keeps_where_random_steps_of_its_length_do_not() -> None:
    step = trait_of(Z[has(Z)], Z[Z[:, 0] < -0.5])
    start = Keys(1).normal("start", 2000, 16)
    trait = worth(same, start, step, has=has, shows=shows)
    chance = worth(same, start, random_steps(step, 2000, Keys(2)), has=has, shows=shows)
    assert trait.flipped > 0.9
    assert trait.kept > 0.9
    assert chance.flipped < 0.4
    assert trait.both <= min(trait.flipped, trait.kept)
    # The controls: the groups exchanged, and groups that do not differ in the trait.
    assert worth(same, start, trait_of(Z[Z[:, 0] < -0.5], Z[has(Z)]), has=has, shows=shows).flipped == 0.0
    mixed = trait_of(Z[::2], Z[1::2])
    longer = mixed / mixed.norm() * step.norm()
    assert worth(same, start, longer, has=has, shows=shows).flipped < 0.8 * trait.flipped


def test_rows_that_have_the_trait_already_are_left_out() -> None:
    z = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    step = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, -2.0]])
    found = worth(same, z, step, has=has, shows=shows)
    assert (found.flipped, found.kept, found.both) == (0.5, 0.5, 0.5)
    with pytest.raises(ShapeError, match="some rows must lack the trait"):
        worth(same, z[:1], step[:1], has=has, shows=shows)
    with pytest.raises(ShapeError, match="both groups must hold latents of one length"):
        trait_of(z, z[:0])


def test_random_steps_have_the_length_and_no_direction() -> None:
    steps = random_steps(torch.tensor([3.0, 4.0, 0, 0]), 1000, Keys(0))
    torch.testing.assert_close(steps.norm(dim=1), torch.full((1000,), 5.0))
    assert float(steps.mean(dim=0).norm()) < 4 * 5 / math.sqrt(1000)


def test_a_great_circle_keeps_norm_and_speed_and_a_line_does_not() -> None:
    one, other = Z[:500], Z[500:1000]
    torch.testing.assert_close(great_circle(one, other, 0.0), one, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(great_circle(one, other, 1.0), other, atol=1e-4, rtol=1e-4)
    middle = great_circle(one, other, 0.5)
    torch.testing.assert_close(middle.norm(dim=1), 0.5 * (one.norm(dim=1) + other.norm(dim=1)), atol=1e-4, rtol=1e-4)
    line = torch.lerp(one, other, 0.5).norm(dim=1).mean() / middle.norm(dim=1).mean()
    assert float(line) == pytest.approx(math.sqrt(0.5), abs=0.03)
    cosine = torch.nn.functional.cosine_similarity
    torch.testing.assert_close(cosine(one, middle), cosine(middle, other), atol=1e-4, rtol=1e-4)
    opposite = great_circle(one[:3], -one[:3], 0.25)
    torch.testing.assert_close(opposite, 0.5 * one[:3])


@pytest.fixture(scope="module")
def model() -> Any:
    return begin("gan", "smoke", device="cpu").model


def test_own_samples_are_recovered_and_what_cannot_be_made_is_not(model: Any) -> None:
    before = {k: v.clone() for k, v in model.G.state_dict().items()}
    target = model.sample(12, Keys(3))
    found = project(model, target, starts=6, steps=250)
    assert float(found.errors.median()) < 1e-4 * float(target.var())
    torch.testing.assert_close(found.images, model.G(found.latents).detach())
    torch.testing.assert_close(found.errors, (found.images - target).square().mean(dim=1))
    far = project(model, target + 10 * target.std(), starts=6, steps=250)
    assert float(far.errors.median()) > 100 * float(found.errors.median())
    assert all(torch.equal(before[k], v) for k, v in model.G.state_dict().items())
    assert all(w.grad is None for w in model.G.parameters())
    one_try = project(model, target, starts=1, steps=250)
    assert bool((found.errors <= one_try.errors + 1e-9).all())  # the first try is among the six


def test_a_mask_says_which_pixels_count(model: Any) -> None:
    target = model.sample(8, Keys(4))
    wrong = target.clone()
    wrong[:, 1] += 50  # out of reach, and masked
    mask = torch.tensor([[1.0, 0.0]])
    found = project(model, wrong, mask, starts=4, steps=200)
    torch.testing.assert_close(found.errors, (found.images[:, 0] - wrong[:, 0]).square())
    assert float(found.errors.median()) < 1e-3
    assert float(project(model, wrong, starts=4, steps=200).errors.median()) > 100  # the control: all pixels count
    with pytest.raises(ShapeError, match="every mask must cover something"):
        project(model, target, torch.zeros(1, 2))


def test_a_price_keeps_latents_near_their_start_and_rows_do_not_hear_of_each_other(model: Any) -> None:
    target, start = model.sample(6, Keys(5)), Keys(6).normal("start", 6, model.config.latent)
    free, tied = (project(model, target, start=start, near=near, steps=100) for near in (0.0, 1e6))
    assert float((free.latents - start).norm()) > 10 * float((tied.latents - start).norm())
    alone = project(model, target[2:3], start=start[2:3], steps=100)
    torch.testing.assert_close(alone.latents, free.latents[2:3], atol=1e-3, rtol=1e-3)
    with pytest.raises(ShapeError, match="`start` have shape"):
        project(model, target, start=start[:2])


def test_realism_draws_towards_what_d_believes(model: Any) -> None:
    target, start = model.sample(32, Keys(7)), Keys(8).normal("start", 32, model.config.latent)
    plain, real = (project(model, target, start=start, realism=r, steps=100) for r in (0.0, 100.0))
    with torch.no_grad():
        assert float(model.D(real.images).mean()) > float(model.D(plain.images).mean())
    assert float(real.errors.mean()) > float(plain.errors.mean())


def test_models_whose_generators_are_told_more_are_refused() -> None:
    other = begin("cgan", "smoke", device="cpu").model
    with pytest.raises(ConfigError, match="a projection needs a generator of latents alone; got CGAN"):
        project(other, torch.zeros(1, 1, 8, 8))


def test_what_an_edit_changed_is_put_on_the_original() -> None:
    x, before, after = (torch.full((1, 2), v) for v in (0.5, 0.25, 0.5))
    assert transferred(x, before, after).tolist() == [[0.75, 0.75]]
    assert transferred(x, before, after + 9).tolist() == [[1.0, 1.0]]
