"""StackGAN: matching-aware losses, conditioning augmentation, and a first stage that stays as it is in the second."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

import gandiag
from gandiag.datasets.captions import captions
from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches
from reference_models.core.loop import Run, fit
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.models.stackgan import augmented, bags, matching_loss


def begun(**settings: Any) -> Run:
    return begin("stackgan", "smoke", device="cpu", **settings)


def one_step(run: Run, step: int) -> dict[str, Tensor]:
    keys = Keys(0, step)
    return run.model.step(Batches(run.data, keys, 16, 1), keys)


def test_sentences_are_bags_of_words() -> None:
    counted = bags(("a thin one", "a one", "thin thin"))
    assert counted.tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 2]]  # a, one, thin
    every = bags(captions())
    assert every.shape == (90, 1 + 10 + 3 + 4)
    assert len({tuple(row) for row in every.tolist()}) == 90
    assert bags(("left a", "a left"))[0].equal(bags(("left a", "a left"))[1])  # no order


def test_the_matching_loss_is_the_formula() -> None:
    real, wrong, fake = (Keys(0).normal(name, 7) for name in "rwf")
    differ = torch.tensor([1.0, 1, 0, 1, 1, 1, 0])
    kept = wrong[differ > 0]
    expected = (
        -real.sigmoid().log().mean() - 0.5 * (1 - kept.sigmoid()).log().mean() - 0.5 * (1 - fake.sigmoid()).log().mean()
    )
    torch.testing.assert_close(matching_loss(real, wrong, fake, differ=differ), expected)
    zero = torch.zeros(7)
    assert float(matching_loss(zero, zero, zero, differ=torch.ones(7))) == pytest.approx(2 * math.log(2))
    # Deaf to captions, D cannot tell a mismatch from its real image; a loss that does not ask would not mind.
    deaf, plain = matching_loss(real, real, fake, differ=torch.ones(7)), losses.discriminator_loss(real, fake)
    assert float(deaf - plain) == pytest.approx(float(0.5 * (softplus(real).mean() - softplus(fake).mean())), abs=1e-5)
    assert torch.isfinite(matching_loss(real, wrong, fake, differ=zero))


def test_conditions_have_the_mean_and_spread_they_say() -> None:
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(4.0)]])
    c = augmented(mean, log_variance, Keys(0).normal("c", 20_000, 2))
    torch.testing.assert_close(c.mean(dim=0), mean[0], atol=4 * 2 / math.sqrt(20_000), rtol=0)
    torch.testing.assert_close(c.std(dim=0), torch.tensor([1.0, 2.0]), atol=0.05, rtol=0)
    kl = losses.gaussian_kl(mean, log_variance)
    torch.testing.assert_close(kl, torch.tensor([[0.5, 0.5 * (4 + 4 - 1 - math.log(4))]]))


@pytest.mark.parametrize(("step", "stage"), [(0, "1"), (5, "1"), (6, "2"), (9, "2")])
def test_a_step_moves_the_networks_of_its_stage_alone(step: int, stage: str) -> None:
    run = begun()
    before = {n: [w.clone() for w in net.state_dict().values()] for n, net in run.model.networks.items()}
    one_step(run, step)
    moved = {
        name: any(not torch.equal(a, b) for a, b in zip(before[name], net.state_dict().values(), strict=True))
        for name, net in run.model.networks.items()
    }
    assert moved == {name: name.endswith(stage) for name in moved}


def test_a_step_logs_the_losses_of_the_formula() -> None:
    run, twin = begun(), begun()
    keys, model = Keys(0, 2), twin.model
    x, y = Batches(twin.data, keys, 16, 1).labelled()
    assert y is not None
    text, other = model.text[y], y.roll(1)
    made, kl = model.made("1", text, keys)
    small = torch.nn.functional.avg_pool2d(x, 2)
    judge = model.networks["D1"]
    logits = [judge(small, text), judge(small, model.text[other]), judge(made, text)]
    found = one_step(run, 2)
    torch.testing.assert_close(found["d_loss"], matching_loss(*logits, differ=(y != other).float()))
    torch.testing.assert_close(found["kl"], kl)
    assert float(found["kl"]) > 0


def test_the_weight_of_the_kl_is_felt_by_the_augmentation() -> None:
    def gradient(kl: float) -> Tensor:
        run = begun(kl=kl, lr=0.0, discriminator_lr=0.0)
        one_step(run, 0)
        grad = run.model.networks["A1"].net.weight.grad
        assert grad is not None
        return grad.clone()

    none, one = gradient(0.0), gradient(1.0)
    assert not torch.allclose(none, one)
    torch.testing.assert_close(gradient(3.0), none + 3 * (one - none), atol=1e-6, rtol=1e-4)


def test_both_stages_read_the_caption_and_the_second_sees_the_first() -> None:
    model = begun().model
    z = Keys(0)
    one, other = torch.zeros(6, dtype=torch.long), torch.full((6,), 44)
    first, second = model.drawn(6, z, one)
    assert first.shape == (6, 1, 4, 4)
    assert second.shape == (6, 1, 8, 8)
    again = model.drawn(6, z, one)
    assert torch.equal(second, again[1])
    assert not torch.allclose(model.drawn(6, z, other)[0], first)
    c = z.normal("c", 6, model.config.condition)
    refine = model.networks["G2"].eval()
    assert not torch.allclose(refine(first, c), refine(first, c + 1))
    assert not torch.allclose(refine(first, c), refine(first.flip(3), c))


def test_own_captions_stand_for_classes_and_missing_ones_are_refused() -> None:
    source = gandiag.open_sampler("data:digits?split=train")
    sentences = tuple(f"the digit {i}" for i in range(10))
    run = fit(begun(data=[source], captions=list(sentences)), 2)
    assert run.model.text.shape == (10, 12)
    with pytest.raises(ConfigError, match="must have a caption"):
        begun(data=[source], captions=["only one"])
    images = np.random.default_rng(0).uniform(size=(64, 8, 8))
    with pytest.raises(ConfigError, match="must have a caption"):
        begun(data=[gandiag.open_sampler(images, value_range=(0, 1))])
