"""Uniformity: how far a sampler is from uniform on a domain of known size, as far as collisions tell.

The estimate is ``||p - u||_2 = sqrt(max(0, c2 - 1/N))`` with the unbiased collision probability c2 of the fake rows
and N the declared number of values, whatever these are (Goldreich & Ron 2000; Diakonikolas, Gouleakis, Peebles & Price
2016, "Collision-based testers are optimal for uniformity and closeness"). Two questions are answered:

* Is fake farther from uniform than real rows are? That is the p-value, exact by relabelling for every shared law.
  It looks one way only: a fake that spreads wider than real, or as wide over other values, is not farther. Where it
  differs and is just as far, the test rejects somewhat more often than its level (9 % at 5 % for halves of one domain
  that do not meet): equality of laws is what the relabelling is exact for.
* Is fake uniform? `uniform_p` in the details, from the exact law of the collision count under uniform draws, and the
  same for the real rows: where these are not uniform either, the domain is not what was declared.

The details say what the draws can see: total variation eps takes ``m = 2 sqrt(N)/eps^2`` draws (optimal; the older
``sqrt(N)/eps^4`` stands beside it as not tight), while an L2 distance takes ``16/eps^2`` at every N. No sample short
of the whole domain bounds a KL divergence to uniform: N values and N - 1 of them are infinitely far apart.

A value outside the domain is not recognised; fewer repeats than uniform draws have mean that there are more values.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.metrics._discrete import pooled_row_ids, undefined
from gandiag.numerics.collision_tests import (
    equal_pairs,
    hidden_value,
    loose_uniformity_draws,
    uniform_pairs,
    uniformity_draws,
    uniformity_draws_l2,
    uniformity_resolution,
    uniformity_separation,
)
from gandiag.numerics.histograms import Cells, cells_of

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

DRAWS = 999
DOUBTFUL = 1e-3


def measure(
    comparison: Comparison, /, *, rng: np.random.Generator, domain: int | None = None, far: float = 0.25
) -> Measurement:
    """Measure the distance to the uniform law on ``domain`` values, with its permutation null.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
    domain : int, optional
        Number N of possible rows. Without it the result is undefined.
    far : float
        Total variation from uniform for which the needed number of draws is stated, in (0, 1].
    """
    if domain is None:
        return undefined("the size of the domain is not declared; pass options={'uniformity': {'domain': N}}")
    if domain < 1 or domain != int(domain):
        raise ConfigError("`domain` must be a number of values", received=domain, remedy="Pass domain=1000.")
    domain = int(domain)  # 400.0 is a number of values too
    ids, is_real = pooled_row_ids(comparison), comparison.pooled()[1]
    distinct, distinct_real = (len(np.unique(ids[side])) for side in (~is_real, is_real))
    if distinct > domain:
        return undefined(f"fake rows show {distinct} values, more than the domain of {domain} holds; declare it larger")
    cells = cells_of(ids, least=2)
    n, m = comparison.n, comparison.m
    real = float(equal_pairs(cells.real(is_real[:, None]))[0])
    fake = float(equal_pairs(cells.real(~is_real[:, None]))[0])
    nulls = {side: uniform_pairs(rows, domain, DRAWS, rng) for side, rows in (("fake", m), ("real", n))}
    details = {"distinct_fake": distinct, "distinct_real": distinct_real, **_tested(fake, nulls["fake"], m, domain)}
    details |= {f"{key}_real": value for key, value in _tested(real, nulls["real"], n, domain).items()}
    return Measurement(
        estimate=float(_distance(fake / math.comb(m, 2), domain)),
        null=Relabelling(observed=is_real, statistic=_statistic(cells, n, m, domain)),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the root of a difference has no interval of known level at 0; the details hold a test",
        },
        warnings=_doubts(details, domain),
        details={"domain": domain, **details, **_reach(domain, m, far)},
        arrays={"uniform_null": _distance(nulls["fake"] / math.comb(m, 2), domain)},
    )


def _distance(c2: Any, domain: int) -> Any:
    return np.sqrt(np.maximum(0.0, c2 - 1.0 / domain))


def _statistic(cells: Cells, n: int, m: int, domain: int) -> Any:
    """Make the distance of fake, and the excess of its collision probability over real's, functions of the labels."""

    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        counts = cells.real(labels)
        real = equal_pairs(counts) / math.comb(n, 2)
        fake = equal_pairs(cells.totals[:, None] - counts) / math.comb(m, 2)
        return np.stack([_distance(fake, domain), (fake - real) * domain])

    return statistic


def _tested(pairs: float, null: Vector, draws: int, domain: int) -> dict[str, Any]:
    """Rank the collision count among those of uniform draws, from either side."""
    return {
        "collisions": int(pairs),
        "collisions_expected": math.comb(draws, 2) / domain,
        "c2": pairs / math.comb(draws, 2),
        "uniform_p": (1 + int(np.count_nonzero(null >= pairs))) / (len(null) + 1),
        "too_few_p": (1 + int(np.count_nonzero(null <= pairs))) / (len(null) + 1),
    }


def _reach(domain: int, draws: int, far: float) -> dict[str, Any]:
    smallest = uniformity_resolution(domain, draws)
    return {
        "tv_seen": smallest if smallest < 1.0 - 1.0 / domain else None,
        "l2_seen": min(1.0, math.sqrt(16.0 / draws)),
        "far": float(far),
        "draws_for_far": uniformity_draws(domain, far),
        "draws_for_far_loose": loose_uniformity_draws(domain, far),
        "draws_for_far_l2": uniformity_draws_l2(far),
        "separation_at_far": uniformity_separation(domain, draws, far),
        "hidden_value": hidden_value(domain, draws),
    }


def _doubts(details: dict[str, Any], domain: int) -> tuple[str, ...]:
    notes = []
    if details["distinct_real"] > domain:
        notes.append(f"the real rows show {details['distinct_real']} values: the domain is larger than declared")
    if details["uniform_p_real"] <= DOUBTFUL:
        notes.append(f"the real rows are not uniform on {domain} values either (p = {details['uniform_p_real']:.2g})")
    if min(details["too_few_p"], details["too_few_p_real"]) <= DOUBTFUL:
        notes.append(f"fewer repeats than {domain} values can give: the domain is larger than declared")
    return tuple(notes)


METRIC = MetricSpec(
    name="uniformity",
    title="Uniformity",
    summary="Is a discrete sampler uniform on its domain? Counts collisions: sqrt(N) draws see what N could not.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="L2 distance",
    low=0.0,
    high=1.0,
    family="distribution",
    topic="support",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=10_000,
    sees="values that are missing or more probable than others, anywhere in the domain",
    blind_to="which values they are: a fake as uniform as real, or more so, passes; values outside the domain",
    cost="O((n + m) (d + B))",
    source="Diakonikolas, Gouleakis, Peebles & Price 2016; Goldreich & Ron 2000; Paninski 2008",
    needs=frozenset({"discrete"}),
    default=False,
    example={"domain": 400},
)
