"""Plan: what a gate sees at so many rows, and how many rows it needs, condition by condition. Plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

# How a condition is decided: by a test, by a bound of a number, by the findings of many tests, by exchanging rows with
# the baseline's; or not foreseen.
Kind = Literal["test", "bound", "findings", "baseline", "unknown"]
# Those whose size is a half-width.
_BOUNDS = ("bound", "baseline")
_HEADER = ("condition", "at n sees", "margin", "can pass", "rows for the margin", "rows for the wish")


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """How often the gate found a planted fault.

    Parameters
    ----------
    fault : str
        What was planted, in words.
    planted : float
        Its size in the condition's own unit.
    found, runs : int
        Runs in which the condition failed, of all.
    low, high : float
        Exact limits of that share with 95 % confidence.
    """

    fault: str
    planted: float
    found: int
    runs: int
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What is foreseen for one condition, or for one test behind a condition on diagnoses.

    Parameters
    ----------
    condition : str
    kind : {"test", "bound", "findings", "baseline", "unknown"}
    metric : str, optional
    effect : str
        What the sizes are sizes of, with braces where the number goes.
    smallest : float, optional
        The smallest effect that is seen with power 0.95 at the plan's rows and level; None where none is. For a bound
        its half-width: how far the bound lies from the number, or from the difference to the baseline's.
    margin : float, optional
        The effect that must not go unseen; the limit, for a bound.
    can_pass : bool
        Whether a sampler with nothing wrong can be expected to pass.
    needed, wished, for_wished : optional
        Rows per side that the margin needs; an effect that the user wishes to see, and the rows for that.
    healthy, passes_from : float, optional
        For a bound: the number that real data get against themselves (which stands for the baseline's, where a
        condition is on one), and the true number from which on a sampler passes with a chance of 0.95.
    measured : tuple of (int, float)
        Rows per side, and what was seen there: what everything else is read from.
    rate : float, optional
        The smallest effect falls like rows to the power of minus this.
    fitted : bool
        Whether the rate was fitted to ``measured``; it is the declared one of the test otherwise.
    extrapolated : bool
        Whether ``smallest`` lies beyond the rows that were measured.
    why : str
        What a reader must know of this line.
    parts : tuple of Planned
        The tests behind a condition on diagnoses.
    simulated : Simulated, optional
    """

    condition: str
    kind: Kind
    metric: str | None = None
    effect: str = "{}"
    smallest: float | None = None
    margin: float | None = None
    can_pass: bool = False
    needed: int | None = None
    wished: float | None = None
    for_wished: int | None = None
    healthy: float | None = None
    passes_from: float | None = None
    measured: tuple[tuple[int, float], ...] = ()
    rate: float | None = None
    fitted: bool = False
    extrapolated: bool = False
    why: str = ""
    parts: tuple[Planned, ...] = ()
    simulated: Simulated | None = None

    @property
    def sentence(self) -> str:
        """The line in words."""
        if self.kind == "bound" and self.smallest is not None and self.passes_from is not None:
            told = (
                f"bound {self.smallest:.3g} off the number; passes with a chance of 0.95 from {self.passes_from:.4g} on"
            )
            told += "" if self.healthy is None else f" (real data against themselves: {self.healthy:.4g})"
        elif self.kind == "baseline" and self.smallest is not None:
            told = (
                f"bound {self.smallest:.3g} off the difference; a sampler as good as its baseline passes with a chance "
            )
            told += f"of 0.95 where twice that is within {self.margin or 0.0:.3g}"
        elif self.kind == "test":
            size = "nothing" if self.smallest is None else self.effect.format(f"{self.smallest:.2g}")
            told = f"sees {size}" + (" (extrapolated)" if self.extrapolated else "")
        else:
            told = ""
        if self.simulated is not None:
            s = self.simulated
            told += f"; simulated: {s.fault} of {s.planted:.3g} found in {s.found} of {s.runs} runs"
            told += f" ({s.low:.0%} to {s.high:.0%})"
        return "; ".join(part for part in (told, self.why) if part)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a gate sees with so many rows, and what it would need.

    Parameters
    ----------
    real : str
    n : int
        Rows per side that were asked about.
    measured_up_to : int
        Rows per side that real data were measured against themselves with: what lies beyond is extrapolated.
    alpha, level, power : float
        Of the gate; of each of its conditions; of every claim.
    lines : tuple of Planned
    notes : tuple of str
    """

    real: str
    n: int
    measured_up_to: int
    alpha: float
    level: float
    power: float
    lines: tuple[Planned, ...]
    notes: tuple[str, ...] = ()
    seed: int = 0
    gandiag_version: str = ""

    @property
    def can_pass(self) -> bool:
        """Whether a sampler with nothing wrong can be expected to pass every condition."""
        return all(line.can_pass for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return asdict(self) | {"can_pass": self.can_pass}

    def __str__(self) -> str:
        head = f"{self.real}: {self.n} rows per side, alpha {self.alpha:g}, {self.level:.2g} for each condition, "
        head += f"power {self.power:g}"
        # The last column is there for those who wish.
        width = len(_HEADER) if any(line.wished is not None for line in self.lines) else len(_HEADER) - 1
        lines = [head, "", *_table([row[:width] for row in (_HEADER, *map(_cells, self.lines))]), ""]
        lines += [f"  {line.condition}: {line.sentence}" for line in self.lines if line.sentence]
        for line in self.lines:
            lines += [f"    {part.condition}: {part.sentence}" for part in line.parts]
        word = "can be expected to pass" if self.can_pass else "CANNOT be expected to pass all conditions"
        lines += ["", f"A sampler with nothing wrong {word} at {self.n} rows per side."]
        return "\n".join((*lines, *(f"note: {note}" for note in self.notes)))

    __repr__ = __str__


def _cells(line: Planned) -> tuple[str, ...]:
    mark = "~" if line.extrapolated else ""
    sees = "-" if line.smallest is None else f"{mark}{'±' if line.kind in _BOUNDS else ''}{line.smallest:.3g}"
    return (
        line.condition,
        sees,
        "-" if line.margin is None else f"{line.margin:g}",
        "yes" if line.can_pass else "no",
        "-" if line.needed is None else f"{line.needed}",
        "-" if line.for_wished is None else f"{line.for_wished}",
    )


def _table(grid: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in grid) for i in range(len(grid[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in grid]
    return [lines[0], "-" * (sum(widths) + 2 * (len(widths) - 1)), *lines[1:]]
