"""The journal: every row goes into the history, to the sinks, and past the alarms; nothing in here ends a run."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gandiag.errors import ConfigError, NonFiniteError
from gandiag.monitor.alarm import Alarm, AlarmSpec, Watch
from gandiag.monitor.clock import Clock
from gandiag.monitor.history import History, Row, plain, read_history
from gandiag.monitor.scoring import told
from gandiag.monitor.sinks import Csv, JsonLines, Sink, as_sink

# A logger and not `warnings`: under -W error a warning would end the run.
LOG = logging.getLogger("gandiag")
LOG.addHandler(logging.NullHandler())


class Journal:
    """Records rows.

    Parameters
    ----------
    clock : Clock
    alarms : iterable of str or AlarmSpec
    sinks : list of Sink
    history : History
    strict : bool
        Raise what fails, instead of recording it.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        alarms: Iterable[str | AlarmSpec],
        sinks: list[Sink],
        history: History,
        strict: bool,
    ) -> None:
        self.history, self.alarms, self.strict = history, list[Alarm](), strict
        self.step = max((row["step"] for row in history.rows), default=-1)
        self._clock, self._watch, self._sinks = clock, Watch(alarms), sinks
        self._told: set[str] = set()

    def record(self, kind: str, **content: Any) -> Row:
        """Add a row, hand it to the sinks, and ask the alarms."""
        about = {"kind": kind, "step": self.step, "seconds": round(self._clock.elapsed, 3)}
        row: Row = plain(about | content)
        self.history.append(row)
        broken = [(sink, error) for sink in self._sinks if (error := self._written(sink, row)) is not None]
        if kind != "alarm":
            self._ask_alarms(kind)
        for sink, error in broken:
            self.failed("sink_failed", error, about=type(sink).__name__, once=f"sink {id(sink)}")
        return row

    def failed(self, name: str, error: Exception, *, about: str = "", once: str | None = None) -> None:
        """Record what went wrong; in a strict run raise it.

        Parameters
        ----------
        name : str
            Of the event.
        error : Exception
        about : str
            What failed.
        once : str, optional
            Record only the first failure of that key.
        """
        if self.strict:
            raise error
        if name == "monitor_failed":
            once = f"{name} {type(error).__name__}"  # it may come at every step, and must not flood the history
        more: dict[str, Any] = {"nonfinite": {"samples": self.step}} if isinstance(error, NonFiniteError) else {}
        self.event(name, f"{about}: {told(error)}" if about else told(error), once=once, **more)

    def event(self, name: str, message: str, *, once: str | None = None, **more: Any) -> None:
        """Record an event, and log the first of its kind."""
        if once is not None and once in self._told:
            return
        if (once or name) not in self._told:
            LOG.warning("%s: %s (recorded; training goes on)", name.replace("_", " "), message)
        self._told.add(once or name)
        self.record("event", name=name, message=message, **more)

    def _written(self, sink: Sink, row: Row) -> Exception | None:
        try:
            sink.write(row)
        except Exception as error:
            return error
        return None

    def _ask_alarms(self, kind: str) -> None:
        raised, broken = self._watch.ask(self.history, kind, self.step)
        for alarm in raised:
            self.alarms.append(alarm)
            LOG.warning("alarm: %s", alarm)
            self.record(
                "alarm", name=alarm.name, sentence=alarm.sentence, evidence=alarm.evidence, meaning=alarm.meaning
            )
        for name, error in broken.items():
            self.failed("alarm_failed", error, about=name, once=f"alarm {name}")


def sinks_of(out: Path | None, sinks: Iterable[Any]) -> list[Sink]:
    """Read the sinks, with the files of the folder in front."""
    files: list[Sink] = [] if out is None else [JsonLines(out / "history.jsonl"), Csv(out / "history.csv")]
    return [*files, *(as_sink(sink) for sink in sinks)]


def folder_of(out: str | Path | None, *, resume: bool) -> tuple[Path | None, History]:
    """Make the folder of a run, or read what an earlier part of the run has left there.

    Raises
    ------
    ConfigError
        When there is a history in it and nobody said that it is to be continued.
    """
    if out is None:
        return None, History()
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            "`out` must be a folder that can be made", received=f"{out}: {error.strerror}", remedy="Name another place."
        ) from error
    if not (folder / "history.jsonl").exists():
        return folder, History()
    if not resume:
        raise ConfigError(
            "`out` must not hold the history of another run",
            received=str(out),
            remedy="Name another folder, or continue that run with resume=True.",
        )
    return folder, read_history(folder)
