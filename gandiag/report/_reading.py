"""What text and HTML both say about a report: the verdict, the cells of the table, and the words explained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gandiag.core.report import FakeReport, RealSource, Report
from gandiag.core.results import OPTIONAL_FIELDS, Interval, Result
from gandiag.core.wording import printable, short, short_p
from gandiag.plots._words import LEVEL, LOUD, differs, far, p_used, pretty, sds, worse_by, z_of

LABELS = {
    "none": "No fault found",
    "minor": "Minor fault",
    "major": "Major fault",
    "critical": "Critical fault",
    "unknown": "No verdict",
}

GLOSSARY: tuple[tuple[str, str], ...] = (
    ("value", "what the metric says about these samples."),
    (
        "floor",
        "what the same metric says about two samples of one and the same law at these sizes (mean ± standard "
        "deviation): no sampler can be expected to do better.",
    ),
    ("excess", "value minus floor, in standard deviations (sd) of the floor; the sign is that of value minus floor."),
    ("p", "how often samples of one law would score at least as far off; small speaks against the sampler."),
    ("adjusted p", "p after Holm's correction for the number of tests in the table; the one to go by."),
    ("interval", "where the metric's true value lies, at the stated confidence; absent where no valid one is known."),
    (
        "differs",
        f"the adjusted p is at most {LEVEL:g}; without a p-value, the value is more than {LOUD:g} sd worse than its "
        "floor.",
    ),
    (
        "unclear",
        f"more than {LOUD:g} sd worse than its floor, but the adjusted p is not small enough: often too few "
        "permutations for so many tests.",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The headline of one sampler: ``severity`` is one of `LABELS`."""

    severity: str
    label: str
    sentence: str


def verdict(fake: FakeReport) -> Verdict:
    """Put the gravest finding in words."""
    if not fake.diagnoses:
        return Verdict(severity="unknown", label=LABELS["unknown"], sentence="No diagnosis was made.")
    gravest = fake.diagnoses[0]
    severity = gravest.severity if gravest.severity in LABELS and gravest.code != "undetermined" else "unknown"
    sentence = printable(gravest.sentence)
    for label in LABELS.values():  # the label is printed before the sentence: it is not said twice
        sentence = sentence.removeprefix(f"{label}: ")
    return Verdict(severity=severity, label=LABELS[severity], sentence=sentence[:1].upper() + sentence[1:])


def severity_class(severity: str) -> str:
    """Give a known severity, whatever was stored: it becomes part of markup."""
    return severity if severity in LABELS else "unknown"


def tests_that_differ(fake: FakeReport) -> str:
    """Count the tests that tell real and fake apart."""
    tested = [r for r in fake.results if r.p_value is not None]
    return f"{sum(differs(r) for r in tested)} of {len(tested)}"


