"""An interval gives its ends at any confidence, as a gate needs them: over all metrics that may give one."""

from __future__ import annotations

import importlib
import inspect
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from gandiag.calibration.contract_inputs import ordinary_pair
from gandiag.calibration.inputs import suited
from gandiag.calibration.null_simulation import ready
from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval
from gandiag.core.specs import METRICS

RNG = np.random.default_rng(0)
LEVELS = (1e-9, 0.5, 0.9, 0.95, 0.99, 0.9999, 1.0 - 1e-12)
# Trained for seconds; its interval is made where those of the other critics are.
COSTLY = ("c2st_cnn", "c2st_mlp")


def _may_give_an_interval(name: str) -> bool:
    """Look for an interval in the module of a metric and in the private ones that it imports from its folder."""
    source = inspect.getsource(importlib.import_module(f"gandiag.metrics.{name}"))
    private = re.findall(r"from gandiag\.metrics\.(_\w+) import", source)
    return any(
        re.search(r"\bInterval\b", text)
        for text in (source, *(inspect.getsource(importlib.import_module(f"gandiag.metrics.{m}")) for m in private))
    )


def fault_of(interval: Interval) -> str | None:
    """Say what an interval does not keep of the promise of ends at any confidence."""
    if interval.bounds is None:
        return "no ends at other levels"
    if interval.bounds(interval.level) != (interval.low, interval.high):
        return "other ends at its own level"
    ends = [interval.bounds(level) for level in LEVELS]
    if ends != [interval.bounds(level) for level in LEVELS]:
        return "other ends when asked again"
    for side, sign, closed in ((0, 1.0, "upper"), (1, -1.0, "lower")):
        found = [pair[side] for pair in ends]
        given = np.array([-sign * np.inf if end is None else end for end in found])
        if interval.sided == closed and any(end is not None for end in found):
            return "a second side at another level"
        if any(end is not None and not np.isfinite(end) for end in found):
            return "an end that is not finite"
        if (sign * given[1:] > sign * given[:-1]).any():
            return "ends that do not widen with the level"
    return None


def heeds_the_level(interval: Interval) -> bool:
    """Tell whether the ends move with the level; they need not where a bound of the range is reached."""
    return interval.bounds is not None and interval.bounds(LEVELS[0]) != interval.bounds(LEVELS[-1])


def _pairs() -> list[Comparison]:
    """Draw pairs of unequal and of equal size, and one with repeated rows whose fakes are mostly training rows."""
    rng = np.random.default_rng(6)
    real, train, aside, other = (np.rint(2.0 * rng.normal(size=(rows, 2))) for rows in (110, 100, 80, 110))
    copies = Comparison(real=real, fake=np.concatenate([train[:90], other[:20]]), fit=aside, train=train)
    return [ordinary_pair(), ordinary_pair(n=110, m=110, d=2, shift=3.0, seed=1), copies]


PAIRS = _pairs()
NAMES = [name for name in METRICS.names() if _may_give_an_interval(name)]
CASES = [pytest.param(name, marks=pytest.mark.slow if name in COSTLY else ()) for name in NAMES]


@cache
def _suited(index: int, needs: frozenset[str]) -> Comparison:
    """Give a pair what metrics need; they share it, so that critics are trained once."""
    return suited(next(spec for spec in METRICS if spec.needs == needs), PAIRS[index])


@pytest.mark.parametrize("name", CASES)
def test_an_interval_gives_its_ends_at_any_confidence(name: str) -> None:
    spec, rng = METRICS.get(name), np.random.default_rng(3)
    measured = [ready(spec).measure(_suited(i, spec.needs), rng=rng) for i in range(len(PAIRS))]
    found = [each.interval for each in measured if each.interval is not None]
    assert [fault_of(interval) for interval in found] == [None] * len(found)
    assert any(heeds_the_level(interval) for interval in found)


def test_the_catalog_is_searched_for_intervals() -> None:
    assert {"c2st_knn", "kid", "mmd", "missing_mass", "wasserstein"} <= set(NAMES)
    assert "energy" not in NAMES


def _normal(level: float) -> tuple[float, float]:
    return -1.0 / (1.0 - level), 1.0 / (1.0 - level)


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (lambda found: replace(found, bounds=None), "no ends"),
        (lambda found: replace(found, low=0.0), "other ends at its own"),
        (lambda found: Interval.of(lambda level: _normal(1.0 - level), level=0.95, method="m"), "do not widen"),
        (lambda found: Interval.of(lambda level: (None, np.inf), level=0.95, method="m"), "not finite"),
        (lambda found: replace(found, sided="upper"), "a second side"),
        (
            lambda found: replace(found, bounds=lambda level: (RNG.random(), 1.0)),
            "other ends at its own",
        ),
    ],
)
def test_an_interval_that_breaks_the_promise_is_found_out(wrong: Callable[[Interval], Interval], fault: str) -> None:
    right = Interval.of(_normal, level=0.95, method="m")
    assert heeds_the_level(right)
    assert not heeds_the_level(Interval.of(lambda level: (-1.0, 1.0), level=0.95, method="m"))
    assert fault_of(right) is None
    found = fault_of(wrong(right))
    assert found is not None
    assert fault in found


def test_an_interval_is_pickled_without_its_function() -> None:
    found = pickle.loads(pickle.dumps(Interval.of(_normal, level=0.95, method="m")))  # noqa: S301
    assert (found.low, found.high, found.level) == (*_normal(0.95), 0.95)
    assert found.bounds is None


# Coverage at other levels, where the value is known.

DRAWS, ROWS, LENGTH, SHIFT = 300, 100, 2.0, 0.8


def _normal_pair(rng: np.random.Generator) -> Comparison:
    real, fake, aside = (rng.normal(size=(ROWS, 2)) for _ in range(3))
    return Comparison(real=real, fake=fake + np.array([SHIFT, 0.0]), fit=aside)


def _discrepancy() -> float:
    """Give the squared discrepancy of two normal laws in the plane under a Gaussian kernel."""
    wide = LENGTH**2 + 2.0
    return 2.0 * LENGTH**2 / wide * (1.0 - float(np.exp(-(SHIFT**2) / (2.0 * wide))))


KNOWN = [
    ("mmd_linear", {"bandwidth": LENGTH, "flips": 1}, _discrepancy()),
    ("rke", {"bandwidth": LENGTH}, 1.0 + 4.0 / LENGTH**2),
]


@pytest.mark.parametrize(("name", "options", "value"), KNOWN)
def test_other_levels_are_kept_where_the_value_is_known(name: str, options: dict[str, float], value: float) -> None:
    measure, rng = METRICS.get(name).measure, np.random.default_rng(5)
    covered = {0.8: 0, 0.99: 0}
    for _ in range(DRAWS):
        interval = measure(_normal_pair(rng), rng=rng, **options).interval
        for level in covered:
            low, high = interval.bounds(level)
            covered[level] += low <= value <= (np.inf if high is None else high)
    for level, count in covered.items():
        assert _plausible(count, level)
    # Ends of another level, as of an interval that heeds none, are found out.
    assert not _plausible(covered[0.8], 0.99)
    assert not _plausible(covered[0.99], 0.8)


def _plausible(count: int, level: float) -> bool:
    """Tell whether so many of the draws are covered at a level, up to 1 % for asymptotic laws at this size."""
    least, most = binom.cdf(count, DRAWS, level - 0.01), binom.sf(count - 1, DRAWS, min(1.0, level + 0.01))
    return bool(min(least, most) > 1e-4)
