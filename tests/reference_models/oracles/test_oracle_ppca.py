"""Probabilistic PCA agrees with the Gaussian it is, with scikit-learn, and with the linear VAE's optimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal, ortho_group
from sklearn.decomposition import PCA

import gandiag
from gandiag.errors import ConfigError, ShapeError
from reference_models.oracles.ppca import PPCA, activity, em_step, fit, of_covariance

K = 3


def rows(n: int = 400) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, K)) @ rng.normal(0, 2, (K, 7)) + 0.7 * rng.standard_normal((n, 7)) + 5.0


def rotated(model: PPCA) -> PPCA:
    """The same law of x with other axes in latent space."""
    return replace(model, loadings=model.loadings @ ortho_group(K, seed=1).rvs())


def test_log_likelihood_is_that_of_the_gaussian() -> None:
    x = rows()
    model = fit(x, K)
    covariance = model.loadings @ model.loadings.T + model.noise_variance * np.eye(7)
    exact = multivariate_normal(model.mean, covariance).logpdf(x)
    np.testing.assert_allclose(model.log_likelihood(x), exact, rtol=1e-11)
    np.testing.assert_allclose(rotated(model).log_likelihood(x), exact, rtol=1e-11)
    wrong = replace(model, noise_variance=model.noise_variance**0.5)  # a standard deviation for a variance
    assert np.abs(wrong.log_likelihood(x) - exact).max() > 1


def test_posterior_is_the_conditional_of_the_joint_gaussian() -> None:
    x = rows(5)
    model = fit(rows(), K)
    w = model.loadings
    covariance = w @ w.T + model.noise_variance * np.eye(7)
    means, spread = model.posterior(x)
    np.testing.assert_allclose(means, (x - model.mean) @ np.linalg.solve(covariance, w), rtol=1e-9)
    np.testing.assert_allclose(spread, np.eye(K) - w.T @ np.linalg.solve(covariance, w), atol=1e-12)


def test_no_model_is_likelier_than_the_fit() -> None:
    x = rows()
    model = fit(x, K)
    best = model.log_likelihood(x).mean()
    rng = np.random.default_rng(1)
    for size in (1e-3, 1e-2, 1e-1):
        moved = replace(
            model,
            mean=model.mean + size * rng.standard_normal(7),
            loadings=model.loadings + size * rng.standard_normal((7, K)),
            noise_variance=model.noise_variance * np.exp(size),
        )
        assert moved.log_likelihood(x).mean() < best
    # An unbiased covariance is not the maximum likelihood one.
    assert of_covariance(x.mean(0), np.cov(x, rowvar=False), K).log_likelihood(x).mean() < best


def test_scikit_learn_scores_the_same() -> None:
    """Its PCA divides by n - 1, so the agreement is exact for that covariance and only near for maximum likelihood."""
    rng = np.random.default_rng(0)
    digits = gandiag.open_sampler("data:digits").sample(600, rng=rng).values.reshape(600, -1) / 16.0
    train, test = digits[:400], digits[400:]
    peer = PCA(8, svd_solver="full").fit(train)
    ours = of_covariance(train.mean(0), np.cov(train, rowvar=False), 8)
    for part in (train, test):
        assert ours.log_likelihood(part).mean() == pytest.approx(peer.score(part), abs=1e-8)
    assert fit(train, 8).log_likelihood(train).mean() > peer.score(train) + 1e-6


def test_the_best_elbo_of_a_linear_vae_is_the_log_likelihood_row_by_row() -> None:
    x = rows()
    model = fit(x, K)
    encoder, variances = model.best_encoder()
    exact = model.log_likelihood(x)
    np.testing.assert_allclose(model.elbo(x, encoder, variances), exact, rtol=1e-10)
    for worse in (
        model.elbo(x, 1.02 * encoder, variances),
        model.elbo(x, encoder, 1.1 * variances),
        model.elbo(x, np.zeros_like(encoder), np.ones(K)),
    ):
        assert worse.mean() < exact.mean() - 1e-5
        assert (worse <= exact + 1e-9).all()


def test_a_rotated_decoder_cannot_reach_it_with_a_diagonal_posterior() -> None:
    x = rows()
    turned = rotated(fit(x, K))
    gap = turned.log_likelihood(x) - turned.elbo(x, *turned.best_encoder())
    m = turned.inner
    # KL of the diagonal family from the posterior: half the log of prod(M_ii) / det M, the same at every row.
    expected = 0.5 * (np.log(np.diag(m)).sum() - np.linalg.slogdet(m)[1])
    np.testing.assert_allclose(gap, expected, rtol=1e-8)
    assert expected > 0.01


def test_the_elbo_is_what_samples_of_the_posterior_say() -> None:
    """The closed form against 40 000 draws, within 4.5 standard errors; a KL without its half is beyond them."""
    model = fit(rows(), K)
    x = rows(1)
    encoder, variances = 0.9 * model.best_encoder()[0], 1.3 * model.best_encoder()[1]
    rng = np.random.default_rng(2)
    centre = (x - model.mean) @ encoder.T
    z = centre + np.sqrt(variances) * rng.standard_normal((40_000, K))
    decoded = multivariate_normal(np.zeros(7), model.noise_variance).logpdf(x - model.mean - z @ model.loadings.T)
    prior = multivariate_normal(np.zeros(K)).logpdf(z)
    posterior = multivariate_normal(np.zeros(K), np.diag(variances)).logpdf(z - centre)
    draws = decoded + prior - posterior
    error = draws.std() / np.sqrt(len(draws))
    closed = model.elbo(x, encoder, variances)[0]
    assert abs(draws.mean() - closed) < 4.5 * error
    kl = 0.5 * float((centre**2 + variances - 1 - np.log(variances)).sum())
    assert abs(draws.mean() - (closed - kl)) > 4.5 * error


def test_em_climbs_to_the_closed_form_and_never_falls() -> None:
    x = rows()
    best = fit(x, K)
    covariance = np.cov(x, rowvar=False, ddof=0)
    start = np.random.default_rng(3).standard_normal((7, K))
    model = PPCA(mean=x.mean(0), loadings=start, noise_variance=1.0)
    heights = [model.log_likelihood(x).mean()]
    for _ in range(600):
        model = em_step(model, covariance)
        heights.append(model.log_likelihood(x).mean())
    assert (np.diff(heights) > -1e-10).all()
    assert heights[-1] == pytest.approx(best.log_likelihood(x).mean(), abs=1e-8)
    assert heights[1] < heights[-1] - 1e-3  # the climb was not over at the first step


@pytest.mark.row(87)
def test_activity_of_row_87() -> None:
    found = activity([4.0, 2.0, 1.5, 0.5], 1.0)
    np.testing.assert_allclose(found.activity, [0.75, 0.5, 1 / 3, 0.0], atol=1e-12)
    np.testing.assert_allclose(found.kl, [0.6931, 0.3466, 0.2027, 0.0], atol=5e-5)
    assert found.active == 3
    assert activity([4.0, 2.0, 1.5, 0.5], 1.6).active == 2  # more noise switches a latent off


@pytest.mark.row(87)
def test_activity_is_measured_on_the_optimal_model() -> None:
    """On a covariance with these very eigenvalues, codes and divergences average to the formula."""
    x = rows()
    model = fit(x, K)
    eigenvalues = np.linalg.eigvalsh(np.cov(x, rowvar=False, ddof=0))[::-1][:K]
    expected = activity(eigenvalues, model.noise_variance)
    means, spread = model.posterior(x)
    np.testing.assert_allclose(means.var(axis=0), expected.activity, rtol=1e-9)
    kl = 0.5 * (means**2 + np.diag(spread) - 1 - np.log(np.diag(spread))).mean(axis=0)
    np.testing.assert_allclose(kl, expected.kl, rtol=1e-9)


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ConfigError, match="latents must be from 1 to 6"):
        fit(rows(), 7)
    with pytest.raises(ConfigError, match="discarded eigenvalues"):
        fit(np.outer(np.arange(5.0), np.ones(3)), 1)
    with pytest.raises(ShapeError, match="at least two"):
        fit(np.ones((1, 3)), 1)
    with pytest.raises(ShapeError, match=r"\(n, 7\)"):
        fit(rows(), K).log_likelihood(np.ones((2, 3)))
    with pytest.raises(ConfigError, match="above 0"):
        activity([1.0, 0.0], 1.0)
