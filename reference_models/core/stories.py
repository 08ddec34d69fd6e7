"""A story: one claim about generators, shown by one command and one figure, with the numbers that were measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gandiag.core.catalog import Catalog
from reference_models.core.checkpoint import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, eq=False)
class Tale:
    """What came out.

    Parameters
    ----------
    numbers : dict
        Measured values by name; plain numbers, texts and lists of them.
    figure : matplotlib.figure.Figure
    holds : bool
        Whether the claim came out.
    """

    numbers: dict[str, Any]
    figure: Figure
    holds: bool


class Runs(Protocol):
    """Does the experiment; ``quick`` is seconds, else a minute or two. ``progress(step, done, total)`` may be None."""

    def __call__(self, *, seed: int, quick: bool, progress: Callable[[str, int, int], Any] | None) -> Tale:
        """Run it."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Story:
    """One entry of the catalog; ``claim`` is one sentence."""

    name: str
    claim: str
    run: Runs

    def tell(
        self, out: Path, *, seed: int = 0, quick: bool = False, progress: Callable[[str, int, int], Any] | None = None
    ) -> Tale:
        """Run the story, and write ``<name>.png`` and ``<name>.json`` into a folder."""
        tale = self.run(seed=seed, quick=quick, progress=progress)
        out.mkdir(parents=True, exist_ok=True)
        tale.figure.savefig(out / f"{self.name}.png", dpi=150, bbox_inches="tight")
        facts = {"claim": self.claim, "holds": tale.holds, "seed": seed, "quick": quick, "numbers": tale.numbers}
        replace_file(out / f"{self.name}.json", json.dumps(facts, indent=1, allow_nan=False).encode())
        return tale


STORIES: Catalog[Story] = Catalog("reference_models.stories", "STORY", Story)
