"""Mode coverage: which modes of the real law fake samples miss, and which they hold too often or too rarely.

Modes are found on rows set aside (known modes, classes, or clusters; `gandiag.numerics.clusters`), and both sides are
counted by one rule among the rows of high quality only (within the mode's radius and, for estimated modes, on support):
noise and shift then do not pose as missing modes. The
tested statistic is Pearson's homogeneity statistic of the 2 x K table, exact by permutation; single modes are judged by
exact hypergeometric tests under Holm's rule (instead of uncorrected z-tests on bins that were fitted on one side:
Richardson & Weiss 2018, "On GANs and GMMs", section 3). The estimate is the share of modes in which fake holds at least
a tenth of real's share (Srivastava et al. 2017, "VEEGAN", count modes with a single sample, which misclassified rows
inflate).

It cannot see what happens within a mode, nor modes that the rows set aside do not show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling, Result
from gandiag.core.specs import GateTest, MetricSpec
from gandiag.numerics.clusters import ModeModel, fit_modes
from gandiag.numerics.contingency import (
    MISSING_SHARE,
    captured,
    chi_square_homogeneity,
    count_tails,
    covered_shares,
    judge_modes,
    reverse_kl,
)
from gandiag.numerics.nearest import FEWEST_FIT, fit_support
from gandiag.numerics.planning import smallest_lost_share, smallest_unshared_beside

Vector = NDArray[np.float64]
Index = NDArray[np.int64]
Labels = NDArray[np.bool_]

LEVEL = 0.01
FEWEST_ROWS = 20
EXAMPLES = 16
MOST_ERROR = 0.25


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure mode coverage, with the permutation null of the table and an exact test of each mode."""
    model = comparison.once("mode_model", lambda shared: _model(comparison, shared))
    pool, is_real = comparison.pooled()
    modes, reach = comparison.once("mode_assignment", lambda _: model.assign(pool))
    within = (reach <= 1.0) & _on_support(comparison, model)
    real = np.bincount(modes[within & is_real], minlength=len(model))
    fake = np.bincount(modes[within & ~is_real], minlength=len(model))
    details = _quality(model, real, fake, comparison) | {"nearest": _nearest(model, modes, is_real)}
    reasons = {
        "e_value": "not a sequential test",
        "interval": "a count of modes has no interval; each mode has its own exact test in the details",
    }
    if min(real.sum(), fake.sum()) < FEWEST_ROWS:
        side, count, of = ("fake", fake, comparison.m) if fake.sum() < FEWEST_ROWS else ("real", real, comparison.n)
        why = f"only {int(count.sum())} of {of} {side} rows lie within a mode; at least {FEWEST_ROWS} are needed"
        return Measurement(
            estimate=None, status="undefined", details=details, reasons=reasons | {"estimate": why, "p_value": why}
        )
    put, inside = modes[: comparison.n], within[: comparison.n]
    mixing = _mixing(model, put, inside, comparison.real_labels)
    error = _error(model, put, comparison.real_labels)
    details |= _judged(model, real, fake, mixing) | {
        "captured_raw": int((fake > 0).sum()),
        "captured": int(captured(fake, mixing.leak).sum()),
        "label_error": error,
    }
    return Measurement(
        estimate=float(covered_shares(real[:, None].astype(np.float64), (real + fake).astype(np.float64))[0]),
        null=Relabelling(observed=is_real, statistic=_statistic(modes, within, len(model)), worse="less"),
        status="degraded" if (error or 0.0) > MOST_ERROR else "ok",
        warnings=_confused(error),
        reasons=reasons,
        details=details,
        arrays=_arrays(real, fake, details["modes"], put, inside),
    )


def _model(comparison: Comparison, rng: np.random.Generator) -> ModeModel:
    return fit_modes(comparison.fit, labels=comparison.fit_labels, known=comparison.modes, rng=rng)


def _on_support(comparison: Comparison, model: ModeModel) -> Labels:
    """Leave out rows far from any real row: ellipsoids around estimated modes leave room for noise in many columns."""
    if model.kind == "known" or len(comparison.fit) < FEWEST_FIT:
        return np.ones(comparison.n + comparison.m, dtype=bool)
    support = comparison.once("support", lambda shared: fit_support(comparison.fit, rng=shared))
    near: Labels = (
        comparison.once("support_distances", lambda _: support.distances(comparison.pooled()[0])) <= support.threshold
    )
    return near


