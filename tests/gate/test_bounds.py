"""Numbers against limits: judged by the bound, worked out on a normal estimate."""

from __future__ import annotations

import numpy as np
import pytest
from gate_scenes import NORMAL, bench, floor, normal_interval, result
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from gandiag.gate.bench import Bench, Unjudged, Weighed
from gandiag.gate.bounds import weigh_limit
from gandiag.gate.conditions import Limit, parse_condition
from gandiag.gate.decision import judge


def weighed(text: str, on: Bench) -> Weighed:
    condition = parse_condition(text)
    assert isinstance(condition, Limit)
    return weigh_limit(condition, on)


@pytest.mark.parametrize(
    ("estimate", "holds", "p"),
    [
        (0.5, True, 1.0),  # five standard errors below the limit
        (0.9, False, 1.0),  # one below: neither
        (1.1, False, 1.0 - ndtr(1.0)),  # one above
        (1.4, False, 1.0 - ndtr(4.0)),
    ],
)
def test_an_upper_limit_is_judged_by_the_bounds_of_the_interval(estimate: float, holds: bool, p: float) -> None:
    found = weighed("kid <= 1", bench(result("kid", estimate, interval=normal_interval(estimate, 0.1))))
    assert (found.by == "bound") is holds
    if estimate > 1:
        assert found.p_value == pytest.approx(p, rel=1e-6)
    assert found.high == pytest.approx(estimate + 0.16448536)  # one-sided 95 %


def test_a_lower_limit_is_the_mirror_image() -> None:
    above = bench(result("authenticity", 0.5, interval=normal_interval(0.5, 0.1)))
    below = bench(result("authenticity", -0.5, interval=normal_interval(-0.5, 0.1)))
    assert weighed("authenticity >= 0.2", above).by == "bound"
    assert weighed("authenticity >= 0.2", below).p_value < 1e-10
    assert weighed("authenticity >= 0.2", above).low == pytest.approx(0.5 - 0.16448536)


def test_the_bound_decides_and_not_the_point() -> None:
    """The negative control: judged by the point, both of these would pass."""
    wide = bench(result("kid", 0.99, interval=normal_interval(0.99, 0.1)))
    narrow = bench(result("kid", 0.99, interval=normal_interval(0.99, 0.001)))
    assert weighed("kid <= 1", wide).by is None
    assert weighed("kid <= 1", narrow).by == "bound"


def test_a_one_sided_interval_can_pass_or_fail_alone() -> None:
    upper = bench(result("mmd", 0.5, interval=normal_interval(0.5, 0.1, "upper")))
    lower = bench(result("jsd", 0.5, interval=normal_interval(0.5, 0.1, "lower")))
    assert weighed("mmd <= 1", upper).by == "bound"
    assert weighed("mmd <= 0.1", upper).p_value == 1.0
    found = weighed("jsd <= 0.1", lower)
    assert found.by is None
    assert found.p_value == pytest.approx(1.0 - ndtr(4.0), rel=1e-6)
    assert "no upper bound" in found.open


def test_without_an_interval_the_scatter_of_real_against_real_is_taken_and_said() -> None:
    on = bench(result("coverage", 0.93, floor=floor(0.97, 0.01)), nulls={"coverage": 0.97 + 0.01 * NORMAL})
    found = weighed("coverage >= 0.9", on)
    assert found.by == "bound"
    assert found.low == pytest.approx(0.93 - 0.01645, abs=5e-4)
    assert "scatter of real against real" in found.holds
    failed = weighed("coverage >= 0.99", on)
    # No draw lies as low: the rank among them is exact, and no tail is guessed.
    assert failed.p_value == 1.0 / (len(NORMAL) + 1) or failed.p_value == 2.0 / (len(NORMAL) + 1)
    assert weighed("coverage >= 0.92", on).by is None


