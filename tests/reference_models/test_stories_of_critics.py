"""The stories of WGAN and CycleGAN: they come out, and their verdicts reject what did not happen."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference_models.core.stories import Story
from reference_models.stories import cyclegan_digits, wgan_loss_and_quality

Numbers = dict[str, Any]
GOOD, BAD = cyclegan_digits.WEIGHTS
# As measured with seed 0, quick.
MEASURED: Numbers = {
    GOOD: {"cycle": 0.048, "paired": 0.096, "paired_to_offset": 0.26, "label": 0.903},
    BAD: {"cycle": 0.064, "paired": 0.57, "paired_to_offset": 1.57, "label": 0.001},
}


def test_the_verdict_takes_what_was_measured() -> None:
    assert cyclegan_digits.verdict(MEASURED)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda n: n.update({GOOD: n[BAD], BAD: n[GOOD]}),
        lambda n: n.update({BAD: n[GOOD]}),  # the identity loss did no harm
        lambda n: n[BAD].update(cycle=0.3),  # the cycle told after all
        lambda n: n[GOOD].update(label=0.5),  # the right colours on the wrong digits
    ],
)
def test_the_verdict_rejects_what_did_not_happen(spoil: Callable[[Numbers], object]) -> None:
    numbers = copy.deepcopy(MEASURED)
    spoil(numbers)
    assert not cyclegan_digits.verdict(numbers)


def test_the_verdict_on_losses_asks_one_to_rank_and_the_other_not_to() -> None:
    def told(wgan: float, gan: float) -> bool:
        return wgan_loss_and_quality.verdict({"wgan": {"rank_correlation": wgan}, "gan": {"rank_correlation": gan}})

    assert told(0.9, 0.12)
    assert not told(0.5, 0.12)
    assert not told(0.9, 0.9)


def test_distances_modes_and_ranks_are_right() -> None:
    x = wgan_loss_and_quality.real(0)
    assert wgan_loss_and_quality.modes(x) == 8
    assert wgan_loss_and_quality.modes(x[x[:, 0] > 0.5]) == 3
    assert wgan_loss_and_quality.distance(x, x[::-1] + np.array([3.0, 4.0])) == pytest.approx(5.0)
    assert wgan_loss_and_quality.rank_correlation([1.0, 2.0, 9.0], [5.0, 6.0, 7.0]) == pytest.approx(1.0)


@pytest.mark.slow
@pytest.mark.parametrize("story", [cyclegan_digits.STORY, wgan_loss_and_quality.STORY], ids=lambda story: story.name)
def test_the_story_comes_out(story: Story, tmp_path: Path) -> None:
    tale = story.tell(tmp_path, quick=True)
    assert tale.holds, tale.numbers
    assert json.loads((tmp_path / f"{story.name}.json").read_text())["holds"]
    assert (tmp_path / f"{story.name}.png").stat().st_size > 10_000
