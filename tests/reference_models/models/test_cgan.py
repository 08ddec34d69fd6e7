"""Conditional GAN: both networks hear the class, and what is made is of the class that was asked for."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import gandiag
from gandiag.errors import ConfigError
from reference_models.core.data import Batches
from reference_models.core.loop import Run
from reference_models.core.rng import Keys
from reference_models.core.running import begin, train


def test_both_networks_hear_the_class() -> None:
    model: Any = begin("cgan", "smoke", device="cpu").model
    z, y = Keys(0).normal("z", 6, 4), torch.arange(6)
    with torch.no_grad():
        made = model.G(z, y)
        judged = model.D(made, y)
        assert not torch.allclose(model.G(z, y + 1), made)
        assert not torch.allclose(model.D(made, y + 1), judged)
        # A model deaf to y would pass neither line: the same calls with the same classes give the same numbers.
        torch.testing.assert_close(model.G(z, y.clone()), made)
        torch.testing.assert_close(model.D(made, y.clone()), judged)


def test_d_is_told_for_a_made_image_what_g_was_told() -> None:
    run = begin("cgan", "smoke", device="cpu")
    model: Any = run.model
    told: dict[str, list[Tensor]] = {"G": [], "D": []}
    for name in told:
        model.networks[name].register_forward_pre_hook(lambda _, inputs, name=name: told[name].append(inputs[1]))
    batch = Batches(run.data, run.keys, 16, 1)
    model.step(batch, run.keys)
    y = Batches(run.data, run.keys, 16, 1).labelled()[1]
    assert y is not None
    assert len(told["G"]) == 2
    assert len(told["D"]) == 3  # real, made, and made again for G
    assert all(torch.equal(y, heard) for heard in [*told["G"], *told["D"]])
    assert not torch.equal(y, y.roll(1))


def test_classes_are_drawn_with_the_shares_of_the_data() -> None:
    run = begin("cgan", "smoke", device="cpu")
    model: Any = run.model
    model.units = dataclasses.replace(model.units, shares=(0.4, 0.2, 0.1, 0.1, 0.05, 0.05, 0.04, 0.03, 0.02, 0.01))
    n = 20_000
    shares = torch.bincount(model.classes(n, Keys(0)), minlength=10) / n
    expected = torch.tensor(model.units.shares)
    error = (expected * (1 - expected) / n).sqrt()
    assert bool(((shares - expected).abs() < 4 * error).all())
    assert not bool(((shares - expected.roll(3)).abs() < 4 * error).all())


def test_data_without_classes_are_refused() -> None:
    images = np.random.default_rng(0).uniform(size=(64, 8, 8))
    source = gandiag.open_sampler(images, value_range=(0, 1))
    with pytest.raises(ConfigError, match="must be given classes"):
        begin("cgan", "smoke", data=[source], device="cpu")


@pytest.fixture(scope="module")
def trained() -> Run:
    return train("cgan", "cpu", device="cpu")


def classified(images: Tensor) -> NDArray[np.int64]:
    from sklearn.neighbors import KNeighborsClassifier

    real = gandiag.open_sampler("data:digits?split=test")
    drawn = real.sample(898, rng=np.random.default_rng(0))
    judge = KNeighborsClassifier(3).fit(np.asarray(drawn.values).reshape(898, 64), drawn.labels)
    found: NDArray[np.int64] = judge.predict(((images + 1) * 8).round().flatten(1).numpy())
    return found


@pytest.mark.slow
def test_what_is_made_is_of_the_class_that_was_asked_for(trained: Run) -> None:
    y = torch.arange(1000) % 10
    made = classified(trained.model.sample(1000, Keys(1), y))
    assert float(np.mean(made == y.numpy())) >= 0.9
    assert float(np.mean(made == y.roll(1).numpy())) < 0.2  # the control: classes asked for out of step


@pytest.mark.slow
def test_swapping_the_class_changes_the_class_and_keeps_the_style(trained: Run) -> None:
    model: Any = trained.model
    z = Keys(2).normal("z", 500, model.config.latent)
    model.G.eval()
    with torch.no_grad():
        ink = torch.stack([model.G(z, torch.full((500,), c)).flatten(1).mean(dim=1) for c in range(10)])
    # Style told by the amount of ink: over the ten classes of one z it goes together, over shuffled z it does not.
    together = np.corrcoef(ink.numpy())[np.triu_indices(10, 1)].mean()
    rng = np.random.default_rng(0)
    apart = np.corrcoef(np.stack([rng.permutation(row) for row in ink.numpy()]))[np.triu_indices(10, 1)].mean()
    assert together > 0.1 > abs(apart)
