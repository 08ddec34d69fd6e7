"""Models that ship: samplers by name, with where they come from, and small."""

from __future__ import annotations

import numpy as np
import pytest

import gandiag
from gandiag.core.specs import DATASETS
from reference_models.core.checkpoint import read_facts
from reference_models.core.shipped import FOLDER
from reference_models.core.trained import load, shipped_names

NAMES = ("cyclegan-digits", "gan-digits", "vae-digits", "wgan-digits")


def test_the_four_of_the_name_ship_and_take_little_room() -> None:
    assert shipped_names() == NAMES
    assert set(NAMES) <= set(DATASETS.names())
    assert sum(path.stat().st_size for path in FOLDER.glob("*")) < 10e6


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_model_is_a_sampler_by_name_and_says_where_it_comes_from(name: str) -> None:
    drawn = gandiag.open_sampler(f"model:{name}").sample(50, rng=np.random.default_rng(0))
    assert (drawn.shape, drawn.kind, drawn.value_range) == ((8, 8), "image", (0.0, 16.0))
    np.testing.assert_array_equal(drawn.values, np.rint(drawn.values))
    facts = read_facts(FOLDER / f"{name}.safetensors")
    assert facts is not None
    assert {"step", "seconds", "device", "seed", "config", "data", "scores", "versions"} <= facts.keys()
    assert load(name).facts["scores"] == facts["scores"]


@pytest.mark.parametrize("name", ["gan-digits", "vae-digits", "wgan-digits"])
def test_a_shipped_generator_makes_digits_and_a_pathology_of_it_is_seen(name: str) -> None:
    fakes = {"it": f"model:{name}", "broken": f"model:{name}!collapse=0.9"}
    report = gandiag.score("data:digits?split=test", fakes, n=600, metrics=["energy"], permutations=99)
    whole, broken = (fake["energy"].estimate for fake in report.fakes)
    assert whole is not None
    assert broken is not None
    assert broken > 3 * whole
