"""Principal components and random projections: what they keep, what they are made from, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.samples import KnownModes, SampleSet
from gandiag.errors import ConfigError, NonFiniteError, RangeError, ResourceLimitError, ShapeError, TooFewSamplesError
from gandiag.features import fitted_map as fitted

NAMES = ("pca:3", "random_projection:3")


def rows(n: int = 90, d: int = 7, seed: int = 0) -> NDArray[np.float64]:
    """Correlated columns of falling spread, away from the origin."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(np.random.default_rng(9).normal(size=(d, d)))[0]
    return 5.0 + (rng.normal(size=(n, d)) * 2.0 ** -np.arange(d)) @ turn


def vectors(n: int = 90, d: int = 7, seed: int = 0) -> SampleSet:
    return SampleSet(values=rows(n, d, seed), source="vectors")


def images(value_range: tuple[float, float] | None, values: NDArray[np.generic]) -> SampleSet:
    return SampleSet(values=values, kind="image", value_range=value_range, source="pictures")


def test_components_are_sklearns_up_to_sign() -> None:
    from sklearn.decomposition import PCA

    for n, d in ((90, 7), (6, 40)):
        found = fitted("pca:3", vectors(n, d))(vectors(50, d, 1))
        peer = PCA(3, svd_solver="full").fit(rows(n, d)).transform(rows(50, d, 1))
        signs = np.sign((found * peer).sum(axis=0))
        np.testing.assert_allclose(found, peer * signs, rtol=1e-9, atol=1e-9)
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            np.testing.assert_allclose(1.001 * found, peer * signs, rtol=1e-9, atol=1e-9)


