"""Rules about what more rows buy: power that grows with them, and intervals that hold what they promise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from gandiag.calibration.contract_inputs import ordinary_pair
from gandiag.calibration.contract_subject import Subject
from gandiag.calibration.laws import Matrix
from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval

Draw = Callable[[np.random.Generator, int, float], Comparison]

# A fault must be missed in most draws of the few rows and seen in all draws of the many.
FEW, TIMES, DRAWS, MOST_SEEN = 12, 16, 5, 2
ALPHA, PERMUTATIONS = 0.05, 39
COVERAGE_DRAWS, COVERAGE_ROWS = 24, (40, 50, 40)


def _modes(rng: np.random.Generator, rows: int, spread: float = 0.3) -> Matrix:
    centres = np.array([[4.0, 0, 0], [-4, 0, 0], [0, 4, 0], [0, -4, 0]])
    out: Matrix = centres[rng.integers(4, size=rows)] + spread * rng.normal(size=(rows, 3))
    return out


def _shift(rng: np.random.Generator, rows: int, size: float) -> Comparison:
    real, fake, aside, train = (rng.normal(size=(rows, 3)) for _ in range(4))
    return Comparison(real=real, fake=fake + size, fit=aside, train=train, outside=np.zeros(rows, dtype=bool))


def _partly(other: Callable[[np.random.Generator, Comparison], Matrix], *, far: bool = False) -> Draw:
    """Put something else in the place of a share of the fake rows; far rows lie outside the declared range."""

    def draw(rng: np.random.Generator, rows: int, share: float) -> Comparison:
        real, fake, aside, train = (_modes(rng, rows) for _ in range(4))
        pair = Comparison(real=real, fake=fake, fit=aside, train=train)
        hit = rng.random(rows) < share
        ill = np.where(hit[:, None], other(rng, pair), fake)
        return Comparison(real=real, fake=ill, fit=aside, train=train, outside=hit & far)

    return draw


FAULTS: Mapping[str, tuple[Draw, tuple[float, ...]]] = {
    "shift": (_shift, (0.4, 0.7, 1.2, 3.0)),
    "noise": (_partly(lambda rng, pair: 30.0 * rng.normal(size=pair.fake.shape), far=True), (0.04, 0.08, 0.2, 0.5)),
    "collapse": (
        _partly(lambda rng, pair: _modes(rng, pair.m)[:1] + 0.3 * rng.normal(size=pair.fake.shape)),
        (0.2, 0.35, 0.5, 0.7, 1.0),
    ),
    "narrow modes": (_partly(lambda rng, pair: _modes(rng, pair.m, spread=0.03)), (0.2, 0.4, 0.7, 1.0)),
    "repeats": (
        _partly(lambda rng, pair: pair.fake[rng.integers(max(1, pair.m // 10), size=pair.m)]),
        (0.04, 0.1, 0.25, 0.6),
    ),
    "copies of training rows": (
        _partly(lambda rng, pair: pair.real if pair.train is None else pair.train),
        (0.05, 0.12, 0.3, 0.6),
    ),
    "copies of held-out rows": (_partly(lambda rng, pair: pair.real), (0.01, 0.05, 0.2)),
}


def power_grows(subject: Subject) -> str | None:
    """Look for a fault that is missed with few rows and seen with many: the first one found will do."""
    if subject.result(ordinary_pair(), permutations=PERMUTATIONS).p_value is None:
        return None  # That is refused by the rule "complete".
    few = max(FEW, subject.spec.min_real, subject.spec.min_fake)
    seen = {}
    for name, (draw, severities) in FAULTS.items():
        for severity in severities:
            if not all(p <= ALPHA for p in _p_values(subject, draw, few * TIMES, severity)):
                continue
            seen[name] = sum(p <= ALPHA for p in _p_values(subject, draw, few, severity))
            if seen[name] <= MOST_SEEN:
                return None
    if not seen:
        return f"none of {', '.join(FAULTS)} seen in each of {DRAWS} draws of {few * TIMES} rows"
    return f"no more power in {few * TIMES} rows than in {few} ({', '.join(seen)})"


def _p_values(subject: Subject, draw: Draw, rows: int, severity: float) -> Iterator[float]:
    for seed in range(DRAWS):
        pair = draw(np.random.default_rng(seed), rows, severity)
        result = subject.result(pair, permutations=PERMUTATIONS)
        yield 1.0 if result.p_value is None else result.p_value.value


def interval_covers(subject: Subject) -> str | None:
    """Ask for an interval of ordered ends and, where equal laws have the value 0 by declaration, that it covers it."""
    from scipy.stats import binom

    known = subject.spec.zero_on_equal or subject.spec.kind == "lower_bound"
    missed = []
    for seed in range(COVERAGE_DRAWS if known else 1):
        found = _interval_of_equal_laws(subject, seed)
        if found is None:
            return None
        low, high = _ends(found)
        if not low <= high or not 0.0 < found.level < 1.0:
            return f"an interval from {low:g} to {high:g} at level {found.level:g}"
        missed.append(known and not low <= 0.0 <= high)
        most = int(binom.ppf(1 - 1e-4, COVERAGE_DRAWS, 1.0 - found.level))
        if sum(missed) > most:
            cases = f"{sum(missed)} of {len(missed)} cases of equal laws"
            return f"0 outside it in {cases}, where {most} of {COVERAGE_DRAWS} is the limit"
    return None


def _interval_of_equal_laws(subject: Subject, seed: int) -> Interval | None:
    rng, (n, m, fit) = np.random.default_rng(seed), COVERAGE_ROWS
    real, fake, aside, train = (rng.normal(size=(rows, 2)) for rows in (n, m, fit, fit))
    pair = Comparison(real=real, fake=fake, fit=aside, train=train)
    return subject.measurement(pair, seed=seed).interval


def _ends(interval: Interval) -> tuple[float, float]:
    low = -np.inf if interval.low is None else interval.low
    return low, np.inf if interval.high is None else interval.high
