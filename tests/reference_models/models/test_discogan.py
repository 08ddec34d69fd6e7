"""DiscoGAN: the losses are the formulas, nothing is paired, and the ablations leave out what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from fixed_batches import Fixed
from torch import Tensor
from torch.nn.functional import softplus

from gandiag.datasets.angles import WIDEST, drawn_at, read_angles
from gandiag.errors import ConfigError
from reference_models.acceptance.bars import failed, stored_bars
from reference_models.acceptance.relations import Relation, related, unevenness
from reference_models.acceptance.translations import Maps
from reference_models.core.data import Batches, Units
from reference_models.core.loop import fit
from reference_models.core.model import Scalars
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.core.trained import Trained
from reference_models.models.discogan import DiscoGAN, DiscoGANConfig, Judge, mixed

SMALL = {"code": 4, "widths": (4, 8), "every": 1}


def built(kind: type[DiscoGAN] = DiscoGAN, **settings: Any) -> DiscoGAN:
    units = Units(shape=(1, 8, 8), kind="image", channels_last=False, low=0, high=1, scale="symmetric")
    return kind(DiscoGANConfig(**{**SMALL, **settings}), units, Keys(0))


A, B = (Keys(5).uniform(name, 6, 1, 8, 8) * 2 - 1 for name in "ab")


def by_hand(model: DiscoGAN, m: float) -> tuple[dict[str, Tensor], Tensor]:
    """Write the losses out, from logits and hidden layers."""
    with torch.no_grad():
        fake_b, fake_a = model.G(A), model.F(B)
        fooling: Any = torch.zeros(())
        judging: Any = torch.zeros(())
        for judge, real, fake in ((model.D_B, B, fake_b), (model.D_A, A, fake_a)):
            (real_logit, real_layers), (fake_logit, fake_layers) = judge(real), judge(fake)
            matching: Any = sum(
                ((f.mean(0) - r.mean(0)) ** 2).mean() for f, r in zip(fake_layers, real_layers, strict=True)
            )
            fooling = fooling + (1 - m) * -fake_logit.sigmoid().log().mean() + m * matching
            judging = judging + softplus(-real_logit).mean() + softplus(fake_logit).mean()
        back = ((model.F(fake_b) - A) ** 2).mean() + ((model.G(fake_a) - B) ** 2).mean()
    return {"g_loss": fooling, "d_loss": judging, "reconstruction": back}, fake_b


@pytest.mark.parametrize("net", ["conv", "deep"])
@pytest.mark.parametrize("matching", [0.0, 0.9])
def test_the_losses_are_those_of_the_formula(net: Any, matching: float) -> None:
    model, twin = built(net=net, matching=matching), built(net=net, matching=matching)
    expected, _ = by_hand(twin, matching)
    found = model.step(Fixed(A, B), Keys(0))
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name)
    with pytest.raises(AssertionError, match="not close"):
        torch.testing.assert_close(found["g_loss"], by_hand(twin, 1 - matching)[0]["g_loss"])


def gradient(**settings: Any) -> Tensor:
    model = built(**{"lr": 0.0, "weight_decay": 0.0, **settings})
    model.step(Fixed(A, B), Keys(0))
    return torch.cat([w.grad.flatten() for w in model.G.parameters() if w.grad is not None])


def test_the_way_back_weighs_r_and_the_rest_one_minus_r() -> None:
    fooling, back = gradient(rate=0.0), gradient(rate=1.0)
    torch.testing.assert_close(gradient(rate=0.3), 0.7 * fooling + 0.3 * back, atol=1e-6, rtol=1e-3)
    assert not torch.allclose(fooling, back)
    early = DiscoGANConfig(rate=0.5, early_rate=0.01, early=10)
    assert [mixed(early, step) for step in (0, 9, 10)] == [0.01, 0.01, 0.5]
    assert mixed(DiscoGANConfig(variant="gan"), 0) == 0.0


class Paired(DiscoGAN):
    """The wrong loss, as in a copy that is widely used: pixels of G(a_i) are held against b_i."""

    def step(self, batch: Batches, keys: Keys) -> Scalars:
        paired = (self.G(batch(0)) - batch(1)).abs().mean().detach()
        found = super().step(batch, keys)
        return {**found, "g_loss": found["g_loss"] + paired}


@pytest.mark.parametrize(("kind", "same"), [(DiscoGAN, True), (Paired, False)])
def test_shuffling_one_domain_changes_no_loss(kind: type[DiscoGAN], same: bool) -> None:
    one, other = (built(kind).step(Fixed(A, y), Keys(0)) for y in (B, B[[3, 5, 0, 1, 2, 4]]))
    assert all(torch.allclose(one[key], other[key], atol=1e-5) for key in one) == same


@pytest.mark.parametrize(
    ("variant", "moving"),
    [("discogan", {"G", "F", "D_A", "D_B"}), ("recongan", {"G", "F", "D_B"}), ("gan", {"G", "D_B"})],
)
def test_an_ablation_moves_only_what_it_has(variant: Any, moving: set[str]) -> None:
    model = built(variant=variant, weight_decay=0.0)
    before = {name: [w.clone() for w in net.parameters()] for name, net in model.networks.items()}
    model.step(Fixed(A, B), Keys(0))
    moved = {
        name
        for name, net in model.networks.items()
        if any(not torch.equal(w, old) for w, old in zip(net.parameters(), before[name], strict=True))
    }
    assert moved == moving


def test_discriminators_move_every_so_many_steps() -> None:
    model, updates = built(every=3), []
    model.optimizers["discriminators"].register_step_post_hook(lambda *_: updates.append(1))
    for step in range(7):
        model.step(Fixed(A, B), Keys(0, step))
    assert len(updates) == 3


def test_translation_has_two_ways_and_nothing_is_drawn() -> None:
    model = built()
    torch.testing.assert_close(model.translate(A), model.G(A))
    torch.testing.assert_close(model.translate(A, "a"), model.F(A))
    with pytest.raises(ConfigError, match="translates images and draws none"):
        model.sample(3, Keys(0))
    with pytest.raises(ConfigError, match="is trained on images"):
        begin("discogan", "smoke", device="cpu", scale="unit")
    with pytest.raises(ConfigError, match="`every` must be at least 1"):
        DiscoGANConfig(every=0)
    assert Judge("conv", (3, 16, 16), (4, 8))(torch.zeros(2, 3, 16, 16))[0].shape == (2,)


def test_the_judge_passes_the_relation_either_way_round_and_fails_what_is_none() -> None:
    judge, bars = Relation(), stored_bars("angles")

    def turned(sign: float) -> Maps:
        return Maps(
            translate=lambda x: drawn_at(sign * read_angles(x), "b"),
            back=lambda y: drawn_at(sign * read_angles(y), "a"),
        )

    assert failed(bars, judge.judge(turned(1.0), seed=3)) == []
    assert failed(bars, judge.judge(turned(-1.0), seed=3)) == []
    misses = {name: failed(bars, judge.judge(maps, seed=3)) for name, maps in judge.fixtures.items()}
    assert "likeness" in misses["identity"]
    assert {"relation", "cycle"} <= set(misses["two angles to one"])
    assert "relation" in misses["permutation of the true images"]
    assert "unevenness" in misses["a quarter of the angles"]


def test_correlation_and_unevenness_of_angles() -> None:
    even = np.linspace(-WIDEST, WIDEST, 101)
    assert related(even, -2 * even) == pytest.approx(1.0)
    assert related(even, np.zeros(101)) == 0.0
    assert unevenness(even) < 0.02
    assert unevenness(np.zeros(101)) == pytest.approx(0.5, abs=0.01)
    assert unevenness(even / 4) == pytest.approx(3 / 8, abs=0.01)


@pytest.mark.slow
def test_the_ablations_lose_the_relation(tmp_path: Any) -> None:
    numbers = {}
    for preset in ("cpu", "cpu-recongan", "cpu-gan"):
        fit(begin("discogan", preset, device="cpu", out=tmp_path / preset))
        trained = Trained(tmp_path / preset / "checkpoint.safetensors", device="cpu", averaged=True)
        numbers[preset] = Relation().judge(trained, seed=0)
    whole = numbers["cpu"]
    assert min(whole["relation"], whole["relation_back"]) >= 0.9
    for preset in ("cpu-recongan", "cpu-gan"):
        found = numbers[preset]
        assert min(found["relation"], found["relation_back"]) < min(whole["relation"], whole["relation_back"])
        assert found["cycle"] > whole["cycle"] or found["relation_back"] < 0.9
