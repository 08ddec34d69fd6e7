"""The three rules of resizing: each is its tool's, and they are not each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gandiag.features._resizing import MODES, clean, tf_legacy, torch_legacy

torch = pytest.importorskip("torch")

SIZES = ((20, 33), (41, 29), (57, 64))


def pictures(height: int, width: int) -> Any:
    values = np.random.default_rng(height).integers(0, 256, (2, 3, height, width))
    return torch.from_numpy(values.astype(np.float32))


@pytest.mark.usefixtures("torchvision_schemas")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.differential("D23")
def test_tf_legacy_is_torch_fidelitys_bit_for_bit(size: tuple[int, int]) -> None:
    peer = pytest.importorskip("torch_fidelity.interpolate_compat_tensorflow")
    images = pictures(*size)
    expected = peer.interpolate_bilinear_2d_like_tensorflow1x(images, size=(41, 41), align_corners=False)
    assert torch.equal(tf_legacy(images, 41), expected)
    assert not torch.equal(1.01 * tf_legacy(images, 41), expected)
    assert not torch.allclose(torch_legacy(images, 41), expected, atol=1.0)


def test_tf_legacy_puts_the_first_pixel_in_the_corner() -> None:
    row = torch.arange(4.0).reshape(1, 1, 1, 4).expand(1, 1, 4, 4)
    np.testing.assert_allclose(tf_legacy(row, 8)[0, 0, 0], [0, 0.5, 1, 1.5, 2, 2.5, 3, 3])
    np.testing.assert_allclose(torch_legacy(row, 8)[0, 0, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])


@pytest.mark.parametrize("size", SIZES)
def test_clean_is_pillows_bicubic(size: tuple[int, int]) -> None:
    image = pytest.importorskip("PIL.Image")
    images = pictures(*size)
    found = clean(images, 41)
    for picture, mine in zip(images.numpy(), found.numpy(), strict=True):
        for channel, own in zip(picture, mine, strict=True):
            peer = np.asarray(image.fromarray(channel).resize((41, 41), resample=image.Resampling.BICUBIC))
            # A thousandth of a grey level; plain bicubic without smoothing is off by whole ones.
            np.testing.assert_allclose(own, np.clip(peer, 0, 255), atol=2e-3)


@pytest.mark.parametrize("mode", MODES)
def test_an_image_of_the_right_size_stays(mode: str) -> None:
    images = pictures(41, 41)
    np.testing.assert_allclose(MODES[mode](images, 41), images, atol=1e-4)


@pytest.mark.parametrize("mode", MODES)
def test_flat_images_stay_flat(mode: str) -> None:
    flat = torch.full((1, 3, 90, 70), 200.0)
    np.testing.assert_allclose(MODES[mode](flat, 41), 200.0, rtol=1e-5)
