"""The autoencoder: its gradient, PCA as the oracle of the linear one, and the failure of its samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

import gandiag
from gandiag.errors import ConfigError
from reference_models.core.loop import Run, fit
from reference_models.core.presets import Preset
from reference_models.core.rng import Keys
from reference_models.core.running import begin, train
from reference_models.models.autoencoder import squared_error
from reference_models.nets import conv_down

Table = NDArray[np.float64]


def digits(split: str) -> Table:
    sampler = gandiag.open_sampler(f"data:digits?split={split}")
    assert sampler.size is not None
    return np.asarray(sampler.sample(sampler.size, rng=np.random.default_rng(0)).values) / 16


def tensor(x: Table) -> torch.Tensor:
    rows = torch.as_tensor(x, dtype=torch.float32)
    return rows if rows.ndim == 2 else rows[:, None]


def error(run: Run, x: Table) -> float:
    with torch.no_grad():
        rows = tensor(x)
        return float(squared_error(rows, run.model.decode(run.model.encode(rows))).mean())  # type: ignore[attr-defined]


def agreement(run: Run, x: Table, k: int) -> tuple[float, float]:
    """Ratio of the error to that of PCA with k components, and the largest principal angle in degrees."""
    flat = x.reshape(len(x), -1)
    pca = PCA(k).fit(flat)
    theirs = np.square(flat - pca.inverse_transform(pca.transform(flat))).sum(axis=1).mean()
    spanned = run.model.networks["decoder"].net[0].weight.detach().double().numpy()  # type: ignore[index,union-attr]
    return error(run, x) / theirs, float(np.rad2deg(subspace_angles(spanned, pca.components_.T)).max())


@pytest.fixture(scope="module")
def cloud() -> Table:
    rows = np.random.default_rng(0).normal(size=(256, 6)) * np.sqrt([9, 6, 4, 0.5, 0.3, 0.2])
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    return rows @ turn + 1.0


def linear(x: Table, *, latent: int, steps: int) -> Run:
    preset = Preset(steps=steps, batch=len(x), model={"latent": latent, "net": "linear", "lr": 3e-2})
    return fit(begin("autoencoder", preset, data=[x], device="cpu"))


def test_the_linear_one_is_pca(cloud: Table) -> None:
    ratio, angle = agreement(linear(cloud, latent=3, steps=400), cloud, 3)
    assert ratio == pytest.approx(1, abs=0.01)
    assert angle < 5


@pytest.mark.parametrize(("latent", "steps"), [(3, 20), (2, 400)], ids=["too short", "too narrow"])
def test_the_check_against_pca_sees_a_wrong_one(cloud: Table, latent: int, steps: int) -> None:
    ratio, _ = agreement(linear(cloud, latent=latent, steps=steps), cloud, 3)
    assert ratio > 1.01


def test_the_gradient_is_the_analytic_one(cloud: Table) -> None:
    run = linear(cloud, latent=2, steps=1)
    x = tensor(cloud).double()
    encoder, decoder = (run.model.networks[name].double() for name in ("encoder", "decoder"))
    for network in (encoder, decoder):
        network.zero_grad()
    z = encoder(x)
    squared_error(x, decoder(z)).mean().backward()  # type: ignore[no-untyped-call]
    missed = (x - decoder(z)).detach()
    expected = -2 * missed.T @ z.detach() / len(x)
    found = decoder.net[0].weight.grad  # type: ignore[index,union-attr]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)  # the copy passes through float32
    assert not torch.allclose(found, expected / x.shape[1])  # an average over columns would give this


def test_codes_and_copies_have_their_shapes() -> None:
    for preset in ("smoke", "cpu-conv"):
        run = begin("autoencoder", preset, device="cpu")
        z = run.model.encode(torch.zeros(3, 1, 8, 8))  # type: ignore[attr-defined]
        assert z.shape == (3, run.model.config.latent)
        assert run.model.decode(z).shape == (3, 1, 8, 8)  # type: ignore[attr-defined]


def test_images_that_do_not_halve_are_refused() -> None:
    with pytest.raises(ConfigError, match="halve 4 times"):
        conv_down((1, 8, 8), (4, 4, 4, 4), 2)


@pytest.mark.slow
def test_on_digits_the_linear_one_is_pca() -> None:
    x = digits("train")
    ratio, angle = agreement(train("autoencoder", "cpu-linear", device="cpu"), x, 8)
    assert ratio == pytest.approx(1, abs=0.01)
    assert angle < 5


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["cpu", "cpu-conv"])
def test_a_deep_one_copies_better_than_pca_and_samples_badly(preset: str) -> None:
    run = train("autoencoder", preset, device="cpu")
    held_out, pca = digits("test"), PCA(8).fit(digits("train").reshape(-1, 64))
    flat = held_out.reshape(-1, 64)
    theirs = np.square(flat - pca.inverse_transform(pca.transform(flat))).sum(axis=1).mean()
    assert error(run, held_out) < 0.7 * theirs
    assert advantage(held_out, from_noise(run, len(held_out))) > 0.5


@torch.no_grad()
def from_noise(run: Run, n: int) -> Table:
    rows: Table = run.model.sample(n, Keys(1))[:, 0].clamp(0, 1).double().numpy()
    return rows


def advantage(real: Table, fake: Table) -> float:
    """What a two-sample classifier gains over guessing: 2 accuracy - 1."""
    found = gandiag.score(real, fake, metrics=["c2st"], seed=0)["c2st"].estimate
    assert found is not None
    return found


def test_decoded_noise_is_told_from_data_and_other_data_are_not() -> None:
    run, real = train("autoencoder", "cpu", steps=300, device="cpu"), digits("test")
    assert advantage(real, from_noise(run, len(real))) > 0.5  # accuracy above 0.75; 1.0 on two seeds
    assert advantage(real, digits("train")) < 0.25
