"""``gandiag check`` as CI meets it: one exit code per kind of answer, the verdict on stdout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gandiag.cli import main

TEST = "energy.p >= alpha"
TOML = '[gate.mine]\nreal = "real.npy"\nfake = "good.npy"\nrequire = ["energy.p >= alpha"]\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "real.npy", rng.normal(size=(200, 3)))
    np.save(tmp_path / "good.npy", rng.normal(size=(150, 3)))
    np.save(tmp_path / "fake.npy", rng.normal(size=(150, 3)) + 2.0)
    np.save(tmp_path / "nan.npy", np.full((50, 3), np.nan))
    (tmp_path / "mine.py").write_text("def slow(n):\n    raise MemoryError('4 TiB')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["gandiag", "check", *words])
    with pytest.raises(SystemExit, match=r"\d") as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["real.npy", "good.npy", "--require", f"{TEST} at margin 3"], 0, "PASS  good.npy against real.npy"),
        (["real.npy", "good.npy", "--require", TEST], 0, "INCONCLUSIVE  good.npy"),
        (["real.npy", "good.npy", "--require", TEST, "--strict"], 1, "INCONCLUSIVE  good.npy"),
        (["real.npy", "fake.npy", "--require", TEST], 1, "FAIL  fake.npy"),
        (["real.npy", "fake.npy", "--require", "energy.q >= alpha"], 2, "alpha is the limit of p-values alone"),
        (["real.npy"], 2, "a gate needs real and fake"),
        (["real.npy", "fake.npy", "--alpha", "2"], 2, "`alpha` must be a finite number"),
        (["real.npy", "nan.npy", "--require", TEST], 3, "NaN"),
        (["real.npy", "absent.npy", "--require", TEST], 3, "absent.npy"),
        (["real.npy", "mine.py:slow", "--require", TEST], 5, "4 TiB"),
    ],
)
def test_every_answer_has_its_exit_code(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    says: str,
) -> None:
    assert run(monkeypatch, *words) == code
    told = capsys.readouterr()
    # A mistake of usage is told on stderr, a verdict on stdout.
    assert says in (told.err if code == 2 else told.out)


def test_the_nearest_policy_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "gandiag.toml").write_text(TOML)
    (folder / "deeper").mkdir()
    assert run(monkeypatch) == 0
    assert TEST in capsys.readouterr().out
    monkeypatch.chdir(folder / "deeper")
    assert run(monkeypatch, "--validate") == 0
    assert "gandiag.toml: gate mine: 1 conditions, alpha 0.001" in capsys.readouterr().out


def test_a_policy_with_a_mistake_is_refused_before_anything_is_drawn(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "gandiag.toml").write_text(TOML.replace("require", "requires"))
    assert run(monkeypatch, "--validate") == 2
    assert "Did you mean 'require'?" in capsys.readouterr().err
