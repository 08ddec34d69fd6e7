"""All default statistics of features as wide as Inception's: ``python benchmarks/default_suite.py --device cuda``.

One score of two arrays, twice in a row. The laws are mixtures of ten clusters on a 64-dimensional surface, cut at 0 as
rectified features are, and differ by 2 % in width.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from _machine import others
from numpy.typing import NDArray

import gandiag

TURNS = 2


def features(rows: int, columns: int, seed: int, width: float) -> NDArray[np.float32]:
    """Draw features; all sources share clusters and surface."""
    law, rng = np.random.default_rng(7), np.random.default_rng(seed)
    centres, lift = 1.5 * law.normal(size=(10, 64)), law.normal(size=(64, columns)) / 8.0
    latent = centres[rng.integers(10, size=rows)] + width * rng.normal(size=(rows, 64))
    noise = 0.1 * rng.normal(size=(rows, columns))
    return np.maximum(latent @ lift + noise, 0.0).astype(np.float32)


def page(rows: int, columns: int, device: str | None) -> str:
    """Score the sources, and say how long it took."""
    real, fake = features(rows, columns, 1, 1.0), features(rows, columns, 2, 1.02)
    few = min(rows, 500)
    gandiag.score(real[:few], fake[:few], device=device)  # libraries and the device are loaded
    company = others()
    lines = [] if company is None else [f"Other processes kept {company:.1f} cores busy when this began."]
    for turn in range(TURNS):
        began = time.perf_counter()
        report = gandiag.score(real, fake, device=device)
        took = time.perf_counter() - began
        answered = sum(result.estimate is not None for result in report.fakes[0].results)
        lines.append(
            f"Turn {turn + 1}: {took:.1f} s for {answered} answers on {rows} real and {rows} fake rows of {columns} "
            f"features, device {device or 'cpu'}."
        )
    return "\n".join(lines)


def main(words: list[str] | None = None) -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--columns", type=int, default=2048)
    parser.add_argument("--device", default=None)
    asked = parser.parse_args(words)
    print(page(asked.rows, asked.columns, asked.device))


if __name__ == "__main__":
    main()
