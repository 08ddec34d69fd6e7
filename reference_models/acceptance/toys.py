"""The places of the toys: a law with known modes, and a law with a known density."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

import gandiag
from gandiag.core.protocols import Sampler
from gandiag.core.rng import stream
from reference_models.acceptance.bars import Bar, Numbers, quantile
from reference_models.acceptance.images import told_apart

Matrix = NDArray[np.float64]

ROWS = 2500


def _estimates(real: str, fake: Sampler | str, metrics: list[str], seed: int, n: int) -> Numbers:
    report = gandiag.score(real, fake, metrics=metrics, n=n, seed=seed, permutations=99)
    found = {name: report[name].estimate for name in metrics}
    numbers = {name: float("nan") if value is None else float(value) for name, value in found.items()}
    if "c2st" in numbers:
        numbers["c2st"] = 0.5 * (1.0 + numbers["c2st"])
    return numbers


class Toy:
    """What judges of toys share: 2500 samples against as many of the law, by the metrics of the place."""

    METRICS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, address: str) -> None:
        self._address = address

    def judge(self, sampler: Sampler, *, seed: int) -> Numbers:
        """Measure 2500 samples."""
        return _estimates(self._address, sampler, list(self.METRICS), seed, ROWS)

    def floor(self, *, seed: int, times: int) -> list[Numbers]:
        """Measure fresh samples of the law itself."""
        law = gandiag.open_sampler(self._address)
        return [self.judge(law, seed=seed + 1 + index) for index in range(times)]


class Modes(Toy):
    """Judge of a toy with modes: all of them, in their places, shares and widths."""

    METRICS = ("modes_captured", "high_quality", "mode_spread", "mode_kl", "c2st")

    def __init__(self, address: str, modes: int) -> None:
        super().__init__(address)
        self._modes = modes

    def bars(self, floor: list[Numbers], baselines: Mapping[str, Numbers]) -> list[Bar]:
        """Set the bars."""
        quality = quantile(floor, "high_quality", 0.5)
        return [
            Bar(number="modes_captured", side="at least", limit=float(self._modes), rule="all modes"),
            Bar(
                number="high_quality",
                side="at least",
                limit=0.9 * quality,
                rule="0.9 x the share of real rows within three standard deviations of a mode",
            ),
            Bar(
                number="mode_spread", side="at least", limit=0.5, rule="standard deviation within modes, over the true"
            ),
            Bar(number="mode_spread", side="at most", limit=2.0, rule="standard deviation within modes, over the true"),
            Bar(
                number="mode_kl",
                side="at most",
                limit=quantile(floor, "mode_kl", 0.99) + 0.1,
                rule="the floor's 99 % quantile + 0.1 nat",
            ),
            Bar(number="c2st", side="at most", limit=0.75, rule="held-out accuracy; equal laws 0.5"),
        ]

    @cached_property
    def fixtures(self) -> Mapping[str, Sampler]:
        """Known faults of the law."""
        faults = {
            "one mode dropped": "drop_modes=1",
            "modes of half the width": "shrink=0.6",
            "a third noise": "noise=0.34",
            "one sample repeated": "collapse=0.5",
        }
        return {name: gandiag.open_sampler(f"{self._address}!{fault}", name=name) for name, fault in faults.items()}


class Density(Toy):
    """Judge of a law without modes to count: a classifier, and transport against the floor."""

    METRICS = ("c2st", "sliced_wasserstein", "mmd")

    def bars(self, floor: list[Numbers], baselines: Mapping[str, Numbers]) -> list[Bar]:
        """Set the bars."""
        tail = quantile(floor, "sliced_wasserstein", 0.9)
        return [
            Bar(number="c2st", side="at most", limit=0.57, rule="held-out accuracy; equal laws 0.5"),
            Bar(
                number="sliced_wasserstein",
                side="at most",
                limit=3 * tail,
                rule="3 x the floor's 90 % quantile",
            ),
            Bar(number="mmd", side="at most", limit=0.01, rule="squared MMD; equal laws 0"),
        ]

    @cached_property
    def fixtures(self) -> Mapping[str, Sampler]:
        """A Gaussian with the right moments, and known faults of the law."""
        law = gandiag.open_sampler(self._address)
        rows = law.sample(20_000, rng=stream(0, "acceptance", "moments")).matrix()
        centre, covariance = rows.mean(axis=0), np.cov(rows.T)

        def gaussian(n: int, rng: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
            return rng.multivariate_normal(centre, covariance, size=n)

        found = {"moment-matched Gaussian": gandiag.open_sampler(gaussian, name="moment-matched Gaussian")}
        for name, fault in {"half of it noise": "noise=0.5", "squeezed": "scale=0.7", "moved": "shift=0.5"}.items():
            found[name] = gandiag.open_sampler(f"{self._address}!{fault}", name=name)
        return found


class Stacked:
    """Judge of the stacked digits: how many of the 1 000 triples occur, how evenly, and whether they look like digits.

    Counts alone are passed by ten class means per channel, or by a Gaussian.
    """

    ADDRESS = "data:stacked_digits"
    ROWS = 10_000
    LOOKED_AT = 800

    def judge(self, sampler: Sampler, *, seed: int) -> Numbers:
        """Measure 10 000 samples, and a classifier on the first channel of 800."""
        law = gandiag.open_sampler(self.ADDRESS)
        real, fake = (self._channel(side, seed, name) for name, side in (("real", law), ("fake", sampler)))
        report = gandiag.score(
            self.ADDRESS, sampler, metrics=["stacked_modes"], n=self.ROWS, seed=seed, permutations=49
        )
        result = report["stacked_modes"]
        captured = float("nan") if result.estimate is None else float(result.estimate)
        reverse_kl = float(result.details.get("reverse_kl", float("nan")))
        return {"stacked_modes": captured, "reverse_kl": reverse_kl, **told_apart(real, fake, seed)}

    def _channel(self, side: Sampler, seed: int, name: str) -> Matrix:
        drawn = side.sample(self.LOOKED_AT, rng=stream(seed, "acceptance", "channel", name))
        first: Matrix = np.asarray(drawn.values, dtype=np.float64)[..., 0].reshape(len(drawn), -1)
        return first

    def floor(self, *, seed: int, times: int) -> list[Numbers]:
        """Measure fresh stacks."""
        law = gandiag.open_sampler(self.ADDRESS)
        return [self.judge(law, seed=seed + 1 + index) for index in range(times)]

    def bars(self, floor: list[Numbers], baselines: Mapping[str, Numbers]) -> list[Bar]:
        """Set the bars."""
        return [
            Bar(number="stacked_modes", side="at least", limit=900.0, rule="nine tenths of the modes"),
            Bar(
                number="reverse_kl",
                side="at most",
                limit=quantile(floor, "reverse_kl", 0.9) + 0.5,
                rule="the floor's 90 % quantile + 0.5 nat",
            ),
            Bar(number="c2st", side="at most", limit=0.75, rule="held-out accuracy on one channel; equal laws 0.5"),
        ]

    @cached_property
    def fixtures(self) -> Mapping[str, Sampler]:
        """Stacks without some of the triples, and all triples without digits."""
        digits = gandiag.open_sampler("data:digits")
        drawn = digits.sample(digits.size or 1, rng=stream(0, "acceptance", "digits"))
        images, labels = np.asarray(drawn.values), np.asarray(drawn.labels)
        means = np.stack([images[labels == digit].mean(axis=0) for digit in range(10)])

        def averages(n: int, rng: np.random.Generator) -> Matrix:
            stacks: Matrix = np.rint(np.moveaxis(means[rng.integers(10, size=(n, 3))], 1, -1))
            return stacks

        faults = {"200 modes dropped": "drop_modes=200", "one sample repeated": "collapse=0.5"}
        made = {name: gandiag.open_sampler(f"{self.ADDRESS}!{fault}", name=name) for name, fault in faults.items()}
        return {**made, "class means": gandiag.open_sampler(averages, name="class means", value_range=(0.0, 16.0))}
