"""Unrolled GAN: the derivative through the steps ahead is the hand-computed one, and the steps are D's own."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from gandiag.errors import ConfigError
from reference_models import losses
from reference_models.core.data import Batches
from reference_models.core.loop import fit
from reference_models.core.running import begin
from reference_models.models.unrolled_gan import UnrolledGAN, Weights, descent, looked_ahead

A = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
THETA = torch.tensor([0.7, -0.4], dtype=torch.float64)
PHI = torch.tensor([0.2, 1.1], dtype=torch.float64)
ETA = 0.05


def slope_of_the_bilinear_game(times: int, *, forgetful: bool = False) -> Tensor:
    """Differentiate ``theta' A phi_K`` by theta, with phi_K from the very code of the model; D descends minus f."""
    theta = THETA.clone().requires_grad_(True)
    start: Weights = {"phi": PHI.clone().requires_grad_(True)}
    ahead = looked_ahead(lambda w: -(theta @ A @ w["phi"]), start, descent(ETA), times)["phi"]
    value = theta @ A @ (ahead.detach() if forgetful else ahead)
    (slope,) = torch.autograd.grad(value, theta)
    return slope


@pytest.mark.parametrize("times", [0, 1, 2, 7])
def test_the_gradient_through_the_steps_ahead_is_the_one_by_hand(times: int) -> None:
    """``phi_K = phi + K eta A' theta``, so ``f_K = theta' A phi + K eta |A' theta|^2``."""
    by_hand = A @ PHI + 2 * times * ETA * A @ A.T @ THETA
    torch.testing.assert_close(slope_of_the_bilinear_game(times), by_hand)
    # What forgets that phi_K hangs on theta has half of the second part: the same checks reject it.
    half = slope_of_the_bilinear_game(times, forgetful=True)
    torch.testing.assert_close(half, A @ PHI + times * ETA * A @ A.T @ THETA)
    assert torch.allclose(half, by_hand) is (times == 0)


def played(times: int, *, rounds: int = 400, step: float = 0.1) -> Tensor:
    """Play ``x y`` by eqs. 10 and 11 at once from (1, 0), and give where it ends."""
    x, y = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (1.0, 0.0))
    for _ in range(rounds):
        ahead = looked_ahead(lambda w, x=x: -x * w["y"], {"y": y}, descent(step), times)["y"]  # type: ignore[misc]
        (slope,) = torch.autograd.grad(x * ahead, x)
        x, y = (v.detach().requires_grad_(True) for v in (x - step * slope, y + step * x))
    return torch.stack([x, y]).detach()


@pytest.mark.parametrize("times", [0, 1, 5])
def test_looking_ahead_turns_the_spiral_of_the_bilinear_game_inwards(times: int) -> None:
    """One round is a matrix with determinant ``1 - (2 K - 1) h^2``: above 1 for the plain game, below for K >= 1."""
    h = 0.1
    one_round = torch.tensor([[1 - 2 * times * h**2, -h], [h, 1]], dtype=torch.float64)
    end = torch.linalg.matrix_power(one_round, 400)[:, 0]
    torch.testing.assert_close(played(times), end, rtol=1e-9, atol=1e-12)
    assert (float(end.norm()) < 1) is (times > 0)


def in_doubles(**settings: Any) -> UnrolledGAN:
    """Make a small model that has trained for three steps, so that D's optimiser has moments."""
    run = begin("unrolled_gan", "smoke", device="cpu", **settings)
    fit(run, 3)
    assert isinstance(run.model, UnrolledGAN)
    for net in run.model.networks.values():
        net.double()
    for state in run.model.optimizers["D"].state.values():
        state.update({key: value.double() for key, value in state.items() if key != "step"})
    return run.model


