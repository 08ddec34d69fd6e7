"""The story of super-resolution: its verdict takes what was measured and rejects what did not happen."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reference_models.stories import srgan_blur

Numbers = dict[str, Any]
STORED = Path(__file__).parents[2] / "docs" / "stories" / "srgan_blur.json"


def numbers() -> Numbers:
    return copy.deepcopy(json.loads(STORED.read_text())["numbers"])


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
