"""The rules of the contract, one function each: what a metric must keep so that its numbers may be believed.

A rule is asked of a `Subject` and answers with what it received that broke it, or None. `check_metric` asks all of
them, and the contract tests ask each of every metric in the catalog. There is none about dtypes and strides: a
`Comparison` brings all rows to float64 in one layout before a metric sees them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gandiag.calibration.contract_inputs import DEGENERATE, SIDES, degenerate, ordinary_pair, witnesses
from gandiag.calibration.exchangeability import is_exact
from gandiag.calibration.inputs import suited
from gandiag.calibration.laws import LAWS
from gandiag.calibration.null_simulation import level, ready, simulated_p_values
from gandiag.core.comparison import Comparison
from gandiag.core.results import OPTIONAL_FIELDS, Measurement, Relabelling, Result
from gandiag.core.specs import MetricSpec
from gandiag.measuring import Settings, measured

# The quick look at the level: a coarse limit, seen by tests that reject at several times their level.
QUICK_LAWS = ("student", "ties")
QUICK_SIZES = (60, 30, 40)
QUICK_REPETITIONS = 60
QUICK_PERMUTATIONS = 19


class Subject:
    """One metric under examination."""

    def __init__(self, spec: MetricSpec, *, repetitions: int = QUICK_REPETITIONS) -> None:
        self.spec = ready(spec)
        self.repetitions = repetitions

    def result(self, pair: Comparison, *, permutations: int = 99) -> Result:
        """Ask for the whole answer."""
        return measured(self.spec, suited(self.spec, pair), settings=Settings(permutations=permutations))

    def measurement(self, pair: Comparison, *, seed: int = 3) -> Measurement:
        """Ask for the number and its null."""
        return self.spec.measure(suited(self.spec, pair), rng=np.random.default_rng(seed))

    def estimates(self, *pairs: Comparison) -> list[float]:
        """Measure some comparisons; an undefined one leaves nothing to compare."""
        found = [self.measurement(pair).estimate for pair in pairs]
        return [value for value in found if value is not None]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule.

    Parameters
    ----------
    name : str
    demand : str
        What must hold.
    remedy : str
    broken : callable
        ``Subject -> what was received that broke it, or None``.
    """

    name: str
    demand: str
    remedy: str
    broken: Callable[[Subject], str | None]


def _card(subject: Subject) -> str | None:
    spec = subject.spec
    texts = ("title", "summary", "sees", "blind_to", "cost", "source", "unit")
    empty = [name for name in texts if not str(getattr(spec, name)).strip()]
    if empty:
        return f"nothing in {', '.join(empty)}"
    if "\n" in spec.summary or len(spec.summary) > 120:
        return f"a summary of {len(spec.summary)} characters"
    return None if spec.name.isidentifier() else f"the name {spec.name!r}"


def _complete(subject: Subject) -> str | None:
    result = subject.result(ordinary_pair())
    if result.status not in {"ok", "degraded"}:
        return f"status {result.status}: {result.reasons['estimate']}"
    silent = [name for name in OPTIONAL_FIELDS if getattr(result, name) is None and not result.reasons[name].strip()]
    if silent:
        return f"an empty reason for {', '.join(silent)}"
    missing = [name for name in ("estimate", "floor", "p_value") if getattr(result, name) is None]
    if missing:
        return f"no {' and no '.join(missing)}"
    p = result.p_value
    return None if p is not None and 0.0 < p.value <= 1.0 else f"p = {p}"


def _in_range(subject: Subject) -> str | None:
    low = -np.inf if subject.spec.low is None else subject.spec.low
    high = np.inf if subject.spec.high is None else subject.spec.high
    found = subject.estimates(ordinary_pair(), *witnesses())
    out = [value for value in found if not low <= value <= high]
    return f"{out[0]:g} outside [{low:g}, {high:g}]" if out else None


def _repeatable(subject: Subject) -> str | None:
    first, second = (subject.result(ordinary_pair()) for _ in range(2))
    same = {
        "estimate": first.estimate == second.estimate,
        "p-value": first.p_value == second.p_value
        or (first.p_value and first.p_value.value) == (second.p_value and second.p_value.value),
        "details": first.details == second.details,
    }
    changed = [name for name, is_same in same.items() if not is_same]
    return f"another {' and another '.join(changed)} from the same seed" if changed else None


def _global_state() -> tuple[object, ...]:
    kept = np.random.get_state(legacy=False)["state"]  # noqa: NPY002  to see that nobody draws from it
    return (random.getstate(), kept["key"].tobytes(), kept["pos"], str(np.geterr()))


def _own_stream(subject: Subject) -> str | None:
    subject.measurement(ordinary_pair())  # imports happen here: some packages draw while they load
    before = _global_state()
    subject.measurement(ordinary_pair())
    return None if _global_state() == before else "a changed global state of random, numpy.random or numpy's errors"


