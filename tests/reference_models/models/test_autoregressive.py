"""The autoregressive model: its law sums to one, conditionals see what came before, and samples have that law."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from gandiag.errors import ConfigError
from reference_models.core.data import Domain, Units
from reference_models.core.loop import fit
from reference_models.core.model import evaluating
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.models import autoregressive
from reference_models.models.autoregressive import Autoregressive, AutoregressiveConfig, Masked, masks


def built(side: int = 2, levels: int = 2, **settings: Any) -> Autoregressive:
    """Make a model of small pictures whose conditionals are far from even."""
    units = Units(shape=(1, side, side), kind="image", channels_last=False, low=0, high=levels - 1, scale="unit")
    model = Autoregressive(AutoregressiveConfig(**{"hidden": (24, 24), **settings}), units, Keys(3))
    for layer in model.C.modules():
        if isinstance(layer, Masked):
            with torch.no_grad():
                layer.weight.mul_(4.0)
    model.C.eval()
    return model


def all_rows(model: Autoregressive) -> Tensor:
    values = torch.arange(model.levels) / (model.levels - 1)
    return torch.cartesian_prod(*[values] * model.size).reshape(-1, *model.units.shape)


@pytest.mark.parametrize(("side", "levels"), [(2, 2), (2, 5), (3, 3), (4, 2)])
def test_the_law_sums_to_one_over_all_pictures(side: int, levels: int) -> None:
    model = built(side, levels)
    with torch.no_grad():
        total = model.log_prob(all_rows(model)).double().exp().sum()
        assert len(all_rows(model)) == levels ** (side * side)
        assert float(total) == pytest.approx(1.0, abs=1e-5)
        leaking(model)
        assert float(model.log_prob(all_rows(model)).double().exp().sum()) != pytest.approx(1.0, abs=1e-2)


def leaking(model: Autoregressive) -> None:
    """Let every output see its own input, as where the last mask has >= for >."""
    last = [layer for layer in model.C.modules() if isinstance(layer, Masked)][-1]
    numbers = torch.arange(last.in_features) % (model.size - 1) + 1
    wrong = torch.arange(1, model.size + 1)[:, None] >= numbers
    last.mask.copy_(wrong.repeat_interleave(model.levels, dim=0))


def sees(model: Autoregressive) -> Tensor:
    """Tell which conditional hangs on which variable: the Jacobian of the logits, its largest entry over levels.

    The largest over eight places as well, since a rectifier may be shut at one.
    """
    places = Keys(4).uniform("x", 8, 1, model.size)
    every = [torch.autograd.functional.jacobian(lambda v: model.C(v)[0], x)[:, :, 0] for x in places]
    out: Tensor = torch.stack(every).abs().amax(dim=(0, 2))
    return out


@pytest.mark.parametrize("hidden", [(24,), (40, 24), (7, 5)])
def test_the_jacobian_is_strictly_triangular(hidden: tuple[int, ...]) -> None:
    model = built(3, 3, hidden=hidden)
    found = sees(model)
    assert float(found.triu().max()) == 0.0
    if min(hidden) >= model.size - 1:  # no number is missing, so nothing that may be seen is hidden
        assert (found.tril(-1) > 0).sum() == model.size * (model.size - 1) // 2
    leaking(model)
    assert float(sees(model).diagonal().max()) > 0.0


def test_without_hidden_layers_the_mask_is_the_triangle() -> None:
    (only,) = masks(4, ())
    assert torch.equal(only, torch.ones(4, 4).tril(-1).bool())


def test_the_likelihood_is_the_product_of_conditionals_taken_one_by_one() -> None:
    """One pass with the true values before each variable is D passes in which what comes after is anything."""
    model = built(3, 4)
    levels = Keys(5).integers("x", 4, 10, model.size)
    x = levels / 3
    product = torch.zeros(10, dtype=torch.float64)
    backwards = torch.zeros(10, dtype=torch.float64)
    with torch.no_grad():
        for d in range(model.size):
            guess = x.clone()
            guess[:, d:] = Keys(6).uniform("garbage", 10, model.size - d, index=d)
            product += model.C(guess)[:, d].double().log_softmax(dim=1)[torch.arange(10), levels[:, d]]
            other = x.clone()
            other[:, : d + 1] = Keys(6).uniform("garbage", 10, d + 1, index=d)
            backwards += model.C(other)[:, d].double().log_softmax(dim=1)[torch.arange(10), levels[:, d]]
        found = model.log_prob(x.reshape(10, 1, 3, 3)).double()
    torch.testing.assert_close(found, product, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(found, backwards, atol=0.1)  # given what comes after: another law


def surprise(model: Autoregressive, drawn: Tensor) -> float:
    """Give the p-value of Pearson's chi-square of the draws against the enumerated law, rare pictures in one cell."""
    n, base = len(drawn), model.levels ** torch.arange(model.size - 1, -1, -1)
    with torch.no_grad():
        p = model.log_prob(all_rows(model)).double().exp().numpy()
    places = (drawn.flatten(1) * (model.levels - 1)).round().long() @ base
    counts = np.bincount(places.numpy(), minlength=len(p))
    common = n * p >= 5
    observed = np.append(counts[common], counts[~common].sum())
    expected = np.append(n * p[common], n * p[~common].sum())
    return float(chisquare(observed, expected * observed.sum() / expected.sum()).pvalue)


