"""Labelled images of the user's own: what is trained on them, who judges, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import gandiag
from gandiag.errors import ConfigError, DataError, ShapeError
from reference_models.acceptance.bars import Bar
from reference_models.acceptance.own_images import KEYS, OwnImages
from reference_models.acceptance.translations import Maps
from reference_models.cli import commands


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled digits as bytes, halved into training and test images."""
    source = gandiag.open_sampler("data:digits", lag=1)
    found = source.sample(source.size or 1, rng=np.random.default_rng(0))
    images, labels = (np.asarray(found.values) * 15).astype(np.uint8), np.asarray(found.labels)
    path = tmp_path_factory.mktemp("own") / "eights.npz"
    np.savez(path, x_train=images[:900], y_train=labels[:900], x_test=images[900:], y_test=labels[900:])
    return path


def test_models_of_one_domain_are_trained_on_the_training_images(archive: Path, tmp_path: Path) -> None:
    own = OwnImages(archive)
    (source,) = own.sources(1, tmp_path)
    assert gandiag.open_sampler(source).size == 900
    assert own.place(1) == "eights"


def test_translations_are_learnt_between_different_images(archive: Path, tmp_path: Path) -> None:
    own = OwnImages(archive)
    a, b = (np.load(path) for path in own.sources(2, tmp_path))
    x = own.parts["x_train"]
    assert np.array_equal(a, x[:450])
    assert np.array_equal(b, 255 - x[450:])


def test_the_true_map_clears_the_bars_of_translations_and_the_identity_does_not(archive: Path, tmp_path: Path) -> None:
    own = OwnImages(archive)
    found = own.bars(2, tmp_path)
    assert all(entry["fails"] for entry in found["must_fail"].values())
    assert found["floor"]["label_of_truth"]["mean"] > 0.9
    assert OwnImages(archive).bars(2, tmp_path) == found  # read, not measured again
    same = own.judge(2).judge(Maps(translate=lambda x: x, back=lambda x: x), seed=0)
    assert same["cycle"] == 0
    assert same["label"] < 0.5


@pytest.mark.parametrize("absent", KEYS)
def test_an_archive_that_lacks_a_part_is_refused(archive: Path, tmp_path: Path, absent: str) -> None:
    with np.load(archive) as whole:
        np.savez(tmp_path / "less.npz", **{key: whole[key] for key in KEYS if key != absent})
    with pytest.raises(ConfigError, match=rf"no {absent}"):
        _ = OwnImages(tmp_path / "less.npz").parts


@pytest.mark.parametrize(
    "spoil",
    [
        lambda parts: parts.update(x_test=parts["x_test"] / 255.0),
        lambda parts: parts.update(x_train=parts["x_train"].reshape(900, -1)),
        lambda parts: parts.update(y_test=parts["y_test"][:-1]),
    ],
)
def test_what_are_no_bytes_with_classes_is_refused(archive: Path, tmp_path: Path, spoil: Any) -> None:
    with np.load(archive) as whole:
        parts = {key: whole[key] for key in KEYS}
    spoil(parts)
    np.savez(tmp_path / "odd.npz", **parts)
    with pytest.raises(ShapeError, match=r"must be bytes of shape \(n, h, w\)"):
        _ = OwnImages(tmp_path / "odd.npz").parts


def test_bars_that_real_samples_miss_or_that_wrong_ones_clear_are_refused(archive: Path, tmp_path: Path) -> None:
    class Odd:
        def __init__(self, real: float, wrong: float) -> None:
            self.real, self.wrong, self.fixtures = real, wrong, {"wrong": None}

        def judge(self, sampler: Any, *, seed: int) -> dict[str, float]:
            return {"label": self.wrong}

        def floor(self, *, seed: int, times: int) -> list[dict[str, float]]:
            return [{"label": self.real}]

        def bars(self, floor: Any, baselines: Any) -> list[Bar]:
            return [Bar(number="label", side="at least", limit=0.9, rule="r")]

    for real, wrong, words in ((0.5, 0.1, "real samples miss: label"), (0.95, 0.92, "must fail and passes: wrong")):
        own = OwnImages(archive)
        own.__dict__["_images"] = Odd(real, wrong)
        with pytest.raises(DataError, match=words):
            own.bars(1, tmp_path)
    assert not (tmp_path / "bars.json").exists()


def test_own_images_need_a_preset_to_be_named(archive: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(commands, ["accept", "vae", "--images", str(archive), "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "--images needs --preset" in done.output


@pytest.mark.slow
def test_a_model_is_trained_on_own_images_and_judged(archive: Path, tmp_path: Path) -> None:
    words = ["accept", "dcgan", "--preset", "smoke", "--seeds", "1"]
    done = CliRunner().invoke(commands, [*words, "--images", str(archive), "--out", str(tmp_path)])
    assert done.exit_code == 1, done.output  # twenty steps make no digits
    assert "dcgan smoke: FAILS" in done.output
    assert (tmp_path / "bars.json").exists()
