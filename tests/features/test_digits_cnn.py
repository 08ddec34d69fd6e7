"""The small network for digits: what ships, what it knows, that it can be made again, and what it refuses."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gandiag
from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError, IntegrityError, ShapeError
from gandiag.features import _digits_training as training
from gandiag.features import digits_cnn, fitted_map

MNIST = Path(os.environ.get("GANDIAG_MNIST", "mnist.npz"))  # x_test, y_test


def digits(split: str = "test") -> SampleSet:
    sampler = gandiag.open_sampler(f"data:digits?split={split}")
    return sampler.sample(sampler.size or 0, rng=np.random.default_rng(0))


def facts() -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(digits_cnn.PATH, "np") as file:
        found: dict[str, Any] = json.loads(file.metadata()["provenance"])
    return found


def named_right(samples: SampleSet, classes: NDArray[np.int64]) -> float:
    features = fitted_map("digits-cnn", samples)
    return float((features.classify(features(samples)).argmax(axis=1) == classes).mean())  # type: ignore[attr-defined]


def test_what_ships_is_small_and_says_where_it_comes_from() -> None:
    assert digits_cnn.PATH.stat().st_size < 500_000
    told = facts()
    assert told["data"].startswith("data:digits?split=train")
    assert {"seed", "steps", "versions", "licence", "made by"} <= told.keys()
    assert told["steps"] == training.STEPS


def test_it_names_digits_that_it_has_not_seen() -> None:
    samples = digits()
    assert samples.labels is not None
    right = named_right(samples, samples.labels)
    assert right == pytest.approx(facts()["accuracy on data:digits?split=test"], abs=2.5 / len(samples))
    assert right > 0.98
    halved = SampleSet(values=np.zeros((5, 8, 8)), kind="image", value_range=(0.0, 16.0))
    assert len(np.unique(fitted_map("digits-cnn", samples)(halved), axis=0)) == 1


@pytest.mark.skipif(not MNIST.exists(), reason="GANDIAG_MNIST names no file")
def test_it_names_most_digits_of_another_size_and_other_hands() -> None:
    with np.load(MNIST, allow_pickle=False) as file:
        values, classes = file["x_test"][:2000], file["y_test"][:2000].astype(np.int64)
    assert named_right(SampleSet(values=values, kind="image", value_range=(0, 255)), classes) > 0.8


def test_features_do_not_depend_on_range_or_place_and_are_named() -> None:
    samples = digits().take(np.arange(40))
    features = fitted_map("digits_cnn", samples)
    found = features(samples)
    assert found.shape == (40, 64)
    assert features.fingerprint() == f"digits-cnn:64:{digits_cnn.SHA256[:12]}"
    scaled = SampleSet(values=samples.values / 8.0 - 1.0, kind="image", value_range=(-1.0, 1.0))
    np.testing.assert_allclose(features(scaled), found, rtol=1e-4, atol=1e-4)
    deep = SampleSet(values=samples.values[..., None].copy(), kind="image", value_range=(0.0, 16.0))
    np.testing.assert_array_equal(features(deep), found)


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 30, 33, 70])
def test_equal_digits_have_equal_bits_wherever_they_stand(rows: int) -> None:
    """By construction: every product has the shape of a whole batch, since equal rows are counted by their bits."""
    samples = digits().take(np.arange(96))
    features = fitted_map("digits-cnn", samples)
    order = np.random.default_rng(rows).permutation(96)[:rows]
    np.testing.assert_array_equal(features(samples.take(order)), features(samples)[order])
    assert len(set(_batches(features, samples.take(order)))) == 1
    # Negative control: without the filling, products of other shapes are summed in whatever order a library likes.
    assert _batches(replace(features, whole_batches=False), samples.take(order))[-1] == rows % 32  # type: ignore[type-var]


def _batches(features: Any, samples: SampleSet) -> list[int]:
    seen: list[int] = []

    def forward(images: Any) -> Any:
        seen.append(len(images))
        return features.forward(images)

    replace(features, forward=forward)(samples)
    return seen


def test_a_lost_mode_shows_and_a_fresh_half_does_not() -> None:
    report = gandiag.score(
        "data:digits?split=third1",
        {"whole": "data:digits?split=third2", "without threes": "data:digits?split=third2!drop_modes=1"},
        features="digits-cnn",
        metrics=["energy", "inception_score"],
        permutations=199,
    )
    whole, without = (fake["energy"].p_value for fake in report.fakes)
    assert whole is not None
    assert without is not None
    assert whole.value > 0.01
    assert without.value <= 0.01
    assert 6.0 < (report.fakes[0]["inception_score"].estimate or 0.0) <= 10.0


def test_what_is_no_grey_digit_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for shape in ((8, 8, 3), (7, 8), (100, 100)):
        with pytest.raises(ShapeError, match=r"grey images of 8 to 64 pixels on a side; got \("):
            fitted_map("digits-cnn", SampleSet(values=np.zeros((2, *shape)), kind="image", value_range=(0, 1)))
    with pytest.raises(ConfigError, match=r"weights of its own; got mine\.pth"):
        fitted_map("digits-cnn:mine.pth", digits())
    changed = tmp_path / "digits_cnn.safetensors"
    changed.write_bytes(digits_cnn.PATH.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(digits_cnn, "PATH", changed)
    with pytest.raises(IntegrityError, match="digits-cnn must have SHA-256"):
        fitted_map("digits-cnn", digits())


def test_training_is_reproducible(tmp_path: Path) -> None:
    """A few steps, twice: the same bytes on one machine."""
    for name in ("a", "b"):
        training.write(tmp_path / name, steps=3)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    state = training.trained(3)
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == dict(digits_cnn.SHAPES)


@pytest.mark.slow
def test_the_network_that_ships_can_be_made_again(tmp_path: Path) -> None:
    """Other machines round otherwise: held to what it scores, not to its bytes."""
    training.write(tmp_path / "again.safetensors")
    from safetensors.torch import load_file

    right = training.accuracy(load_file(tmp_path / "again.safetensors"), *training.digits("test"))
    assert right == pytest.approx(facts()["accuracy on data:digits?split=test"], abs=0.01)
