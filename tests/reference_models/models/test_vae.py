"""The VAE: sums in nats, bounds with known values, probabilistic PCA as the oracle of the linear one."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

import gandiag
from gandiag.errors import ConfigError
from reference_models.core.loop import Run, fit
from reference_models.core.model import config_of
from reference_models.core.presets import Preset
from reference_models.core.rng import Keys
from reference_models.core.running import begin, train
from reference_models.losses import gaussian_kl
from reference_models.models.vae import VAE, Bernoulli, Gaussian, VAEConfig, objective, warmed
from reference_models.oracles import ppca

Table = NDArray[np.float64]
SPECTRUM, LATENTS = (4.0, 2.0, 1.5, 0.5), 4


def digits(split: str) -> Table:
    sampler = gandiag.open_sampler(f"data:digits?split={split}")
    assert sampler.size is not None
    return np.asarray(sampler.sample(sampler.size, rng=np.random.default_rng(0)).values) / 16


def images(x: Table) -> torch.Tensor:
    return torch.as_tensor(x, dtype=torch.float32)[:, None]


def model(data: object, *, scale: str = "none", **settings: object) -> VAE:
    """Give an untrained model for some data."""
    preset = Preset(scale=scale, batch=8, model=settings)
    found = begin("vae", preset, data=[data], device="cpu").model
    assert isinstance(found, VAE)
    return found


@torch.no_grad()
def set_linear(vae: VAE, oracle: ppca.PPCA) -> None:
    """Put probabilistic PCA, with its exact posterior, into a linear model."""
    maps, variances = oracle.best_encoder()
    k = len(maps)
    encoder, decoder = vae.encoder.net[0], vae.decoder.net[0]  # type: ignore[union-attr,index]
    encoder.weight.zero_()
    encoder.weight[:k] = torch.as_tensor(maps)
    encoder.bias[:k] = torch.as_tensor(-maps @ oracle.mean)
    encoder.bias[k:] = torch.as_tensor(np.log(variances))
    decoder.weight.copy_(torch.as_tensor(oracle.loadings))
    decoder.bias.copy_(torch.as_tensor(oracle.mean))
    vae.head.log_sigma.fill_(0.5 * math.log(oracle.noise_variance))


# ---- sums, not averages ----


def test_the_gaussian_head_sums_over_pixels() -> None:
    x, out = np.random.default_rng(0).normal(size=(2, 3, 1, 4, 5))
    head = Gaussian(VAEConfig(sigma=0.7), (1, 4, 5))
    found = head.log_density(torch.as_tensor(x), torch.as_tensor(out)).detach().numpy()
    expected = stats.norm(out, 0.7).logpdf(x).reshape(3, -1)
    np.testing.assert_allclose(found, expected.sum(axis=1), rtol=1e-5)
    assert not np.allclose(found, expected.mean(axis=1), rtol=0.5)  # the error that is reported most


def test_the_bernoulli_head_sums_over_pixels() -> None:
    rng = np.random.default_rng(0)
    x, out = rng.integers(0, 2, (3, 1, 4, 5)), rng.normal(size=(3, 1, 4, 5))
    found = Bernoulli(VAEConfig(), (1, 4, 5)).log_density(torch.as_tensor(x).float(), torch.as_tensor(out)).numpy()
    expected = stats.bernoulli(1 / (1 + np.exp(-out))).logpmf(x).reshape(3, -1)
    np.testing.assert_allclose(found, expected.sum(axis=1), rtol=1e-5)
    assert not np.allclose(found, expected.mean(axis=1), rtol=0.5)


def test_twice_the_pixels_give_twice_the_nats() -> None:
    x, out = torch.rand(5, 1, 4, 4), torch.rand(5, 1, 4, 4)
    for head in (Gaussian(VAEConfig(), (1, 4, 4)), Bernoulli(VAEConfig(), (1, 4, 4))):
        once, twice = (head.log_density(x.repeat(1, 1, r, 1), out.repeat(1, 1, r, 1)) for r in (1, 2))
        torch.testing.assert_close(twice, 2 * once)


def test_a_pixel_that_never_changes_has_no_infinite_density() -> None:
    head = Gaussian(VAEConfig(sigma=1e-9), (2,))
    assert head.log_density(torch.zeros(1, 2), torch.zeros(1, 2)).item() == pytest.approx(
        2 * stats.norm(0, 0.01).logpdf(0), rel=1e-5
    )


# ---- the objective ----


def test_the_objective_is_the_negative_bound_and_its_gradients_are_the_analytic_ones() -> None:
    keys = Keys(2)
    mean, log_variance = keys.normal("m", 6, 3).requires_grad_(True), keys.normal("v", 6, 3).requires_grad_(True)
    fit_term = keys.normal("f", 6)
    loss = objective(fit_term, gaussian_kl(mean, log_variance))
    bound = fit_term.mean() - gaussian_kl(mean, log_variance).sum(dim=1).mean()
    torch.testing.assert_close(loss, -bound)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(mean.grad, mean.detach() / 6)
    torch.testing.assert_close(log_variance.grad, (log_variance.detach().exp() - 1) / 2 / 6)


def test_free_bits_leave_a_latent_alone_until_it_carries_them() -> None:
    kl = torch.tensor([[0.1, 2.0], [0.3, 4.0]], requires_grad=True)
    loss = objective(torch.zeros(2), kl, weight=0.5, free_bits=0.25)
    assert loss.item() == pytest.approx(0.5 * (0.25 + 3.0))
    loss.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(kl.grad, torch.tensor([[0.0, 0.25], [0.0, 0.25]]))


def test_the_weight_warms_up_with_the_steps() -> None:
    assert [warmed(step, 10) for step in (0, 5, 10, 99)] == [0.0, 0.5, 1.0, 1.0]
    assert warmed(0, 0) == 1.0


def test_bfloat16_products_leave_the_bound_in_full_precision() -> None:
    rows = [fit(begin("vae", "smoke", device="cpu", mixed=mixed, log_every=1), 3).history for mixed in ("on", "off")]
    for mixed, full in zip(*rows, strict=True):
        assert mixed["elbo"] != full["elbo"]  # bfloat16 was in use
        assert mixed["elbo"] == pytest.approx(full["elbo"], rel=0.02)
        assert mixed["kl"] == pytest.approx(full["kl"], rel=0.1)
    vae = begin("vae", "smoke", device="cpu").model
    assert isinstance(vae, VAE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert vae.encoder(torch.zeros(2, 1, 8, 8)).dtype == torch.bfloat16
        mean, log_variance = vae.posterior(torch.zeros(2, 1, 8, 8))
        assert mean.dtype == log_variance.dtype == gaussian_kl(mean, log_variance).dtype == torch.float32


# ---- the importance-weighted bound ----

ORIGIN = torch.zeros(1, 1)


def one_latent(*, exact: bool) -> VAE:
    """z ~ N(0, 1), x | z ~ N(z, 1); the proposal is the prior, or the exact posterior N(x / 2, 1 / 2)."""
    vae = model(np.zeros((8, 1)), net="linear", latent=1, noise="fixed", sigma=1.0)
    with torch.no_grad():
        for net in (vae.encoder, vae.decoder):
            for w in net.parameters():
                w.zero_()
        vae.decoder.net[0].weight.fill_(1.0)  # type: ignore[union-attr,index]
        if exact:
            vae.encoder.net[0].weight[0] = 0.5  # type: ignore[union-attr,index]
            vae.encoder.net[0].bias[1] = math.log(0.5)  # type: ignore[union-attr,index]
    return vae


@torch.no_grad()
def bounds(vae: VAE, k: int, rows: int) -> tuple[float, float]:
    found = vae.iwae(ORIGIN.expand(rows, 1), k, Keys(3)).double()
    return float(found.mean()), float(found.std()) / math.sqrt(rows)


@pytest.mark.row(88)
def test_the_importance_weighted_bound_has_its_known_values() -> None:
    vae, exact = one_latent(exact=False), float(stats.norm(0, math.sqrt(2)).logpdf(0))
    assert exact == pytest.approx(-1.265512, abs=1e-6)
    found = {k: bounds(vae, k, 20_000) for k in (1, 2, 5, 50)}
    value, error = found[1]
    assert value == pytest.approx(-1.418939, abs=4 * error)
    assert value != pytest.approx(exact, abs=4 * error)
    means = [v for v, _ in found.values()]
    assert means == sorted(means)
    assert means[1] - means[0] > 4 * found[1][1]
    assert means[-1] < exact + 4 * found[50][1]
    assert means[-1] == pytest.approx(exact, abs=0.01)


@pytest.mark.row(88)
def test_with_the_exact_posterior_every_bound_is_the_likelihood() -> None:
    vae = one_latent(exact=True)
    x = torch.tensor([[0.0], [1.0], [-2.5]])
    expected = torch.as_tensor(stats.norm(0, math.sqrt(2)).logpdf(x[:, 0].numpy())).float()
    with torch.no_grad():
        for k in (1, 7):
            torch.testing.assert_close(vae.iwae(x, k, Keys(0)), expected)
        mean_bound = torch.stack([vae.elbo(x, Keys(seed)) for seed in range(1000)])
    error = mean_bound.std(dim=0) / math.sqrt(1000)
    assert ((mean_bound.mean(dim=0) - expected).abs() < 4 * error).all()


@pytest.mark.parametrize("k", [1, 3, 8])
def test_as_many_codes_are_drawn_as_asked_for(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    vae, seen = one_latent(exact=False), []
    inner: Callable[..., torch.Tensor] = vae.head.log_density

    def spy(x: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        seen.append(out.clone())
        return inner(x, out)

    monkeypatch.setattr(vae.head, "log_density", spy)
    with torch.no_grad():
        vae.iwae(ORIGIN.expand(5, 1), k, Keys(0))
    drawn = torch.cat(seen).flatten()
    assert len(drawn.unique()) == 5 * k


# ---- the linear model is probabilistic PCA ----


def whitened() -> Table:
    """Rows whose covariance is exactly diag(4, 2, 1.5, 0.5)."""
    rows = np.random.default_rng(0).normal(size=(512, 4))
    rows -= rows.mean(axis=0)
    white = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T, ddof=0))).T
    return white * np.sqrt(SPECTRUM)


def collapsible() -> ppca.PPCA:
    """The optimum for unit noise: a direction of variance l is worth a latent if l > 1."""
    weights = np.diag(np.sqrt(np.maximum(np.array(SPECTRUM) - 1, 0)))
    return ppca.PPCA(mean=np.zeros(4), loadings=weights, noise_variance=1.0)


EXPECTED = ppca.activity(SPECTRUM, 1.0)


@pytest.mark.row(87)
def test_active_units_of_the_optimal_linear_model_are_exact() -> None:
    x = whitened()
    vae = model(x, net="linear", latent=LATENTS, noise="fixed", sigma=1.0)
    set_linear(vae, collapsible())
    with torch.no_grad():
        rows = torch.as_tensor(x).float()
        np.testing.assert_allclose(vae.activity(rows).numpy(), [0.75, 0.5, 0.3333, 0.0], atol=1e-4)
        np.testing.assert_allclose(vae.kl(rows).numpy(), [0.6931, 0.3466, 0.2027, 0.0], atol=1e-4)
        np.testing.assert_allclose(vae.activity(rows).numpy(), EXPECTED.activity, atol=1e-5)
        assert vae.active_units(rows) == EXPECTED.active == 3


def fitted(x: Table, *, steps: int = 600, **settings: object) -> Run:
    values = {"net": "linear", "latent": LATENTS, "noise": "fixed", "sigma": 1.0, "lr": 2e-2, **settings}
    preset = Preset(steps=steps, batch=len(x), average=0.99, model=values)
    run = fit(begin("vae", preset, data=[x], device="cpu"))
    assert run.average is not None
    for name, state in run.average.state.items():
        run.model.networks[name].load_state_dict(state)
    return run


@torch.no_grad()
def misfit(run: Run, x: Table) -> tuple[float, float, int]:
    """Largest errors of activity and KL, whatever the latents' order, and the active units."""
    vae, rows = run.model, torch.as_tensor(x).float()
    assert isinstance(vae, VAE)
    activity = np.sort(vae.activity(rows).numpy())[::-1]
    kl = np.sort(vae.kl(rows).numpy())[::-1]
    return abs(activity - EXPECTED.activity).max(), abs(kl - EXPECTED.kl).max(), vae.active_units(rows)


