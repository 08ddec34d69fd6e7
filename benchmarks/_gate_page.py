"""The measured tables of docs/gate.md, between its marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gandiag.numerics.binomial import clopper_pearson

OPEN, CLOSE = "<!-- measured -->", "<!-- /measured -->"


def write_page(store: Mapping[str, Mapping[str, Any]], page: Path, titles: Mapping[str, str]) -> None:
    """Put the tables of a store between the marks of a page."""
    parts = [*_level(store, titles), *_healthy(store), *_caught(store), *_power(store)]
    text = page.read_text()
    before, rest = text.split(OPEN)
    page.write_text(before + OPEN + "\n\n" + "\n".join(parts) + "\n\n" + CLOSE + rest.split(CLOSE)[1])


def _jobs(store: Mapping[str, Mapping[str, Any]], kind: str) -> Iterable[tuple[dict[str, str], Mapping[str, Any]]]:
    for key, found in store.items():
        # A value may hold blanks: "source=heavy tails n=100".
        words: list[str] = []
        for word in key.split(" "):
            if "=" in word or not words:
                words.append(word)
            else:
                words[-1] += f" {word}"
        job = dict(word.split("=", 1) for word in words)
        if job["kind"] == kind:
            yield job, found


def _rate(hits: int, runs: int, level: float = 0.95) -> str:
    low, high = clopper_pearson(hits, runs, level=level)
    return f"{hits} of {runs}: {100 * hits / runs:.2f} % ({100 * low:.2f} to {100 * high:.2f})"


def _level(store: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> list[str]:
    lines = [
        "### False alarms\n",
        "The default gate, real against real, 100 rows per side; the same p-values judged at both error rates. Limits "
        "are exact 95 % ones.\n",
        "| source | fails at alpha = 0.05 | fails at alpha = 0.01 | errors |",
        "|---|---|---|---|",
    ]
    for source, title in titles.items():
        runs = [found for job, found in _jobs(store, "level") if job["source"] == source]
        if runs:
            fails = [_rate(sum(r.get(a) == "fail" for r in runs), len(runs)) for a in ("0.05", "0.01")]
            errors = sum("error" in r or r.get("0.05") == "error" for r in runs)
            lines.append(f"| {title} | {fails[0]} | {fails[1]} | {errors} |")
    return [*lines, ""]


def _healthy(store: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "### Samplers with nothing wrong\n",
        "The default gate as it is: alpha = 0.001, 2 500 rows per side.\n",
        "| source | pass | inconclusive | fail | open conditions |",
        "|---|---|---|---|---|",
    ]
    for source in sorted({job["source"] for job, _ in _jobs(store, "healthy")}):
        runs = [found for job, found in _jobs(store, "healthy") if job["source"] == source]
        counted = Counter(r["outcome"] for r in runs)
        named = Counter(c for r in runs for c in r["open"]).most_common(2)
        told = ", ".join(f"`{c}` ({k})" for c, k in named) or "none"
        passed = _rate(counted["pass"], len(runs))
        lines.append(f"| `{source}` | {passed} | {counted['inconclusive']} | {counted['fail']} | {told} |")
    return [*lines, ""]


def _caught(store: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "### Faults that generic tests miss\n",
        "`toy:grid25`, 2 500 rows per side, alpha = 0.001.\n",
        "| fault | caught | by |",
        "|---|---|---|",
    ]
    return [*lines, *_rows(store, "caught"), ""]


def _power(store: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "### Power as a fault grows\n",
        "`toy:grid25`, 1 000 rows per side, alpha = 0.001.\n",
        "| fault | caught | by |",
        "|---|---|---|",
    ]
    return [*lines, *_rows(store, "power"), ""]


def _rows(store: Mapping[str, Mapping[str, Any]], kind: str) -> list[str]:
    grouped: dict[tuple[str, float], list[Mapping[str, Any]]] = {}
    for job, found in _jobs(store, kind):
        grouped.setdefault((job["fault"], float(job["dial"])), []).append(found)
    lines = []
    for (fault, dial), runs in sorted(grouped.items()):
        named = Counter(c for r in runs for c in r["by"]).most_common(2)
        told = ", ".join(f"`{c}`" for c, _ in named) or "none"
        lines.append(f"| `{fault}={dial:g}` | {_rate(sum(r['outcome'] == 'fail' for r in runs), len(runs))} | {told} |")
    return lines
