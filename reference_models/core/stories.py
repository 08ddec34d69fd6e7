"""A story: one claim about generators, shown by one command and one figure, with the numbers that were measured."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gandiag.core.catalog import Catalog
from gandiag.core.files import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# Of a long list, how many numbers are shown of either end.
_ENDS = 4


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
        begun = time.perf_counter()
        tale = self.run(seed=seed, quick=quick, progress=progress)
        minutes = round((time.perf_counter() - begun) / 60.0, 2)
        out.mkdir(parents=True, exist_ok=True)
        tale.figure.savefig(out / f"{self.name}.png", dpi=150, bbox_inches="tight")
        asked = {"seed": seed, "quick": quick, "minutes": minutes}
        facts = {"claim": self.claim, "holds": tale.holds, **asked, "numbers": tale.numbers}
        replace_file(out / f"{self.name}.json", json.dumps(facts, indent=1, allow_nan=False).encode())
        return tale


def write_page(folder: Path) -> None:
    """Write ``index.md``: every story whose numbers lie in a folder, with its figure."""
    parts = [
        "# Stories\n\nOne claim, one command, one figure each: `python -m reference_models story NAME --out DIR`.\n"
    ]
    for path in sorted(folder.glob("*.json")):
        facts = json.loads(path.read_text())
        numbers = "\n".join(f"| {_words(key)} | {shown(value)} |" for key, value in facts["numbers"].items())
        verdict = "It came out" if facts["holds"] else "**It did not come out**"
        how = f"{verdict} with seed {facts['seed']}{' (the quick form)' if facts['quick'] else ''}."
        parts.append(
            f"## {_words(path.stem).capitalize()}\n\n{facts['claim']} {how}\n\n![{facts['claim']}]({path.stem}.png)\n\n"
            f"<details><summary>Numbers</summary>\n\n| what | value |\n|---|---|\n{numbers}\n\n</details>\n"
        )
    (folder / "index.md").write_text("\n".join(parts))


def _words(name: str) -> str:
    return name.replace("_", " ")


def shown(value: Any) -> str:
    """Write a number, a text, or a list of them, of which long ones are cut in the middle."""
    if isinstance(value, list):
        cut = [*value[:_ENDS], "…", *value[-_ENDS:]] if len(value) > 3 * _ENDS else value
        return ", ".join(shown(item) for item in cut)
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")


STORIES: Catalog[Story] = Catalog("reference_models.stories", "STORY", Story)
