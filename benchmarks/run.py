"""Every benchmark in one command: ``python benchmarks/run.py [area ...] [--large] [--write docs/performance.md]``.

Each area runs in a process of its own, with all cores, and measures this machine's ceilings again first. Run it on an
idle machine: a table says how many cores others kept busy when it began. Where others work too, two threads of one
product wait for each other, and ``--threads 1`` gives fairer ratios. The default run takes about a quarter of an
hour on two cores; ``--quick`` is for a test of the benchmarks and measures nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from _machine import machine

HERE = Path(__file__).resolve().parent
AREAS = {
    "frechet": "Fréchet distance from features",
    "neighbours": "Neighbours and duplicates",
    "kernels": "Kernel tests and KID",
    "transport": "Transport",
    "growth": "Growth with the rows",
}
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_INTRODUCTION = """# Performance

Our route and a peer's, in turn, in one run on the same arrays. Written by `{command}`, which measures everything again.

**ours** and **peer** are medians; **ratio** is the peer's time over ours. **target** is what we set out for: a ratio,
a time, a limit of memory, or a value that must be the peer's. **memory** is the rise of the peak resident memory during
the call, inputs not counted. **share of the ceiling** is the time that the unavoidable arithmetic takes at this
machine's measured rates, over our time; where both do the same work it cannot exceed 100 % by more than noise, and it
can where symmetry halves the work that is counted. "Scaled" means that the peer ran on part of the job and the time is
in proportion.

What users of images wait for, the extraction of features, is measured on the page of [features](features.md); passes
over more rows than memory holds on that of [scale](scale.md); how often the gate is right on [its page](gate.md).

Machine: {machine}
"""


def main(words: list[str]) -> int:
    """Run the areas that are asked for; return how many failed."""
    asked = _parser().parse_args(words)
    size = ["--quick"] if asked.quick else ["--large"] if asked.large else []
    limited = [] if asked.threads is None else ["--threads", str(asked.threads)]
    command = " ".join(["python benchmarks/run.py", *asked.areas, *size, *limited])
    parts, failed = [_INTRODUCTION.format(command=command, machine=machine())], 0
    print(parts[0], flush=True)
    for area in asked.areas or AREAS:
        text, code = one(area, size, asked.threads)
        failed += code != 0
        parts.append(f"## {AREAS[area]}\n\n`python benchmarks/{' '.join([area + '.py', *size])}`\n\n{text.strip()}\n")
        print(parts[-1], flush=True)
        if asked.write:  # after every area, so that what is done is kept
            asked.write.write_text("\n".join(parts))
    return failed


def one(area: str, size: list[str], threads: int | None = None) -> tuple[str, int]:
    """Run one area in its own process, by default with as many threads as there are cores."""
    environment = os.environ | dict.fromkeys(_THREADS, str(threads or os.cpu_count()))
    environment["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), environment.get("PYTHONPATH", "")])
    program = [sys.executable, str(HERE / f"{area}.py"), *size]
    # What it says on its error stream goes to the terminal: progress, and why it failed.
    done = subprocess.run(program, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    return (done.stdout or f"This area failed, with exit code {done.returncode}."), done.returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("areas", nargs="*", choices=[*AREAS, []], help="all of them by default")
    parser.add_argument("--large", action="store_true", help="sizes that take an hour")
    parser.add_argument("--quick", action="store_true", help="sizes that measure nothing")
    parser.add_argument("--threads", type=int, help="for linear algebra; on a busy machine 1 disturbs ratios least")
    parser.add_argument("--write", type=Path, help="the page to write")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
