"""Every command of the table of lectures runs, and prints what the table says. Slow: ``make lectures``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from lecture_commands import run  # noqa: E402
from make_lectures import decks  # noqa: E402

# One run serves all rows with that command.
PRINTS: dict[str, set[str]] = {}
QUICK: set[str] = set()
for claim in (claim for deck in decks() for claim in deck.claim if claim.command):
    PRINTS.setdefault(claim.command, set()).add(claim.prints)
    if claim.quick:
        QUICK.add(claim.command)


@pytest.mark.slow
@pytest.mark.parametrize("command", sorted(QUICK), ids=lambda c: c[:60])
def test_a_quick_command_runs_and_prints_what_is_said(command: str, tmp_path: Path) -> None:
    printed = run(command, tmp_path, 300)
    assert [text for text in PRINTS[command] if text not in printed] == [], printed


@pytest.mark.slow
@pytest.mark.parametrize("command", sorted(set(PRINTS) - QUICK), ids=lambda c: c[:60])
def test_a_long_command_runs_and_prints_what_is_said(command: str, tmp_path: Path) -> None:
    printed = run(command, tmp_path, 1800)
    assert [text for text in PRINTS[command] if text not in printed] == [], printed


def test_a_command_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ended with 3"):
        run("python -c 'raise SystemExit(3)'", tmp_path, 60)
    assert run("python -c 'print(1)' && python -c 'print(2)'", tmp_path, 60) == "1 2"
