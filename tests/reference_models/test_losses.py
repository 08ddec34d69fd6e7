"""The shared losses against their formulas."""

from __future__ import annotations

import math

import pytest
import torch

from reference_models import losses
from reference_models.core.rng import Keys

LOGITS = torch.linspace(-6, 6, 41, dtype=torch.float64)


def test_logits_give_what_probabilities_give() -> None:
    d = LOGITS.sigmoid()
    torch.testing.assert_close(losses.saturating(LOGITS), torch.log(1 - d).mean())
    torch.testing.assert_close(losses.non_saturating(LOGITS), -torch.log(d).mean())
    torch.testing.assert_close(losses.discriminator_loss(LOGITS, LOGITS), (-torch.log(d) - torch.log(1 - d)).mean())


def test_equal_laws_cost_twice_log_two() -> None:
    zero = torch.zeros(5)
    assert float(losses.discriminator_loss(zero, zero)) == pytest.approx(2 * math.log(2))


@pytest.mark.row(86)
def test_the_saturating_gradient_is_d_over_one_minus_d_times_the_other() -> None:
    d = torch.tensor([0.01, 0.2, 0.5, 0.9], dtype=torch.float64)
    logits = torch.logit(d).requires_grad_(True)
    (saturating,) = torch.autograd.grad(losses.saturating(logits) * len(d), logits)
    (other,) = torch.autograd.grad(losses.non_saturating(logits) * len(d), logits)
    torch.testing.assert_close(saturating.abs()[0], torch.tensor(0.01, dtype=torch.float64))
    torch.testing.assert_close(other.abs()[0], torch.tensor(0.99, dtype=torch.float64))
    torch.testing.assert_close(saturating / other, d / (1 - d))
    # What many call minimax is the non-saturating loss again; the check must tell them apart.
    with pytest.raises(AssertionError, match="not close"):
        torch.testing.assert_close(other / other, d / (1 - d))


def test_smoothing_moves_the_optimum_and_reweighting_moves_it_elsewhere() -> None:
    p, q, a = 0.7, 0.2, 0.1
    grid = torch.linspace(-5, 5, 20001, dtype=torch.float64)
    softplus = torch.nn.functional.softplus
    smoothed = p * ((1 - a) * softplus(-grid) + a * softplus(grid)) + q * softplus(grid)
    assert float(grid[smoothed.argmin()].sigmoid()) == pytest.approx((1 - a) * p / (p + q), abs=1e-3)
    one = torch.tensor([0.3], dtype=torch.float64)
    expected = (1 - a) * softplus(-one) + a * softplus(one) + softplus(one)
    torch.testing.assert_close(losses.discriminator_loss(one, one, smoothing=a), expected.mean())
    reweighted = p * (1 - a) * softplus(-grid) + q * softplus(grid)
    assert float(grid[reweighted.argmin()].sigmoid()) != pytest.approx((1 - a) * p / (p + q), abs=1e-2)


@pytest.mark.parametrize("shape", [(7, 5), (3, 1, 4, 4), (16, 3, 2, 2)])
def test_the_penalty_of_a_linear_critic_is_exact_for_any_batch(shape: tuple[int, ...]) -> None:
    keys = Keys(3)
    slope = keys.normal("slope", *shape[1:])
    real, fake = keys.normal("x", *shape), keys.normal("y", *shape)
    mix = keys.uniform("mix", shape[0])

    def critic(x: torch.Tensor) -> torch.Tensor:
        return (x * slope).flatten(1).sum(dim=1)

    expected = (slope.norm() - 1) ** 2
    torch.testing.assert_close(losses.gradient_penalty(critic, real, fake, mix), expected)
    # One norm over the whole batch grows with the rows, as in a copy that is widely used.
    with pytest.raises(AssertionError, match="not close"):
        torch.testing.assert_close((slope.norm() * math.sqrt(shape[0]) - 1) ** 2, expected)


def test_the_penalty_mixes_every_row_with_its_own_weight() -> None:
    real, fake = torch.ones(4, 2), torch.zeros(4, 2)
    mix = torch.tensor([0.0, 0.25, 0.5, 1.0])
    seen = []

    def critic(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.detach().clone())
        return x.square().sum(dim=1)

    losses.gradient_penalty(critic, real, fake, mix)
    torch.testing.assert_close(seen[0], mix[:, None].expand(4, 2))


def test_gaussian_kl_is_its_monte_carlo_average() -> None:
    mean, log_variance = torch.tensor(0.7, dtype=torch.float64), torch.tensor(-0.8, dtype=torch.float64)
    sd = (0.5 * log_variance).exp()
    z = mean + sd * Keys(1).normal("z", 100_000).double()
    terms = (-0.5 * ((z - mean) / sd) ** 2 - sd.log()) - (-0.5 * z**2)
    error = float(terms.std()) / math.sqrt(len(terms))
    exact = float(losses.gaussian_kl(mean, log_variance))
    assert float(terms.mean()) == pytest.approx(exact, abs=4 * error)
    assert float(terms.mean()) != pytest.approx(exact + 0.5 * float(mean**2), abs=4 * error)
