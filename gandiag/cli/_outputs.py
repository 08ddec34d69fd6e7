"""The files that a command may write of a report: one set of options, read once."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gandiag.api import Report

_FILE = click.Path(dir_okay=False, path_type=Path)
_HELP = {
    "json": "Write the report here, for gandiag plot and gandiag table.",
    "html": "Write one page here.",
    "latex": "Write a booktabs table here.",
    "markdown": "Write a Markdown table here.",
    "csv": "Write one row per sampler and metric here.",
}


_PAPER = ("paper.tex", "figure.pdf", "figure.csv", "table.tex")


def refuse_clashes(
    files: Mapping[str, Path], read: Iterable[str | Path | None], *, beside: Iterable[Path] = (), what: str = "a report"
) -> None:
    """Refuse files that could not be written, or should not: at once, and not when the work is done.

    Parameters
    ----------
    files : mapping
        Option, without its dashes -> file.
    read : iterable
        Sources; what is no file is passed over.
    beside : iterable of Path
        What is written with them.
    what : str
        What is written, for messages.
    """
    from gandiag.core.files import in_home, require_places

    places = [path.resolve() for path in files.values()]
    if len(set(places)) < len(places):
        options = " and ".join(f"--{form}" for form in files)
        raise click.UsageError(f"{options} name one file. Give each a file of its own.")
    taken = {*places, *(path.resolve() for path in beside)}
    for source in read:
        for name in () if source is None or "\0" in str(source) else _files_of(str(source)):
            if in_home(name).resolve() in taken:
                raise click.UsageError(f"{name} would be written over. Name another file for {what}.")
    require_places(files.values(), what)


def _files_of(source: str) -> tuple[str, str]:
    """Name the files that x.npz?key=a, x.npy!noise=0.1 or my.py:draw may be; of toy:ring8 there is none."""
    bare = re.split("[?!]", source)[0]
    return source, re.sub(r"(\.py):.*", r"\1", bare)


@dataclass(frozen=True)
class Outputs:
    """Form -> file, for the forms that were asked for; the folder of a paper, and its venue."""

    files: dict[str, Path]
    paper: Path | None = None
    venue: str = "neurips"

    def refuse_clashes(self, read: Iterable[str | Path | None]) -> None:
        """Refuse to write two reports into one file, a report over what is read, or where nothing can be written."""
        arrays = [path.with_suffix(".safetensors") for form, path in self.files.items() if form == "json" and path.name]
        paper = [] if self.paper is None else [self.paper / name for name in _PAPER]
        refuse_clashes(self.files, read, beside=[*arrays, *paper])

    def write(self, report: Report) -> None:
        """Write every file, and say so on stderr."""
        from gandiag.core.files import write_files

        whole = {"json": report.to_json, "html": report.to_html}
        tables = {"latex": report.to_latex, "markdown": report.to_markdown, "csv": report.to_csv}
        for form, path in self.files.items():
            if form in whole:
                whole[form](path)
            else:
                write_files({path: tables[form]().encode()}, what="a table")
            click.echo(f"wrote {path}", err=True)
        if self.paper is not None:
            for path in report.to_paper(self.paper, venue=self.venue):
                click.echo(f"wrote {path}", err=True)


def report_files(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option per form to a command, which gets them as one `Outputs` called ``outputs``."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = {form: kwargs.pop(f"{form}_path") for form in _HELP}
        files = {form: path for form, path in given.items() if path}
        return command(*args, outputs=Outputs(files, kwargs.pop("paper"), kwargs.pop("venue")), **kwargs)

    wrapped = click.option("--venue", default="neurips", show_default=True, help="Whose page --paper is for.")(wrapped)
    folder = click.Path(file_okay=False, path_type=Path)
    wrapped = click.option("--paper", type=folder, help="Write a figure, a table and a document here.")(wrapped)
    for form in reversed(_HELP):
        wrapped = click.option(f"--{form}", f"{form}_path", type=_FILE, help=_HELP[form])(wrapped)
    return wrapped
