"""What commands share: a progress bar on stderr, and the printed report on stdout."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from gandiag.api import Report
from gandiag.cli._outputs import Outputs
from gandiag.core.protocols import Progress


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show a bar on stderr while it is a terminal; else a line per step would only litter a log."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<44.44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("opening sources", total=None)

        def tell(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total)

        yield tell


@contextmanager
def stdout_for_results_only() -> Iterator[None]:
    """Send what samplers print to stderr, and what the cache has to say in one line each."""
    import click

    from gandiag.cache.store import CacheWarning

    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        shown = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **rest: Any) -> None:
            if issubclass(category, CacheWarning):
                click.echo(f"gandiag: {message}", err=True)
            else:
                shown(message, category, *where, **rest)

        warnings.showwarning = show
        yield


def print_report(report: Report) -> None:
    """Print the findings and the table on stdout."""
    import os

    from rich.console import Console

    from gandiag.report.text import render

    class Piped(Console):
        """Ends as a pipe's reader asks for, instead of with the 1 that rich chooses."""

        def on_broken_pipe(self) -> None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to be flushed at exit
            raise BrokenPipeError

    render(report, Piped(file=sys.stdout))


def write_and_print(report: Report, outputs: Outputs) -> None:
    """Write a report where that was asked for, and print it in any case."""
    try:
        outputs.write(report)
    finally:
        print_report(report)


def exit_code(report: Report) -> int:
    """Return 4 when a metric failed, else 0: a bad score is not an error."""
    return 4 if any(r.status == "failed" for fake in report.fakes for r in fake.results) else 0