def _statistic(modes: Index, within: Labels, k: int) -> Any:
    """Make the share of covered modes and the homogeneity statistic functions of the labels."""
    order = np.flatnonzero(within)[np.argsort(modes[within], kind="stable")]
    held, starts = np.unique(modes[order], return_index=True)
    totals = np.bincount(modes[within], minlength=k)[held].astype(np.float64)

    def statistic(labels: Labels) -> NDArray[np.float64]:
        real = np.add.reduceat(labels[order], starts, axis=0, dtype=np.float64)
        return np.stack([covered_shares(real, totals), chi_square_homogeneity(real, totals)])

    return statistic


def _quality(model: ModeModel, real: Index, fake: Index, comparison: Comparison) -> dict[str, Any]:
    n, m = comparison.n, comparison.m
    fewer, _ = count_tails(np.array([fake.sum()]), np.array([real.sum()]), m, n)
    return {
        "source": model.kind,
        "n_modes": len(model),
        "silhouette": model.silhouette,
        "high_quality_real": float(real.sum() / n),
        "high_quality_fake": float(fake.sum() / m),
        "hq_p": float(fewer[0]),
    }


def _nearest(model: ModeModel, modes: Index, is_real: Labels) -> dict[str, Any]:
    """Count all rows by the mode they are nearest to, however far: where samples are that no mode holds yet."""
    counts = [np.bincount(modes[side], minlength=len(model)).tolist() for side in (is_real, ~is_real)]
    return {"modes": list(model.names), "real": counts[0], "fake": counts[1]}


def _judged(model: ModeModel, real: Index, fake: Index, mixing: _Mixing) -> dict[str, Any]:
    n, m = int(real.sum()), int(fake.sum())
    found = judge_modes(real, fake, leaked=mixing.leak * m, level=LEVEL)
    modes = [
        {
            "name": name,
            "real": int(real[k]),
            "fake": int(fake[k]),
            "expected": float(found.expected[k]),
            "leak": float(mixing.leak[k]),
            "own": int(mixing.own[k]),
            "own_here": int(mixing.own_here[k]),
            "p_missing": float(found.p_missing[k]),
            "p_excess": float(found.p_excess[k]),
            "missing": bool(found.missing[k]),
            "imbalanced": bool(found.imbalanced[k]),
            "ratio": float(fake[k] * n / (real[k] * m)) if real[k] else None,
        }
        for k, name in enumerate(model.names)
    ]
    known = model.weights is not None
    reference = (real + 0.5) / (n + 0.5 * len(real)) if model.weights is None else np.maximum(model.weights, 1e-12)
    return {
        "modes": modes,
        "missing": [mode["name"] for mode in modes if mode["missing"]],
        "imbalanced": [mode["name"] for mode in modes if mode["imbalanced"]],
        "reverse_kl": reverse_kl(fake.astype(np.float64), np.asarray(reference, dtype=np.float64)),
        "reverse_kl_floor": (len(real) - 1) / 2.0 * (1.0 / m + (0.0 if known else 1.0 / n)),
    }


@dataclass(frozen=True, eq=False)
class _Mixing:
    """How modes mix: the chance that a row of another mode is counted in each, its own real rows, and those put there.

    Used for what the modes are called and for what a test would see, never in a test.
    """

    leak: Vector
    own: Index
    own_here: Index


def _mixing(model: ModeModel, put: Index, within: Labels, labels: Index | None) -> _Mixing:
    counted = put[within]
    if model.classes is None or labels is None:
        held = np.bincount(counted, minlength=len(model))
        # A mode is then what the rows set aside showed, and no row in it is another one's.
        return _Mixing(np.zeros(len(model)), held, held)
    right = model.classes[counted] == labels[within]
    own = np.array([int((labels[within] == c).sum()) for c in model.classes])
    leaked = np.bincount(counted[~right], minlength=len(model)) / np.maximum(len(counted) - own, 1)
    return _Mixing(leaked, own, np.bincount(counted[right], minlength=len(model)))


