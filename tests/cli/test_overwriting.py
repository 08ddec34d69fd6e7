"""What is read is never written over, whatever command, option or address would do it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exit_codes import run

import gandiag
from gandiag.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("real.npy", rng.normal(size=(60, 2)))
    np.save("fake.npy", rng.normal(size=(60, 2)))
    np.savez("real.npz", x=rng.normal(size=(60, 2)), y=np.zeros(60))
    Path("gate.toml").write_text("[gate.main]\n")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "score real.npz?key=x fake.npy --csv real.npz",
        "score real.npy fake.npy!shift=1 --json fake.npy",
        "score real.npy fake.npy --shard 1/1 --json real.npy",
        "check real.npy fake.npy --junit ./fake.npy",
        "check real.npy toy:ring8 --config gate.toml --markdown gate.toml",
        "baseline update real.npy fake.npy --out real.npy",
        "baseline update real.npy fake.npy!shift=1 --out ./fake.npy",
        "features real.npz?key=x --out real.npz",
    ],
)
def test_no_command_writes_over_what_it_reads(
    words: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run(monkeypatch, *words.split()) == 2
    assert "written over" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_other_files_are_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a guard that refuses everything would pass the tests above."""
    assert run(monkeypatch, "features", "real.npz?key=x", "--out", "ref.npz") == 0
    words = "score real.npz?key=x fake.npy --metrics frechet --permutations 19 --csv table.csv"
    assert run(monkeypatch, *words.split()) == 0
    assert Path("ref.npz").is_file()
    assert Path("table.csv").is_file()


def test_a_reference_is_not_written_over_its_source(folder: Path) -> None:
    for source in ("real.npz?key=x", Path("real.npz"), str(folder / "real.npz") + "?key=x"):
        with pytest.raises(ConfigError, match=r"not be written over what it is made of; got real\.npz"):
            gandiag.save_features(source, "real.npz")


def test_states_are_not_written_over_data_that_lie_beside_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gandiag.save_features("real.npy", "ref.safetensors")
    before = Path("ref.safetensors").read_bytes()
    words = ("score", "real.npy", "fake.npy", "--metrics", "frechet", "--shard", "1/1", "--json")
    assert run(monkeypatch, *words, "ref.json") == 2
    assert "another file of that name" in capsys.readouterr().err
    assert Path("ref.safetensors").read_bytes() == before
    assert run(monkeypatch, *words, "part.1") == 0
    assert run(monkeypatch, *words, "part.2") == 2
    assert "belong into part.safetensors, and there is another" in capsys.readouterr().err
    # Negative control: an earlier part of that name is replaced, as a shard that runs again does.
    assert run(monkeypatch, *words, "own.json") == 0
    assert run(monkeypatch, *words, "own.json") == 0
