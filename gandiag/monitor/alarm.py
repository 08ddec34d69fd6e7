"""Alarms: one question of the history per file, raised once when the answer turns to yes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gandiag.core.catalog import Catalog
from gandiag.errors import ConfigError
from gandiag.monitor.history import History

# An alarm that stands is raised again only after so many quiet answers: a value that flutters about its threshold
# is one alarm, not twenty.
QUIET = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What an alarm saw: one sentence, and the numbers that it rests on."""

    sentence: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One alarm that was raised."""

    name: str
    step: int
    sentence: str
    evidence: Mapping[str, Any]
    meaning: str

    def __str__(self) -> str:
        return f"step {self.step}: {self.name}: {self.sentence}"


@dataclass(frozen=True, kw_only=True, eq=False)
class AlarmSpec:
    """One alarm.

    Parameters
    ----------
    name : str
        The module's name.
    meaning : str
        What it means, in one sentence.
    ask : callable
        ``(history) -> Finding or None``.
    after : frozenset of str
        The kinds of rows after which it is asked.
    false_alarms : str
        How often a healthy run raises it, and how that is known.
    wrong_when : str
        When it is raised although nothing is wrong.
    """

    name: str
    meaning: str
    ask: Callable[[History], Finding | None]
    after: frozenset[str]
    false_alarms: str
    wrong_when: str

    @property
    def summary(self) -> str:
        """One line about itself, as every entry of a catalog has."""
        return self.meaning


ALARMS: Catalog[AlarmSpec] = Catalog("gandiag.monitor.alarms", "ALARM", AlarmSpec)


class Watch:
    """Asks the alarms after every row, and raises each once."""

    def __init__(self, alarms: Iterable[str | AlarmSpec]) -> None:
        self.specs = [chosen(alarm) for alarm in alarms]
        self._quiet: dict[str, int] = {}

    def ask(self, history: History, kind: str, step: int) -> tuple[list[Alarm], dict[str, Exception]]:
        """Ask those that listen to this kind of row; an alarm that breaks is reported, not raised."""
        raised: list[Alarm] = []
        broken: dict[str, Exception] = {}
        for spec in self.specs:
            if kind not in spec.after:
                continue
            try:
                finding = spec.ask(history)
            except Exception as error:
                broken[spec.name] = error
                continue
            quiet = self._quiet.get(spec.name, QUIET)
            self._quiet[spec.name] = 0 if finding else quiet + 1
            if finding is not None and quiet >= QUIET:
                raised.append(
                    Alarm(
                        name=spec.name,
                        step=step,
                        sentence=finding.sentence,
                        evidence=dict(finding.evidence),
                        meaning=spec.meaning,
                    )
                )
        return raised, broken


def chosen(alarm: str | AlarmSpec) -> AlarmSpec:
    """Take an alarm by name, or one of the user's own."""
    if isinstance(alarm, AlarmSpec):
        return alarm
    if isinstance(alarm, str):
        return ALARMS.get(alarm)
    raise ConfigError(
        "an alarm must be a name or an AlarmSpec", received=type(alarm).__name__, remedy='Pass alarms=["collapse"].'
    )
