"""The command line in this process: run, and answered by its exit code."""

from __future__ import annotations

import pytest

from gandiag.cli import main


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["gandiag", *words])
    with pytest.raises(SystemExit, match=r"\d") as ended:
        main()
    return int(ended.value.code or 0)
