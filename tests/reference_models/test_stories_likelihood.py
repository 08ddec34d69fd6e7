"""Stories of the models with a likelihood: each comes out in its quick form, and rejects what did not happen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from story_checks import require_told

from reference_models.models.rbm import Machine
from reference_models.stories import gibbs_burn_in, rbm_filters, score_blindness

Numbers = dict[str, Any]
Spoil = Callable[[Numbers], object]

STORY = {s.STORY.name: s for s in (gibbs_burn_in, rbm_filters, score_blindness)}

SPOILED: dict[str, list[Spoil]] = {
    "gibbs_burn_in": [
        lambda n: n.update(weak_measured=n["weak_means"]),
        lambda n: n.update(weak_means=n["weak_measured"]),
        lambda n: n.update({key.replace("strong", "weak"): n[key] for key in list(n) if key.startswith("strong")}),
        lambda n: n.update(strong_exact=n["weak_exact"]),
    ],
    "rbm_filters": [
        lambda n: n.update(learnt_likelihood=n["barren_likelihood"]),
        lambda n: n.update(barren_likelihood=n["learnt_likelihood"]),
        lambda n: n.update(barren_likeness=n["learnt_likeness"]),
    ],
    "score_blindness": [
        lambda n: n.update(fisher=n["kl"]),
        lambda n: n.update(kl=n["fisher"]),
        lambda n: n.update(learnt_mass=n["learnt_mass"][::-1]),
        lambda n: n.update(learnt_mass=[[m] * 2 for m in n["mass"]]),
    ],
}


@pytest.mark.parametrize("name", sorted(STORY))
def test_the_claim_comes_out_and_its_verdict_rejects_what_did_not_happen(name: str, tmp_path: Path) -> None:
    require_told(name, STORY[name].verdict, SPOILED[name], tmp_path)


def test_frequencies_are_in_the_order_of_the_oracle() -> None:
    v = torch.tensor([[0.0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]]).double()
    found = gibbs_burn_in.frequencies(v)
    assert {i: float(found[i]) for i in np.flatnonzero(found)} == {1: 0.25, 2: 0.25, 63: 0.5}


def test_without_weights_one_sweep_is_enough() -> None:
    machine = Machine(6, 4, 0.0).double()
    w, b, c = gibbs_burn_in.arrays(machine)
    law = gibbs_burn_in.rbm_exact.visible_distribution(w, b + 1, c)
    kernel = gibbs_burn_in.rbm_exact.gibbs_kernel(w, b + 1, c)
    first, second = gibbs_burn_in.exact_burn_in(kernel, law, 1)
    assert second < 1e-12 < 0.3 < first


def test_filters_that_are_alike_have_likeness_one() -> None:
    one = torch.tensor([1.0, 2.0, -1.0])
    assert rbm_filters.likeness(torch.stack([one, -2 * one, 0.1 * one])) == pytest.approx(1)
    assert rbm_filters.likeness(torch.eye(3)) == pytest.approx(0)


def test_the_exact_score_is_the_gradient_of_the_log_density() -> None:
    x = np.linspace(-6, 6, 25)
    for apart in (1.0, 4.0):
        slope = (
            score_blindness.log_density(x + 1e-5, apart, 0.9) - score_blindness.log_density(x - 1e-5, apart, 0.9)
        ) / 2e-5
        np.testing.assert_allclose(score_blindness.exact_score(x, apart, 0.9), slope, atol=1e-7)
        assert np.abs(score_blindness.exact_score(x, apart, 0.5) - slope).max() > 0.05


def test_the_mass_left_of_the_middle_is_that_of_the_density() -> None:
    x = np.linspace(-20, 20, 40_001)
    for apart in (1.0, 4.0):
        density = np.exp(score_blindness.log_density(x, apart, 0.9)) * (x[1] - x[0])
        assert score_blindness.left_mass(apart) == pytest.approx(density[x < 0].sum(), abs=1e-3)
        assert score_blindness.left_mass(apart) != pytest.approx(0.9, abs=1e-3)