def _inputs_untouched(subject: Subject) -> str | None:
    pair = ordinary_pair()
    before = {side: getattr(pair, side).copy() for side in SIDES}
    free = subject.measurement(pair).estimate
    written = [side for side in SIDES if not np.array_equal(getattr(pair, side), before[side])]
    if written:
        return f"changed rows of {', '.join(written)}"
    for side in SIDES:
        getattr(pair, side).setflags(write=False)
    frozen = subject.measurement(pair).estimate
    return None if frozen == free else f"{frozen} on read-only rows, {free} on others"


def _row_order(subject: Subject) -> str | None:
    """Let a split depend on the order of rows only if it is drawn: rows often come sorted."""
    pair, rng = ordinary_pair(), np.random.default_rng(4)
    order = {side: rng.permutation(len(getattr(pair, side))) for side in SIDES}
    mixed = {side: getattr(pair, side)[order[side]] for side in SIDES}
    outside = None if pair.outside is None else pair.outside[order["fake"]]
    values = subject.estimates(pair, replace(pair, **mixed, outside=outside, _shared={}))
    if _agree(values):
        return None
    # What several metrics share is drawn from a stream of the comparison's seed.
    redrawn = [subject.measurement(replace(pair, seed=seed, _shared={}), seed=seed).estimate for seed in (3, 4, 5)]
    drawn = len(set(redrawn)) > 1
    return None if drawn else f"{values[0]:g}, and {values[1]:g} for the same rows in another order"


def _agree(values: list[float]) -> bool:
    return len(values) < 2 or bool(np.isclose(values[0], values[1], rtol=1e-6, atol=1e-9))


def _as_declared(declared: bool, agreements: list[bool]) -> str | None:
    """Compare a trait with its declaration: it holds everywhere, or breaks somewhere where it is not declared."""
    if all(agreements) == declared:
        return None
    if declared:
        return f"declared, but broken on {agreements.count(False)} of {len(agreements)} comparisons"
    return f"not declared, but holding on all {len(agreements)} comparisons"


def _symmetry(subject: Subject) -> str | None:
    agreements = []
    for pair in witnesses():
        swapped = replace(pair, real=pair.fake, fake=pair.real, outside=np.zeros(pair.n, dtype=bool), _shared={})
        agreements.append(_agree(subject.estimates(pair, swapped)))
    return _as_declared(subject.spec.symmetric, agreements)


def _scale(subject: Subject) -> str | None:
    agreements = []
    for pair in (suited(subject.spec, witness) for witness in witnesses()):
        sides = {side: getattr(pair, side) * 8.0 for side in SIDES}
        agreements.append(_agree(subject.estimates(pair, replace(pair, **sides, _shared={}))))
    return _as_declared(subject.spec.scale_invariant, agreements)


def _zero(subject: Subject) -> str | None:
    zeros = []
    for pair in witnesses():
        for side in (pair.real, pair.fake):
            same = replace(pair, real=side, fake=side, outside=np.zeros(len(side), dtype=bool), _shared={})
            zeros += [abs(value) < 1e-7 for value in subject.estimates(same)]
    # A lower bound is often 0 without being so by definition.
    if subject.spec.kind == "lower_bound" and all(zeros):
        return None
    return _as_declared(subject.spec.zero_on_equal, zeros)


def _observed_is_one_of_all(subject: Subject) -> str | None:
    """Put the observed labelling through the statistic again: it must equal itself and the estimate."""
    measurement = subject.measurement(ordinary_pair())
    null = measurement.null
    if not isinstance(null, Relabelling) or measurement.estimate is None:
        return None
    values = np.atleast_2d(null.statistic(np.repeat(null.observed[:, None], 3, axis=1)))
    if not np.allclose(values, values[:, :1], rtol=1e-12, atol=1e-14):
        return f"{np.ptp(values, axis=1).max():.3g} between equal columns of labels"
    if not np.isclose(values[0, 0], measurement.estimate, rtol=1e-7, atol=1e-9):
        return f"{values[0, 0]:g} from the observed labels, and the estimate {measurement.estimate:g}"
    return None


def _columns_apart(subject: Subject) -> str | None:
    """Compare a block of labels with its columns: the engine cuts blocks as memory allows."""
    null = subject.measurement(ordinary_pair()).null
    if not isinstance(null, Relabelling):
        return None
    rng = np.random.default_rng(6)
    labels = np.stack([null.observed, *(rng.permutation(null.observed) for _ in range(4))], axis=1)
    if null.groups is not None or null.strata is not None:
        labels = np.repeat(null.observed[:, None], 5, axis=1)
    together = np.atleast_2d(null.statistic(labels))
    alone = np.concatenate([np.atleast_2d(null.statistic(labels[:, i : i + 1])) for i in range(5)], axis=1)
    gap = float(np.abs(together - alone).max())
    return None if np.allclose(together, alone, rtol=1e-9, atol=1e-12) else f"a difference of {gap:.3g}"


