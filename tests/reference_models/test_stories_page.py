"""The page of stories, and the catalog: one claim, one figure, numbers that a reader can take in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from reference_models.core.stories import STORIES, Story, Tale, shown, write_page


def told(*, holds: bool) -> Story:
    def run(*, seed: int, quick: bool, progress: object) -> Tale:
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([0, seed])
        return Tale(numbers={"one_number": 0.5, "many": list(range(100)), "word": "a|b"}, figure=figure, holds=holds)

    return Story(name="told", claim="A claim.", run=run)


@pytest.mark.parametrize("holds", [True, False])
def test_a_story_leaves_its_figure_its_numbers_and_a_page(tmp_path: Path, holds: bool) -> None:
    told(holds=holds).tell(tmp_path, seed=3, quick=True)
    assert (tmp_path / "told.png").read_bytes()[:4] == b"\x89PNG"
    facts = json.loads((tmp_path / "told.json").read_text())
    assert (facts["holds"], facts["seed"], facts["numbers"]["one_number"]) == (holds, 3, 0.5)
    write_page(tmp_path)
    page = (tmp_path / "index.md").read_text()
    assert "![A claim.](told.png)" in page
    assert ("did not come out" in page) is not holds
    assert "| one number | 0.5 |" in page


def test_long_lists_are_cut_in_the_middle() -> None:
    assert shown([1, 2.0]) == "1, 2"
    assert shown(list(range(100))) == "0, 1, 2, 3, …, 96, 97, 98, 99"
    assert shown("a|b") == "a\\|b"


@pytest.mark.parametrize("name", STORIES.names())
def test_a_story_makes_one_claim(name: str) -> None:
    story = STORIES.get(name)
    assert story.name == name
    assert story.claim.strip()
    assert "\n" not in story.claim