REAL = torch.randn(32, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
Z = torch.randn(32, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("times", [1, 4])
def test_the_steps_ahead_are_those_that_the_optimiser_of_d_would_take(optimizer: str, times: int) -> None:
    model = in_doubles(discriminator_optimizer=optimizer, discriminator_lr=0.02)
    fake = model.G(Z).detach()
    before = {name: w.clone() for name, w in model.D.named_parameters()}

    def loss(weights: Weights) -> Tensor:
        return losses.discriminator_loss(model.judged(weights, REAL), model.judged(weights, fake))

    ahead = looked_ahead(loss, dict(model.D.named_parameters()), model.update(), times)
    assert all(torch.equal(w, before[name]) for name, w in model.D.named_parameters())  # nothing has moved
    taken = copy.deepcopy(model)
    for _ in range(times):
        taken.optimizers["D"].zero_grad()
        losses.discriminator_loss(taken.D(REAL), taken.D(fake)).backward()  # type: ignore[no-untyped-call]
        taken.optimizers["D"].step()
    for name, w in taken.D.named_parameters():
        torch.testing.assert_close(ahead[name], w.detach(), rtol=1e-9, atol=1e-12)
        assert not torch.allclose(ahead[name], before[name], atol=1e-6)
    # Without the moments of the optimiser, as if D began anew, Adam's steps are others.
    if optimizer == "adam":
        for state in model.optimizers["D"].state.values():
            state.update({key: torch.zeros_like(value) for key, value in state.items()})
        anew = looked_ahead(loss, dict(model.D.named_parameters()), model.update(), times)
        assert any(not torch.allclose(anew[name], w, atol=1e-4) for name, w in taken.D.named_parameters())


class Given(Batches):
    """One batch that does not change."""

    def __init__(self, x: Tensor) -> None:
        self._x, self.size = x, len(x)

    def __call__(self, domain: int = 0) -> Tensor:
        return self._x


class Noise:
    """Keys that give the same noise whatever is asked."""

    def normal(self, name: str, *shape: int, index: int = 0) -> Tensor:
        return Z[: shape[0]]


def surrogate(model: UnrolledGAN, *, whole: bool = True) -> float:
    """Compute f_K by really moving a copy of D, one gradient step at a time."""
    other = copy.deepcopy(model)
    (group,) = other.optimizers["D"].param_groups
    fake = other.G(Z).detach()
    for _ in range(model.config.unroll):
        loss = losses.discriminator_loss(other.D(REAL), other.D(fake))
        slopes = torch.autograd.grad(loss, list(other.D.parameters()))
        with torch.no_grad():
            for w, slope in zip(other.D.parameters(), slopes, strict=True):
                w -= group["lr"] * slope
    value = -softplus(other.D(fake)).mean()
    return float((value - softplus(-other.D(REAL)).mean() if whole else value).detach())


@pytest.mark.parametrize("unroll", [1, 3])
def test_the_loss_of_g_is_the_unrolled_value_and_its_gradient_that_of_finite_differences(unroll: int) -> None:
    model = in_doubles(unroll=unroll, loss="saturating", discriminator_optimizer="sgd", discriminator_lr=0.5)
    loss = model.generator_loss(Given(REAL), Noise())  # type: ignore[arg-type]
    assert float(loss.detach()) == pytest.approx(surrogate(model), rel=1e-9)
    weight = next(w for w in model.G.parameters() if w.ndim == 2)
    (slope,) = torch.autograd.grad(loss, weight)
    place, h = divmod(int(slope.abs().argmax()), slope.shape[1]), 1e-5
    values: dict[bool, list[float]] = {True: [], False: []}
    for sign in (1, -1):
        with torch.no_grad():
            weight[place] += sign * h
        for whole, found in values.items():
            found.append(surrogate(model, whole=whole))
        with torch.no_grad():
            weight[place] -= sign * h
    numeric = {whole: (one - other) / (2 * h) for whole, (one, other) in values.items()}
    assert float(slope[place]) == pytest.approx(numeric[True], rel=1e-5)
    # The term on real rows hangs on G through the steps ahead: without it the gradient is another.
    assert float(slope[place]) != pytest.approx(numeric[False], rel=1e-3)


def trained(name: str, **settings: Any) -> dict[str, Tensor]:
    run = fit(begin(name, "smoke", device="cpu", **settings), 12)
    return {f"{net}.{key}": w for net, module in run.model.networks.items() for key, w in module.state_dict().items()}


@pytest.mark.parametrize("loss", ["saturating", "non_saturating", "least_squares"])
def test_without_a_step_ahead_it_is_the_plain_gan_bit_for_bit(loss: str) -> None:
    plain, unrolled = trained("gan", loss=loss), trained("unrolled_gan", loss=loss, unroll=0)
    assert plain.keys() == unrolled.keys()
    assert [key for key in plain if not torch.equal(plain[key], unrolled[key])] == []
    if loss != "least_squares":
        ahead = trained("unrolled_gan", loss=loss, unroll=1)
        assert [key for key in plain if key.startswith("G.") and torch.equal(plain[key], ahead[key])] == []


def test_d_takes_its_own_step_and_no_more() -> None:
    run = begin("unrolled_gan", "smoke", device="cpu", k=2)
    updates: list[str] = []
    for name, optimizer in run.model.optimizers.items():
        optimizer.register_step_post_hook(lambda *_, name=name: updates.append(name))
    fit(run, 1)
    assert updates == ["D", "D", "G"]


def test_packs_are_looked_ahead_on_as_well() -> None:
    run = fit(begin("unrolled_gan", "smoke", device="cpu", pack=2), 2)
    assert torch.isfinite(run.model.sample(4, run.keys)).all()


@pytest.mark.parametrize(
    ("wrong", "match"), [({"unroll": -1}, "`unroll` must be at least 0"), ({"loss": "least_squares"}, "log loss")]
)
def test_settings_that_cannot_be_unrolled_are_refused(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        begin("unrolled_gan", "smoke", device="cpu", **wrong)
