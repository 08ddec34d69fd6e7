"""Rules about what a metric declares and what its null says: traits both ways, the statistic, and the level."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gandiag.calibration.contract_inputs import SIDES, witnesses
from gandiag.calibration.contract_subject import Subject, agree, defined
from gandiag.calibration.exchangeability import is_exact
from gandiag.calibration.inputs import suited
from gandiag.calibration.laws import LAWS
from gandiag.calibration.null_simulation import level, simulated_p_values
from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling

# The quick look at the level: a coarse limit, seen by tests that reject at several times their level.
QUICK_LAWS = ("student", "ties")
QUICK_SIZES = (60, 30, 40)
QUICK_PERMUTATIONS = 19


def _as_declared(declared: bool, agreements: Iterator[bool]) -> str | None:
    """Compare a trait with its declaration: it holds everywhere, or breaks somewhere where it is not declared.

    One break settles that a trait is rightly not declared: what comes after it is not measured.
    """
    if not declared:
        held = 0
        for agreement in agreements:
            if not agreement:
                return None
            held += 1
        return f"not declared, but holding on all {held} comparisons"
    found = list(agreements)
    return None if all(found) else f"declared, but broken on {found.count(False)} of {len(found)} comparisons"


def symmetry(subject: Subject) -> str | None:
    """Swap real and fake."""
    return _as_declared(subject.spec.symmetric, _under_a_swap(subject))


def _under_a_swap(subject: Subject) -> Iterator[bool]:
    for pair, estimate in zip(witnesses(), subject.at_witnesses, strict=True):
        swapped = replace(pair, real=pair.fake, fake=pair.real, outside=np.zeros(pair.n, dtype=bool), _shared={})
        yield agree(defined([estimate, *subject.estimates(swapped)]))


def scale(subject: Subject) -> str | None:
    """Multiply all sides by one factor."""
    return _as_declared(subject.spec.scale_invariant, _under_a_factor(subject))


def _under_a_factor(subject: Subject) -> Iterator[bool]:
    for witness, estimate in zip(witnesses(), subject.at_witnesses, strict=True):
        pair = suited(subject.spec, witness)
        sides = {side: getattr(pair, side) * 8.0 for side in SIDES}
        yield agree(defined([estimate, *subject.estimates(replace(pair, **sides, _shared={}))]))


def zero(subject: Subject) -> str | None:
    """Measure every side against itself; a lower bound is often 0 without being so by definition."""
    if subject.spec.kind == "lower_bound" and not subject.spec.zero_on_equal:
        next(_against_itself(subject), None)  # Any number will do: this breaks by raising alone.
        return None
    return _as_declared(subject.spec.zero_on_equal, _against_itself(subject))


def _against_itself(subject: Subject) -> Iterator[bool]:
    for pair in witnesses():
        for side in (pair.real, pair.fake):
            same = replace(pair, real=side, fake=side, outside=np.zeros(len(side), dtype=bool), _shared={})
            yield from (abs(value) < 1e-7 for value in subject.estimates(same))


def observed_is_one_of_all(subject: Subject) -> str | None:
    """Put the observed labelling through the statistic again: it must equal itself and the estimate."""
    measurement = subject.ordinary
    null = measurement.null
    if not isinstance(null, Relabelling) or measurement.estimate is None:
        return None
    values = np.atleast_2d(null.statistic(np.repeat(null.observed[:, None], 3, axis=1)))
    if not np.allclose(values, values[:, :1], rtol=1e-12, atol=1e-14):
        return f"{np.ptp(values, axis=1).max():.3g} between equal columns of labels"
    if not np.isclose(values[0, 0], measurement.estimate, rtol=1e-7, atol=1e-9):
        return f"{values[0, 0]:g} from the observed labels, and the estimate {measurement.estimate:g}"
    return None


def columns_apart(subject: Subject) -> str | None:
    """Compare a block of labels with its columns: the engine cuts blocks as memory allows."""
    null = subject.ordinary.null
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


def level_kept(subject: Subject) -> str | None:
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
