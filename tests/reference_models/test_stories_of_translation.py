"""The story of the CycleGAN: it comes out, and its verdict rejects what did not happen."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reference_models.stories import cyclegan_digits

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


@pytest.mark.slow
def test_the_story_comes_out(tmp_path: Path) -> None:
    tale = cyclegan_digits.STORY.tell(tmp_path, quick=True)
    assert tale.holds, tale.numbers
    assert json.loads((tmp_path / "cyclegan_digits.json").read_text())["holds"]
    assert (tmp_path / "cyclegan_digits.png").stat().st_size > 10_000