def test_the_first_component_varies_most_and_all_of_them_keep_distances() -> None:
    found = fitted("pca:7", vectors())(vectors())
    assert (np.diff(found.var(axis=0)) <= 0).all()
    whole = ((rows()[:, None] - rows()[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(((found[:, None] - found[None]) ** 2).sum(axis=2), whole, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-12)


def test_components_come_from_the_rows_set_aside_alone() -> None:
    other = vectors(60, seed=1)
    first, second = fitted("pca:2", vectors()), fitted("pca:2", other)
    assert first.fingerprint() != second.fingerprint()
    assert not np.allclose(first(other), second(other))
    assert fitted("pca:2", vectors()).fingerprint() == first.fingerprint()
    assert first.fingerprint().startswith("pca:7->2:")


def test_squared_lengths_are_kept_on_average_over_seeds() -> None:
    """A squared length of k normal directions over k has relative variance 2/k: four errors of 200 seeds."""
    row = SampleSet(values=np.arange(1.0, 6.0)[None])
    found = [(fitted(f"random_projection:8?seed={seed}", row)(row) ** 2).sum() / 55.0 for seed in range(200)]
    error = np.sqrt(2.0 / 8.0 / 200)
    assert abs(np.mean(found) - 1.0) < 4.0 * error
    assert abs(np.mean(found) - 1.0 / 8.0) > 4.0 * error


def test_a_projection_depends_on_seed_and_width_and_on_no_row() -> None:
    one, same = fitted("random_projection:4", vectors()), fitted("random-projection:4", vectors(20, seed=5))
    np.testing.assert_array_equal(one(vectors()), same(vectors()))
    assert one.fingerprint() == same.fingerprint()
    other = fitted("random_projection:4?seed=1", vectors())
    assert other.fingerprint() != one.fingerprint()
    assert "seed=1" in other.fingerprint()
    assert not np.allclose(one(vectors()), other(vectors()))
    assert fitted("random_projection:4", vectors(d=6)).fingerprint() != one.fingerprint()


@pytest.mark.parametrize("name", NAMES)
def test_images_count_in_units_of_their_range(name: str) -> None:
    as_bytes = np.random.default_rng(2).integers(0, 256, (40, 4, 4)).astype(np.uint8)
    scaled = images((0.0, 1.0), as_bytes / 255.0)
    found = fitted(name, images((0, 255), as_bytes))(images((0, 255), as_bytes))
    np.testing.assert_allclose(found, fitted(name, scaled)(scaled), rtol=1e-9, atol=1e-12)
    with pytest.raises(RangeError, match="value range of pictures"):
        fitted(name, images(None, as_bytes))


@pytest.mark.parametrize("name", NAMES)
def test_a_row_has_the_same_bits_wherever_it_stands(name: str) -> None:
    samples = SampleSet(values=np.random.default_rng(3).normal(size=(500, 37)))
    fit = fitted(name, samples)
    order = np.random.default_rng(4).permutation(500)[:401]
    np.testing.assert_array_equal(fit(samples.take(order)), fit(samples)[order])


@pytest.mark.parametrize("name", NAMES)
def test_modes_are_mapped_like_samples(name: str) -> None:
    covariances = np.stack([np.diag(np.arange(1.0, 8.0)), 0.1 * np.eye(7) + 0.05])
    modes = KnownModes(centres=rows(2), covariances=covariances, weights=np.array([0.4, 0.6]))
    fit = fitted(name, vectors())
    mapped = fit.modes(modes)
    assert mapped is not None
    np.testing.assert_allclose(mapped.centres, fit(SampleSet(values=modes.centres)), rtol=1e-9, atol=1e-12)
    draws = np.random.default_rng(5).multivariate_normal(modes.centres[0], covariances[0], 100_000)
    found = np.cov(fit(SampleSet(values=draws)).T)
    # The error of 1e5 draws is about 1 % of the largest entry.
    np.testing.assert_allclose(found, mapped.covariances[0], atol=0.03 * np.abs(found).max())
    assert fit.modes(KnownModes(centres=np.zeros((1, 3)), covariances=np.eye(3)[None], weights=np.ones(1))) is None


def test_what_cannot_be_projected_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"pca must be told the number of components; got pca\. Name it after"):
        fitted("pca", vectors())
    with pytest.raises(ConfigError, match=r"number of directions.*random_projection:50"):
        fitted("random_projection", vectors())
    with pytest.raises(
        ConfigError, match=r"number of components of pca must be whole, at least 1 .*; got 0\. Name pca:50"
    ):
        fitted("pca:0", vectors())
    with pytest.raises(ConfigError, match="no such option; got sed"):
        fitted("random_projection:3?sed=1", vectors())
    with pytest.raises(ConfigError, match="must be given once"):
        fitted("random_projection:3?seed=1&seed=2", vectors())
    with pytest.raises(TooFewSamplesError, match=r"got 7 values, 90 rows\. Name pca:7"):
        fitted("pca:8", vectors())
    with pytest.raises(TooFewSamplesError, match=r"got 7 values, 3 rows\. Name pca:2"):
        fitted("pca:3", vectors(3))
    for name in NAMES:
        with pytest.raises(ShapeError, match=r"made for samples of 7 values; got 5 values per sample of vectors"):
            fitted(name, vectors())(vectors(d=5))
    with pytest.raises(NonFiniteError, match="too large to be projected"):
        fitted("random_projection:3", vectors())(SampleSet(values=np.full((2, 7), 1.7e308)))


def test_directions_that_fill_the_memory_are_refused() -> None:
    wide = SampleSet(values=np.zeros((2, 2**17), dtype=np.float32))
    for name in ("pca", "random_projection"):
        with pytest.raises(ResourceLimitError, match=rf"at most 134217728 numbers.*Name {name}:1024,"):
            fitted(f"{name}:1025", wide)


def test_columns_of_huge_values_do_not_overflow() -> None:
    samples = SampleSet(values=rows() * 1e200)
    found = fitted("pca:3", samples)(samples)
    np.testing.assert_allclose(found, 1e200 * fitted("pca:3", vectors())(vectors()), rtol=1e-6)
