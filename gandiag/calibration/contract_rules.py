"""The rules of the contract: what a metric must keep so that its numbers may be believed.

A rule is asked of a `Subject` and answers with what it received that broke it, or None. `check_metric` asks all of
them, and the contract tests ask each of every metric in the catalog. There is none about dtypes and strides: a
`Comparison` brings all rows to float64 in one layout before a metric sees them.
"""

from __future__ import annotations

from functools import partial

from gandiag.calibration.contract_answers import (
    answers,
    card,
    complete,
    fewest_rows,
    in_range,
    inputs_untouched,
    own_stream,
    repeatable,
    row_order,
)
from gandiag.calibration.contract_growth import interval_covers, power_grows
from gandiag.calibration.contract_inputs import DEGENERATE
from gandiag.calibration.contract_subject import Rule
from gandiag.calibration.contract_traits import (
    columns_apart,
    level_kept,
    observed_is_one_of_all,
    scale,
    symmetry,
    zero,
)

_ANSWERS_AND_TRAITS = (
    Rule(
        name="card",
        broken=card,
        demand="the spec must say in its texts what the metric is, in a summary of one line and 120 characters",
        remedy="Fill title, summary, unit, sees, blind_to, cost and source, and name it as an identifier.",
    ),
    Rule(
        name="complete",
        broken=complete,
        demand="an ordinary comparison must give estimate, floor, a p-value in (0, 1], and a reason for what is absent",
        remedy="Give a Relabelling or a KnownNull, and reasons for interval and e_value where there are none.",
    ),
    Rule(
        name="range",
        broken=in_range,
        demand="estimates must lie between the declared `low` and `high`",
        remedy="Declare the range that the estimate has, None where it is open.",
    ),
    Rule(
        name="repeatable",
        broken=repeatable,
        demand="one seed must give one result, bit for bit",
        remedy="Draw from `rng` alone, and sort what comes out of sets.",
    ),
    Rule(
        name="own stream",
        broken=own_stream,
        demand="measuring must leave global state alone",
        remedy="Draw from `rng` alone, and set numpy's errors in a with block.",
    ),
    Rule(
        name="inputs untouched",
        broken=inputs_untouched,
        demand="rows must not be written to",
        remedy="Copy what is changed in place.",
    ),
    Rule(
        name="row order",
        broken=row_order,
        demand="the order of rows must not matter, unless halves are drawn from `rng`",
        remedy="Draw splits from `rng`: rows often come sorted.",
    ),
    Rule(
        name="symmetry",
        broken=symmetry,
        demand="`symmetric` must be declared if and only if swapping real and fake leaves the estimate as it is",
        remedy="Declare it as it is.",
    ),
    Rule(
        name="scale invariance",
        broken=scale,
        demand="`scale_invariant` must be declared if and only if a common factor leaves the estimate as it is",
        remedy="Declare it as it is.",
    ),
    Rule(
        name="zero on equal",
        broken=zero,
        demand="`zero_on_equal` must be declared if and only if a sample against itself scores 0",
        remedy="Declare it as it is.",
    ),
    Rule(
        name="observed among equals",
        broken=observed_is_one_of_all,
        demand="the statistic of the null must give the estimate under the observed labels",
        remedy="Compute the estimate by the null's own statistic.",
    ),
    Rule(
        name="columns apart",
        broken=columns_apart,
        demand="the statistic under one labelling must not depend on the others in its block",
        remedy="Reduce over rows only; never centre or scale over columns of labels.",
    ),
)
_DEGENERATE = tuple(
    Rule(
        name=kind,
        broken=partial(answers, kind),
        demand=f"degenerate input ({kind}) must be answered or undefined with a reason, and equal rows with p = 1",
        remedy='Return Measurement(estimate=None, status="undefined", reasons={"estimate": why}).',
    )
    for kind in DEGENERATE
)
_ENDS = (
    Rule(
        name="power grows",
        broken=power_grows,
        demand="a fault must be missed in most draws of few rows and seen in all draws of 16 times as many",
        remedy="Use all rows. A metric of a fault that is not among these is checked with `rules=` all others.",
    ),
    Rule(
        name="interval",
        broken=interval_covers,
        demand="an interval must have ordered ends, and hold 0 under equal laws where 0 is the value by declaration",
        remedy="Widen the interval, or give a reason for `interval` instead.",
    ),
    Rule(
        name="fewest rows",
        broken=fewest_rows,
        demand="as few rows as `min_real` and `min_fake` must do",
        remedy="Raise the declared numbers, or treat the small case.",
    ),
    Rule(
        name="level",
        broken=level_kept,
        demand="p ≤ 0.05 must happen in at most 5 % of cases under equal laws",
        remedy="Fit on `comparison.fit`, or on the pool by a rule without labels; learn on one half, test the other.",
    ),
)

RULES = {rule.name: rule for rule in (*_ANSWERS_AND_TRAITS, *_DEGENERATE, *_ENDS)}