@pytest.mark.row(87)
def test_active_units_are_found_by_training() -> None:
    activity, kl, active = misfit(fitted(whitened()), whitened())
    assert max(activity, kl) < 0.02  # at most 0.0055 on four seeds
    assert active == 3


@pytest.mark.row(87)
def test_the_check_of_active_units_sees_an_averaged_reconstruction() -> None:
    """Averaging over the 4 columns is a KL weight of 4: all latents die, since no variance is above 4."""
    activity, _, active = misfit(fitted(whitened(), steps=300, beta=4.0), whitened())
    assert activity > 0.3
    assert active < 3


def test_on_digits_the_optimal_linear_model_has_the_exact_likelihood() -> None:
    x = digits("train").reshape(-1, 64)
    oracle = ppca.fit(x, 8)
    vae = model(x, net="linear", latent=8)
    set_linear(vae, oracle)
    exact = torch.as_tensor(oracle.log_likelihood(x)).float()
    with torch.no_grad():
        rows = torch.as_tensor(x).float()
        torch.testing.assert_close(vae.iwae(rows, 2, Keys(0)), exact, atol=2e-3, rtol=1e-3)
        draws = torch.stack([vae.elbo(rows, Keys(seed)).mean() for seed in range(50)]).double()
    assert float(draws.mean()) == pytest.approx(float(exact.mean()), abs=4 * float(draws.std()) / math.sqrt(50))
    assert float(draws.mean()) != pytest.approx(float(ppca.fit(x, 7).log_likelihood(x).mean()), abs=0.3)


