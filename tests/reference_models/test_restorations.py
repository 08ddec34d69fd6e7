"""The judge of maps learnt from pairs: the true map passes, guesses and blur fail, numbers are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.datasets.domains import true_map
from reference_models.acceptance import guesses
from reference_models.acceptance.bars import failed, stored_bars
from reference_models.acceptance.places import PLACES
from reference_models.acceptance.restorations import Restoration, detail, pooled

PLACE = "thicken, in pairs"


@pytest.fixture(scope="module")
def judge() -> Restoration:
    found = PLACES[PLACE]()
    assert isinstance(found, Restoration)
    return found


def test_the_true_map_passes_and_has_no_error(judge: Restoration) -> None:
    (found,) = judge.floor(seed=0, times=1)
    assert failed(stored_bars(PLACE), found) == []
    assert found["paired"] == found["mse"] == found["pooled"] == 0.0
    assert found["frechet_to_floor"] == found["detail"] == 1.0


def test_a_shade_too_dark_is_an_error_of_that_size_and_no_loss_of_detail(judge: Restoration) -> None:
    found = judge.judge(lambda x: np.maximum(true_map(x, "thicken") - 1.6, 0.0), seed=0)
    assert 0.05 < found["paired"] <= 0.1
    assert found["psnr"] == pytest.approx(-10 * np.log10(found["mse"]))
    assert "paired" in failed(stored_bars(PLACE), found)


def test_blur_is_seen_by_its_detail(judge: Restoration) -> None:
    def blurred(x: np.ndarray) -> np.ndarray:
        y = true_map(x, "thicken")
        return (y + np.roll(y, 1, 1) + np.roll(y, 1, 2) + np.roll(y, (1, 1), (1, 2))) / 4

    assert judge.judge(blurred, seed=0)["detail"] < 0.5


def test_guesses_find_what_is_linear_or_has_been_seen() -> None:
    rng = np.random.default_rng(0)
    x, weights = rng.standard_normal((200, 5)), rng.standard_normal((5, 3))
    y = x @ weights + 2
    np.testing.assert_allclose(guesses.ridge(x, y)(x[:9]), y[:9], atol=1e-2)
    np.testing.assert_array_equal(guesses.nearest(x, y)(x[:9] + 1e-6), y[:9])
    np.testing.assert_allclose(guesses.constant(y)(x[:4]), np.tile(y.mean(axis=0), (4, 1)))
    assert np.abs(guesses.ridge(x, rng.permutation(y))(x[:9]) - y[:9]).max() > 0.5  # pairs out of step


def test_pooling_averages_squares() -> None:
    x = np.arange(64.0).reshape(1, 8, 8)
    assert pooled(x)[0, 0, 0] == pytest.approx((0 + 1 + 8 + 9) / 4)
    assert detail(x) == 0.0
