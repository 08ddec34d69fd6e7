"""What every story must stand: its claim comes out, and its verdict rejects numbers that say otherwise."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from reference_models.core.stories import STORIES

Spoil = Callable[[dict[str, Any]], Any]


def require_told(name: str, verdict: Callable[[dict[str, Any]], bool], spoils: Iterable[Spoil], folder: Path) -> None:
    """Tell the quick form into a folder, read it back, and spoil its numbers in every way given."""
    tale = STORIES.get(name).tell(folder, quick=True)
    assert tale.holds, tale.numbers
    assert (folder / f"{name}.png").stat().st_size > 10_000
    numbers = json.loads((folder / f"{name}.json").read_text())["numbers"]
    assert verdict(numbers)
    for spoil in spoils:
        other = copy.deepcopy(numbers)
        spoil(other)
        assert not verdict(other)
