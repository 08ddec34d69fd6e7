"""A progress bar on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from reference_models.core.loop import Run
    from reference_models.core.model import Scalars

_SECONDS = 0.1


class Bar:
    """A progress bar, silent where stderr is no terminal; a callback of `fit`."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None)
        self._shown = 0.0

    def at(self, step: str, done: int, total: int) -> None:
        """Show how far long work is."""
        self._bar.update(self._task, description=step, completed=done, total=total)

    def on_step(self, run: Run, scalars: Scalars) -> None:
        """Show how far a run is, at most ten times a second."""
        now = time.perf_counter()
        if now - self._shown > _SECONDS or run.step == run.preset.steps:
            self._shown = now
            self.at(run.spec.name, run.step, run.preset.steps)


@contextmanager
def progress_bar() -> Iterator[Bar]:
    """Show a bar inside."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        yield Bar(bar)
