"""Every file of the corpus comes to what is written beside it, alone and in an archive."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from nasty_images import Nasty, corpus

from gandiag.sources import open_sampler

CORPUS = list(corpus())


def test_the_corpus_is_large_and_every_file_has_an_answer() -> None:
    assert len({nasty.name for nasty in CORPUS}) >= 40
    assert all((nasty.pixels is None) != (not nasty.phrase) for nasty in CORPUS)


@pytest.mark.parametrize("nasty", CORPUS, ids=lambda n: n.id)
def test_a_nasty_file_gives_its_exact_pixels_or_its_error(nasty: Nasty, tmp_path: Path) -> None:
    (tmp_path / nasty.name).write_bytes(nasty.data)
    sampler = open_sampler(tmp_path, **nasty.options)
    if nasty.pixels is None:
        with pytest.raises(nasty.error, match=re.escape(nasty.phrase)) as caught:
            sampler.sample(1, rng=np.random.default_rng(0))
        assert str(caught.value).isprintable()
        return
    samples = sampler.sample(1, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(samples.values[0], nasty.pixels)
    assert samples.values.dtype == nasty.pixels.dtype
    assert samples.value_range == (0.0, 255.0 if nasty.pixels.dtype == np.uint8 else 65535.0)
    assert any(note.startswith("1 images found") for note in samples.notes)
    assert nasty.note in " | ".join(samples.notes)
