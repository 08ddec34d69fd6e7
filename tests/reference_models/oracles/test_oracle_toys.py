"""Entropies, ceilings and floors of the toys, and the mixture with 1 % data, against integrals and draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gandiag.core.specs import DATASETS
from gandiag.datasets._laws import GaussianMixture
from gandiag.errors import ConfigError, ShapeError
from reference_models.oracles import noise_mixture
from reference_models.oracles.toy_entropies import (
    entropy_on_grid,
    expected_modes,
    expected_reverse_kl,
    high_quality_ceiling,
    separated_entropy,
)


def opened(name: str, **options: object) -> GaussianMixture:
    law = DATASETS.get(name).open(**options)
    assert isinstance(law, GaussianMixture)
    return law


def formula(law: GaussianMixture) -> float:
    return separated_entropy(law.weights, law.covariances)


@pytest.mark.parametrize(
    ("name", "options", "half_width", "expected"),
    [
        ("ring8", {}, 2.2, -2.907),
        ("ring8", {"radius": 1.0, "sigma": 0.01}, 1.1, -4.293),
        ("grid25", {}, 4.4, math.log(25) + math.log(2 * math.pi * math.e * 0.05**2)),
    ],
)
def test_separated_modes_have_the_entropy_of_the_formula(
    name: str, options: dict[str, float], half_width: float, expected: float
) -> None:
    law = opened(name, **options)
    assert formula(law) == pytest.approx(expected, abs=1e-3)
    sigma = float(np.sqrt(law.covariances[0, 0, 0]))
    found = entropy_on_grid(law.log_density, -half_width, half_width, sigma)
    assert found == pytest.approx(formula(law), abs=1e-6)
    # A variance taken for a standard deviation, and seven modes for eight, are other numbers.
    assert abs(separated_entropy(law.weights, np.sqrt(law.covariances + 1e-30)) - found) > 0.1
    assert abs(separated_entropy(np.full(7, 1 / 7), law.covariances[:7]) - found) > 0.1


def test_overlapping_modes_have_less() -> None:
    law = opened("ring8", sigma=0.8)
    found = entropy_on_grid(law.log_density, -7.0, 7.0, 0.2)
    assert found < formula(law) - 0.5
    rows = law.sample(20_000, rng=np.random.default_rng(0)).values
    logs = law.log_density(rows)
    assert abs(-logs.mean() - found) < 4.5 * logs.std() / math.sqrt(len(logs))


def test_curves_have_an_entropy_too() -> None:
    """No formula for the moons: the grid against the mean of 20 000 draws, within 4.5 standard errors."""
    law = DATASETS.get("moons").open()
    found = entropy_on_grid(law.log_density, -2.0, 3.0, law.sigma)
    logs = law.log_density(law.sample(20_000, rng=np.random.default_rng(0)).values)
    assert abs(-logs.mean() - found) < 4.5 * logs.std() / math.sqrt(len(logs))


def test_the_ceiling_is_what_a_perfect_sampler_scores() -> None:
    assert high_quality_ceiling(2) == pytest.approx(1 - math.exp(-4.5), abs=1e-12)
    np.testing.assert_allclose([high_quality_ceiling(d) for d in (1, 2, 10)], [0.9973, 0.988891, 0.467896], atol=5e-7)
    law = opened("ring8")
    rows = law.sample(20_000, rng=np.random.default_rng(1)).values
    nearest = np.linalg.norm(rows[:, None] - law.centres[None], axis=2).min(axis=1)
    error = math.sqrt(0.0111 * 0.9889 / 20_000)
    assert abs((nearest <= 3 * 0.02).mean() - high_quality_ceiling(2)) < 4.5 * error
    assert (nearest <= 3 * 0.02).mean() < 1 - 4.5 * error  # 100 % is not within reach


@pytest.mark.parametrize(("draws", "modes"), [(2500, 1000), (40, 25), (100, 8)])
def test_floors_of_finite_samples_are_those_of_draws(draws: int, modes: int) -> None:
    """400 perfect samples: mean modes hit and mean reverse KL, within 4.5 standard errors of the exact numbers."""
    counts = np.random.default_rng(0).multinomial(draws, np.full(modes, 1 / modes), size=400)
    hit = (counts > 0).sum(axis=1)
    share = counts / draws
    kl = np.where(share > 0, share * np.log(np.maximum(share * modes, 1e-300)), 0.0).sum(axis=1)
    for seen, exact in ((hit, expected_modes(draws, modes)), (kl, expected_reverse_kl(draws, modes))):
        assert abs(seen.mean() - exact) <= 4.5 * seen.std() / 20 + 1e-4
    # The first-order bias is no substitute while draws are few.
    if draws < 10 * modes:
        assert abs(kl.mean() - (modes - 1) / (2 * draws)) > 4.5 * kl.std() / 20


@pytest.mark.row(77)
def test_the_floor_of_row_77() -> None:
    assert expected_reverse_kl(26_000, 1000) == pytest.approx(0.019212, rel=0.02)
    exact = 1000 * sum(stats.binom.pmf(k, 26_000, 0.001) * k / 26_000 * math.log(k / 26) for k in range(1, 200))
    assert expected_reverse_kl(26_000, 1000) == pytest.approx(exact, abs=1e-10)
    assert expected_reverse_kl(5, 1) == 0.0
    np.testing.assert_allclose([expected_modes(n, 1000) for n in (2500, 5000, 10_000)], [918, 993.3, 999.95], atol=0.05)


def densities(d: int, rows: np.ndarray, noise_sd: float) -> tuple[np.ndarray, np.ndarray]:
    squared = np.square(rows).sum(axis=1)
    p = -0.5 * (squared + d * math.log(2 * math.pi))
    return p, -0.5 * (squared / noise_sd**2 + d * math.log(2 * math.pi * noise_sd**2))


@pytest.mark.parametrize("d", [1, 4, 64, 1024])
def test_the_gap_is_bounded_whatever_the_dimension(d: int) -> None:
    rng = np.random.default_rng(d)
    real = rng.standard_normal((4000, d))
    gaps = noise_mixture.gap(*densities(d, real, 3.0))
    assert gaps.max() <= math.log(100) + 1e-12
    exact = noise_mixture.expected_gap(d, noise_sd=3.0)
    assert abs(gaps.mean() - exact) <= 4.5 * gaps.std() / math.sqrt(len(gaps)) + 1e-9
    assert 0 < exact <= math.log(100) + 1e-12
    # Shares exchanged, 99 % data and 1 % noise, is another model.
    assert noise_mixture.expected_gap(d, noise_sd=3.0, share=0.99) < 0.02
    assert noise_mixture.gap([0.0], [-np.inf])[0] == pytest.approx(4.60517, abs=1e-5)


@pytest.mark.parametrize("d", [1, 4, 64])
@pytest.mark.parametrize("noise_sd", [3.0, 0.4])
def test_samples_give_it_away(d: int, noise_sd: float) -> None:
    """The best classifier, a ratio of densities, on 20 000 draws per side: its accuracy in 4.5 standard errors."""
    rng = np.random.default_rng(d)
    n = 20_000
    real, fake = rng.standard_normal((n, d)), noise_mixture.sample(n, d, noise_sd=noise_sd, rng=rng)
    right = [noise_mixture.gap(*densities(d, rows, noise_sd)) > 0 for rows in (real, fake)]
    accuracy = 0.5 * (right[0].mean() + 1 - right[1].mean())
    exact = noise_mixture.best_accuracy(d, noise_sd=noise_sd)
    assert abs(accuracy - exact) < 4.5 * math.sqrt(0.25 / (2 * n))
    assert abs(accuracy - 0.5) > 0.05
    assert noise_mixture.total_variation(d, noise_sd=1.0) == 0.0


def test_what_is_no_toy_is_refused() -> None:
    with pytest.raises(ConfigError, match="sum 1"):
        separated_entropy([0.5, 0.4], np.ones((2, 1, 1)))
    with pytest.raises(ShapeError, match="one covariance"):
        separated_entropy([1.0], np.ones((2, 1, 1)))
    with pytest.raises(ConfigError, match="hold the mass"):
        entropy_on_grid(opened("ring8").log_density, -1.0, 1.0, 0.02)
    with pytest.raises(ConfigError, match="dimension"):
        high_quality_ceiling(0)
    with pytest.raises(ConfigError, match="at least 1"):
        expected_modes(0, 5)
    with pytest.raises(ConfigError, match="share"):
        noise_mixture.gap([0.0], [0.0], share=0.0)
    with pytest.raises(ConfigError, match="standard deviation"):
        noise_mixture.expected_gap(3, noise_sd=0.0)