def test_a_limit_that_real_data_miss_too_is_no_evidence() -> None:
    """The floor of a distance in many dimensions may lie far above the limit that somebody guessed."""
    null = {"sinkhorn": 5.0 + 0.1 * NORMAL}
    healthy = weighed("sinkhorn <= 1", bench(result("sinkhorn", 5.0, floor=floor(5.0, 0.1)), nulls=null))
    assert healthy.p_value > 0.1
    assert healthy.by is None
    broken = weighed("sinkhorn <= 1", bench(result("sinkhorn", 6.0, floor=floor(5.0, 0.1)), nulls=null))
    assert broken.p_value == 1.0 / (len(NORMAL) + 1)


def test_a_floor_that_is_known_without_relabelling_scatters_as_a_normal_law() -> None:
    found = weighed("cross_mmd <= 3", bench(result("cross_mmd", 1.0, floor=floor(0.0, 1.0))))
    assert found.high == pytest.approx(1.0 + 1.645, abs=0.02)
    assert weighed("cross_mmd <= 1", bench(result("cross_mmd", 6.0, floor=floor(0.0, 1.0)))).p_value < 1e-5


def test_excess_and_z_are_the_estimate_on_another_scale() -> None:
    on = bench(result("frechet", 5.0, floor=floor(4.0, 0.5), excess=1.0, z=2.0), nulls={"frechet": 4.0 + 0.5 * NORMAL})
    excess, z = weighed("frechet.excess <= 3", on), weighed("frechet.z <= 3", on)
    assert (excess.observed, z.observed) == (pytest.approx(1.0), pytest.approx(2.0))
    assert excess.high == pytest.approx(1.0 + 0.5 * 1.645, abs=0.03)
    assert z.high == pytest.approx(2.0 + 1.645, abs=0.06)
    assert excess.by == "bound"
    assert z.by is None


def test_what_has_no_uncertainty_is_not_judged() -> None:
    with pytest.raises(Unjudged, match="no uncertainty is known"):
        weighed("coverage >= 0.9", bench(result("coverage", 0.95)))
    with pytest.raises(Unjudged, match="no floor"):
        weighed("coverage.excess >= 0", bench(result("coverage", 0.95)))


def test_the_rows_that_would_decide_bring_the_bound_to_the_limit() -> None:
    found = weighed("kid <= 1", bench(result("kid", 0.92, interval=normal_interval(0.92, 0.1))))
    # 0.16449 must fall to 0.08: 4.2276 times the rows.
    assert found.needed == 4300


@given(estimate=st.floats(-3, 3), first=st.floats(-2, 2), step=st.floats(0, 2))
def test_a_laxer_limit_never_turns_a_pass_into_less_nor_adds_evidence(
    estimate: float, first: float, step: float
) -> None:
    """P28: monotone in the threshold."""
    on = bench(result("kid", estimate, interval=normal_interval(estimate, 0.3)))
    strict, lax = (weighed(f"kid <= {limit:.6f}", on) for limit in (first, first + step))
    assert strict.by is None or lax.by == "bound"
    assert lax.p_value >= strict.p_value - 1e-9


def test_false_passes_and_false_failures_keep_their_rates() -> None:
    """At the limit itself a normal number passes in 5 % of runs and fails in alpha; the point would do so in half."""
    rng = np.random.default_rng(1)
    passed = failed = by_point = 0
    runs = 2000
    for estimate in 1.0 + 0.1 * rng.normal(size=runs):
        on = bench(result("kid", float(estimate), interval=normal_interval(float(estimate), 0.1)), alpha=0.01)
        outcome = judge((parse_condition("kid <= 1"),), on)[0].outcome
        passed += outcome == "pass"
        failed += outcome == "fail"
        by_point += bool(estimate <= 1.0)
    slack = 4.0 * np.sqrt(runs)
    assert passed <= 0.05 * runs + slack * np.sqrt(0.05 * 0.95)
    assert failed <= 0.01 * runs + slack * np.sqrt(0.01 * 0.99)
    assert by_point > 0.05 * runs + slack * np.sqrt(0.05 * 0.95)
