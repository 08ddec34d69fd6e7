"""GeneGAN: the losses are the formulas, nothing is paired, and what is crossed is judged by the true answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from fixed_batches import Fixed

from gandiag.datasets.boxes import read_amounts
from gandiag.errors import ConfigError
from reference_models.acceptance.bars import failed, stored_bars
from reference_models.acceptance.objects import Objects, crossing
from reference_models.core.data import Units
from reference_models.core.loop import fit
from reference_models.core.model import evaluating
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.models.genegan import GeneGAN, GeneGANConfig, total

SMALL = {"width": 4, "objects": 2, "critic_widths": (4,)}


def built(**settings: Any) -> GeneGAN:
    units = Units(shape=(1, 8, 8), kind="image", channels_last=False, low=0, high=1, scale="symmetric")
    return GeneGAN(GeneGANConfig(**{**SMALL, **settings}), units, Keys(0))


A, B = (Keys(5).uniform(name, 6, 1, 8, 8) * 2 - 1 for name in "ab")


def test_the_losses_are_those_of_the_formula() -> None:
    model = built()
    with torch.no_grad():
        (back_a, u), (back_b, e) = model.split(A), model.split(B)
        put, taken = model.join(back_b, u), model.join(back_a, 0 * u)
        found = model.parts(A, B)
        own = (model.join(back_a, u) - A).abs().mean() + (model.join(back_b, 0 * e) - B).abs().mean()
        expected = {
            "reconstruction": own,
            "adversarial": -(model.f_A(put).mean() + model.f_B(taken).mean()),
            "nulling": e.abs().mean(),
            "parallelogram": (A + B - put - taken).abs().mean(),
        }
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, msg=name)
        # The critics the other way round, or an object left in B's own image, are other losses.
        wrong = -(model.f_B(put).mean() + model.f_A(taken).mean())
        assert not torch.allclose(found["adversarial"], wrong)
        kept = (model.join(back_a, u) - A).abs().mean() + (model.join(back_b, e) - B).abs().mean()
        assert not torch.allclose(found["reconstruction"], kept)
    config = GeneGANConfig(reconstruction=2.0, adversarial=3.0, nulling=5.0, parallelogram=7.0)
    by_hand = 2 * own + 3 * expected["adversarial"] + 5 * expected["nulling"] + 7 * expected["parallelogram"]
    torch.testing.assert_close(total(config, expected), by_hand)


def test_the_parallelogram_closes_where_the_object_is_all_that_moves() -> None:
    """With images whose background and object are simply added, crossing gives ``a + b - bu - a0 = 0``."""
    ground_a, ground_b, u = (Keys(6).uniform(name, 4, 1, 8, 8) for name in ("ga", "gb", "u"))
    a, b = ground_a + u, ground_b
    crossed = (a + b) - (ground_b + u) - ground_a
    assert float(crossed.abs().max()) < 1e-6
    copied = (a + b) - a - ground_a  # everything in the object's code: bu is a itself
    assert float(copied.abs().mean()) > 0.1


def test_critics_raise_real_images_above_crossed_ones() -> None:
    model = built(penalty=0.0)
    with torch.no_grad():
        put, taken = model.cross(A, B)
        expected = model.f_A(put).mean() - model.f_A(A).mean() + model.f_B(taken).mean() - model.f_B(B).mean()
    torch.testing.assert_close(model.criticism(A, B, put, taken, Keys(0), 0).detach(), expected)
    penalised = built(penalty=10.0).criticism(A, B, put, taken, Keys(0), 0).detach()
    assert not torch.allclose(penalised, expected)


def test_makers_and_critics_move_on_their_own_losses_only() -> None:
    for still, moving in (("makers", {"f_A", "f_B"}), ("critics", {"split", "join"})):
        model = built()
        for group in model.optimizers[still].param_groups:
            group["lr"] = 0.0
        before = {name: [w.clone() for w in net.parameters()] for name, net in model.networks.items()}
        model.step(Fixed(A, B), Keys(0))
        moved = {
            name
            for name, net in model.networks.items()
            if any(not torch.equal(w, old) for w, old in zip(net.parameters(), before[name], strict=True))
        }
        assert moved == moving


def test_shuffling_one_domain_changes_only_what_crosses() -> None:
    order = [3, 5, 0, 1, 2, 4]
    with torch.no_grad():
        one, other = built().parts(A, B), built().parts(A, B[order])
    torch.testing.assert_close(one["reconstruction"], other["reconstruction"])
    torch.testing.assert_close(one["nulling"], other["nulling"])


def test_no_part_of_an_object_is_none_and_all_of_it_is_the_crossing() -> None:
    model = built()
    with torch.no_grad():
        put, taken = model.cross(A, B, 1.0)
        nothing, same = model.cross(A, B, 0.0)
        back_b, _ = model.split(B)
        torch.testing.assert_close(nothing, model.join(back_b, torch.zeros(6, 2, 4, 4)))
        torch.testing.assert_close(taken, same)
        torch.testing.assert_close(model.translate(A), taken)
        assert not torch.allclose(put, nothing)


def test_the_mean_object_is_state_and_what_is_put_on() -> None:
    model = built()
    model.step(Fixed(A, B), Keys(0))
    kept = model.buffers()["typical"]
    assert float(kept.abs().max()) > 0
    with torch.no_grad():
        before = model.translate(B, "a")
        model.load_buffers({"typical": kept + 1})
        assert not torch.allclose(before, model.translate(B, "a"))
    with pytest.raises(ConfigError, match="crosses images and draws none"):
        model.sample(3, Keys(0))
    with pytest.raises(ConfigError, match="is trained on images"):
        begin("genegan", "smoke", device="cpu", scale="unit")


def test_the_judge_passes_the_true_crossing_and_fails_what_is_none() -> None:
    judge, bars = Objects(), stored_bars("boxes")
    (floor,) = judge.floor(seed=2, times=1)
    assert failed(bars, floor) == []
    misses = {name: failed(bars, judge.judge(cross, seed=2)) for name, cross in judge.fixtures.items()}
    assert {"put", "left"} <= set(misses["no change"])
    assert "put_to_none" in misses["everything is the object"]
    assert misses["one brightness for all"] == ["amount"]
    assert "amount" in misses["squares of other images"]
    assert misses["there and back"] == ["monotone"]


@pytest.mark.slow
def test_more_of_an_object_is_a_brighter_square() -> None:
    run = fit(begin("genegan", "cpu", device="cpu", average=0.0))
    rng = np.random.default_rng(0)
    law = run.data.domains
    a, b = (domain.sampler.sample(200, rng=rng).values for domain in law)
    cross = crossing(run.model).cross
    with evaluating(run.model.networks.values()):
        course = np.stack([read_amounts(cross(a, b, float(t))[0]) for t in np.linspace(0, 1, 5)])
    assert float((np.diff(course, axis=0) > -0.5).all(axis=0).mean()) >= 0.95
    assert float(course[-1].mean() - course[0].mean()) > 6