@pytest.mark.slow
def test_on_digits_training_reaches_the_exact_likelihood() -> None:
    run, x = train("vae", "cpu-linear", device="cpu"), digits("train")
    assert run.average is not None
    for name, state in run.average.state.items():
        run.model.networks[name].load_state_dict(state)
    with torch.no_grad():
        found = np.mean([float(run.model.elbo(images(x), Keys(s)).mean()) for s in range(20)])
    exact = ppca.fit(x.reshape(-1, 64), 8).log_likelihood(x.reshape(-1, 64)).mean()
    assert exact - 0.3 < found < exact + 0.05


# ---- likelihood of binarised digits ----


def independent_pixels() -> float:
    """Log likelihood of held-out digits under pixels that know nothing of each other, with Laplace's correction."""
    ones, held_out = ((digits(split) >= 0.5).reshape(-1, 64) for split in ("train", "test"))
    p = (ones.sum(axis=0) + 1) / (len(ones) + 2)
    return float((held_out * np.log(p) + ~held_out * np.log(1 - p)).sum(axis=1).mean())


@torch.no_grad()
def held_out_bound(run: Run, k: int) -> float:
    x = images((digits("test") >= 0.5).astype(np.float64))
    return float(run.model.iwae(x, k, Keys(5)).mean())  # type: ignore[attr-defined]


