"""Files that were tampered with, weights that broke, data that changed: refused, and nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gandiag
from gandiag.errors import ConfigError, FileFormatError, NumericalError
from reference_models.core.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from reference_models.core.presets import Preset, preset_of
from reference_models.core.running import begin, resume, train
from reference_models.core.shipped import FOLDER
from reference_models.core.trained import load


def rewritten(source: Path, target: Path, *, drop: str = "", **facts: Any) -> Path:
    saved = read_checkpoint(source)
    tensors = {key: value for key, value in saved.tensors.items() if not drop or not key.startswith(drop)}
    kept = {key: value for key, value in saved.facts.items() if key != "schema_version"}
    write_checkpoint(target, Checkpoint(tensors=tensors, facts={**kept, **facts}))
    return target


def test_a_checkpoint_that_names_code_runs_none(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"import pathlib\npathlib.Path({str(proof)!r}).touch()\ns = lambda n: None\n")
    shipped = FOLDER / "cyclegan-digits.safetensors"
    data = read_checkpoint(shipped).facts["data"]
    sources = [f"{tmp_path / 'evil.py'}:s", data["sources"][1]]
    bad = rewritten(shipped, tmp_path / "bad.safetensors", data={**data, "sources": sources})
    with pytest.raises(ConfigError, match="must not name code as its data"):
        gandiag.open_sampler(str(bad))
    (tmp_path / "run").mkdir()
    rewritten(shipped, tmp_path / "run" / "checkpoint.safetensors", data={**data, "sources": sources})
    with pytest.raises(ConfigError, match="must not name code as its data"):
        resume(tmp_path / "run", device="cpu")
    assert not proof.exists()


@pytest.mark.parametrize("drop", ["net/decoder", "ema/decoder"])
def test_weights_that_are_missing_are_not_replaced_by_random_ones(tmp_path: Path, drop: str) -> None:
    bad = rewritten(FOLDER / "vae-digits.safetensors", tmp_path / "bad.safetensors", drop=drop)
    with pytest.raises(FileFormatError, match="must hold exactly the weights of its model"):
        load(bad)


def test_broken_weights_never_replace_a_checkpoint(tmp_path: Path) -> None:
    run = train("gan", "smoke", steps=2, out=tmp_path, device="cpu")
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    with torch.no_grad():
        next(run.model.networks["G"].parameters()).fill_(float("inf"))
    with pytest.raises(NumericalError, match=r"weights must stay finite; got .* at step 2"):
        run.save()
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_changed_labels_are_changed_data(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, size=(60, 8, 8)).astype(np.uint8), rng.integers(3, size=60)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    train("cgan", "smoke", steps=2, data=[str(tmp_path / "a.npz")], out=tmp_path / "run", device="cpu")
    resume(tmp_path / "run", steps=3, device="cpu")
    np.savez(tmp_path / "a.npz", x=x, y=(y + 1) % 3)
    with pytest.raises(ConfigError, match="data:"):
        resume(tmp_path / "run", steps=4, device="cpu")


def test_settings_change_a_preset_that_is_an_object_too(tmp_path: Path) -> None:
    run = begin("gan", preset_of("gan", "smoke"), device="cpu", steps=3, lr=9.0)
    assert (run.preset.steps, run.model.config.lr) == (3, 9.0)
    with pytest.raises(ConfigError, match="must have their types"):
        begin("gan", "smoke", average="x")
    own = Preset(data=["toy:ring8"], steps=6, batch=16, model={"hidden": [8]})
    train("gan", own, out=tmp_path, device="cpu")
    assert resume(tmp_path, device="cpu").step == 6
    assert resume(tmp_path, steps=8, device="cpu").step == 8
