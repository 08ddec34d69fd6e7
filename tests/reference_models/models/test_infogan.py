"""InfoGAN: the bound by hand, its gradient in G, one trunk for D and Q, and codes that line up with classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

import gandiag
from reference_models.core.data import Batches
from reference_models.core.loop import Run
from reference_models.core.rng import Keys
from reference_models.core.running import begin, train
from reference_models.models.infogan import information


def test_a_perfect_reader_reaches_the_entropy_and_a_deaf_one_nothing() -> None:
    category, numbers = torch.arange(10).repeat(3), torch.zeros(30, 2)
    perfect, _ = information(100.0 * one_hot(category, 10), numbers, category, numbers)
    assert float(perfect) == pytest.approx(math.log(10), abs=1e-6)
    deaf, _ = information(torch.zeros(30, 10), numbers, category, numbers)
    assert float(deaf) == pytest.approx(0, abs=1e-6)
    # A softmax before the cross-entropy, as in copies: perfect predictions stay far from the entropy.
    twice, _ = information((100.0 * one_hot(category, 10)).softmax(dim=1), numbers, category, numbers)
    assert float(twice) < 0.9


def test_the_bound_of_the_numbers_is_a_gaussian_log_density() -> None:
    numbers, means = Keys(0).normal("c", 50, 2), Keys(0).normal("m", 50, 2)
    _, found = information(torch.zeros(50, 10), means, torch.zeros(50, dtype=torch.long), numbers)
    log_density = torch.distributions.Normal(means, 1.0).log_prob(numbers).sum(dim=1).mean()
    torch.testing.assert_close(found, log_density + math.log(2 * math.pi))
    with pytest.raises(AssertionError, match="not close"):  # averaged over the numbers instead of summed
        torch.testing.assert_close(found / 2, log_density + math.log(2 * math.pi))


def gradient_of_information(model: Any, fake: Tensor, category: Tensor, numbers: Tensor) -> Tensor:
    bound = sum(information(*model.Q(model.D(fake)[1]), category, numbers))
    found = torch.autograd.grad(bound, list(model.G.parameters()), allow_unused=True)
    return torch.cat([torch.zeros(1) if g is None else g.flatten() for g in found])


def test_the_gradient_of_the_bound_reaches_the_generator() -> None:
    model: Any = begin("infogan", "smoke", device="cpu").model
    z, category, numbers = model.code(16, Keys(0), "G")
    assert float(gradient_of_information(model, model.G(z), category, numbers).norm()) > 1e-6
    cut = model.G(z).detach() + 0 * model.G(z).sum()  # what a copy does that detaches the image
    assert float(gradient_of_information(model, cut, category, numbers).norm()) == 0


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_lambda_decides_whether_g_hears_of_the_code(weight: float) -> None:
    """With lambda 0 the generator's weights after a step do not hang on Q; with lambda 1 they do."""

    def generator_after(scale: float) -> Tensor:
        run = begin("infogan", "smoke", device="cpu", information=weight)
        with torch.no_grad():
            for w in run.model.networks["Q"].parameters():
                w.mul_(scale)
        run.model.step(Batches(run.data, run.keys, 16, 1), run.keys)
        return torch.cat([w.detach().flatten() for w in run.model.networks["G"].parameters()])

    assert torch.equal(generator_after(1.0), generator_after(-3.0)) == (weight == 0)


def test_q_reads_from_the_trunk_of_d_which_learns_from_both() -> None:
    run = begin("infogan", "smoke", device="cpu")
    seen: list[Tensor] = []
    model: Any = run.model
    model.Q.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.step(Batches(run.data, run.keys, 16, 1), run.keys)
    assert all(x.shape[1] == model.D.trunk.features for x in seen)
    shared = {id(w) for w in model.D.parameters()} & {id(w) for w in model.Q.parameters()}
    assert not shared  # one owner per weight, so that no optimiser steps it twice


def test_the_code_is_what_it_says() -> None:
    model: Any = begin("infogan", "smoke", device="cpu").model
    n = 8000
    z, category, numbers = model.code(n, Keys(0), "G")
    assert z.shape == (n, 4 + 10 + 2)
    assert torch.equal(z[:, 4:14].argmax(dim=1), category)
    assert torch.equal(z[:, 14:], numbers)
    assert float(numbers.min()) > -1
    assert float(numbers.max()) < 1
    assert float(numbers.var()) == pytest.approx(1 / 3, abs=4 * math.sqrt(4 / 45 / numbers.numel()))
    counts = torch.bincount(category, minlength=10).double()
    chi_square = float(((counts - n / 10) ** 2 / (n / 10)).sum())
    assert chi_square < 27.9  # 0.999 quantile at 9 degrees of freedom
    assert n > 27.9  # one category alone would score 9 n
    asked = model.code(5, Keys(0), "G", torch.full((5,), 7))
    assert asked[1].tolist() == [7] * 5


def read(run: Run) -> tuple[float, float]:
    """Measure L_I on fresh samples, and how well codes and held-out classes go together."""
    from sklearn.metrics import normalized_mutual_info_score
    from sklearn.neighbors import KNeighborsClassifier

    model: Any = run.model
    with torch.no_grad():
        z, category, numbers = model.code(2000, Keys(9), "G")
        bound = float(information(*model.Q(model.D(model.G(z))[1]), category, numbers)[0])
    drawn = gandiag.open_sampler("data:digits?split=test").sample(898, rng=np.random.default_rng(0))
    judge = KNeighborsClassifier(3).fit(np.asarray(drawn.values).reshape(898, 64), drawn.labels)
    asked = torch.arange(2000) % 10
    images = model.sample(2000, Keys(8), asked)
    classes = judge.predict(((images + 1) * 8).round().flatten(1).numpy())
    return bound, float(normalized_mutual_info_score(asked.numpy(), classes))


@pytest.mark.slow
def test_codes_can_be_read_back_and_line_up_with_the_digits_and_a_plain_gan_s_do_not() -> None:
    bound, together = read(train("infogan", "cpu", device="cpu"))
    assert 0.8 * math.log(10) <= bound <= math.log(10)
    assert together >= 0.5
    plain_bound, apart = read(train("infogan", "cpu-plain", device="cpu"))
    assert plain_bound < 0.8 * math.log(10)
    assert apart < 0.5
