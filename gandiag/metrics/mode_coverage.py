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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling, Result
from gandiag.core.specs import GateTest, MetricSpec
from gandiag.metrics._mode_tables import FEWEST_ROWS, ModeTable, confusion, counted, judged, quality
from gandiag.numerics.clusters import ModeModel, fit_modes
from gandiag.numerics.contingency import MISSING_SHARE, chi_square_homogeneity, covered_shares
from gandiag.numerics.nearest import FEWEST_FIT, fit_support
from gandiag.numerics.planning import smallest_lost_share, smallest_unshared_beside

Index = NDArray[np.int64]
Labels = NDArray[np.bool_]

EXAMPLES = 16
REASONS = {
    "e_value": "not a sequential test",
    "interval": "a count of modes has no interval; each mode has its own exact test in the details",
}


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure mode coverage, with the permutation null of the table and an exact test of each mode."""
    model = comparison.once("mode_model", lambda shared: _model(comparison, shared))
    pool, is_real = comparison.pooled()
    modes, reach = comparison.once("mode_assignment", lambda _: model.assign(pool))
    within = (reach <= 1.0) & _on_support(comparison, model)
    table = counted(model, modes, within, is_real, comparison.real_labels)
    details, why = quality(model, table), table.too_few()
    if why:
        return Measurement(
            estimate=None, status="undefined", details=details, reasons=REASONS | {"estimate": why, "p_value": why}
        )
    details |= judged(model, table, labelled=comparison.real_labels is not None)
    warnings = confusion(details)
    real, fake = table.real, table.fake
    return Measurement(
        estimate=float(covered_shares(real[:, None].astype(np.float64), (real + fake).astype(np.float64))[0]),
        null=Relabelling(observed=is_real, statistic=_statistic(modes, within, len(model)), worse="less"),
        status="degraded" if warnings else "ok",
        warnings=warnings,
        reasons=REASONS,
        details=details,
        arrays=_arrays(table, details["modes"], modes[: comparison.n], within[: comparison.n]),
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


def _arrays(table: ModeTable, modes: list[dict[str, Any]], put: Index, within: Labels) -> dict[str, NDArray[Any]]:
    """Give counts, exact bounds of shares, and a few real rows of each missing mode: pairs (mode, row of real)."""
    examples = [
        (k, row)
        for k, mode in enumerate(modes)
        if mode["missing"]
        for row in np.flatnonzero(within & (put == k))[:EXAMPLES].tolist()
    ]
    return {
        "counts": np.stack([table.real, table.fake]),
        "share_bounds": table.share_bounds(),
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

    Of a lost class only those rows are missed that were counted in its mode, and those of other classes that are
    counted there stand in for them. Its share is taken at its upper limit, at a fifth of the chance that the power
    leaves to go unseen.
    """
    from scipy.stats import beta

    _, counted_rows, _ = _counted(result)
    found, n, sure = smallest(0.0), max(sum(result.details["nearest"]["real"]), 1), 1.0 - (1.0 - power) / 5.0
    for mode in result.details["modes"]:
        own, here = mode["own"], mode["own_here"]
        if mode["leak"] > 0.0 or here < own:
            # Of all rows, where `smallest` speaks of those that are counted in some mode.
            needed = smallest(mode["leak"]) * max(own, 1) / max(here, 0.5) * counted_rows / n
            if own < needed * n:
                found = max(found, min(needed, float(beta.ppf(sure, own + 1.0, max(n - own, 1.0)))))
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
