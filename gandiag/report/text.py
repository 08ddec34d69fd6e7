"""A report for a terminal: the verdict in words, the findings with their evidence, then every number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gandiag.core.report import Diagnosis, FakeReport, Report
from gandiag.core.wording import printable, short
from gandiag.plots._words import pretty, sds, z_of
from gandiag.report._reading import (
    GLOSSARY,
    Row,
    Verdict,
    farthest,
    real_in_words,
    row,
    severity_class,
    tests_that_differ,
    verdict,
)

__all__ = ["printable", "render", "to_text"]

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

_MARKS = {"none": "✔", "minor": "●", "major": "▲", "critical": "✖", "unknown": "?"}
_STYLES = {
    "none": "bold green",
    "minor": "bold cyan",
    "major": "bold yellow",
    "critical": "bold red",
    "unknown": "bold",
}
_TONES = {"differs": "bold", "failed": "bold red", "absent": "dim", "doubt": "", "calm": ""}

# What a table of results shows, the least needed last: those that do not fit are left out from the end.
_COLUMNS = ("metric", "value", "excess", "adj. p", "floor", "reading", "interval", "n", "p")
_ORDER = ("metric", "value", "floor", "excess", "p", "adj. p", "interval", "n", "reading")

_ASCII = str.maketrans(
    {"±": "+/-", "–": "-", "—": "-", "·": "|", "…": "...", "≥": ">=", "≤": "<=", "é": "e", "✔": "+", "●": "o", "▲": "!",
     "✖": "x", "’": "'", "→": "->"}
)  # fmt: skip


def to_text(report: Report, width: int = 100) -> str:
    """Render a report as plain text of at most ``width`` columns, without colour.

    Parameters
    ----------
    report : Report
    width : int
        At least 30.
    """
    import io

    from rich.console import Console

    buffer = io.StringIO()
    console = Console(
        file=buffer, width=max(width, 30), color_system=None, force_terminal=False, force_jupyter=False, emoji=False
    )
    render(report, console)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def render(report: Report, console: Console) -> None:
    """Print a report on a rich console; colour, NO_COLOR and the width are the console's own.

    Names and messages of others are printed as plain text: no markup, no control characters.
    """
    page = _Page(ascii_only=console.options.ascii_only, width=console.width)
    for part in page.parts(report):
        console.print(part, highlight=False, markup=False, emoji=False)


class _Page:
    """Builds the parts of one report for one width and alphabet."""

    def __init__(self, *, ascii_only: bool, width: int) -> None:
        self.ascii_only = ascii_only
        self.width = width
        self.columns: list[str] = []

    def text(self, text: str, style: str = "") -> Text:
        from rich.text import Text

        text = printable(text)
        if self.ascii_only:
            text = text.translate(_ASCII).encode("ascii", errors="backslashreplace").decode("ascii")
        return Text(text, style=style)

    def parts(self, report: Report) -> Iterator[RenderableType]:
        yield self.text(f"gandiag {report.gandiag_version} · seed {report.seed}", "dim")
        yield self.hanging("real", self.text(f"{report.real.source}: {real_in_words(report.real)}"))
        for note in report.real.notes:
            yield self.hanging("", self.text(note, "dim"))
        if len(report.fakes) > 1:
            yield self.text("")
            yield self.summary(report)
        self.columns = self.fitting([_cells(row(result)) for fake in report.fakes for result in fake.results])
        for fake in report.fakes:
            yield from self.section(fake)
        yield self.text("")
        for word, meaning in GLOSSARY:
            yield self.hanging(word, self.text(meaning, "dim"), width=12)

    def section(self, fake: FakeReport) -> Iterator[RenderableType]:
        from rich.rule import Rule

        head = verdict(fake)
        yield self.text("")
        title = self.text(f"{printable(fake.name, longest=max(self.width - 30, 12))} · {fake.n:,} samples", "bold")
        yield Rule(title, style="dim", characters="-" if self.ascii_only else "─", align="left")
        yield self.headline(head)
        # The gravest finding is the headline itself: its evidence follows, then the other findings.
        for first in fake.diagnoses[:1]:
            yield from self.grounds(first, depth=0)
        for diagnosis in fake.diagnoses[1:]:
            yield from self.finding(diagnosis, depth=0)
        for note in fake.notes:
            yield self.hanging("", self.text(note, "dim"), width=2)
        rows = [row(result) for result in fake.results]
        if rows:
            yield self.text("")
            yield self.table(rows)
        yield from self.notes(rows)

    def headline(self, head: Verdict) -> RenderableType:
        line = self.text(f"{head.label}:", _STYLES[head.severity])
        line.append(" ")
        line.append_text(self.text(head.sentence, "bold"))
        return self.hanging(_MARKS[head.severity], line, width=2, style=_STYLES[head.severity])

    def finding(self, diagnosis: Diagnosis, depth: int) -> Iterator[RenderableType]:
        from rich.padding import Padding

        severity = severity_class(diagnosis.severity)
        grade = "" if severity in ("none", "unknown") else f"{severity}, "
        line = self.text(("this explains: " if depth else "") + diagnosis.sentence)
        line.append(" ")
        line.append_text(self.text(f"({grade}{printable(diagnosis.code)})", "dim"))
        pad = 2 * min(depth, 6)
        yield Padding(self.hanging(_MARKS[severity], line, width=2, style=_STYLES[severity]), (0, 0, 0, pad))
        yield from self.grounds(diagnosis, depth)

    def grounds(self, diagnosis: Diagnosis, depth: int) -> Iterator[RenderableType]:
        from rich.padding import Padding

        pad = 2 * min(depth, 6)
        for evidence in diagnosis.evidence:
            value = "" if evidence.value is None else f": {short(evidence.value)}"
            shown = self.text(f"{evidence.says}{value} [{pretty(evidence.metric)}]", "dim")
            yield Padding(self.hanging("-", shown, width=2), (0, 0, 0, pad + 2))
        for explained in diagnosis.explains:
            yield from self.finding(explained, depth + 1)

    def hanging(self, mark: str, text: Text, *, width: int = 5, style: str = "dim") -> RenderableType:
        from rich.table import Table

        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=width - 1, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(self.text(mark, style), text)
        return grid

    def notes(self, rows: list[Row]) -> Iterator[RenderableType]:
        if any(shown.notes for shown in rows):
            yield self.text("")
        for shown in rows:
            for note in shown.notes:
                line = self.text(f"{shown.name}:", "bold dim")
                line.append(" ")
                line.append_text(self.text(note, "dim"))
                yield line

    def summary(self, report: Report) -> RenderableType:
        table = self.empty_table()
        names = max(len(printable(f.name, longest=32)) for f in report.fakes)
        wide = self.width >= names + 66
        table.add_column("sampler", overflow="fold")
        table.add_column("verdict", no_wrap=True)
        table.add_column("tests that differ", no_wrap=True)
        if wide:
            table.add_column("farthest from its floor", no_wrap=True)
        for fake in report.fakes:
            head, far = verdict(fake), farthest(fake)
            label = f"{_MARKS[head.severity]} {head.label}"
            cells = [
                self.text(printable(fake.name, longest=32)),
                self.text(label, _STYLES[head.severity]),
                self.text(tests_that_differ(fake)),
            ]
            if wide:
                cells.append(self.text("–" if far is None else f"{pretty(far.metric)} {sds(z_of(far) or 0.0)} sd"))
            table.add_row(*cells)
        return table

    def table(self, rows: list[Row]) -> RenderableType:
        table = self.empty_table()
        for name in self.columns:
            left = name in ("metric", "reading", "interval")
            table.add_column(name, justify="left" if left else "right", no_wrap=True)
        for shown in rows:
            values = _cells(shown)
            table.add_row(*(self.text(values[name], _TONES[shown.tone]) for name in self.columns))
        return table

    def fitting(self, cells: list[dict[str, str]]) -> list[str]:
        """Choose the columns that fit side by side: a number is shown whole or not at all."""
        gap = 2
        chosen: list[str] = []
        used = 0
        for name in _COLUMNS:
            used += max([len(name), *(self.text(values[name]).cell_len for values in cells)]) + gap
            if used > self.width + gap and len(chosen) >= 2:
                break
            chosen.append(name)
        return [name for name in _ORDER if name in chosen]

    def empty_table(self) -> Table:
        from rich import box
        from rich.table import Table

        lines = None if self.ascii_only else box.SIMPLE_HEAD
        gap = 2 if self.ascii_only else 1  # the box adds a column of its own
        return Table(box=lines, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")


def _cells(shown: Row) -> dict[str, str]:
    return {
        "metric": printable(shown.name, longest=24),
        "value": shown.value,
        "floor": shown.floor,
        "excess": shown.excess if shown.excess == "–" else f"{shown.excess} sd",
        "p": shown.p,
        "adj. p": shown.adjusted,
        "interval": f"{shown.interval} ({shown.level})" if shown.level else shown.interval,
        "n": shown.n,
        "reading": shown.reading,
    }