def _answers(kind: str, subject: Subject) -> str | None:
    result = subject.result(degenerate(kind))
    if result.status == "failed":
        return f"status failed: {result.reasons['estimate']}"
    if result.status == "undefined" and not result.reasons["estimate"].strip():
        return "no reason for an undefined result"
    if kind == "all equal" and result.p_value is not None and result.p_value.value != 1.0:
        return f"p = {result.p_value.value:g}"
    return None


def _fewest_rows(subject: Subject) -> str | None:
    spec = subject.spec
    pair = ordinary_pair(n=spec.min_real, m=spec.min_fake)
    result = subject.result(pair, permutations=QUICK_PERMUTATIONS)
    return f"status failed: {result.reasons['estimate']}" if result.status == "failed" else None


def _level(subject: Subject) -> str | None:
    """Exact by construction where that can be shown; else a few simulations."""
    for name in QUICK_LAWS:
        law, rng = LAWS[name].draw, np.random.default_rng(7)
        n, m, fit = QUICK_SIZES
        real, fake, aside, train = (law(rng, rows) for rows in (n, m, fit, fit))
        if is_exact(subject.spec, Comparison(real=real, fake=fake, fit=aside, train=train)):
            continue
        p = simulated_p_values(
            subject.spec,
            law,
            law,
            range(subject.repetitions),
            sizes=QUICK_SIZES,
            permutations=QUICK_PERMUTATIONS,
            purpose=("quick look", name),
        )
        found = level(p, 0.05)
        if not found.kept:
            title = LAWS[name].title
            return f"p ≤ 0.05 in {found.rate:.0%} of {len(p)} cases of {title}, where {found.high:.0%} is the limit"
    return None


def _rules() -> Iterator[Rule]:
    def rule(name: str, broken: Callable[[Subject], str | None], demand: str, remedy: str) -> Rule:
        return Rule(name=name, demand=demand, remedy=remedy, broken=broken)

    yield rule(
        "card",
        _card,
        "the spec must say in its texts what the metric is, in a summary of one line and 120 characters",
        "Fill title, summary, unit, sees, blind_to, cost and source, and name it as an identifier.",
    )
    yield rule(
        "complete",
        _complete,
        "an ordinary comparison must give an estimate, a floor, a p-value in (0, 1], and a reason for what is absent",
        "Give a Relabelling or a KnownNull, and reasons for interval and e_value where there are none.",
    )
    yield rule(
        "range",
        _in_range,
        "estimates must lie between the declared `low` and `high`",
        "Declare the range that the estimate has, None where it is open.",
    )
    yield rule(
        "repeatable",
        _repeatable,
        "one seed must give one result, bit for bit",
        "Draw from `rng` alone, and sort what comes out of sets.",
    )
    yield rule(
        "own stream",
        _own_stream,
        "measuring must leave global state alone",
        "Draw from `rng` alone, and set numpy's errors in a with block.",
    )
    yield rule(
        "inputs untouched",
        _inputs_untouched,
        "rows must not be written to",
        "Copy what is changed in place.",
    )
    yield rule(
        "row order",
        _row_order,
        "the order of rows must not matter, unless halves are drawn from `rng`",
        "Draw splits from `rng`: rows often come sorted.",
    )
    yield rule(
        "symmetry",
        _symmetry,
        "`symmetric` must be declared if and only if swapping real and fake leaves the estimate as it is",
        "Declare it as it is.",
    )
    yield rule(
        "scale invariance",
        _scale,
        "`scale_invariant` must be declared if and only if a common factor leaves the estimate as it is",
        "Declare it as it is.",
    )
    yield rule(
        "zero on equal",
        _zero,
        "`zero_on_equal` must be declared if and only if a sample against itself scores 0",
        "Declare it as it is.",
    )
    yield rule(
        "observed among equals",
        _observed_is_one_of_all,
        "the statistic of the null must give the estimate under the observed labels",
        "Compute the estimate by the null's own statistic.",
    )
    yield rule(
        "columns apart",
        _columns_apart,
        "the statistic under one labelling must not depend on the others in its block",
        "Reduce over rows only; never centre or scale over columns of labels.",
    )
    for kind in DEGENERATE:
        yield rule(
            kind,
            partial(_answers, kind),
            f"degenerate input ({kind}) must be answered or undefined with a reason, and equal rows with p = 1",
            'Return Measurement(estimate=None, status="undefined", reasons={"estimate": why}).',
        )
    yield rule(
        "fewest rows",
        _fewest_rows,
        "as few rows as `min_real` and `min_fake` must do",
        "Raise the declared numbers, or treat the small case.",
    )
    yield rule(
        "level",
        _level,
        "p ≤ 0.05 must happen in at most 5 % of cases under equal laws",
        "Fit on `comparison.fit` or on the pool by a rule that knows no labels; learn on one half, test on the other.",
    )


RULES = {rule.name: rule for rule in _rules()}
