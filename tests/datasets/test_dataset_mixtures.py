"""Gaussian toys: densities, centres, covariances and weights are what they say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from dataset_checks import check_mean, check_mean_log_density, check_plane_integral, check_shares, check_variance
from scipy import integrate, stats

from gandiag.core.specs import DATASETS
from gandiag.datasets._laws import GaussianMixture, isotropic
from gandiag.errors import ConfigError, ShapeError

# Address options, and a square with a step no larger than the smallest sd that holds all but 1e-9 of the mass.
PLANE: dict[str, tuple[str, dict[str, Any], float, float, float]] = {
    "ring8": ("ring8", {}, -2.15, 2.15, 0.02),
    "ring8 of Metz": ("ring8", {"radius": "1", "sigma": "0.01"}, -1.07, 1.07, 0.01),
    "grid25": ("grid25", {}, -4.35, 4.35, 0.05),
    "gauss": ("gauss", {"dim": 2, "shift": 1.0, "scale": 0.5}, -3.5, 4.5, 0.5),
    "mixture": ("mixture", {"dim": 2, "k": 3, "weights": "1,2,3", "covariance": "anisotropic"}, -60, 60, 0.3),
    "two hills": ("ganlab_gaussians", {}, -1.0, 2.0, 0.05),
    "three blobs": ("ganlab_disjoint", {}, 0.1, 1.0, 0.025),
}
MIXTURES = {name: (args[0], args[1]) for name, args in PLANE.items() if args[0] != "gauss"} | {
    "ten columns": ("mixture", {"covariance": "anisotropic", "condition": 30, "weights": [5, 4, 3, 2, 1]})
}


def opened(name: str, options: dict[str, Any]) -> GaussianMixture:
    law = DATASETS.get(name).open(**options)
    assert isinstance(law, GaussianMixture)
    return law


def seven_modes() -> GaussianMixture:
    """The wrong ring: an inclusive grid over the full turn counts one centre twice."""
    angles = np.linspace(0, 2 * np.pi, 8)
    return GaussianMixture(2 * np.column_stack([np.cos(angles), np.sin(angles)]), isotropic(8, 2, 0.02))


def variance_for_sd(sigma: float) -> GaussianMixture:
    """The wrong ring: the variance passed where the standard deviation is due, or the other way round."""
    angles = np.arange(8) * np.pi / 4
    return GaussianMixture(2 * np.column_stack([np.cos(angles), np.sin(angles)]), isotropic(8, 2, math.sqrt(sigma)))


@pytest.mark.parametrize("case", PLANE)
def test_a_density_in_the_plane_integrates_to_one(case: str) -> None:
    name, options, low, high, step = PLANE[case]
    law = opened(name, options)
    check_plane_integral(law.log_density, low, high, step)
    with pytest.raises(AssertionError, match=r"integrates to 1\.0000"):
        check_plane_integral(lambda x: law.log_density(x) + 1e-5, low, high, step)


def test_a_density_on_the_line_integrates_to_one() -> None:
    law = opened("gauss1d", {"delta": "1.5", "scale": "2"})
    total, error = integrate.quad(lambda t: math.exp(law.log_density(np.array([[t]]))[0]), -20, 23)
    assert total == pytest.approx(1, abs=max(1e-9, 10 * error))


def test_a_density_in_ten_columns_integrates_to_one() -> None:
    """Importance sampling from wider modes: E_q[p/q] = 1, with weights bounded by 1.3^10 = 14."""
    law = opened("mixture", {"covariance": "anisotropic", "weights": "5,4,3,2,1"})
    wide = GaussianMixture(law.centres, law.covariances * 1.3**2, law.weights)
    x = wide.sample(20_000, rng=np.random.default_rng(0)).values
    log_wide = np.logaddexp.reduce(
        [
            math.log(w) + stats.multivariate_normal(c, s).logpdf(x)
            for c, s, w in zip(wide.centres, wide.covariances, wide.weights, strict=True)
        ]
    )
    weights = np.exp(law.log_density(x) - log_wide)
    assert weights.max() <= 1.3**10 * (1 + 1e-9)
    assert abs(weights.mean() - 1) < 4.5 * weights.std() / math.sqrt(len(x))
    assert weights.std() / math.sqrt(len(x)) < 0.02  # the tolerance is tight enough to mean something


def test_a_density_is_that_of_scipy() -> None:
    law = opened("mixture", {"dim": 4, "k": 3, "weights": "1,2,3", "covariance": "anisotropic"})
    x = law.sample(50, rng=np.random.default_rng(0)).values
    expected = np.log(
        sum(
            w * stats.multivariate_normal(c, s).pdf(x)
            for c, s, w in zip(law.centres, law.covariances, law.weights, strict=True)
        )
    )
    np.testing.assert_allclose(law.log_density(x), expected, rtol=1e-10)


def test_a_density_far_away_is_finite() -> None:
    law = opened("ring8", {})
    assert np.isfinite(law.log_density(np.array([[1e6, -1e6]]))).all()


@pytest.mark.parametrize(("options", "expected"), [({}, 2.907), ({"radius": 1, "sigma": 0.01}, 4.293)])
def test_ring8_has_the_log_density_of_eight_separate_modes(options: dict[str, Any], expected: float) -> None:
    law = opened("ring8", options)
    assert -math.log(8) - math.log(2 * math.pi * math.e * options.get("sigma", 0.02) ** 2) == pytest.approx(
        expected, abs=5e-4
    )
    x = law.sample(20_000, rng=np.random.default_rng(1)).values
    check_mean_log_density(law.log_density(x), expected)
    for wrong in (seven_modes(), variance_for_sd(0.02)):
        own = wrong.sample(20_000, rng=np.random.default_rng(1)).values
        with pytest.raises(AssertionError, match="mean log density"):
            check_mean_log_density(wrong.log_density(own), expected)


def distinct(centres: np.ndarray) -> int:
    return len(np.unique(centres.round(9), axis=0))


def test_ring8_has_eight_distinct_centres_on_its_circle() -> None:
    law = opened("ring8", {"radius": 3})
    assert distinct(law.centres) == 8
    np.testing.assert_allclose(np.linalg.norm(law.centres, axis=1), 3)
    assert distinct(seven_modes().centres) == 7


def test_grid25_is_five_by_five_and_two_apart() -> None:
    law = opened("grid25", {})
    assert distinct(law.centres) == 25
    assert sorted(set(law.centres.ravel())) == [-4, -2, 0, 2, 4]
    np.testing.assert_array_equal(law.centres[1], [-4, -2])


@pytest.mark.parametrize("case", MIXTURES)
def test_samples_have_the_centres_covariances_and_weights_that_are_declared(case: str) -> None:
    law = opened(*MIXTURES[case])
    samples = law.sample(20_000, rng=np.random.default_rng(2))
    modes = samples.modes
    assert modes is not None
    assert samples.labels is not None
    k = len(modes.weights)
    assert modes.weights.sum() == pytest.approx(1, abs=1e-12)
    check_shares(np.bincount(samples.labels, minlength=k), modes.weights)
    for mode in range(k):
        rows = samples.values[samples.labels == mode]
        check_mean(rows, modes.centres[mode], modes.covariances[mode])
        check_variance(rows - modes.centres[mode], modes.covariances[mode])


def test_the_checks_of_samples_see_wrong_variants() -> None:
    law = opened("mixture", {"dim": 2, "k": 3, "sigma": 0.5, "weights": "1,2,3"})
    samples = law.sample(20_000, rng=np.random.default_rng(2))
    rows = samples.values[samples.labels == 0]
    with pytest.raises(AssertionError, match=r"variance is 0\.50"):
        check_variance(rows - law.centres[0], np.eye(2) * 0.5)  # the sd passed for the variance
    with pytest.raises(AssertionError, match="mean is off"):
        check_mean(rows, law.centres[0] + 0.1, law.covariances[0])
    with pytest.raises(AssertionError, match="counts do not fit"):
        check_shares(np.bincount(samples.labels, minlength=3), np.ones(3) / 3)


def test_the_nearest_centres_of_a_mixture_are_as_far_apart_as_asked() -> None:
    law = opened("mixture", {"k": 12, "dim": 3, "separation": 5, "seed": 4})
    gaps = np.linalg.norm(law.centres[:, None] - law.centres[None], axis=2)[np.triu_indices(12, 1)]
    assert gaps.min() == pytest.approx(5, rel=1e-12)


def test_anisotropic_covariances_have_the_asked_for_trace_and_condition() -> None:
    law = opened("mixture", {"dim": 6, "k": 4, "sigma": 0.3, "covariance": "anisotropic", "condition": 25})
    for covariance in law.covariances:
        values = np.linalg.eigvalsh(covariance)
        assert np.trace(covariance) == pytest.approx(6 * 0.09, rel=1e-12)
        assert values[-1] / values[0] == pytest.approx(25, rel=1e-9)
    assert not np.allclose(law.covariances[0], law.covariances[1])


def test_the_seed_of_a_mixture_is_its_law() -> None:
    first, again, other = (opened("mixture", {"seed": s}) for s in ("3", 3, 4))
    np.testing.assert_array_equal(first.centres, again.centres)
    assert not np.allclose(first.centres, other.centres)


def test_gauss_is_moved_by_the_same_distance_in_every_dimension() -> None:
    for dim in (1, 3, 50):
        law = opened("gauss", {"dim": dim, "shift": 2})
        assert np.linalg.norm(law.centres[0]) == pytest.approx(2)
        rows = law.sample(2000, rng=np.random.default_rng(3)).values
        check_mean(rows, np.full(dim, 2 / math.sqrt(dim)), np.eye(dim))
        check_variance(rows - law.centres[0], np.eye(dim))


def test_a_law_with_one_mode_declares_no_mode_structure() -> None:
    samples = opened("gauss", {}).sample(5, rng=np.random.default_rng(0))
    assert samples.modes is None
    assert samples.labels is None


def test_a_density_refuses_points_of_another_width() -> None:
    with pytest.raises(ShapeError, match=r"shape \(n, 2\)"):
        opened("ring8", {}).log_density(np.zeros((3, 5)))


def test_mixture_refuses_weights_of_another_length() -> None:
    with pytest.raises(ConfigError, match="`weights` must be 3 numbers"):
        DATASETS.get("mixture").open(k=3, weights="0.5,0.5")
    with pytest.raises(ConfigError, match=r"`weights` must be a finite number, above 0"):
        DATASETS.get("mixture").open(k=2, weights="0.5,-1")
