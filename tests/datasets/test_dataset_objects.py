"""Pictures with a known angle, and digits with a known square: what is drawn can be read."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.core.specs import DATASETS
from gandiag.datasets._finite import digits
from gandiag.datasets.angles import WIDEST, angles_of, drawn_at, read_angles
from gandiag.datasets.boxes import amounts_of_boxes, boxed, read_amounts

TURNS = np.linspace(-WIDEST, WIDEST, 301)


@pytest.mark.parametrize("side", ["a", "b"])
def test_an_angle_that_is_drawn_is_read(side: str) -> None:
    images = drawn_at(TURNS, side)
    assert images.shape == (301, 8, 8)
    np.testing.assert_array_equal(images, np.rint(images))
    assert np.abs(read_angles(images) - TURNS).max() < np.deg2rad(3)
    assert np.abs(read_angles(images[:, :, ::-1]) + TURNS).max() < np.deg2rad(3)
    # The reading of a mirror image is no reading.
    assert np.abs(read_angles(images[:, :, ::-1]) - TURNS).max() > np.deg2rad(3)
    assert read_angles(np.zeros((1, 8, 8))).tolist() == [0.0]


def test_the_domains_share_no_angle_and_look_unlike() -> None:
    one, other = angles_of("a"), angles_of("b")
    assert len(np.unique([one, other])) == 2000
    assert np.corrcoef(one, other)[0, 1] == pytest.approx(0.0, abs=4 / np.sqrt(1000))
    hands, horizons = (DATASETS.get("angles").open(side=side) for side in ("a", "b"))
    for law, angles in ((hands, one), (horizons, other)):
        drawn = law.sample(1000, rng=np.random.default_rng(0))
        np.testing.assert_allclose(np.sort(read_angles(drawn.values)), np.sort(angles), atol=np.deg2rad(3))
        assert set(np.asarray(drawn.labels)) == set(range(10))
    same = np.abs(drawn_at(TURNS, "a") - drawn_at(TURNS, "b")).mean() / 16
    assert same > 0.2


def test_a_square_is_put_where_it_belongs_and_its_brightness_is_read() -> None:
    images, _ = digits("test")
    amounts = amounts_of_boxes()
    assert (amounts.min(), amounts.max(), len(amounts)) == (6, 16, 898)
    put = boxed(images, amounts)
    np.testing.assert_array_equal(read_amounts(put), amounts)
    np.testing.assert_array_equal(put[:, 3:], images[:, 3:])
    np.testing.assert_array_equal(put[:, :, 3:], images[:, :, 3:])
    assert np.mean(read_amounts(images) < 3) > 0.98  # digits without a square have next to nothing there
    found = DATASETS.get("boxes").open(side="a").sample(898, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(read_amounts(found.values)), np.sort(amounts))


def test_no_digit_is_in_both_domains() -> None:
    a, b = (DATASETS.get("boxes").open(side=side).sample(800, rng=np.random.default_rng(0)).values for side in "ab")
    rest = {x[3:, 3:].tobytes() for x in np.ascontiguousarray(a)}
    shared = sum(x[3:, 3:].tobytes() in rest for x in np.ascontiguousarray(b))
    assert shared <= 2
