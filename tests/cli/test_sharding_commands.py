"""``gandiag features``, ``gandiag score --shard`` and ``gandiag merge`` as a job script meets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exit_codes import run

import gandiag

SHARDED = ["score", "real.npy", "fake.npy", "--metrics", "frechet,moment_difference"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "real.npy", rng.normal(size=(900, 3)))
    np.save(tmp_path / "fake.npy", rng.normal(size=(600, 3)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gandiag.shards.sides.BLOCK_ROWS", 100)
    return tmp_path


def test_shards_and_their_merge(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in (1, 2, 3):
        assert run(monkeypatch, *SHARDED, "--shard", f"{i}/3", "--json", f"part-{i}.json") == 0
        assert f"wrote part-{i}.json and part-{i}.safetensors: " in (told := capsys.readouterr().out)
        assert f"shard {i}/3" in told
    assert run(monkeypatch, "merge", "part-1.json", "part-3.json") == 2
    assert "no part of shard 2/3" in capsys.readouterr().err
    assert run(monkeypatch, "merge", *(f"part-{i}.json" for i in (3, 1, 2)), "--json", "report.json") == 0
    assert "Fréchet" in capsys.readouterr().out
    report = gandiag.Report.read("report.json")
    assert report["frechet"].n_real == 675
    assert run(monkeypatch, "merge", "report.json") == 3
    assert "a report cannot be merged" in capsys.readouterr().err
    assert run(monkeypatch, "merge", "") == 3
    assert "must be there to be merged; got .: Is a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--shard", "1/2"], "--shard needs --json"),
        (["--shard", "0/2", "--json", "p.json"], "i/k with 1 <= i <= k"),
        (["--shard", "two", "--json", "p.json"], "i/k with 1 <= i <= k"),
        (["--shard", "1/2", "--json", "p.json", "--html", "p.html"], "--html goes with gandiag merge"),
        (["--shard", "1/2", "--json", "p.json", "--by-class"], "--by-class has no meaning"),
        (["--shard", "1/2", "--json", "p.json", "--permutations", "99"], "--permutations has no meaning"),
        (["--shard", "1/2", "--json", "p.json", "--accept-unverified"], "--accept-unverified has no meaning"),
        (["real.npy", "--shard", "1/2", "--json", "p.json"], "of one FAKE"),
    ],
)
def test_what_a_shard_cannot_do_is_a_mistake_of_usage(
    words: list[str], says: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *SHARDED, *words) == 2
    assert says in capsys.readouterr().err


def test_a_merge_does_not_write_over_its_parts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *SHARDED, "--shard", "1/1", "--json", "part.json") == 0
    assert run(monkeypatch, "merge", "part.json", "--json", "part.json") == 2
    assert "would be written over" in capsys.readouterr().err


def test_a_reference_is_written_and_scored_against(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "features", "real.npy", "--out", "ref.npz") == 0
    assert "ref.npz: 225 rows set aside and 675 rows of 3 features, standardise:3:" in capsys.readouterr().out
    assert run(monkeypatch, "score", "ref.npz", "fake.npy", "--metrics", "frechet", "--permutations", "19") == 0
    assert run(monkeypatch, "features", "real.npy", "--statistics", "--out", "mean.safetensors") == 0
    assert "mean and covariance of 675 rows of 3 features" in capsys.readouterr().out
    assert run(monkeypatch, "score", "mean.safetensors", "fake.npy") == 0
    assert run(monkeypatch, "score", "ref.npz", "fake.npy", "--features", "identity") == 3
    assert "must be mapped as the reference was" in capsys.readouterr().err


def test_statistics_of_another_program_need_a_word(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(folder / "fid.npz", mu=np.zeros(3), sigma=np.eye(3))
    words = ["score", "fid.npz", "fake.npy", "--features", "identity"]
    assert run(monkeypatch, *words) == 3
    assert "--accept-unverified" in capsys.readouterr().err
    assert run(monkeypatch, *words, "--accept-unverified") == 0
    assert "are not known" in capsys.readouterr().out
