"""False-alarm rates of every p-value under equal laws: the table of docs/calibration.md.

``python benchmarks/levels.py [repetitions] [law ...]`` prints Markdown: n = m = 100 rows, 100 set aside, 99
permutations.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from gandiag.calibration.null_simulation import level, null_p_values
from gandiag.core.specs import METRICS

ALPHAS = (0.05, 0.01)


def normal_2d(rng: np.random.Generator, rows: int) -> np.ndarray:
    return rng.normal(size=(rows, 2))


def four_modes(rng: np.random.Generator, rows: int) -> np.ndarray:
    centres = np.array([[3.0, 0], [-3, 0], [0, 3], [0, -3]])
    return centres[rng.integers(4, size=rows)] + 0.3 * rng.normal(size=(rows, 2))


def tied(rng: np.random.Generator, rows: int) -> np.ndarray:
    return rng.poisson(1.0, size=(rows, 2)).astype(float)


LAWS = {"normal, 2-d": normal_2d, "four modes, 2-d": four_modes, "Poisson(1), 2-d": tied}


def row(job: tuple[str, str, int]) -> str:
    metric, law, repetitions = job
    p = null_p_values(metric, LAWS[law], n=100, m=100, fit=100, repetitions=repetitions)
    found = [level(p, alpha) for alpha in ALPHAS]
    cells = [f"{f.rate:.4f}{'' if f.kept else ' **too high**'}" for f in found]
    return f"| `{metric}` | {law} | {' | '.join(cells)} |"


def main(repetitions: int, laws: list[str]) -> None:
    limits = [level(np.ones(repetitions), alpha) for alpha in ALPHAS]
    head = " | ".join(f"p ≤ {f.alpha} (limit {f.high:.4f})" for f in limits)
    print(f"| metric | law | {head} |\n|---|---|---|---|")
    jobs = [(metric, law, repetitions) for metric in METRICS.names() for law in laws]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for line in pool.map(row, jobs):
            print(line, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, sys.argv[2:] or list(LAWS))
