"""The tables of docs/gate.md, each between its marks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from _gate_margins import MARGINS, RARE

from gandiag.calibration.contract_subject import Subject
from gandiag.core.comparison import Comparison
from gandiag.core.files import replace_file
from gandiag.core.results import Result
from gandiag.core.specs import METRICS
from gandiag.gate.conditions import Limit, parse_condition
from gandiag.gate.kinds import pass_kinds
from gandiag.gate.policy import DEFAULT_REQUIRE, WITH_TRAIN
from gandiag.gate.significance import sized
from gandiag.numerics.binomial import clopper_pearson

# Rows that every metric is looked at on, to see what it offers to a gate.
_ROWS = 120


def write_page(store: Mapping[str, Mapping[str, Any]], page: Path, titles: Mapping[str, str]) -> None:
    """Put what is measured, the default conditions, and the kinds of evidence between the marks of a page.

    A row of a table that the store knows nothing of stays as it is, so that one case can be measured alone; unless the
    table's head has changed, since it was then measured in another way.
    """
    text = page.read_text()
    tables = (
        _level(store, titles),
        _modes(store, titles),
        _healthy(store),
        _margin(store),
        _caught(store),
        _rare(store),
        _power(store),
    )
    parts = {
        "measured": _kept(_between(text, "measured")[1], tables),
        "default": "\n".join(default_conditions()),
        "kinds": "\n".join(kinds_table(METRICS.names())),
    }
    for name, content in parts.items():
        before, _, after = _between(text, name)
        text = f"{before}<!-- {name} -->\n\n{content.strip()}\n\n<!-- /{name} -->{after}"
    replace_file(page, text.encode())


def _between(text: str, name: str) -> tuple[str, str, str]:
    """Cut a page at the marks of a part."""
    before, rest = text.split(f"<!-- {name} -->")
    inner, after = rest.split(f"<!-- /{name} -->")
    return before, inner, after


def _kept(old: str, tables: Iterable[Iterable[str]]) -> str:
    """Write tables, with the rows of the earlier ones that were not measured anew."""
    before = [_head_and_rows(f"### {part}") for part in old.split("### ")[1:]]
    told = []
    for table in tables:
        head, rows = _head_and_rows("\n".join(table))
        known = next((known for earlier, known in before if earlier == head), {})
        rows = known | rows
        if rows:
            told.append("\n".join([head, *(rows[case] for case in sorted(rows, key=_natural))]))
    return "\n\n".join(told)


def _head_and_rows(table: str) -> tuple[str, dict[str, str]]:
    """Cut a table below its rule; its rows are known by their first cells."""
    lines = table.strip().splitlines()
    rule = next(i for i, line in enumerate(lines) if line.startswith("|---"))
    return "\n".join(lines[: rule + 1]), {line.split(" | ")[0]: line for line in lines[rule + 1 :]}


def _natural(case: str) -> list[tuple[str, float]]:
    """Order names with numbers in them by the numbers."""
    return [(word.lower(), float(number or 0.0)) for word, number in re.findall(r"([^\d]+)(\d+\.?\d*)?", case)]


def default_conditions() -> list[str]:
    """List the conditions of a gate without a policy, with what each must be able to see."""
    lines = ["| condition | would see, with power 0.95 |", "|---|---|"]
    for text in (*DEFAULT_REQUIRE, *WITH_TRAIN):
        condition = parse_condition(text)
        if isinstance(condition, Limit):
            test = METRICS.get(condition.metric).gate[condition.quantity]
            more = " (where the training rows are given)" if text in WITH_TRAIN else ""
            lines.append(f"| `{text}`{more} | {sized(test.effect, test.margin or 0.0)} |")
    return lines


def kinds_table(names: Iterable[str]) -> list[str]:
    """Say of metrics which conditions they can pass, and how: one row each."""
    lines = [
        "**bound**: passes and fails by a confidence bound. **scatter**: by the scatter of real against real. **fails "
        "only**, **passes only**: there is a bound on one side alone. **neither**: such a condition is an error. A "
        "test without a margin here passes at the margin that the condition names.\n",
        "| metric | `.p >= alpha` passes by | `<= x` | `>= x` |",
        "|---|---|---|---|",
    ]
    for name in names:
        result = _example(name)
        kinds = pass_kinds(result, result.arrays.get("null"))
        test = "; ".join((kinds.test, *kinds.details))
        lines.append(f"| `{name}` | {test} | {kinds.at_most} | {kinds.at_least} |")
    return lines


def _example(name: str) -> Result:
    rng = np.random.default_rng(0)
    real, fake, fit, train = (rng.normal(size=(_ROWS, 3)) for _ in range(4))
    return Subject(METRICS.get(name)).result(Comparison(real=real, fake=fake, fit=fit, train=train, seed=0))


def _jobs(store: Mapping[str, Mapping[str, Any]], kind: str) -> Iterable[tuple[dict[str, str], Mapping[str, Any]]]:
    for key, found in store.items():
        job = dict(part.split("=", 1) for part in key.split(" | "))
        if job["kind"] == kind:
            yield job, found


def _rate(hits: int, runs: int, level: float = 0.95) -> str:
    low, high = clopper_pearson(hits, runs, level=level)
    return f"{hits} of {runs}: {100 * hits / runs:.2f} % ({100 * low:.2f} to {100 * high:.2f})"


def _level(store: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> list[str]:
    return [
        "### False alarms\n",
        "The default gate, real against real, 100 rows per side; the same p-values judged at both error rates. Limits "
        "are exact 95 % ones.\n",
        *_alarms(store, "level", titles),
    ]


def _modes(store: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> list[str]:
    return [
        "### False alarms of the conditions on modes\n",
        "The three of the default gate, real against real, 100 rows per side, at their share of both error rates.\n",
        *_alarms(store, "modes", titles),
    ]


def _alarms(store: Mapping[str, Mapping[str, Any]], kind: str, titles: Mapping[str, str]) -> list[str]:
    lines = ["| source | fails at alpha = 0.05 | fails at alpha = 0.01 | errors |", "|---|---|---|---|"]
    for source, title in titles.items():
        runs = [found for job, found in _jobs(store, kind) if job["source"] == source]
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


def _margin(store: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "### Samplers as bad as the margin\n",
        "2 500 rows per side, each condition at its share of alpha = 0.001. A pass here is a false one: at most 5 %.\n",
        "| condition | planted | pass | fail | inconclusive |",
        "|---|---|---|---|---|",
    ]
    for condition, (planted, _) in MARGINS.items():
        runs = Counter(f["outcome"] for job, f in _jobs(store, "margin") if job["condition"] == condition)
        if runs:
            passed = _rate(runs["pass"], runs.total())
            lines.append(f"| `{condition}` | {planted} | {passed} | {runs['fail']} | {runs['inconclusive']} |")
    return [*lines, ""]


def _caught(store: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "### Faults that generic tests miss\n",
        "`toy:grid25`, 2 500 rows per side, alpha = 0.001.\n",
        "| fault | caught | by |",
        "|---|---|---|",
    ]
    return [*lines, *_rows(store, "caught"), ""]


def _rare(store: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "### A rare mode without labels\n",
        "Nine separate modes in the plane, one of which holds 2 % of the rows; 2 500 rows per side. The two conditions "
        "on modes, at their share of alpha = 0.001.\n",
        "| sampler | pass | fail | inconclusive |",
        "|---|---|---|---|",
    ]
    for sampler in RARE:
        runs = Counter(found["outcome"] for job, found in _jobs(store, "rare") if job["sampler"] == sampler)
        if runs:
            passed, failed = (_rate(runs[word], runs.total()) for word in ("pass", "fail"))
            lines.append(f"| {sampler} | {passed} | {failed} | {runs['inconclusive']} |")
    return [*lines, ""]


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