def test_the_bernoulli_model_beats_independent_pixels_by_five_nats() -> None:
    baseline = independent_pixels()
    run = train("vae", "cpu-binary", steps=400, lr=3e-3, device="cpu")
    assert held_out_bound(run, 10) > baseline + 5  # -19.1 and -19.0 nats on two seeds, against -24.9
    untrained = begin("vae", "cpu-binary", device="cpu")
    assert held_out_bound(untrained, 10) < baseline


# ---- samples ----


def test_samples_have_the_noise_of_the_head_unless_the_mean_is_asked_for() -> None:
    vae = model(np.zeros((8, 3)), latent=2, widths=[4], sigma=0.5, noise="fixed")
    drawn = vae.sample(4000, Keys(1))
    vae.config = config_of(VAEConfig, {**vars(vae.config), "observe": "mean"})
    means = vae.sample(4000, Keys(1))
    assert float((drawn - means).std()) == pytest.approx(0.5, rel=0.03)
    binary = model("data:digits?split=train", scale="binary", latent=2, widths=[4], head="bernoulli")
    assert set(binary.sample(50, Keys(1)).unique().tolist()) == {0.0, 1.0}


def test_the_way_between_two_images_begins_and_ends_at_their_copies() -> None:
    vae = model("data:digits?split=train", scale="unit", latent=2, widths=[4])
    one, other = torch.rand(3, 1, 8, 8), torch.rand(3, 1, 8, 8)
    with torch.no_grad():
        way = vae.interpolate(one, other, points=5)
        assert way.shape == (3, 5, 1, 8, 8)
        torch.testing.assert_close(way[:, 0], vae.decode(vae.encode(one)))
        torch.testing.assert_close(way[:, -1], vae.decode(vae.encode(other)))


# ---- settings under which the bound is none ----


def test_a_deviation_below_its_floor_can_rise_again() -> None:
    head = Gaussian(VAEConfig(noise="shared"), (2,))
    with torch.no_grad():
        head.log_sigma.fill_(math.log(0.005))
    assert float(head.sigma.detach()) == pytest.approx(0.01)
    head.log_density(torch.ones(1, 2), torch.zeros(1, 2)).sum().backward()  # an error of a hundred deviations
    assert head.log_sigma.grad is not None
    assert float(head.log_sigma.grad) > 0
    clamped = head.log_sigma.detach().clone().requires_grad_(True)  # the plain clamp, which the check must reject
    (-0.5 * (1 / clamped.exp().clamp(min=0.01)).square()).backward()
    assert float(clamped.grad) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["vae", "hierarchical_vae"])
def test_laws_that_do_not_fit_the_pixels_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="needs pixels from 0 to 1; got scale symmetric"):
        begin(name, "smoke", device="cpu", scale="symmetric", head="bernoulli")
    with pytest.raises(ConfigError, match=r"`sigma` must be at least 0\.01"):
        begin(name, "smoke", device="cpu", sigma=0.001)
