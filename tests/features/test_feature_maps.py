"""Feature maps: identity, standardise, flatten."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.core.samples import KnownModes, SampleSet
from gandiag.core.specs import FEATURES
from gandiag.errors import ConfigError, NonFiniteError, RangeError, ShapeError
from gandiag.features import default_name, fitted_map
from gandiag.features._affine import Affine

RNG = np.random.default_rng(0)


def vectors(n: int = 50, d: int = 3) -> SampleSet:
    return SampleSet(values=np.random.default_rng(n).normal(2.0, [[1.0, 10.0, 0.1][:d]], (n, d)), source="vectors")


def images(side: int = 4, value_range: tuple[float, float] | None = (0.0, 255.0)) -> SampleSet:
    values = np.random.default_rng(1).integers(0, 256, (10, side, side)).astype(np.uint8)
    return SampleSet(values=values, kind="image", value_range=value_range, source="images")


def test_identity_gives_the_values_as_float64() -> None:
    samples = SampleSet(values=np.array([[1], [2]], dtype=np.int32), kind="discrete")
    out = FEATURES.get("identity").fit(samples)(samples)
    assert out.dtype == np.float64
    np.testing.assert_array_equal(out, [[1.0], [2.0]])


def test_standardise_brings_fitted_columns_to_mean_zero_and_sd_one() -> None:
    samples = vectors()
    out = FEATURES.get("standardise").fit(samples)(samples)
    np.testing.assert_allclose(out.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(out.std(axis=0), 1.0, rtol=1e-12)


def test_standardise_uses_what_it_was_fitted_on_and_not_what_it_is_applied_to() -> None:
    fitted = FEATURES.get("standardise").fit(vectors(50))
    other = vectors(80)
    out = fitted(other)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(out.mean(axis=0), 0.0, atol=1e-6)
    source = vectors(50).matrix()
    np.testing.assert_allclose(out, (other.matrix() - source.mean(axis=0)) / source.std(axis=0), rtol=1e-12)


@pytest.mark.parametrize("constant", [0.0, 1.0, 0.1, 1e300, 1e-300])
def test_b07_a_constant_column_keeps_scale_one(constant: float) -> None:
    values = np.column_stack([np.full(20, constant), np.arange(20.0)])
    fitted = FEATURES.get("standardise").fit(SampleSet(values=values))
    out = fitted(SampleSet(values=values))
    np.testing.assert_allclose(out[:, 0] / max(1.0, constant), 0.0, atol=1e-12)
    assert fitted.scale[0] == 1.0


def test_b21_columns_of_huge_values_do_not_overflow() -> None:
    samples = SampleSet(values=RNG.normal(size=(30, 2)) * np.array([1e200, 1e-200]))
    out = FEATURES.get("standardise").fit(samples)(samples)
    np.testing.assert_allclose(out.std(axis=0), 1.0, rtol=1e-9)


def test_values_that_leave_double_precision_are_an_error() -> None:
    fitted = FEATURES.get("standardise").fit(SampleSet(values=RNG.normal(size=(30, 1)) * 1e-300))
    with pytest.raises(NonFiniteError, match="too large to be scaled"):
        fitted(SampleSet(values=np.full((2, 1), 1e100)))


def test_flatten_divides_by_the_width_of_the_range_and_does_not_standardise() -> None:
    samples = images()
    out = FEATURES.get("flatten").fit(samples)(samples)
    assert out.shape == (10, 16)
    np.testing.assert_allclose(out, samples.values.reshape(10, 16) / 255.0, rtol=1e-15)


def test_flatten_of_bytes_equals_flatten_of_unit_floats() -> None:
    as_bytes = images()
    as_floats = SampleSet(values=as_bytes.values / 255.0, kind="image", value_range=(0.0, 1.0))
    flatten = FEATURES.get("flatten")
    np.testing.assert_allclose(flatten.fit(as_bytes)(as_bytes), flatten.fit(as_floats)(as_floats), rtol=1e-12)


def test_flatten_without_a_value_range_is_refused() -> None:
    with pytest.raises(RangeError, match=r"value range of images.*Pass value_range"):
        FEATURES.get("flatten").fit(images(value_range=None))
    with pytest.raises(RangeError, match=r"got vector samples without one\. .*choose standardise or identity"):
        FEATURES.get("flatten").fit(vectors())


@pytest.mark.parametrize("name", ["identity", "standardise", "flatten"])
def test_samples_of_another_width_are_refused(name: str) -> None:
    fitted = FEATURES.get(name).fit(images())
    with pytest.raises(ShapeError, match=r"fitted on samples of 16 values; got 25 values per sample of images"):
        fitted(images(side=5))


@pytest.mark.parametrize("name", ["identity", "standardise", "flatten"])
def test_fingerprints_are_stable_and_tell_fits_apart(name: str) -> None:
    spec = FEATURES.get(name)
    first, again = spec.fit(images()), spec.fit(images())
    assert first.fingerprint() == again.fingerprint()
    assert first.fingerprint().startswith(f"{name}:16:")
    assert first.fingerprint() != spec.fit(images(side=5)).fingerprint()


def test_standardise_fingerprints_differ_with_the_fitted_rows() -> None:
    spec = FEATURES.get("standardise")
    assert spec.fit(vectors(50)).fingerprint() != spec.fit(vectors(51)).fingerprint()


@pytest.mark.parametrize("scale", [1.0, 1.0 / 512.0, 1e-9, 0.3, 1e9])
@pytest.mark.parametrize("shift", [0.0, 1.0 / 512.0, 5e-7, 1e-12, -3.0, 255.0])
def test_a_fingerprint_does_not_depend_on_the_last_digits(shift: float, scale: float) -> None:
    rng = np.random.default_rng(0)
    size = shift * scale
    fitted = [
        Affine("standardise", size + 4e-16 * rng.normal(size=8) * (abs(size) + scale), scale * (1 + 4e-16 * noise))
        for noise in rng.normal(size=(20, 8))
    ]
    assert len({each.shift.tobytes() for each in fitted}) > 1  # a digest of the bytes would tell them apart
    assert len({each.fingerprint() for each in fitted}) == 1


@pytest.mark.parametrize("shift", [0.0, 1.0, 1e6])
def test_a_fingerprint_tells_maps_apart_that_do_something_else(shift: float) -> None:
    first = Affine("standardise", np.array([shift]), np.array([1.0]))
    moved = Affine("standardise", np.array([shift + 1e-5 * (1.0 + shift)]), np.array([1.0]))
    wider = Affine("standardise", np.array([shift]), np.array([1.00001]))
    assert len({each.fingerprint() for each in (first, moved, wider)}) == 3


def test_modes_are_mapped_like_samples() -> None:
    centres = np.array([[0.0, 5.0], [3.0, -1.0]])
    covariances = np.array([[[1.0, 0.3], [0.3, 2.0]]] * 2)
    modes = KnownModes(centres=centres, covariances=covariances, weights=np.array([0.5, 0.5]))
    fitted = FEATURES.get("standardise").fit(vectors(60, 2))
    mapped = fitted.modes(modes)
    np.testing.assert_allclose(mapped.centres, fitted(SampleSet(values=centres)), rtol=1e-12)
    # The law of the mapped samples: covariance of draws after the map. 4e5 draws give an error of 1 % or less.
    draws = np.random.default_rng(3).multivariate_normal(centres[0], covariances[0], 400_000)
    np.testing.assert_allclose(np.cov(fitted(SampleSet(values=draws)).T), mapped.covariances[0], rtol=0.03)


def test_modes_of_another_width_are_dropped() -> None:
    modes = KnownModes(centres=np.zeros((1, 3)), covariances=np.eye(3)[None], weights=np.ones(1))
    assert FEATURES.get("identity").fit(vectors(10, 2)).modes(modes) is None


def test_default_names_follow_the_kind() -> None:
    assert default_name(vectors()) == "standardise"
    assert default_name(SampleSet(values=np.ones((3, 1), dtype=int), kind="discrete")) == "identity"
    assert default_name(images(side=64)) == "flatten"


def test_options_stand_behind_a_name_with_a_colon_or_without() -> None:
    samples = images(side=16)
    for name in ("digits-cnn?device=cpu", "digits-cnn:?device=cpu", "digits_cnn"):
        assert fitted_map(name, samples).fingerprint().startswith("digits-cnn:64:")
    with pytest.raises(ConfigError, match="`device` of digits-cnn must be cpu"):
        fitted_map("digits-cnn?device=tpu", samples)
    with pytest.raises(ConfigError, match=r"patches must be whole, at least 1 and at most 15; got x\. Name patches:3"):
        fitted_map("patches:x", samples)
    # Negative control: the mark of a question is no part of a name, and a name that there is not stays one.
    with pytest.raises(ConfigError, match=r"no feature of that name; got digit\. Did you mean 'digits_cnn'"):
        fitted_map("digit?device=cpu", samples)


def test_large_images_have_no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gandiag.features.efficientnet_lite0.packaged", lambda: "")
    with pytest.raises(ConfigError, match=r"more than 4096 values; got 65×65\. Choose flatten"):
        default_name(images(side=65))


def test_the_input_is_not_changed() -> None:
    samples = vectors()
    before = samples.values.copy()
    FEATURES.get("standardise").fit(samples)(samples)
    np.testing.assert_array_equal(samples.values, before)