def test_samples_have_the_enumerated_law() -> None:
    model = built(2, 3)
    n = 20_000
    drawn = model.sample(n, Keys(7))
    assert surprise(model, drawn) > 1e-4
    # All variables at once, each as if those before it were dark, is another law; so is the order from the end.
    with torch.no_grad():
        logits = model.C(torch.zeros(1, model.size)).expand(n, -1, -1)
    at_once = torch.distributions.Categorical(logits=logits).sample() / (model.levels - 1)
    assert surprise(model, at_once) < 1e-4
    assert surprise(model, drawn.flatten(1).flip(1)) < 1e-4


def test_samples_are_levels_and_do_not_hang_on_how_many_are_drawn() -> None:
    model = built(3, 5)
    drawn = model.sample(1100, Keys(1))  # more than one block
    assert drawn.shape == (1100, 1, 3, 3)
    assert set((drawn * 4).unique().tolist()) <= {0.0, 1.0, 2.0, 3.0, 4.0}
    u = Keys(1).uniform("pixels", 1100, 9)
    with torch.no_grad():
        again = autoregressive._Drawing(model.C, 5)(u[600:])
    torch.testing.assert_close(drawn[600:].flatten(1), again)


def independent_pixels(train: Tensor, test: Tensor) -> float:
    """Give the held-out log-likelihood of pixels drawn one by one with their shares, smoothed by one count."""
    p = (train.sum(dim=0) + 1) / (len(train) + 2)
    return float((test * p.log() + (1 - test) * (1 - p).log()).flatten(1).sum(dim=1).mean())


def test_training_learns_what_pixels_say_of_each_other() -> None:
    """Bars: those of the small RBM on these digits, at least -20 nats and 4 above independent pixels (-24.5)."""
    run = fit(begin("autoregressive", "cpu", device="cpu", average=0.0), 400)
    train, test = (Domain(f"data:digits?split={part}", "binary").values for part in ("train", "test"))
    model: Any = run.model
    with torch.no_grad(), evaluating(model.networks.values()):
        found = float(model.log_prob(test).mean())
    assert found >= -20
    assert found - independent_pixels(train, test) >= 4
    assert 0 < -found / (64 * math.log(2)) < 1  # bits per pixel
    leaking(model)  # what is trained through such masks is too good to be true: no digit is so sure of each pixel
    fit(run, 700)
    with torch.no_grad(), evaluating(model.networks.values()):
        assert float(model.log_prob(test).mean()) > -5


def test_grey_levels_are_counted_and_what_is_between_them_is_refused() -> None:
    assert begin("autoregressive", "smoke", device="cpu", scale="unit").model.levels == 17  # type: ignore[attr-defined]
    run = begin("autoregressive", "smoke", device="cpu", scale="unit", levels=9)
    with pytest.raises(ConfigError, match="must have 9 grey levels"):
        fit(run, 1)
    with pytest.raises(ConfigError, match="values must come as levels"):
        begin("autoregressive", "smoke", device="cpu", data=["toy:ring8"], scale="none")
    with pytest.raises(ConfigError, match="values must come as levels"):
        begin("autoregressive", "smoke", device="cpu", scale="symmetric")


def test_one_variable_alone_is_a_table() -> None:
    model = built(1, 4, hidden=(3,))
    assert float(sees(model).max()) == 0.0
    with torch.no_grad():
        assert float(model.log_prob(all_rows(model)).exp().sum()) == pytest.approx(1.0, abs=1e-6)
