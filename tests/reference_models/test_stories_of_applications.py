"""Stories of latent arithmetic and of projection: verdicts take what was measured and reject what did not happen."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference_models.stories import latent_arithmetic, projection_edit

Numbers = dict[str, Any]
STORED = Path(__file__).parents[2] / "docs" / "stories"
STORIES = {m.STORY.name: m for m in (latent_arithmetic, projection_edit)}


def numbers(name: str) -> Numbers:
    found: Numbers = json.loads((STORED / f"{name}.json").read_text())["numbers"]
    return copy.deepcopy(found)


def by_chance(found: Numbers) -> None:
    found["bold"]["random flipped"] = found["bold"]["trait flipped"]


def another_digit(found: Numbers) -> None:
    found["leaning right"]["trait both"] = found["leaning right"]["random both"]


def a_straight_circle(found: Numbers) -> None:
    found["norms"]["great circle"] = found["norms"]["line"]


SPOILED: list[tuple[str, Callable[[Numbers], Any]]] = [
    ("latent_arithmetic", by_chance),
    ("latent_arithmetic", another_digit),
    ("latent_arithmetic", a_straight_circle),
    ("projection_edit", lambda n: n.update(median_error=n["median_error"][::-1])),
    ("projection_edit", lambda n: n.update(median_error=[n["median_error"][2]] * 3)),
    ("projection_edit", lambda n: n.update(stroke_error_after=n["stroke_error_before"])),
    ("projection_edit", lambda n: n.update(distance_edited=n["distance_pasted"])),
]


@pytest.mark.parametrize("name", STORIES)
def test_a_verdict_takes_what_was_measured(name: str) -> None:
    assert STORIES[name].verdict(numbers(name))


@pytest.mark.parametrize(("name", "spoil"), SPOILED)
def test_a_verdict_rejects_what_did_not_happen(name: str, spoil: Callable[[Numbers], Any]) -> None:
    found = numbers(name)
    spoil(found)
    assert not STORIES[name].verdict(found)


def test_the_distance_to_real_images_is_that_of_the_nearest() -> None:
    real = np.zeros((3, 8, 8))
    real[1] = 16.0
    images = np.zeros((2, 8, 8))
    images[0, 0, 0] = 16.0
    assert projection_edit.to_real(images, real) == pytest.approx(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_a_quick_story_comes_out(name: str, tmp_path: Path) -> None:
    tale = STORIES[name].STORY.tell(tmp_path, quick=True)
    assert tale.holds