def farthest(fake: FakeReport) -> Result | None:
    """Find the result that lies farthest on the worse side of its floor."""
    placed = [r for r in fake.results if worse_by(r) is not None]
    return max(placed, key=lambda r: worse_by(r) or 0.0) if placed else None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One result as a table prints it; absent cells are a dash."""

    name: str
    metric: str
    value: str
    unit: str
    better: str
    floor: str
    excess: str
    p: str
    adjusted: str
    interval: str
    level: str
    n: str
    reading: str
    tone: str
    notes: tuple[str, ...]


DASH = "–"

_BETTER = {"lower": "lower is better", "higher": "higher is better", "target": "best at its floor"}


def row(result: Result) -> Row:
    """Word one result."""
    floor, p = result.floor, result.p_value
    reading, tone = _reading(result)
    z = z_of(result)
    return Row(
        name=pretty(result.metric),
        metric=printable(result.metric),
        value=_value(result),
        unit=printable(result.unit),
        better=_BETTER.get(result.direction, ""),
        floor=DASH if floor is None else f"{to_digits_of(floor.mean, floor.sd)} ± {to_digits_of(floor.sd, floor.sd)}",
        excess=DASH if z is None else sds(z),
        p=DASH if p is None else short_p(p.value),
        adjusted=DASH if p is None or p.adjusted is None else short_p(p.adjusted),
        interval=_interval(result.interval, 0.0 if floor is None else floor.sd),
        level="" if result.interval is None else f"{100 * result.interval.level:.3g} %",
        n=f"{result.n_real:,}/{result.n_fake:,}" if result.n_real or result.n_fake else DASH,
        reading=reading,
        tone=tone,
        notes=notes_on(result),
    )


def _value(result: Result) -> str:
    if result.estimate is None:
        return DASH
    bound = {"lower_bound": "≥ ", "upper_bound": "≤ "}.get(result.kind, "")
    sd = 0.0 if result.floor is None else result.floor.sd
    return bound + to_digits_of(result.estimate, sd)


def to_digits_of(value: float, sd: float) -> str:
    """Write a value to the second significant digit of its spread; four digits where there is no spread."""
    if sd <= 0.0 or not 1e-6 <= sd < 1e6 or abs(value) >= 1e7:
        return short(value)
    decimals = max(0, 1 - math.floor(math.log10(sd)))
    return f"{value:.{decimals}f}" if round(value, decimals) else f"{0.0:.{decimals}f}"


def _interval(interval: Interval | None, sd: float) -> str:
    if interval is None or (interval.low is None and interval.high is None):
        return DASH
    if interval.low is None:
        return f"≤ {to_digits_of(interval.high or 0.0, sd)}"
    if interval.high is None:
        return f"≥ {to_digits_of(interval.low, sd)}"
    return f"{to_digits_of(interval.low, sd)} to {to_digits_of(interval.high, sd)}"


def _reading(result: Result) -> tuple[str, str]:
    if result.estimate is None:
        return ("failed", "failed") if result.status == "failed" else ("not measured", "absent")
    if differs(result):
        return "differs", "differs"
    if p_used(result) is None and result.floor is None:
        return "no floor", "absent"
    if far(result):
        return "unclear", "doubt"
    return "at floor", "calm"


def notes_on(result: Result) -> tuple[str, ...]:
    """Say why there is no number, and what a reader of the number must know."""
    why = () if result.estimate is not None else (printable(result.reasons.get("estimate", result.status)),)
    return (*why, *(w for w in map(printable, result.warnings) if w not in why))


_FIELDS = {"estimate": "value", "p_value": "p", "e_value": "e-value", "mde": "smallest visible effect", "z": "sds"}


def absences(result: Result) -> list[tuple[str, str]]:
    """List what is absent from one result and why: fields with the same reason together."""
    grouped: dict[str, list[str]] = {}
    # In the order of the fields, not of the mapping: a report that was read back gives the same page.
    for name in (*OPTIONAL_FIELDS, *sorted(set(result.reasons) - set(OPTIONAL_FIELDS))):
        if name in result.reasons and getattr(result, name, None) is None:
            grouped.setdefault(printable(result.reasons[name]), []).append(_FIELDS.get(name, printable(name)))
    return [(", ".join(names), reason) for reason, names in grouped.items()]


def real_in_words(real: RealSource) -> str:
    """Describe the real side in one line."""
    noun = {"image": "images", "vector": "vectors", "discrete": "discrete samples"}.get(real.kind, "samples")
    fit = f", {real.n_fit:,} more set aside for fitting" if real.n_fit else ""
    features = f"; features: {printable(real.features)}" if real.features else ""
    # Statistics of another program do not say of how many rows they are.
    count = f"{real.n:,} {noun}" if real.n else "an unknown number of rows"
    count += f" of {real.dim:,} number{'s' if real.dim != 1 else ''}"
    return f"{count}{fit}{features}"


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Flatten nested provenance to pairs of dotted name and text."""
    out: list[tuple[str, str]] = []
    for key in sorted(values, key=str):
        value, name = values[key], f"{prefix}{printable(key)}"
        if isinstance(value, Mapping):
            out.extend(flat(value, f"{name}."))
        elif isinstance(value, list | tuple):
            out.append((name, ", ".join(printable(item) for item in value) or "none"))
        else:
            out.append((name, _plain(value)))
    return out


def _plain(value: Any) -> str:
    if value is None:
        return "not given"
    return ("yes" if value else "no") if isinstance(value, bool) else printable(value)


def command_again(report: Report) -> str | None:
    """Write the command that makes this report again; None where a source lives in memory alone."""
    import shlex

    given = report.provenance.get("command")
    if isinstance(given, str):
        return printable(given)
    sources = [report.real.source, *(fake.source for fake in report.fakes)]
    if any(not s or printable(s) != s or " " in s or not any(mark in s for mark in ":./") for s in sources):
        return None
    words = ["gandiag", "score", *map(shlex.quote, sources)]
    for option, key in (("--train", "train"), ("--n", "n"), ("--permutations", "permutations")):
        value = report.provenance.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool):
            words += [option, shlex.quote(printable(value))]
    return " ".join([*words, "--seed", str(report.seed)])
