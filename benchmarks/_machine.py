"""What this machine is, what it could do at best, and who else keeps it busy."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Ceilings:
    """What this machine reached just now."""

    gemm32: float  # floating-point operations a second
    gemm64: float
    copy: float  # bytes a second, read and written
    sort64: float  # elements a second, rows of 10^4, a thread on every core
    topk32: float  # elements a second, the smallest 6 of rows of 16384


def ceilings(*, quick: bool = False) -> Ceilings:
    """Measure GEMM, memory, sort and top-k rates; ``quick`` for a test of the benchmark itself."""
    import torch

    rng = np.random.default_rng(0)
    size, rows = (256, 20) if quick else (2048, 500)
    a = rng.random((size, size))
    single = a.astype(np.float32)
    block = rng.random((rows, 10_000))
    wide = torch.from_numpy(rng.random((2 * rows, 16_384), dtype=np.float32))
    source = np.ones(2**16 if quick else 2**25)
    target = np.empty_like(source)
    operations = 2.0 * size**3
    return Ceilings(
        gemm32=operations / _best(lambda: single @ single),
        gemm64=operations / _best(lambda: a @ a),
        copy=2.0 * source.nbytes / _best(lambda: np.copyto(target, source)),
        sort64=block.size / _best(lambda: _sorted_by_all(block)),
        topk32=wide.numel() / _best(lambda: torch.topk(wide, 6, dim=1, largest=False, sorted=False)),
    )


def _sorted_by_all(block: Any) -> None:
    threads = os.cpu_count() or 1  # sorts are shared out by hand, whatever linear algebra may use
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: np.sort(part, axis=1), np.array_split(block, threads)))


def _best(work: Callable[[], Any], runs: int = 5) -> float:
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def machine() -> str:
    """Describe the machine and the packages that are timed, without a date."""
    import torch

    peers = ("scipy", "scikit-learn", "POT", "lap", "faiss-cpu", "prdc", "torch-fidelity")
    packages = ", ".join(f"{name} {found}" for name in peers if (found := _version(name)) is not None)
    return (
        f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"torch {torch.__version__}, {packages}."
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def others(seconds: float = 1.0) -> float | None:
    """Count the cores that other processes keep busy (Linux): this one sleeps meanwhile."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None

    def busy() -> float:
        user, nice, system, _, _, irq, soft, *_ = (int(part) for part in stat.read_text().splitlines()[0].split()[1:])
        return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")

    start, begun = time.perf_counter(), busy()
    time.sleep(seconds)
    return (busy() - begun) / (time.perf_counter() - start)


def heading(found: Ceilings) -> str:
    """Describe the ceilings, and who else is on the machine, in Markdown."""
    import torch

    company = others()
    rates = (
        f"GEMM {found.gemm32 / 1e9:.0f} GFLOP/s (float32), {found.gemm64 / 1e9:.0f} (float64)",
        f"copy {found.copy / 1e9:.1f} GB/s",
        f"sort {found.sort64 / 1e6:.0f} M elements/s (float64, all cores)",
        f"top-k {found.topk32 / 1e6:.0f} M elements/s",
    )
    alone = "" if company is None else f" Other processes kept {company:.1f} cores busy when this began."
    threads = torch.get_num_threads()
    return f"Ceilings measured in this run, {threads} threads: {'; '.join(rates)}.{alone}\n"
