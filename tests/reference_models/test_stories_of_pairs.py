"""Stories of super-resolution, crossing and inpainting: verdicts take what was measured and no other numbers."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gandiag.datasets.boxes import read_amounts
from reference_models.stories import inpainting_weight, object_crossing, srgan_blur

Numbers = dict[str, Any]
STORED = Path(__file__).parents[2] / "docs" / "stories"


def numbers(story: str = "srgan_blur") -> Numbers:
    return copy.deepcopy(json.loads((STORED / f"{story}.json").read_text())["numbers"])


def swapped(*keys: str) -> Callable[[Numbers], None]:
    """Exchange what both networks scored."""

    def spoil(found: Numbers) -> None:
        for key in keys:
            found[key][2], found[key][3] = found[key][3], found[key][2]

    return spoil


def test_the_verdict_takes_what_was_measured() -> None:
    assert numbers()["ways"] == list(srgan_blur.WAYS)
    assert srgan_blur.verdict(numbers())


@pytest.mark.parametrize(
    "spoil",
    [swapped("psnr"), swapped("detail"), swapped("frechet_to_floor"), lambda n: n["detail"].__setitem__(2, 0.98)],
)
def test_the_verdict_rejects_what_did_not_happen(spoil: Callable[[Numbers], object]) -> None:
    found = numbers()
    spoil(found)
    assert not srgan_blur.verdict(found)


@pytest.mark.slow
def test_the_quick_story_comes_out(tmp_path: Path) -> None:
    tale = srgan_blur.STORY.tell(tmp_path, quick=True)
    assert tale.holds


def test_the_verdict_on_crossings_takes_what_was_measured() -> None:
    assert object_crossing.verdict(numbers("object_crossing"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda n: n["put"].__setitem__(-1, n["put"][0]),  # before anything was in the code of the object
        lambda n: n["left"].__setitem__(-1, n["left"][0]),
        lambda n: n["amount"].__setitem__(-1, n["amount_of_the_mean_object"]),
        lambda n: n["monotone"].__setitem__(-1, 0.5),
        lambda n: n.update(amount_of_the_mean_object=0.9),
    ],
)
def test_the_verdict_on_crossings_rejects_what_did_not_happen(spoil: Callable[[Numbers], object]) -> None:
    found = numbers("object_crossing")
    spoil(found)
    assert not object_crossing.verdict(found)


def test_what_arrives_is_compared_with_what_was_sent() -> None:
    a, b, sent = object_crossing.pairs(0)
    assert object_crossing.correlation(read_amounts(a), sent) == pytest.approx(1.0)
    assert object_crossing.correlation(read_amounts(a[::-1]), sent) < 0.3
    assert object_crossing.correlation(np.full(len(sent), 9.0), sent) == 0.0
    assert (read_amounts(b) < 6).all()


@pytest.mark.slow
def test_the_quick_crossing_comes_out(tmp_path: Path) -> None:
    assert object_crossing.STORY.tell(tmp_path, quick=True).holds


def test_the_verdict_on_inpainting_takes_what_was_measured() -> None:
    assert numbers("inpainting_weight")["weight"] == list(inpainting_weight.WEIGHTS)
    assert inpainting_weight.verdict(numbers("inpainting_weight"))


@pytest.mark.parametrize("key", ["mse", "detail", "frechet_to_floor"])
def test_the_verdict_on_inpainting_rejects_what_did_not_happen(key: str) -> None:
    none, paper, most = inpainting_weight.NONE, inpainting_weight.PAPER, inpainting_weight.MOST
    flat, early = numbers("inpainting_weight"), numbers("inpainting_weight")
    flat[key][most] = flat[key][none]
    assert not inpainting_weight.verdict(flat)
    early["detail"][paper] = early["detail"][most]
    assert not inpainting_weight.verdict(early)


@pytest.mark.slow
def test_the_quick_inpainting_comes_out(tmp_path: Path) -> None:
    assert inpainting_weight.STORY.tell(tmp_path, quick=True).holds
