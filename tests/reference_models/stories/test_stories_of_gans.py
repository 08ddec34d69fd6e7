"""Stories of GANs: each verdict accepts what was measured and rejects what did not happen; the quick forms come out."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reference_models.stories import (
    infogan_codes,
    infogan_numbers,
    mode_hopping,
    playground,
    saturating_gradients,
    unrolled_modes,
)

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Numbers = dict[str, Any]

# As measured by the quick forms with seed 0.
MEASURED: dict[str, Numbers] = {
    "saturating_gradients": {
        "saturating": [0.0764, 0.2778, 0.2085, 0.0529],
        "non_saturating": [0.0720, 0.2897, 4.4784, 7.2619],
    },
    "infogan_codes": {
        "InfoGAN_L_I": [2.1019, 2.2852],
        "InfoGAN_NMI": [0.1249, 0.7082],
        "plain GAN_L_I": [0.0719, 0.0185],
        "plain GAN_NMI": [0.0051, 0.0254],
    },
    "infogan_numbers": {
        "InfoGAN_read": [0.9661],
        "InfoGAN_lean": [0.5211],
        "InfoGAN_clean": [0.3389],
        "plain GAN_read": [0.1578],
        "plain GAN_lean": [0.0977],
    },
    "unrolled_modes": {
        "GAN_held": 1.375,
        "unrolled GAN_held": 8.0,
        "unrolled GAN_lost": 0,
        "GAN of six steps of D_modes": 8,
    },
    "mode_hopping": {"GAN_held": 1.1, "GAN_lost": 9, "packed GAN_modes": 8, "WGAN-GP_modes": 8},
    "playground": {
        "d_loss": [1.2073, 1.1367, 0.9324, 0.9194, 1.1747, 0.9345],
        "g_loss": [0.7751, 0.8435, 1.1993, 1.2534, 0.9669, 1.0968],
        "d_real": [0.6152, 0.6030, 0.5887, 0.6560, 0.5988, 0.6387],
        "d_fake": [0.4940, 0.4553, 0.3192, 0.3400, 0.4421, 0.3694],
    },
}
MODULES = (saturating_gradients, infogan_codes, infogan_numbers, mode_hopping, playground, unrolled_modes)
STORIES = {m.STORY.name: m for m in MODULES}


def swapped(one: str, other: str) -> Callable[[Numbers], None]:
    """Exchange two columns."""

    def spoil(numbers: Numbers) -> None:
        numbers[one], numbers[other] = numbers[other], numbers[one]

    return spoil


SPOILED: list[tuple[str, Callable[[Numbers], Any]]] = [
    ("saturating_gradients", swapped("saturating", "non_saturating")),
    ("saturating_gradients", lambda n: n.update(saturating=n["non_saturating"])),  # one loss under two names
    ("infogan_codes", swapped("InfoGAN_L_I", "plain GAN_L_I")),
    ("infogan_codes", swapped("InfoGAN_NMI", "plain GAN_NMI")),
    ("infogan_codes", lambda n: n.update({"plain GAN_L_I": n["InfoGAN_L_I"]})),
    ("infogan_numbers", swapped("InfoGAN_read", "plain GAN_read")),
    ("infogan_numbers", swapped("InfoGAN_lean", "plain GAN_lean")),
    ("infogan_numbers", lambda n: n.update(InfoGAN_clean=[0.97])),  # angle and stroke, as the picture has it
    ("playground", lambda n: n.update(g_loss=[0.6931] * 6)),
    ("mode_hopping", lambda n: n.update({"WGAN-GP_modes": 7})),
    ("mode_hopping", lambda n: n.update({"packed GAN_modes": 7, "GAN_held": 8.0})),
    ("mode_hopping", lambda n: n.update(GAN_lost=0)),
    ("unrolled_modes", swapped("GAN_held", "unrolled GAN_held")),
    ("unrolled_modes", lambda n: n.update({"unrolled GAN_lost": 3})),
    ("unrolled_modes", lambda n: n.update({"GAN of six steps of D_modes": 2})),
    ("playground", lambda n: n.update(d_loss=[1.3863] * 6, g_loss=[0.6931] * 6)),
    ("playground", swapped("d_real", "d_fake")),
]


@pytest.mark.parametrize("name", STORIES)
def test_a_verdict_accepts_what_was_measured(name: str) -> None:
    assert STORIES[name].verdict(MEASURED[name])


@pytest.mark.parametrize(("name", "spoil"), SPOILED)
def test_a_verdict_rejects_what_did_not_happen(name: str, spoil: Callable[[Numbers], Any]) -> None:
    numbers = copy.deepcopy(MEASURED[name])
    spoil(numbers)
    assert not STORIES[name].verdict(numbers)


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_a_quick_story_comes_out(name: str, tmp_path: Path) -> None:
    tale = STORIES[name].STORY.tell(tmp_path, quick=True)
    assert tale.holds
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    assert json.loads((tmp_path / f"{name}.json").read_text())["holds"] is True


def drawn_strokes(category: NDArray[np.int64], slope: Vector, width: Vector) -> Matrix:
    """Draw bars through the middle of 16 by 16 pixels, -1 to 1; categories stand in other places."""
    y, x = np.indices((16, 16), dtype=np.float64) - 7.5
    across = np.abs(x - category[:, None, None] - slope[:, None, None] * y)
    ends: Matrix = np.where((across < width[:, None, None]) & (np.abs(y) < 6.0), 1.0, -1.0)
    return ends


def test_numbers_that_lean_and_ink_are_clean_and_mixed_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    codes, category = rng.uniform(-1.0, 1.0, size=(2, 600)), np.repeat([0, 1, 2], 200)
    sign = np.where(category == 1, -1.0, 1.0)
    for flipped, least, most in ((1.0, 0.9, 1.0), (sign, 0.0, 0.5)):
        images = drawn_strokes(category, 0.4 * codes[0] * flipped, 2.0 + codes[1])
        traits = infogan_numbers.lean(images), infogan_numbers.ink(images)
        leans, inks = (
            np.stack([infogan_numbers.by_category(code, trait, category) for code in codes]) for trait in traits
        )
        assert np.abs(leans[0]).min() > 0.9
        assert least <= infogan_numbers.clean(leans, inks) <= most


def test_a_number_of_which_all_is_read_alike_is_not_read() -> None:
    code = np.linspace(-1.0, 1.0, 9)
    assert infogan_numbers.correlation(code, np.full(9, 0.3)) == 0.0
    assert infogan_numbers.correlation(code, 0.5 * code + 0.1) == pytest.approx(1.0)


def test_a_stroke_of_known_slope_has_that_lean() -> None:
    slope = np.array([-0.4, 0.0, 0.4])
    found = infogan_numbers.lean(drawn_strokes(np.zeros(3, dtype=np.int64), slope, np.full(3, 1.5)))
    np.testing.assert_allclose(found, slope, atol=0.05)
