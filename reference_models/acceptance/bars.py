"""Bars: what a number must reach, where the bar comes from, and what becomes of samples that must fail.

A bar is set by a rule from the *floor* (what fresh real samples score in the same place, many times over), before any
model is trained. No single bar proves anything: a Gaussian with the right moments passes a Fréchet distance on pixels,
and a memoriser passes everything but memorisation. A model passes when it clears all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

Numbers = dict[str, float]
STORE = Path(__file__).with_name("bars.json")


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar: ``number`` must be at most, or at least, ``limit``; ``rule`` says where the limit comes from."""

    number: str
    side: Literal["at most", "at least"]
    limit: float
    rule: str

    def holds(self, numbers: Mapping[str, float]) -> bool:
        """Tell whether a number clears the bar; one that is absent or not finite does not."""
        value = numbers.get(self.number, float("nan"))
        return bool(value <= self.limit if self.side == "at most" else value >= self.limit)


class Judge(Protocol):
    """Measures samples in one place, and sets the bars there from the floor."""

    @property
    def fixtures(self) -> Mapping[str, Any]:
        """What must fail, by name."""
        ...

    def judge(self, sampler: Any, *, seed: int) -> Numbers:
        """Measure a sampler; a trained model, where the place is one of translations."""
        ...

    def floor(self, *, seed: int, times: int) -> list[Numbers]:
        """Measure fresh real samples, many times over."""
        ...

    def bars(self, floor: list[Numbers], baselines: Mapping[str, Numbers]) -> list[Bar]:
        """Set the bars by rule, from the floor and from what the fixtures score."""
        ...


def failed(bars: list[Bar], numbers: Mapping[str, float]) -> list[str]:
    """Name the numbers that miss their bars."""
    return [bar.number for bar in bars if not bar.holds(numbers)]


def measured_bars(judge: Judge, *, seed: int = 0, times: int = 200) -> dict[str, Any]:
    """Measure the floor and the fixtures of a place, and set its bars."""
    floor = judge.floor(seed=seed, times=times)
    baselines = {name: judge.judge(sampler, seed=seed) for name, sampler in judge.fixtures.items()}
    bars = judge.bars(floor, baselines)
    return {
        "times": times,
        "floor": {key: _summary(_values(floor, key)) for key in floor[0]},
        "bars": [bar.__dict__ for bar in bars],
        "must_fail": {
            name: {"numbers": numbers, "fails": failed(bars, numbers)} for name, numbers in baselines.items()
        },
    }


def stored_bars(place: str) -> list[Bar]:
    """Read the bars of a place as they were fixed."""
    return [Bar(**bar) for bar in json.loads(STORE.read_text())[place]["bars"]]


def quantile(floor: list[Numbers], key: str, level: float) -> float:
    """Take a quantile of a number over the floor."""
    return float(np.quantile(_values(floor, key), level))


def mean(floor: list[Numbers], key: str) -> float:
    """Take the mean of a number over the floor."""
    return float(np.mean(_values(floor, key)))


def _values(floor: list[Numbers], key: str) -> list[float]:
    return [row[key] for row in floor if key in row]


def _summary(values: list[float]) -> dict[str, float]:
    levels = {"q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
    found = {name: float(np.quantile(values, level)) for name, level in levels.items()}
    return {k: round(v, 5) for k, v in {"mean": float(np.mean(values)), "sd": float(np.std(values)), **found}.items()}
