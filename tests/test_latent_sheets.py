"""Sheets of latents: ways keep their norm, sums add what they say, and the generator is given back as it was."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent / "plots"))

from reading import cut_off, written, written_over

from gandiag.errors import ConfigError, ShapeError
from gandiag.latent_sheets import arithmetic, interpolation, plot_sheet


class Painter(nn.Module):
    """Paints the first two of its latents on the left and the right half of an image of 6 by 6."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.scale = nn.Parameter(torch.tensor(0.25))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        half = self.dropout(z[:, :2] * self.scale)
        return half[:, None, None, :].repeat(1, 1, 6, 1).repeat_interleave(3, dim=3)


def drawn(rows: int, size: int = 8) -> Any:
    return np.random.default_rng(rows).standard_normal((rows, size)).astype(np.float32)


def test_a_great_circle_keeps_the_norm_and_the_ends_and_a_line_does_not() -> None:
    ends = drawn(12, 64).reshape(6, 2, 64)
    round_, straight = (interpolation(Painter(), ends, columns=9, path=p) for p in ("great_circle", "line"))
    for sheet in (round_, straight):
        np.testing.assert_allclose(sheet.latents[:, [0, -1]], ends, rtol=1e-5)
    norms = np.linalg.norm(round_.latents, axis=2)
    assert np.all(norms >= norms[:, [0, -1]].min(axis=1, keepdims=True) * (1 - 1e-5))
    middle = np.linalg.norm(straight.latents, axis=2)[:, 4] / norms[:, 4]
    assert middle.mean() == pytest.approx(np.sqrt(0.5), abs=0.06)
    # Even steps: the angle to the first end grows by as much each time.
    unit = round_.latents / norms[..., None]
    angles = np.arccos(np.clip((unit * unit[:, :1]).sum(axis=2), -1, 1))
    np.testing.assert_allclose(np.diff(angles[:, 1:]), np.repeat(angles[:, 1:2], 7, axis=1), rtol=1e-2)


def test_ends_without_an_angle_between_them_are_joined_by_a_line() -> None:
    one = np.ones((1, 4), dtype=np.float32)
    for other in (2 * one, -one, 0 * one):
        sheet = interpolation(Painter(), np.stack([one, other], axis=1), columns=3)
        np.testing.assert_allclose(sheet.latents[0, 1], (one + other)[0] / 2, atol=1e-6)


def test_images_are_those_of_the_latents_and_the_generator_is_as_it_was() -> None:
    painter = Painter().train()
    sheet = interpolation(painter, drawn(4).reshape(2, 2, 8), columns=5)
    assert sheet.images.shape == (2, 5, 6, 6)
    np.testing.assert_allclose(sheet.images[:, :, 0, 0], sheet.latents[:, :, 0] * 0.25, rtol=1e-5)
    np.testing.assert_allclose(sheet.images[:, :, 5, 5], sheet.latents[:, :, 1] * 0.25, rtol=1e-5)
    assert painter.training


def test_a_trait_is_what_one_group_has_and_the_other_lacks() -> None:
    having, lacking, start = drawn(30), drawn(40), drawn(5)
    having[:, 0] += 3.0
    sheet = arithmetic(Painter(), having, lacking, start)
    trait = having.mean(axis=0) - lacking.mean(axis=0)
    np.testing.assert_allclose(sheet.latents[:, 0], start)
    np.testing.assert_allclose(sheet.latents[:, 1] - start, np.tile(trait, (5, 1)), atol=1e-5)
    step = sheet.latents[:, 2] - start
    np.testing.assert_allclose(np.linalg.norm(step, axis=1), np.linalg.norm(trait), rtol=1e-4)
    assert abs(step[0] @ trait) < 0.9 * trait @ trait  # another direction
    assert np.all(sheet.images[:, 1, 0, 0] > sheet.images[:, 0, 0, 0] + 0.5)
    again = arithmetic(Painter(), having, lacking, start)
    assert np.array_equal(sheet.latents, again.latents)


def test_a_sheet_is_drawn_row_by_row_with_its_words() -> None:
    ax = plot_sheet(arithmetic(Painter(), drawn(3), drawn(2), drawn(4)))
    assert [t.get_text() for t in ax.texts] == ["as it is", "with the\ntrait", "a random\nstep"]
    figure: Any = ax.figure
    words = written(figure)
    assert (cut_off(words, figure), written_over(words)) == ([], [])
    assert np.asarray(ax.images[0].get_array()).shape[:2] == (4 * 6 + 3, 3 * 6 + 2)
    plain = plot_sheet(interpolation(Painter(), drawn(4).reshape(2, 2, 8)))
    assert not plain.texts
    plain.figure.canvas.draw()


def test_what_is_no_pair_no_image_and_no_latent_is_refused() -> None:
    with pytest.raises(ShapeError, match="must hold pairs of latents"):
        interpolation(Painter(), drawn(4))
    with pytest.raises(ConfigError, match=r"`columns` must be a whole number.*2"):
        interpolation(Painter(), drawn(4).reshape(2, 2, 8), columns=1)
    with pytest.raises(ConfigError, match="great_circle"):
        interpolation(Painter(), drawn(4).reshape(2, 2, 8), path="circle")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="latents of one shape"):
        arithmetic(Painter(), drawn(3), drawn(3, 5), drawn(3))
    with pytest.raises(ConfigError, match="a sheet shows images"):
        interpolation(nn.Linear(8, 2), drawn(4).reshape(2, 2, 8))
