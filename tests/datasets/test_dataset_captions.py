"""Digits with captions: what a caption says is so, and can be measured."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.core.specs import DATASETS
from gandiag.datasets import _finite
from gandiag.datasets.captions import attributes, captions, ink_of, lean_of, measured


def test_there_are_ninety_captions_and_numbers_are_taken_apart() -> None:
    all_captions = captions()
    assert len(set(all_captions)) == 90
    digit, ink, lean = attributes(np.arange(90))
    assert all_captions[58] == "a medium six upright"
    assert (digit[58], ink[58], lean[58]) == (6, 1, 1)
    assert all_captions[89] == "a bold nine leaning right"


def test_a_stroke_leans_to_the_side_of_its_upper_end() -> None:
    right = np.eye(8)[::-1][None]  # from the lower left to the upper right
    assert lean_of(right)[0] == pytest.approx(1)
    assert lean_of(right[:, :, ::-1])[0] == pytest.approx(-1)
    upright = np.zeros((1, 8, 8))
    upright[0, :, 3] = 5
    assert lean_of(upright)[0] == 0
    assert lean_of(np.zeros((1, 8, 8)))[0] == 0
    assert ink_of(upright)[0] == pytest.approx(5 / 8)


def test_captions_agree_with_digits_and_with_what_is_measured() -> None:
    law = DATASETS.get("captions").open(split="test")
    samples = law.sample(300, rng=np.random.default_rng(0))
    images, digits = _finite.digits("test")
    digit, ink, lean = attributes(np.asarray(samples.labels))
    known = {image.tobytes(): label for image, label in zip(images, digits, strict=True)}
    values = np.asarray(samples.values)
    assert all(known[image.tobytes()] == d for image, d in zip(values, digit, strict=True))
    found = measured(values, digit)
    np.testing.assert_array_equal(found[0], ink)
    np.testing.assert_array_equal(found[1], lean)
    # A mirror turns left to right, and leaves the ink as it is.
    mirrored = measured(values[:, :, ::-1], digit)
    np.testing.assert_array_equal(mirrored[0], ink)
    assert float(np.mean(mirrored[1] == lean)) < 0.5


def test_every_caption_has_images_in_both_halves_and_thirds_are_thirds() -> None:
    for split in ("train", "test"):
        law = DATASETS.get("captions").open(split=split)
        labels = np.asarray(law.sample(law.size or 0, rng=np.random.default_rng(0)).labels)
        assert set(labels) <= set(range(90))
        shares = [np.bincount(part, minlength=3) / len(labels) for part in attributes(labels)[1:]]
        error = np.sqrt(2 / 9 / len(labels))
        assert np.abs(np.array(shares) - 1 / 3).max() < 4 * error
