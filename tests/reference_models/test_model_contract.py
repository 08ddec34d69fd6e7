"""What every model promises, whatever it is: it learns and samples, resumes bit for bit, and reads as a sampler."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import gandiag
from gandiag.errors import ConfigError
from reference_models.core.checkpoint import read_checkpoint
from reference_models.core.loop import Run, fit
from reference_models.core.model import MODELS, config_of, evaluating
from reference_models.core.presets import preset_names, preset_of
from reference_models.core.rng import Keys
from reference_models.core.running import begin, resume, train
from reference_models.core.trained import load

NAMES = MODELS.names()
STEPS = 8


def tensors(run: Run) -> dict[str, torch.Tensor]:
    assert run.checkpoint is not None
    return read_checkpoint(run.checkpoint).tensors


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_run_is_the_same_run_bit_for_bit(name: str, tmp_path: Path) -> None:
    whole = train(name, "smoke", steps=STEPS, log_every=1, out=tmp_path / "whole", device="cpu")
    train(name, "smoke", steps=STEPS // 2, log_every=1, out=tmp_path / "halves", device="cpu")
    halves = resume(tmp_path / "halves", steps=STEPS, device="cpu")
    one, other = tensors(whole), tensors(halves)
    assert one.keys() == other.keys()
    assert [key for key in one if not torch.equal(one[key], other[key])] == []
    assert whole.history == halves.history
    assert any(key.startswith("opt/") for key in one) or not whole.model.optimizers


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_loses_its_optimiser_is_not_the_same_run(name: str, tmp_path: Path) -> None:
    run = train(name, "smoke", steps=STEPS // 2, device="cpu", out=tmp_path / "a")
    if not run.model.optimizers:
        return
    forgetful = begin(name, "smoke", device="cpu", out=tmp_path / "a")
    for optimizer in forgetful.model.optimizers.values():
        optimizer.state.clear()
    fit(run, STEPS)
    forgetful.out = None
    fit(forgetful, STEPS)
    for net, other in zip(run.model.networks.values(), forgetful.model.networks.values(), strict=True):
        if any(not torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True)):
            return
    pytest.fail("the optimiser's state made no difference, so the test of resuming cannot see it")


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_is_a_sampler_that_repeats_itself(name: str, tmp_path: Path) -> None:
    run = train(name, "smoke", out=tmp_path / "run", device="cpu")
    sampler = gandiag.open_sampler(str(tmp_path / "run" / "checkpoint.safetensors"))
    drawn = [sampler.sample(40, rng=np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert np.isfinite(drawn[0].values).all()
    np.testing.assert_array_equal(drawn[0].values, drawn[1].values)
    assert not np.array_equal(drawn[0].values, drawn[2].values)
    real = run.data.domains[-1].sampler.sample(40, rng=np.random.default_rng(0))
    assert drawn[0].shape == real.shape
    assert drawn[0].kind == real.kind
    direct = load(tmp_path / "run").sample(40, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(direct.values, drawn[0].values)
    again = load(tmp_path / "run").sample(40, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(direct.values, again.values)


@pytest.mark.parametrize("name", NAMES)
def test_sampling_disturbs_nothing(name: str) -> None:
    run = train(name, "smoke", steps=2, device="cpu")
    modes = {k: [m.training for m in net.modules()] for k, net in run.model.networks.items()}
    before, state = {k: v.clone() for k, v in _weights(run).items()}, torch.get_rng_state()
    if "translate" not in run.spec.abilities:
        labels = torch.zeros(30, dtype=torch.long) if "conditional" in run.spec.abilities else None
        run.model.sample(30, Keys(5), labels)
    assert modes == {k: [m.training for m in net.modules()] for k, net in run.model.networks.items()}
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[k], v) for k, v in _weights(run).items())


def _weights(run: Run) -> dict[str, torch.Tensor]:
    return {f"{n}.{k}": v for n, net in run.model.networks.items() for k, v in net.state_dict().items()}


@pytest.mark.parametrize("name", NAMES)
def test_training_leaves_the_global_generators_as_they_were(name: str) -> None:
    state = torch.get_rng_state()
    train(name, "smoke", steps=2, device="cpu")
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("name", NAMES)
def test_two_seeds_give_two_runs(name: str) -> None:
    one, other = (train(name, "smoke", steps=2, seed=seed, device="cpu") for seed in (0, 1))
    assert any(not torch.equal(v, _weights(other)[k]) for k, v in _weights(one).items())


@pytest.mark.parametrize("name", NAMES)
def test_a_config_survives_json(name: str) -> None:
    kind = MODELS.get(name).config
    config = kind()
    assert config_of(kind, json.loads(json.dumps(dataclasses.asdict(config)))) == config
    with pytest.raises(ConfigError, match="is not a setting of"):
        config_of(kind, {"no_such_setting": 1})


@pytest.mark.parametrize(("name", "preset"), [(name, preset) for name in NAMES for preset in preset_names(name)])
def test_a_preset_builds_its_model(name: str, preset: str) -> None:
    found = preset_of(name, preset)
    assert found.about
    if found.data:
        run = begin(name, preset, device="cpu")
        assert not _wide_norms(run.model.networks.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_model_has_a_smoke_preset_and_one_for_the_processor(name: str) -> None:
    assert {"smoke", "cpu"} <= set(preset_names(name))
    spec = MODELS.get(name)
    assert spec.name == name
    assert 0 < len(spec.summary) <= 120
    assert 0 < len(spec.formula) <= 120
    assert spec.paper


def _wide_norms(networks: object) -> list[nn.Module]:
    """Find normalisations whose eps is no small number: a momentum passed in its place, as in many copies of GANs."""
    return [m for net in networks for m in net.modules() if getattr(m, "eps", 0.0) > 1e-3]  # type: ignore[attr-defined]


def test_the_check_of_norms_sees_a_momentum_in_the_place_of_eps() -> None:
    assert len(_wide_norms([nn.Sequential(nn.BatchNorm1d(3, 0.8))])) == 1


def test_evaluation_mode_is_restored_layer_by_layer() -> None:
    net = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2))
    net[1].eval()
    with evaluating([net]):
        assert not any(layer.training for layer in net.modules())
    assert [layer.training for layer in net.modules()] == [True, True, False]


@pytest.mark.parametrize("name", NAMES)
def test_mixed_precision_gives_the_same_losses_within_its_rounding(name: str) -> None:
    """bfloat16 keeps 8 bits: products of a few dozen terms are right to about 1 %."""
    exact, mixed = (train(name, "smoke", steps=1, log_every=1, device="cpu", mixed=word) for word in ("off", "on"))
    for key, value in exact.history[0].items():
        assert mixed.history[0][key] == pytest.approx(value, rel=0.1, abs=0.05), key


@pytest.mark.cuda
@pytest.mark.parametrize("name", NAMES)
def test_a_cuda_run_resumes_bit_for_bit_and_begins_like_one_on_the_host(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    monkeypatch.setattr("torch.backends.cudnn.allow_tf32", False)  # its rounding moves a norm by 2 %
    settings = {"log_every": 1, "mixed": "off"}
    whole = train(name, "smoke", steps=STEPS, out=tmp_path / "whole", device="cuda", **settings)
    train(name, "smoke", steps=STEPS // 2, out=tmp_path / "halves", device="cuda", **settings)
    halves = resume(tmp_path / "halves", steps=STEPS, device="cuda")
    one, other = tensors(whole), tensors(halves)
    assert [key for key in one if not torch.equal(one[key], other[key])] == []
    if "dropout" in {field.name for field in dataclasses.fields(MODELS.get(name).config)}:
        settings["dropout"] = 0.0  # every device draws other masks
    card, host = (train(name, "smoke", steps=1, device=device, **settings) for device in ("cuda", "cpu"))
    for key, value in host.history[0].items():
        assert card.history[0][key] == pytest.approx(value, rel=1e-2, abs=1e-3), key
    assert np.isfinite(load(tmp_path / "whole", device="cuda").sample(30, rng=np.random.default_rng(0)).values).all()
    mixed = train(name, "smoke", steps=2, log_every=1, device="cuda", mixed="on")
    assert all(np.isfinite(value) for row in mixed.history for value in row.values())
