"""The judge of images of captions: real images obey theirs, and what ignores them is seen word by word."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.datasets.captions import attributes
from reference_models.acceptance.bars import failed, stored_bars
from reference_models.acceptance.captioned import Captioned


@pytest.fixture(scope="module")
def judge() -> Captioned:
    return Captioned()


def test_real_images_show_what_their_captions_say(judge: Captioned) -> None:
    images, asked = judge._test
    found = judge._obeyed(images, asked)
    assert found["ink"] == found["lean"] == 1.0
    assert found["digit"] == found["caption"] > 0.95
    turned = judge._obeyed(images, 9 * ((attributes(asked)[0] + 1) % 10) + asked % 9)
    assert turned["digit"] < 0.05
    other_lean = judge._obeyed(images, asked // 3 * 3 + (asked + 1) % 3)
    assert other_lean["lean"] == 0.0
    assert other_lean["ink"] == 1.0


def test_what_ignores_words_misses_the_bars_of_these_words(judge: Captioned) -> None:
    bars = [bar for bar in stored_bars("captions") if bar.number in ("digit", "ink", "lean")]
    missed = {}
    for name in ("captions ignored", "ink and lean ignored", "one image a caption"):
        drawn = judge.fixtures[name].sample(898, rng=np.random.default_rng(0))
        missed[name] = failed(bars, judge._obeyed(np.asarray(drawn.values), np.asarray(drawn.labels)))
    assert missed == {
        "captions ignored": ["digit", "ink", "lean"],
        "ink and lean ignored": ["ink", "lean"],
        "one image a caption": [],
    }


def test_a_second_stage_is_worth_what_it_adds_to_the_first(judge: Captioned) -> None:
    images, asked = judge._test
    assert judge._refined(None, images, asked, 0) < 0.1
    blurred = judge.fixtures["shrunk and enlarged"].sample(400, rng=np.random.default_rng(0))
    assert judge._refined(None, np.asarray(blurred.values), np.asarray(blurred.labels), 0) > 0.5
