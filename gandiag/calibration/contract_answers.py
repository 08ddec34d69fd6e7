"""Rules about a metric's answers: complete, in range, repeatable, and given to whatever input there is."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from gandiag.calibration.contract_inputs import SIDES, degenerate, ordinary_pair
from gandiag.calibration.contract_subject import Subject, agree, defined
from gandiag.core.results import OPTIONAL_FIELDS

FEW_PERMUTATIONS = 19


def card(subject: Subject) -> str | None:
    """Read the texts of the spec."""
    spec = subject.spec
    texts = ("title", "summary", "sees", "blind_to", "cost", "source", "unit")
    empty = [name for name in texts if not str(getattr(spec, name)).strip()]
    if empty:
        return f"nothing in {', '.join(empty)}"
    if "\n" in spec.summary or len(spec.summary) > 120:
        return f"a summary of {len(spec.summary)} characters"
    return None if spec.name.isidentifier() else f"the name {spec.name!r}"


def complete(subject: Subject) -> str | None:
    """Ask for the whole answer on an ordinary comparison."""
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


def in_range(subject: Subject) -> str | None:
    """Compare estimates with the declared range."""
    low = -np.inf if subject.spec.low is None else subject.spec.low
    high = np.inf if subject.spec.high is None else subject.spec.high
    found = defined([subject.ordinary.estimate, *subject.at_witnesses])
    out = [value for value in found if not low <= value <= high]
    return f"{out[0]:g} outside [{low:g}, {high:g}]" if out else None


def repeatable(subject: Subject) -> str | None:
    """Measure twice from one seed."""
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


def own_stream(subject: Subject) -> str | None:
    """Watch the global state of random, numpy.random and numpy's errors."""
    subject.measurement(ordinary_pair())  # imports happen here: some packages draw while they load
    before = _global_state()
    subject.measurement(ordinary_pair())
    return None if _global_state() == before else "a changed global state of random, numpy.random or numpy's errors"


def inputs_untouched(subject: Subject) -> str | None:
    """Compare the rows before and after, and measure read-only ones."""
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


def row_order(subject: Subject) -> str | None:
    """Let a split depend on the order of rows only if it is drawn: rows often come sorted."""
    pair, rng = ordinary_pair(), np.random.default_rng(4)
    order = {side: rng.permutation(len(getattr(pair, side))) for side in SIDES}
    mixed = {side: getattr(pair, side)[order[side]] for side in SIDES}
    outside = None if pair.outside is None else pair.outside[order["fake"]]
    values = defined(
        [subject.ordinary.estimate, *subject.estimates(replace(pair, **mixed, outside=outside, _shared={}))]
    )
    if agree(values):
        return None
    # What several metrics share is drawn from a stream of the comparison's seed.
    redrawn = [subject.measurement(replace(pair, seed=seed, _shared={}), seed=seed).estimate for seed in (3, 4, 5)]
    drawn = len(set(redrawn)) > 1
    return None if drawn else f"{values[0]:g}, and {values[1]:g} for the same rows in another order"


def answers(kind: str, subject: Subject) -> str | None:
    """Measure degenerate input."""
    result = subject.result(degenerate(kind))
    if result.status == "failed":
        return f"status failed: {result.reasons['estimate']}"
    if result.status == "undefined" and not result.reasons["estimate"].strip():
        return "no reason for an undefined result"
    if kind == "all equal" and result.p_value is not None and result.p_value.value != 1.0:
        return f"p = {result.p_value.value:g}"
    return None


def fewest_rows(subject: Subject) -> str | None:
    """Measure as few rows as the spec allows."""
    spec = subject.spec
    pair = ordinary_pair(n=spec.min_real, m=spec.min_fake)
    result = subject.result(pair, permutations=FEW_PERMUTATIONS)
    return f"status failed: {result.reasons['estimate']}" if result.status == "failed" else None
