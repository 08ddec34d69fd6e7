"""``gandiag cache info | clear``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gandiag.cache import place
from gandiag.cache.store import FeatureCache
from gandiag.cli import main


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["gandiag", "cache", *words])
    with pytest.raises(SystemExit, match=r"\d") as ended:
        main()
    return int(ended.value.code or 0)


def test_what_is_held_is_listed_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(place.FOLDER, str(tmp_path))
    monkeypatch.setenv(place.SIZE, "2GB")
    assert run(monkeypatch, "info") == 0
    assert capsys.readouterr().out == f"{tmp_path}: 0 bytes of at most 2 GB\n"
    for key in ("ab" * 32, "cd" * 32):
        FeatureCache(tmp_path).put(key, np.full((500, 4), 1 / 3), features="inception:2048:672")
    assert run(monkeypatch, "info") == 0
    told = capsys.readouterr().out
    assert "32.6 kB of at most 2 GB" in told
    assert "2 blocks  inception:2048:672" in told
    assert run(monkeypatch, "clear") == 0
    assert capsys.readouterr().out == "removed 2 files, 32.6 kB\n"


def test_why_a_folder_is_not_used_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "file").write_text("")
    (tmp_path / "own").mkdir(mode=0o700)
    told = {"open": "can be written to by others", "file": "is no folder", "own": "", "absent": ""}
    for name, why in told.items():
        monkeypatch.setenv(place.FOLDER, str(tmp_path / name))
        assert run(monkeypatch, "info") == 0
        found = capsys.readouterr().out
        assert why in found
        assert ("it is not used" in found) == bool(why)
    monkeypatch.setenv(place.FOLDER, "~nobody-of-that-name/cache")
    assert run(monkeypatch, "info") == 0
    assert "it is not used: ~nobody-of-that-name/cache is in a home that there is not" in capsys.readouterr().out
    assert not (tmp_path / "absent").exists()


def test_a_cache_that_is_switched_off_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(place.FOLDER, "off")
    assert run(monkeypatch, "info") == 0
    assert "switched off" in capsys.readouterr().out
    assert run(monkeypatch, "clear") == 2
    assert "GANDIAG_CACHE=off" in capsys.readouterr().err
