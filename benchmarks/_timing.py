"""Time our route and a peer's in turn, in one run on the same arrays; and what this machine could do at best."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
    """One line of the table; ``target`` is the ratio that we set out to reach, ``floor`` the seconds at the ceiling."""

    job: str
    ours: Timed
    peer: Timed | None
    peer_name: str = ""
    target: float | None = None
    floor: float | None = None
    note: str = ""


def in_turn(routes: dict[str, Callable[[], Any]], *, runs: int = 3) -> dict[str, Timed]:
    """Time several routes in turn, ``runs`` times each after no warm-up but the first of several runs."""
    times: dict[str, list[float]] = {name: [] for name in routes}
    peaks: dict[str, list[float]] = {name: [] for name in routes}
    values: dict[str, Any] = {}
    for _ in range(runs):
        for name, route in routes.items():
            values.pop(name, None)
            seconds, rise, values[name] = _once(route)
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


def _once(route: Callable[[], Any]) -> tuple[float, float | None, Any]:
    gc.collect()
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


@dataclass(frozen=True, kw_only=True)
class Ceilings:
    """What this machine reached just now."""

    gemm32: float  # floating-point operations a second
    gemm64: float
    copy: float  # bytes a second, read and written
    sort32: float  # elements a second, rows of 10^4
    topk32: float  # elements a second, the smallest 6 of rows of 16384


def ceilings() -> Ceilings:
    """Measure GEMM, memory, sort and top-k rates."""
    import torch

    rng = np.random.default_rng(0)
    size = 2048
    a = rng.random((size, size))
    single = a.astype(np.float32)
    block = rng.random((500, 10_000), dtype=np.float32)
    wide = torch.from_numpy(rng.random((1024, 16_384), dtype=np.float32))
    source = np.ones(2**25)
    target = np.empty_like(source)
    operations = 2.0 * size**3
    return Ceilings(
        gemm32=operations / _best(lambda: single @ single),
        gemm64=operations / _best(lambda: a @ a),
        copy=2.0 * source.nbytes / _best(lambda: np.copyto(target, source)),
        sort32=block.size / _best(lambda: np.sort(block, axis=1)),
        topk32=wide.numel() / _best(lambda: torch.topk(wide, 6, dim=1, largest=False, sorted=False)),
    )


def _best(work: Callable[[], Any], runs: int = 5) -> float:
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def heading(found: Ceilings) -> str:
    """Describe the machine and its ceilings in Markdown."""
    import torch

    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"torch {torch.__version__} ({torch.get_num_threads()} threads).\n\n"
        f"Ceilings measured in this run: GEMM {found.gemm32 / 1e9:.0f} GFLOP/s (float32), {found.gemm64 / 1e9:.0f} "
        f"(float64); copy {found.copy / 1e9:.1f} GB/s; sort {found.sort32 / 1e6:.0f} M elements/s; top-k "
        f"{found.topk32 / 1e6:.0f} M elements/s.\n"
    )


def table(rows: list[Row]) -> str:
    """Write the rows as a Markdown table."""
    head = "| job | ours | peer | ratio | target | memory ours / peer | share of the ceiling | note |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        peer = "–" if row.peer is None else f"{row.peer_name} {_seconds(row.peer.seconds)}"
        ratio = "–" if row.peer is None else f"{row.peer.seconds / row.ours.seconds:.1f}×"
        target = "–" if row.target is None else f"{row.target:g}×"
        theirs = "–" if row.peer is None else _megabytes(row.peer.megabytes)
        share = "–" if row.floor is None else f"{row.floor / row.ours.seconds:.0%}"
        lines.append(
            f"| {row.job} | {_seconds(row.ours.seconds)} | {peer} | {ratio} | {target} "
            f"| {_megabytes(row.ours.megabytes)} / {theirs} | {share} | {row.note} |"
        )
    return "\n".join(lines)


def _seconds(value: float) -> str:
    return f"{value * 1e3:.0f} ms" if value < 1.0 else f"{value:.2f} s"


def _megabytes(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} MB"
