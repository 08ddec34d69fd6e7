"""Stories of GANs: each verdict accepts what was measured and rejects what did not happen; the quick forms come out."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reference_models.stories import infogan_codes, mode_hopping, playground, saturating_gradients, unrolled_modes

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
MODULES = (saturating_gradients, infogan_codes, mode_hopping, playground, unrolled_modes)
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
