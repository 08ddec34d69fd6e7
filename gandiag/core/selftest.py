"""SelfTest: how often the gate fails real data held against itself. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

_UNREADABLE = 3


@dataclass(frozen=True, kw_only=True)
class AlarmRate:
    """False alarms of a gate at one alpha.

    Parameters
    ----------
    alpha : float
        What was declared.
    alarms, runs : int
        Runs that failed, of those that reached a verdict.
    low, high : float
        Exact limits of the rate (Clopper-Pearson), at the confidence of the test.
    passes : int
        Runs that passed: were not merely inconclusive.
    by_condition : mapping
        Condition -> runs in which it failed; those that never did are left out.
    """

    alpha: float
    alarms: int
    runs: int
    low: float
    high: float
    passes: int
    by_condition: Mapping[str, int] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        """Whether the runs leave it possible that the gate keeps its alpha."""
        return self.low <= self.alpha

    @property
    def sentence(self) -> str:
        """The rate in one line."""
        rate = f"alpha {self.alpha:g}: {self.alarms} of {self.runs} runs failed"
        if self.runs == 0:
            return f"alpha {self.alpha:g}: no run reached a verdict"
        rate += f" ({self.alarms / self.runs:.1%}, true rate {self.low:.1%} to {self.high:.1%})"
        rate += ": kept" if self.kept else ": NOT KEPT"
        return f"{rate}; {self.passes} passed"


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """A gate run on real data against themselves, again and again.

    ``bool(found)`` is True exactly when the exit code is 0.

    Parameters
    ----------
    real : str
    n : int
        Rows per side of each run.
    asked, errors : int
        Runs, and those of them in which no comparison could be made.
    confidence : float
        Of the limits.
    rates : tuple of AlarmRate
        By falling alpha. All are judged on the same runs.
    unjudged : mapping
        Condition -> why it could not be judged, where that happened in any run.
    notes : tuple of str
    """

    real: str
    n: int
    asked: int
    errors: int = 0
    confidence: float
    rates: tuple[AlarmRate, ...]
    unjudged: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seed: int = 0
    gandiag_version: str = ""

    @property
    def kept(self) -> bool:
        """Whether every alpha may be kept."""
        return all(rate.kept for rate in self.rates)

    @property
    def exit_code(self) -> int:
        """1 when an alpha is not kept: the gate is broken on these data; 3 when no run reached a verdict; else 0."""
        if not self.kept:
            return 1
        return _UNREADABLE if self.errors == self.asked else 0

    def __bool__(self) -> bool:
        return self.exit_code == 0

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return asdict(self) | {"kept": self.kept, "exit_code": self.exit_code}

    def __str__(self) -> str:
        lines = [f"{self.real} against itself, {self.n} rows per side, limits with {self.confidence:.0%} confidence:"]
        for rate in self.rates:
            lines.append(f"  {rate.sentence}")
            lines += [f"    {count} by {condition}" for condition, count in rate.by_condition.items()]
        if self.errors:
            lines.append(f"  {self.errors} of {self.asked} runs ended in an error")
        lines += [f"  not judged: {condition}: {why}" for condition, why in self.unjudged.items()]
        if not self.kept:
            lines.append("  The gate fails real data too often: do the rows depend on each other, or is a test broken?")
        return "\n".join((*lines, *(f"  note: {note}" for note in self.notes)))

    __repr__ = __str__
