"""Patches and random convolutions: what they see in images, and what they do not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError, RangeError, ShapeError
from gandiag.features import fitted_map as fitted

NAMES = ("patches", "random_convolutions")
Array = NDArray[np.uint8]


def pictures(n: int = 24, side: int = 16, channels: int | None = None, seed: int = 0) -> Array:
    """Smooth stripes with a little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    waves = np.stack([np.sin(rng.normal() * x + rng.normal() * y + rng.uniform(0, 6)) for _ in range(n)])
    if channels is not None:
        waves = waves[..., None] * rng.uniform(0.2, 1.0, size=(n, 1, 1, channels))
    return np.clip(128 + 80 * waves + rng.normal(0, 4, waves.shape), 0, 255).astype(np.uint8)


def sample_set(values: NDArray[np.generic], value_range: tuple[float, float] | None = (0, 255)) -> SampleSet:
    return SampleSet(values=values, kind="image", value_range=value_range, source="pictures")


def mapped(name: str, values: NDArray[np.generic], value_range: tuple[float, float] = (0, 255)) -> NDArray[np.float64]:
    samples = sample_set(values, value_range)
    return fitted(name, samples)(samples)


@pytest.mark.parametrize(("channels", "v"), [(None, 9), (3, 27)])
def test_patches_are_mean_and_covariance_of_all_windows(channels: int | None, v: int) -> None:
    values = pictures(2, 7, channels)
    found = mapped("patches", values)
    assert found.shape == (2, v + v * (v + 1) // 2)
    image = (values[1] / 255.0).reshape(7, 7, -1)
    windows = np.array([image[i : i + 3, j : j + 3].transpose(2, 0, 1).ravel() for i in range(5) for j in range(5)])
    np.testing.assert_allclose(found[1, :v], windows.mean(axis=0), rtol=1e-12)
    covariance = np.cov(windows.T, bias=True)
    np.testing.assert_allclose((found[1, v:] ** 2).sum(), (covariance**2).sum(), rtol=1e-9)
    assert (found[1, v:] ** 2).sum() != pytest.approx((np.cov(windows.T) ** 2).sum(), rel=1e-3)


def test_patches_of_another_side_have_another_width_and_name() -> None:
    samples = sample_set(pictures())
    assert fitted("patches:5", samples)(samples).shape[1] == 25 * 28 // 2
    assert fitted("patches:5", samples).fingerprint() == "patches:5:16x16"
    assert fitted("patches", samples).fingerprint() == "patches:3:16x16"


def test_random_convolutions_are_what_a_plain_sum_over_windows_gives() -> None:
    values = pictures(3, 8)
    samples = sample_set(values)
    found = fitted("random_convolutions:4?seed=7", samples)
    filters = found.filters.astype(float)  # type: ignore[attr-defined]
    np.testing.assert_allclose(filters.sum(axis=(1, 2, 3)), 0.0, atol=1e-6)
    np.testing.assert_allclose((filters**2).sum(axis=(1, 2, 3)), 1.0, rtol=1e-6)
    windows = np.lib.stride_tricks.sliding_window_view(values[1] / 255.0, (5, 5))  # (4, 4, 5, 5)
    responses = np.einsum("xyij,kij->kxy", windows, filters[:, 0])
    cells = np.maximum(responses, 0.0).reshape(4, 2, 2, 2, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(found(samples)[1, :16], cells.ravel(), rtol=1e-4, atol=1e-6)
    assert found(samples).shape == (3, 32)  # the next size is too small for a filter


def test_filters_depend_on_the_seed_alone() -> None:
    one, same = sample_set(pictures()), sample_set(pictures(5, seed=3))
    np.testing.assert_array_equal(fitted("random_convolutions", one)(one), fitted("random-convolutions", same)(one))
    assert fitted("random_convolutions", one).fingerprint() == "random_convolutions:32?seed=0:16x16"
    other = fitted("random_convolutions:32?seed=1", one)
    assert other.fingerprint() != fitted("random_convolutions", one).fingerprint()
    assert not np.allclose(other(one), fitted("random_convolutions", one)(one))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_bytes_and_floats_of_any_range_agree(name: str, channels: int | None) -> None:
    values = pictures(6, channels=channels)
    expected = mapped(name, values)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(mapped(name, values / 127.5 - 1.0, (-1.0, 1.0)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_has_the_same_bits_wherever_it_stands(name: str) -> None:
    values = pictures(70)
    order = np.random.default_rng(0).permutation(70)[:65]
    np.testing.assert_array_equal(mapped(name, values[order]), mapped(name, values)[order])


@pytest.mark.parametrize("name", NAMES)
def test_blur_moves_the_features_far_and_a_fresh_draw_does_not(name: str) -> None:
    values, fresh = pictures(200), pictures(200, seed=1)
    blurred = (
        values.astype(float) + np.roll(values, 1, 1) + np.roll(values, 1, 2) + np.roll(values, (1, 1), (1, 2))
    ) / 4
    centre, spread = mapped(name, values).mean(axis=0), mapped(name, values).std(axis=0)
    shift = [np.abs((mapped(name, v).mean(axis=0) - centre) / spread).mean() for v in (fresh, blurred)]
    assert shift[0] < 0.25  # 200 rows on each side: an error of a tenth, in columns that go together
    assert shift[1] > 2.0 * shift[0]


def test_patches_do_not_see_where_things_are_and_random_convolutions_do() -> None:
    left = np.zeros((1, 16, 16), dtype=np.uint8)
    left[0, 4:7, 4:7] = 255
    right = np.roll(left, 6, axis=2)
    np.testing.assert_allclose(mapped("patches", left), mapped("patches", right), rtol=1e-12)
    assert np.abs(mapped("random_convolutions", left) - mapped("random_convolutions", right)).max() > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_image_of_the_right_shape_is_refused(name: str) -> None:
    fit = fitted(name, sample_set(pictures()))
    with pytest.raises(ShapeError, match=r"made for images of shape \(16, 16\); got \(12, 12\) of pictures"):
        fit(sample_set(pictures(side=12)))
    with pytest.raises(ShapeError, match="to be grey or colour images; got vector samples"):
        fitted(name, SampleSet(values=np.zeros((3, 4))))
    with pytest.raises(ShapeError, match=r"images of at least . by . pixels; got 3 by 3"):
        fitted(name, sample_set(np.zeros((2, 3, 3), dtype=np.uint8)))
    with pytest.raises(RangeError, match="value range of pictures; got images of float64"):
        fit(sample_set(pictures() / 255.0, None))
    assert fit.modes(None) is None  # type: ignore[arg-type]


def test_too_many_statistics_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"at most 4096 statistics; got 11025 for 7 by 7 pixels.*Name patches:3"):
        fitted("patches:7", sample_set(pictures(channels=3)))
