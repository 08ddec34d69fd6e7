"""Time our route and a peer's in turn, in one run on the same arrays, and put them in a table.

An area is a module with a ``TITLE``, a function ``measured(found, size)`` that gives its rows, and ``REASONS``: why a
job misses its target, where one does. `command` makes it a program, ``python benchmarks/<area>.py [--quick|--large]``.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from _machine import Ceilings, ceilings, heading

Size = Literal["quick", "default", "large"]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Median seconds over the runs, the rise of the peak resident memory in MB, and what the last run returned."""

    seconds: float
    fastest: float
    megabytes: float | None
    value: Any
    runs: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    ``target`` is the ratio that we set out to reach, ``within`` the seconds and ``most`` the megabytes that we set out
    to stay in, ``claims`` what else must hold, and ``floor`` the seconds at the ceiling.
    """

    job: str
    ours: Timed
    peer: Timed | None
    peer_name: str = ""
    target: float | None = None
    within: float | None = None
    most: float | None = None
    claims: Mapping[str, bool] = field(default_factory=dict)
    floor: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The peer's time over ours."""
        return None if self.peer is None else self.peer.seconds / self.ours.seconds

    def misses(self) -> list[str]:
        """Say what falls short, measured against wanted."""
        found = []
        if self.target is not None and self.ratio is not None and self.ratio < self.target:
            found.append(f"{_times(self.ratio)} {self.peer_name}, wanted {self.target:g}×")
        if self.within is not None and self.ours.seconds > self.within:
            found.append(f"{_seconds(self.ours.seconds)}, wanted {_seconds(self.within)}")
        if self.most is not None and self.ours.megabytes is not None and self.ours.megabytes > self.most:
            found.append(f"{_megabytes(self.ours.megabytes)}, wanted {_megabytes(self.most)}")
        return found + [f"not so: {claim}" for claim, holds in self.claims.items() if not holds]


def in_turn(routes: dict[str, Callable[[], Any]], *, runs: int = 3) -> dict[str, Timed]:
    """Time several routes in turn, ``runs`` times each after no warm-up but the first of several runs."""
    times: dict[str, list[float]] = {name: [] for name in routes}
    peaks: dict[str, list[float]] = {name: [] for name in routes}
    values: dict[str, Any] = {}
    for _ in range(runs):
        for name, route in routes.items():
            values.pop(name, None)
            seconds, rise, values[name] = _once(route)
            print(f"  {name}: {seconds:.3g} s", file=sys.stderr, flush=True)  # a sign of life
            times[name].append(seconds)
            if rise is not None:
                peaks[name].append(rise)
    return {
        name: Timed(
            seconds=statistics.median(times[name]),
            fastest=min(times[name]),
            megabytes=max(peaks[name]) if peaks[name] else None,
            value=values[name],
            runs=runs,
        )
        for name in routes
    }


def scaled(some: Timed, none: Timed, factor: float) -> Timed:
    """Scale the time of some repetitions up to all of them; what comes before the first (``none``) counts once."""
    seconds = none.seconds + factor * max(0.0, some.seconds - none.seconds)
    return replace(some, seconds=seconds, fastest=seconds)


def _once(route: Callable[[], Any]) -> tuple[float, float | None, Any]:
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # freed memory that is kept would hide the next rise
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    before = _reset_peak()
    start = time.perf_counter()
    value = route()
    seconds = time.perf_counter() - start
    after = _status("VmHWM")
    return seconds, None if before is None or after is None else max(0.0, after - before), value


def _reset_peak() -> float | None:
    """Forget the peak so far (Linux): the rise then belongs to what comes next."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return None
    return _status("VmRSS")


def _status(field: str) -> float | None:
    if not _STATUS.exists():
        return None
    for line in _STATUS.read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024.0
    return None


def table(rows: list[Row]) -> str:
    """Write the rows as a Markdown table."""
    head = "| job | ours | peer | ratio | target | memory ours / peer | share of the ceiling | note |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        peer = "–" if row.peer is None else f"{row.peer_name} {_seconds(row.peer.seconds)}"
        ratio = "–" if row.ratio is None else _times(row.ratio)
        theirs = "–" if row.peer is None else _megabytes(row.peer.megabytes)
        share = "–" if row.floor is None else f"{row.floor / row.ours.seconds:.0%}"
        lines.append(
            f"| {row.job} | {_seconds(row.ours.seconds)} | {peer} | {ratio} | {_wanted(row)} "
            f"| {_megabytes(row.ours.megabytes)} / {theirs} | {share} | {row.note} |"
        )
    return "\n".join(lines)


def _wanted(row: Row) -> str:
    parts = [
        None if row.target is None else f"{row.target:g}×",
        None if row.within is None else f"{_seconds(row.within)}",
        None if row.most is None else f"{_megabytes(row.most)}",
        *row.claims,
    ]
    return ", ".join(part for part in parts if part is not None) or "–"


def shortfalls(rows: list[Row], reasons: Mapping[str, str]) -> str:
    """Name every job that misses what it set out for, with the reason whose key its name begins with."""
    lines = []
    for row in rows:
        for miss in row.misses():
            why = next((text for start, text in reasons.items() if row.job.startswith(start)), "no reason is known")
            lines.append(f"- {row.job}: {miss}. Why: {why}.")
    return "\n".join(["Falls short:", "", *lines]) if lines else "Nothing falls short."


def report(measured: Callable[[Ceilings, Size], list[Row]], reasons: Mapping[str, str], size: Size) -> str:
    """Run one area: ceilings, table, and what falls short."""
    found = ceilings(quick=size == "quick")
    before = heading(found)  # now, while nothing of ours runs
    rows = measured(found, size)
    return "\n".join([before, table(rows), "", shortfalls(rows, reasons), ""])


def command(write: Callable[[Size], str]) -> None:
    """Print one area at the size that the command line asks for."""
    print(write(asked_size(sys.argv)))


def asked_size(words: list[str]) -> Size:
    """Read ``--quick`` or ``--large``."""
    return "quick" if "--quick" in words else "large" if "--large" in words else "default"


def load_torchvision() -> None:
    """Let torch-fidelity be imported beside a torchvision of another build."""
    import torch

    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(library)  # its definitions go with it


_KEPT: list[Any] = []


def _times(ratio: float) -> str:
    return f"{ratio:.2f}×" if ratio < 3.0 else f"{ratio:.1f}×"


def _seconds(value: float) -> str:
    if value < 0.01:
        return f"{value * 1e3:.2g} ms"
    return f"{value * 1e3:.0f} ms" if value < 1.0 else f"{value:.2f} s"


def _megabytes(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} MB"
