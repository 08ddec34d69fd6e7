"""Time and memory of one pass over files: ``python benchmarks/scale.py [--rows N ...] [--columns D] [--folder DIR]``.

Writes two ``.npy`` files of single-precision features of that many rows, and scores one against the other as a single
shard, every stream included. Each size runs in a process of its own, whose peak resident memory the table shows, pages
of mapped files included; the files are removed afterwards. ``--write`` puts the table into docs/scale.md. A million
rows of 512 columns need 4 GB of disk. Linux alone tells the peak of one process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.lib.format import write_array_header_1_0

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scale.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
_AT_ONCE = 20_000

CHILD = """
import json, re, sys, time
from pathlib import Path
import gandiag, gandiag.sharding
# Not getrusage: its peak begins with that of the process that started this one.
def peak(): return int(re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1]) / 2**20
before, began = peak(), time.perf_counter()
part = gandiag.score_shard(sys.argv[1], sys.argv[2], (1, 1), features="identity", cache=False)
pass_ = time.perf_counter() - began
report = gandiag.merge([part])
values = {r.metric: r.estimate for r in report.fakes[0].results}
print(json.dumps({"before": before, "peak": peak(), "pass": pass_, "total": time.perf_counter() - began,
                  "blocks": len(part.blocks), "values": values, "state": len(part.to_bytes()) / 2**20}))
"""


def write_rows(path: Path, rows: int, columns: int, *, scale: float, seed: int) -> None:
    """Write correlated rows, a part at a time."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(0).normal(size=(columns, columns)).astype(np.float32) / np.float32(columns**0.5)
    with path.open("wb") as file:
        write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, columns)})
        for start in range(0, rows, _AT_ONCE):
            drawn = rng.standard_normal((min(_AT_ONCE, rows - start), columns), dtype=np.float32)
            (np.float32(scale) * (drawn @ mix) + np.float32(3.0)).tofile(file)


def measured(rows: int, columns: int, folder: Path) -> dict[str, object]:
    """Score files of so many rows in a process of its own."""
    real, fake = folder / "real.npy", folder / "fake.npy"
    write_rows(real, rows, columns, scale=1.0, seed=1)
    write_rows(fake, rows, columns, scale=1.01, seed=2)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(real), str(fake)], capture_output=True, text=True, check=True
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def table(sizes: list[int], columns: int, folder: Path) -> str:
    """Measure every size, and write a table."""
    lines = [
        f"| rows per side, {columns} columns | on disk, both sides | blocks | time | rows per second | peak memory "
        "| of which before the pass | state |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for rows in sizes:
        found = measured(rows, columns, folder)
        print(rows, found, file=sys.stderr, flush=True)
        size = 2 * 4 * rows * columns / 1e9
        lines.append(
            f"| {rows:,} | {size:.3g} GB | {found['blocks']} | {found['total']:.1f} s "
            f"| {2 * rows / float(str(found['total'])):,.0f} | {found['peak']:.2f} GiB | {found['before']:.2f} GiB "
            f"| {found['state']:.1f} MiB |".replace(",", " ")
        )
    return "\n".join(lines)


def main(words: list[str]) -> int:
    """Measure, print, and write where that was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--folder", type=Path, help="where the files go; a temporary folder when absent")
    parser.add_argument("--write", action="store_true", help="put the table into docs/scale.md")
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        text = table(asked.rows, asked.columns, Path(folder))
    threads = os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))
    text += f"\n\nMeasured with {threads} thread{'s' if threads != '1' else ''} for matrix products."
    print(text)
    if asked.write:
        page = PAGE.read_text()
        before, after = page.partition(BEGIN)[0], page.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
