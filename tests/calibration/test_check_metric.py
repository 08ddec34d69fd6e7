"""check_metric accepts a sound metric, and refuses each of its broken copies by exactly the rule that it breaks."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gandiag
from gandiag.calibration.checking import BrokenContract, breach_of, check_metric
from gandiag.calibration.contract_inputs import DEGENERATE
from gandiag.calibration.contract_rules import RULES
from gandiag.calibration.contract_subject import Subject
from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, Interval, KnownNull, Measurement, PValue, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError

Matrix = NDArray[np.float64]
Measure = Callable[..., Measurement]


def gap(pool: Matrix, is_real: NDArray[np.bool_]) -> Measurement:
    """The sum of absolute differences of the columns' means, with its permutation null."""

    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        shares = labels / labels.sum(axis=0) - ~labels / (~labels).sum(axis=0)
        return np.abs(pool.T @ shares).sum(axis=0)[None, :]

    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons={"interval": "none is known", "e_value": "not a sequential test"},
    )


def sound(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    pool, is_real = comparison.pooled()
    return gap(pool - pool.mean(axis=0), is_real)


SOUND = MetricSpec(
    name="gap",
    title="Gap of means",
    summary="How far apart the means of the columns are.",
    measure=sound,
    kind="index",
    direction="lower",
    unit="units of the features",
    low=0.0,
    high=None,
    family="distribution",
    topic="two_sample",
    symmetric=True,
    scale_invariant=False,
    zero_on_equal=True,
    min_real=1,
    min_fake=1,
    most_rows=10_000,
    sees="shifts",
    blind_to="everything else",
    cost="O((n + m) d B)",
    source="school",
)


def spoiled(change: Callable[[Measurement, Comparison], Measurement]) -> MetricSpec:
    def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
        return change(sound(comparison, rng=rng), comparison)

    return replace(SOUND, measure=measure)


def raising(when: Callable[[Comparison], bool]) -> MetricSpec:
    def change(found: Measurement, comparison: Comparison) -> Measurement:
        if when(comparison):
            raise ZeroDivisionError("planted")
        return found

    return spoiled(change)


CALLS = itertools.count()


def counts_its_calls(found: Measurement, _: Comparison) -> Measurement:
    return replace(found, details={"call": next(CALLS)})


def draws_elsewhere(found: Measurement, _: Comparison) -> Measurement:
    random.random()
    return found


def writes(found: Measurement, comparison: Comparison) -> Measurement:
    comparison.fit[0, 0] = 1.0 * comparison.fit[0, 0]
    return found


def first_half(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    real, fake = (side[: (len(side) + 1) // 2] for side in (comparison.real, comparison.fake))
    return gap(np.concatenate([real, fake]), np.arange(len(real) + len(fake)) < len(real))


def drawn_half(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    real, fake = (rng.permutation(side)[: (len(side) + 1) // 2] for side in (comparison.real, comparison.fake))
    return gap(np.concatenate([real, fake]), np.arange(len(real) + len(fake)) < len(real))


def scaled_estimate(found: Measurement, _: Comparison) -> Measurement:
    assert found.estimate is not None
    return replace(found, estimate=1.01 * found.estimate)


def mixing_columns(found: Measurement, _: Comparison) -> Measurement:
    assert isinstance(found.null, Relabelling)
    statistic = found.null.statistic

    def mixed(labels: NDArray[np.bool_]) -> Matrix:
        values = statistic(labels)
        return values + 1e-3 * (values - values[:, :1])

    return replace(found, null=replace(found.null, statistic=mixed))


def learns_on_what_it_tests(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    pool, is_real = comparison.pooled()
    direction = comparison.fake.mean(axis=0) - comparison.real.mean(axis=0)
    return gap((pool - pool.mean(axis=0)) @ direction[:, None], is_real)


def with_p_value(found: Measurement, value: float) -> Measurement:
    p = PValue(value=value, calibration="planted")
    return replace(found, null=KnownNull(floor=Floor(mean=0.0, sd=0.0, source="planted"), p_value=p))


def never_rejects(found: Measurement, comparison: Comparison) -> Measurement:
    return with_p_value(found, 0.3 if np.ptp(comparison.pooled()[0]) > 0 else 1.0)


def twelve_rows(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    real, fake = (rng.permutation(side)[:12] for side in (comparison.real, comparison.fake))
    return gap(np.concatenate([real, fake]), np.arange(len(real) + len(fake)) < len(real))


def spans(low: float, high: float) -> Callable[[Measurement, Comparison], Measurement]:
    def change(found: Measurement, _: Comparison) -> Measurement:
        assert found.estimate is not None
        ends = Interval(low=low * found.estimate, high=high * found.estimate, level=0.95, method="planted")
        return replace(found, interval=ends)

    return change


def half_on_all_equal(found: Measurement, comparison: Comparison) -> Measurement:
    if np.ptp(comparison.pooled()[0]) > 0:
        return found
    return with_p_value(found, 0.5)


def flat(rows: Matrix) -> bool:
    return float(np.ptp(rows)) == 0.0


AT = {
    "constant column": lambda c: int((np.ptp(c.pooled()[0], axis=0) == 0).sum()) == 1,
    "constant fake": lambda c: flat(c.fake) and not flat(c.real) and c.m > 1,
    "constant real": lambda c: flat(c.real) and not flat(c.fake) and c.n > 1,
    "duplicated rows": lambda c: (c.n, len(np.unique(c.real, axis=0))) == (60, 20),
    "more columns than rows": lambda c: c.d > c.n == 20,
    "one column": lambda c: c.d == 1,
    "binary": lambda c: set(np.unique(c.pooled()[0])) == {0.0, 1.0},
    "far from the origin": lambda c: c.real.mean() > 1e5,
    "huge": lambda c: c.real.std() > 1e6,
    "tiny": lambda c: 0 < c.real.std() < 1e-6,
    "two rows": lambda c: c.n == 2,
}
BROKEN: dict[str, MetricSpec] = {
    "card": replace(SOUND, sees=" "),
    "complete": spoiled(lambda f, _: replace(f, null=None, reasons={**f.reasons, "floor": "-", "p_value": "-"})),
    "range": replace(SOUND, high=0.5),
    "repeatable": spoiled(counts_its_calls),
    "own stream": spoiled(draws_elsewhere),
    "inputs untouched": spoiled(writes),
    "row order": replace(SOUND, measure=first_half),
    "symmetry": replace(SOUND, symmetric=False),
    "scale invariance": replace(SOUND, scale_invariant=True),
    "zero on equal": replace(SOUND, zero_on_equal=False),
    "observed among equals": spoiled(scaled_estimate),
    "columns apart": spoiled(mixing_columns),
    "all equal": spoiled(half_on_all_equal),
    **{kind: raising(when) for kind, when in AT.items()},  # type: ignore[arg-type]
    "fewest rows": raising(lambda c: c.n == 1),
    "power grows": spoiled(never_rejects),
    "interval": spoiled(spans(0.9, 1.1)),
    "level": replace(SOUND, measure=learns_on_what_it_tests),
}


def test_a_sound_metric_passes() -> None:
    check_metric(SOUND)


def test_a_metric_that_draws_its_split_may_depend_on_the_order_of_rows() -> None:
    assert breach_of(RULES["row order"], Subject(replace(SOUND, measure=drawn_half))) is None


def test_there_is_a_broken_metric_for_every_rule() -> None:
    assert set(BROKEN) == set(RULES)
    assert set(AT) | {"all equal"} == set(DEGENERATE)


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_metric_is_refused_by_exactly_its_rule(rule: str) -> None:
    with pytest.raises(BrokenContract, match="breaks 1 of its rules") as caught:
        check_metric(BROKEN[rule])
    (breach,) = caught.value.breaches
    assert breach.rule == rule
    assert breach.received
    assert breach.remedy
    assert breach.demand in str(caught.value)
    assert breach.received in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "spec", "received"),
    [
        ("power grows", replace(SOUND, measure=twelve_rows), "no more power in 192 rows than in 12"),
        ("power grows", BROKEN["power grows"], "none of shift, noise"),
        ("interval", BROKEN["interval"], "0 outside it in"),
        ("interval", spoiled(spans(1.1, -1.0)), "an interval from"),
        ("interval", spoiled(spans(0.0, 3.0)), None),
        # Without the declaration nothing says which value is the true one.
        ("interval", replace(BROKEN["interval"], zero_on_equal=False), None),
    ],
)
def test_power_that_does_not_grow_and_intervals_that_do_not_cover(
    rule: str, spec: MetricSpec, received: str | None
) -> None:
    breach = breach_of(RULES[rule], Subject(spec))
    assert (breach is None) == (received is None)
    assert breach is None or received in breach.received  # type: ignore[operator]


def test_every_broken_rule_is_told_of_at_once() -> None:
    twice = replace(SOUND, symmetric=False, summary="")
    with pytest.raises(BrokenContract, match="breaks 2 of its rules") as caught:
        check_metric(twice, rules=["card", "range", "symmetry"])
    assert [breach.rule for breach in caught.value.breaches] == ["card", "symmetry"]
    assert isinstance(caught.value, ConfigError)


def test_a_metric_that_raises_everywhere_is_refused_not_crashed_on() -> None:
    with pytest.raises(BrokenContract, match="ZeroDivisionError") as caught:
        check_metric(raising(lambda _: True))
    assert {"complete", "level", "symmetry"} <= {breach.rule for breach in caught.value.breaches}


@pytest.mark.parametrize("extra", ["energy", "numpy.linalg:norm", "no_such_module:METRIC"])
def test_names_and_addresses_are_taken(extra: str) -> None:
    if extra == "energy":
        gandiag.check_metric(extra, rules=["card", "complete"])
        return
    with pytest.raises(ConfigError, match=r"must be a MetricSpec|importable module:attribute"):
        check_metric(extra)


@pytest.mark.parametrize("given", [3, None, MetricSpec])
def test_what_is_no_spec_is_refused(given: Any) -> None:
    with pytest.raises(ConfigError, match="must be a MetricSpec or the name of one"):
        check_metric(given)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no rule of that name; got levels"):
        check_metric(SOUND, rules=["levels"])


def test_options_that_a_metric_cannot_run_without_are_given() -> None:
    def measure(comparison: Comparison, /, *, rng: np.random.Generator, **options: Any) -> Measurement:
        return sound(comparison, rng=rng) if options["needed"] == 3 else sound(comparison, rng=None)  # type: ignore[arg-type]

    check_metric(replace(SOUND, measure=measure, example={"needed": 3}), rules=["complete", "level"])