def _error(model: ModeModel, put: Index, labels: Index | None) -> float | None:
    return None if model.classes is None or labels is None else float((model.classes[put] != labels).mean())


def _confused(error: float | None) -> tuple[str, ...]:
    if error is None or error <= MOST_ERROR:
        return ()
    return (f"{error:.0%} of the real rows are put in a wrong class: single missing classes may go unseen",)


def _arrays(
    real: Index, fake: Index, modes: list[dict[str, Any]], put: Index, within: Labels
) -> dict[str, NDArray[Any]]:
    """Give the counts, and a few real rows of each missing mode: pairs (mode, row of real)."""
    examples = [
        (k, row)
        for k, mode in enumerate(modes)
        if mode["missing"]
        for row in np.flatnonzero(within & (put == k))[:EXAMPLES].tolist()
    ]
    return {
        "counts": np.stack([real, fake]),
        "missing_examples": np.array(examples, dtype=np.int64).reshape(-1, 2),
    }


def _counted(result: Result) -> tuple[int, int, int]:
    """Count the modes, and the real and fake rows that lie in one."""
    modes = result.details["modes"]
    return len(modes), sum(mode["real"] for mode in modes), sum(mode["fake"] for mode in modes)


def _p_missing(result: Result) -> float:
    """Give the p-value of "no mode is missing": exact tests of the modes that seem to be, by Bonferroni over all.

    A mode seems to be missing where fake holds less than a tenth of its share beyond what other modes' rows explain.
    """
    modes = result.details["modes"]
    k, n, m = _counted(result)
    few = [
        mode["p_missing"] for mode in modes if (mode["fake"] - mode["leak"] * m) * n < MISSING_SHARE * mode["real"] * m
    ]
    return min(1.0, k * min(few, default=1.0))


def _smallest_mode(result: Result, level: float, power: float) -> float:
    k, n, m = _counted(result)
    return _unseen(result, lambda leak: smallest_unshared_beside(leak, n, m, tests=k, level=level, power=power), power)


def _smallest_loss(result: Result, level: float, power: float) -> float:
    k, n, m = _counted(result)
    return _unseen(result, lambda leak: smallest_lost_share(k, n, m, leak=leak, level=level, power=power), power)


def _unseen(result: Result, smallest: Callable[[float], float], power: float) -> float:
    """Give the smallest share that is noticed, or that of the largest mode whose loss rows of others would hide.

    Of a lost class only those rows are missed that were put right, and those of other classes that are put in its mode
    stand in for them.
    """
    from scipy.stats import beta

    _, n, _ = _counted(result)
    found = smallest(0.0)
    for mode in result.details["modes"]:
        own, here = mode["own"], mode["own_here"]
        if mode["leak"] > 0.0 or here < own:
            needed = smallest(mode["leak"]) * max(own, 1) / max(here, 0.5)
            if own < needed * n:
                found = max(found, min(needed, float(beta.ppf(power, own + 1.0, max(n - own, 1.0)))))
    return found


# A mode is looked for where it is known, a class of labels, or a cluster that the rows set aside showed: how well they
# show a rare one is no matter of the test's power.
_A_MODE = "the loss of a known or found mode with a share of {}"

METRIC = MetricSpec(
    name="mode_coverage",
    title="Mode coverage",
    summary="Which modes of the real law do the samples miss, and are the others held in the right shares?",
    measure=measure,
    kind="estimate",
    direction="higher",
    unit="share of modes",
    low=0.0,
    high=1.0,
    family="modes",
    topic="modes",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=FEWEST_ROWS,
    min_fake=FEWEST_ROWS,
    most_rows=10_000,
    sees="modes that are missing, and modes with too small or too large a share",
    blind_to="what happens within a mode, and modes that the rows set aside do not show",
    cost="O((n + m) (K d^2 + B)), and O(1500^2 d) to find clusters",
    source="Pearson's chi-square by permutation; Fisher's exact tests; cf. Richardson & Weiss 2018, section 3 (NDB)",
    gate={
        "p": GateTest(
            margin=0.05, effect=f"{_A_MODE}, or as gross a change of shares", smallest=_smallest_loss, rate=1.0
        ),
        "missing": GateTest(margin=0.02, effect=_A_MODE, smallest=_smallest_mode, p_value=_p_missing, rate=1.0),
    },
)
