"""Where files are to be written is looked at before the work, which may take hours, and never over what is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exit_codes import run

SAMPLER = """
from pathlib import Path

def draw(n, rng):
    Path("worked").touch()
    return rng.normal(size=(n, 2))
"""
SCORE = ["score", "real.npy", "my.py:draw", "--n", "40", "--metrics", "frechet"]
SHARD = [*SCORE, "--shard", "1/1"]
CHECK = ["check", "real.npy", "my.py:draw", "--n", "40", "--require", "frechet.p >= alpha"]
FEATURES = ["features", "my.py:draw", "--n", "40", "--features", "identity"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    np.save(tmp_path / "real.npy", np.random.default_rng(0).normal(size=(80, 2)))
    (tmp_path / "my.py").write_text(SAMPLER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([*SCORE, "--json", "absent/r.json"], "a report must be written to a file in a folder that exists"),
        ([*SCORE, "--json", ""], "folder that exists; got ."),
        ([*SCORE, "--json", "r.json", "--csv", "absent/r.csv"], "got absent/r.csv"),
        ([*SCORE, "--json", "real.npy"], "real.npy would be written over"),
        ([*SCORE, "--html", "my.py"], "my.py would be written over"),
        ([*SHARD, "--json", "absent/p.json"], "folder that exists; got absent/p.json"),
        ([*SHARD, "--json", "p.safetensors"], "a part must not be called .safetensors"),
        ([*CHECK, "--junit", "absent/v.xml"], "a verdict must be written to a file in a folder that exists"),
        ([*CHECK, "--html", "absent/v.html"], "got absent/v.html"),
        ([*CHECK, "--json", "real.npy"], "real.npy would be written over"),
        ([*CHECK, "--json", "v", "--junit", "v"], "--json and --junit name one file"),
        ([*FEATURES, "--out", "absent/f.npz"], "folder that exists; got absent/f.npz"),
        (["features", "real.npy?noise=1", "--out", "real.npy"], "real.npy would be written over"),
        ([*FEATURES, "--out", "f.txt"], "a reference must be a .npz or .safetensors file"),
    ],
)
def test_a_place_that_is_none_is_told_before_the_work(
    words: list[str], says: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *words) == 2
    assert says in capsys.readouterr().err
    assert not (folder / "worked").exists()


def test_a_built_in_is_no_file_that_could_be_lost(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    score = ["score", "toy:ring8", "toy:ring8", "--n", "40", "--metrics", "frechet", "--permutations", "19"]
    for _ in range(2):  # the report of before may be written over
        assert run(monkeypatch, *score, "--html", "toy") == 0


@pytest.mark.parametrize("words", [[*SCORE, "--json"], [*SHARD, "--json"], [*CHECK, "--junit"], [*FEATURES, "--out"]])
def test_a_folder_that_takes_no_files_is_told_before_the_work(
    words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as denied:
        denied.setattr("os.access", lambda path, mode: Path(path).name != "closed")
        (folder / "closed").mkdir()
        assert run(denied, *words, "closed/x.npz") == 3
        assert "closed/x.npz: Permission denied" in capsys.readouterr().err
        assert not (folder / "worked").exists()
    # Negative control: the same work, with a place, is done.
    assert run(monkeypatch, *words, "x.npz") in (0, 1)
    assert (folder / "worked").exists()
    assert (folder / "x.npz").exists()
