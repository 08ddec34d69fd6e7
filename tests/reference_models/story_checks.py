"""What every story must stand: its claim comes out, and its verdict rejects numbers that say otherwise."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gandiag.core.catalog import Catalog
from reference_models.core.stories import STORIES

Spoil = Callable[[dict[str, Any]], Any]


def require_told(
    name: str,
    verdict: Callable[[dict[str, Any]], bool],
    spoils: Iterable[Spoil],
    folder: Path,
    catalog: Catalog[Any] = STORIES,
) -> None:
    """Tell the quick form into a folder, read it back, and spoil its numbers in every way given."""
    tale = catalog.get(name).tell(folder, quick=True)
    assert tale.holds, tale.numbers
    assert (folder / f"{name}.png").stat().st_size > 10_000
    numbers = json.loads((folder / f"{name}.json").read_text())["numbers"]
    require_judged(numbers, verdict, spoils)


def require_judged(numbers: dict[str, Any], verdict: Callable[[dict[str, Any]], bool], spoils: Iterable[Spoil]) -> None:
    """Accept numbers as measured, and reject them spoilt in every way given."""
    assert verdict(numbers), numbers
    for place, spoil in enumerate(spoils):
        other = copy.deepcopy(numbers)
        spoil(other)
        assert not verdict(other), place
