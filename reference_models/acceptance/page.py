"""The README of the models: its tables are written from what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reference_models.acceptance.accept import bars_table, table
from reference_models.acceptance.bars import STORE, Bar

README = Path(__file__).parents[1] / "README.md"
_BEGIN, _END = "<!-- begin: written by accept -->", "<!-- end: written by accept -->"


def tables() -> str:
    """Write all tables: models, bars, and what must fail."""
    stored: dict[str, Any] = json.loads(STORE.read_text())
    parts = [f"### Models\n\n{table()}"]
    for place, found in stored.items():
        bars = [Bar(**bar) for bar in found["bars"]]
        parts.append(f"### Bars: {place}\n\n{bars_table(bars)}\n\n{_fixtures(found, bars)}")
    return "\n\n".join(parts)


def _fixtures(found: dict[str, Any], bars: list[Bar]) -> str:
    names = list(dict.fromkeys(bar.number for bar in bars))
    lines = [f"| must fail | {' | '.join(names)} | fails by |", "|---|" + "---|" * (len(names) + 1)]
    floor = " | ".join(f"{found['floor'][name]['mean']:.3g} ± {found['floor'][name]['sd']:.2g}" for name in names)
    lines.append(f"| (floor: fresh real samples) | {floor} | |")
    for name, entry in found["must_fail"].items():
        values = " | ".join(f"{entry['numbers'][number]:.3g}" for number in names)
        lines.append(f"| {name} | {values} | {', '.join(entry['fails']) or '**nothing**'} |")
    return "\n".join(lines)


def write(path: Path = README) -> None:
    """Put the tables into the README, between its marks."""
    before, _, rest = path.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    path.write_text(f"{before}{_BEGIN}\n\n{tables()}\n\n{_END}{after}")


def is_fresh(path: Path = README) -> bool:
    """Tell whether the README says what the stored results say."""
    return tables() in path.read_text()
