"""Drawing in blocks, measured: ``python benchmarks/sequential.py power|level [--runs R] [--rows N] [--write PAGE]``.

How many rows of a faulty sampler are drawn before the gate decides, and how often a sampler with nothing wrong fails
while it is drawn. Only the drawing is played: what is judged at the end is the ordinary gate, measured in gate.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

from gandiag.api import open_sampler
from gandiag.core.files import replace_file
from gandiag.core.rng import stream
from gandiag.gate.blocks import Blocks
from gandiag.gate.sequential import BLOCK, SHARE
from gandiag.inference.e_processes import EProcess
from gandiag.inference.panel_of_bets import default_panel
from gandiag.preparation import prepare

ALPHA = 0.001
LAWS = ("toy:ring8", "toy:grid25")
# Gross faults, and smaller ones to show where the drawing goes on for long.
FAULTS = {
    "constant output": "collapse=1",
    "half of the rows are one point": "collapse=0.5",
    "half of the modes missing": "drop_modes={half}",
    "one mode missing": "drop_modes=1",
    "half of the rows are copies": "duplicate=0.5",
    "5 % of the rows are copies": "duplicate=0.05",
    "noise alone": "noise=1",
    "20 % noise": "noise=0.2",
    "shift by one sd": "shift=1",
    "shift by 0.2 sd": "shift=0.2",
    "within-mode sd halved": "shrink=0.5",
    "within-mode sd less a tenth": "shrink=0.1",
}
HALF = {"toy:ring8": 4, "toy:grid25": 12}


def played(law: str, fault: str, *, rows: int, seed: int, until: float) -> tuple[int, EProcess]:
    """Draw until the e-process has rejected at a level, or to the end; give the rows drawn and its state."""
    fake = open_sampler(f"{law}!{fault}" if fault else law)
    prepared = prepare(open_sampler(law), [], train=None, features=None, n=rows, seed=seed)
    blocks = Blocks(fake, "fake", block=BLOCK, budget=rows, seed=seed)
    panel = default_panel(
        prepared.matrix("fit", prepared.fit), known=prepared.modes(), rng=stream(seed, "gate", "sequential")
    )
    real, start = prepared.matrix("real", prepared.real), 0
    for samples in blocks:
        fakes = prepared.with_fakes(samples).matrix("fake 0", samples)
        panel.update(real[start : start + len(fakes)], fakes)
        start += len(fakes)
        if panel.process.rejects(until):
            break
    return blocks.used, panel.process


def power(runs: int, rows: int) -> list[str]:
    """Tell, for each fault, how many rows were drawn before it was seen."""
    lines = [f"| fault | law | seen while drawing | median rows | 90 % within | share of {rows} |"]
    lines.append("|---|---|--:|--:|--:|--:|")
    level = SHARE * ALPHA
    for name, fault in FAULTS.items():
        for law in LAWS:
            address = fault.format(half=HALF[law])
            games = [played(law, address, rows=rows, seed=seed, until=level) for seed in range(runs)]
            used = np.array([at if process.rejects(level) else rows + 1 for at, process in games])
            told = [(f"{q:.0f}", f"{q / rows:.0%}") if q <= rows else ("not seen", "all") for q in _quantiles(used)]
            seen = f"{int((used <= rows).sum())} of {runs}"
            lines.append(f"| {name} | {law[4:]} | {seen} | {told[0][0]} | {told[1][0]} | {told[0][1]} |")
            print(lines[-1], flush=True)
    return lines


def _quantiles(used: np.ndarray[Any, Any]) -> list[float]:
    return [float(q) for q in np.quantile(used, [0.5, 0.9], method="higher")]


def level(runs: int, rows: int) -> list[str]:
    """Tell how often real against real was failed while it was drawn."""
    lines = ["| alpha of the gate | law | failed while drawing | limits (95 %) | allowed |", "|---|---|--:|---|--:|"]
    for law in LAWS:
        games = [played(law, "", rows=rows, seed=10_000 + seed, until=1e-300)[1] for seed in range(runs)]
        for alpha in (0.2, 0.1, 0.02):
            failed = sum(process.rejects(SHARE * alpha) for process in games)
            low = beta.ppf(0.025, failed, runs - failed + 1) if failed else 0.0
            high = beta.ppf(0.975, failed + 1, runs - failed)
            limits = f"{low:.2%} to {high:.2%}"
            lines.append(f"| {alpha:g} | {law[4:]} | {failed} of {runs} | {limits} | {SHARE * alpha:.1%} |")
            print(lines[-1], flush=True)
    return lines


PARTS: dict[str, Callable[[int, int], list[str]]] = {"power": power, "level": level}


def main() -> None:
    """Measure one part, and write its table between the marks of the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--rows", type=int, default=2500)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    lines = PARTS[asked.part](asked.runs, asked.rows)
    if asked.write is None:
        return
    before, rest = asked.write.read_text().split(f"<!-- {asked.part} -->\n")
    after = rest[rest.index(f"<!-- end of {asked.part} -->") :]
    replace_file(asked.write, ("\n".join([f"{before}<!-- {asked.part} -->", *lines, after])).encode())


if __name__ == "__main__":
    main()
