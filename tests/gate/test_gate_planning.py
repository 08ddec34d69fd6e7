"""Plans: what is seen at n, whether a healthy sampler can pass, and what is said where a number is extrapolated."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import gandiag
from gandiag.core.plan import Plan
from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.gate import planning_baseline
from gandiag.gate.conditions import NotWorse
from gandiag.gate.planning_baseline import stand_ins
from gandiag.gate.policy import Policy, conditions_from
from gandiag.gate.regression import Compared, compare
from gandiag.inference.swaps import Worsening
from gandiag.numerics.planning import smallest_repeated_share, smallest_unshared

REQUIRE = [
    "collisions.p >= alpha",
    "mode_coverage.missing == 0",
    "c2st.p >= alpha at margin 0.3",
    "coverage >= 0.8",
    "coverage >= 0.999",
    "total_variation <= 0.1",
    "mmd.p >= alpha at margin 1e-6",
    "energy.p >= alpha",
]


@pytest.fixture(scope="module")
def ring() -> Plan:
    return gandiag.plan(
        "toy:ring8", n=320, alpha=0.08, require=REQUIRE, effects={"collisions.p": 0.001, "mode_coverage.missing": 0.005}
    )


def test_a_test_whose_power_is_computed_is_read_as_the_gate_reads_it(ring: Plan) -> None:
    assert ring.level == pytest.approx(0.01)
    repeats, modes = ring.lines[:2]
    assert repeats.smallest == pytest.approx(smallest_repeated_share(320, 320, level=0.01, power=0.95))
    assert modes.smallest == pytest.approx(smallest_unshared(320, 320, tests=8, level=0.01, power=0.95), rel=0.01)
    assert (repeats.rate, repeats.fitted) == (1.0, False)
    for line, size in ((repeats, 0.001), (modes, 0.005)):
        assert line.for_wished is not None
        assert line.smallest is not None
        assert line.for_wished == pytest.approx(320 * line.smallest / size, rel=0.06)


def test_the_plan_and_the_verdict_agree_on_what_is_seen(ring: Plan) -> None:
    verdict = gandiag.check("toy:ring8", "toy:ring8", n=320, alpha=0.08, require=REQUIRE)
    judged = {j.condition: j for j in verdict.judgements}
    # Skewed nulls are read off 499 draws there and off some thousand here: too coarse to be held together.
    for line in ring.lines[:3]:
        assert judged[line.condition].smallest == pytest.approx(line.smallest, rel=0.25)
    assert judged["coverage >= 0.8"].outcome == "pass"


def test_whether_a_sampler_with_nothing_wrong_can_pass(ring: Plan) -> None:
    can = {line.condition: line.can_pass for line in ring.lines}
    assert can == {
        "collisions.p >= alpha": False,
        "mode_coverage.missing == 0": False,
        "c2st.p >= alpha at margin 0.3": True,
        "coverage >= 0.8": True,
        "coverage >= 0.999": False,
        "total_variation <= 0.1": False,
        "mmd.p >= alpha at margin 1e-6": False,
        "energy.p >= alpha": False,
    }
    assert not ring.can_pass
    text = str(ring)
    assert "CANNOT be expected to pass all conditions at 320 rows per side" in text
    assert "it works on at most 1000 rows per side, no number of rows sees its margin of 1e-06" in text
    assert "without a margin it can fail but never pass" in text
    assert "real data against themselves lie beyond the limit" in text


def test_the_bound_of_a_number_passes_from_two_half_widths_within_the_limit(ring: Plan) -> None:
    line = ring.lines[3]
    assert line.kind == "bound"
    assert line.smallest is not None
    assert line.passes_from == pytest.approx(0.8 + 2 * line.smallest)
    assert line.healthy is not None
    assert line.healthy > line.passes_from


def kinds_in(value: Any) -> set[type]:
    """Name the types of everything that stands in plain values."""
    if isinstance(value, dict | list | tuple):
        return set().union(*(kinds_in(each) for each in (value.values() if isinstance(value, dict) else value)))
    return {type(value)}


def test_every_number_is_plain_and_finite(ring: Plan) -> None:
    assert kinds_in(ring.to_dict()) <= {str, int, float, bool, type(None)}
    again = json.loads(json.dumps(ring.to_dict(), allow_nan=False))
    assert [line["condition"] for line in again["lines"]] == REQUIRE
    assert again["can_pass"] is False


def test_more_rows_than_there_are_is_said_to_be_extrapolated() -> None:
    rows = np.random.default_rng(0).normal(size=(700, 2))
    found = gandiag.plan(rows, n=3000, alpha=0.01, require=["energy.p >= alpha at margin 0.1"])
    (line,) = found.lines
    assert (found.n, found.measured_up_to) == (3000, 300)
    assert [size for size, _ in line.measured] == [75, 150, 300]
    assert line.extrapolated
    assert "holds 700 rows, which give 300 per side" in str(found)
    assert "~" in str(found)
    assert line.fitted
    assert line.rate is not None
    assert 0.4 < line.rate < 1.4


@pytest.mark.slow
def test_a_condition_on_diagnoses_lists_what_its_tests_see() -> None:
    found = gandiag.plan("toy:ring8", n=60, alpha=0.05, require=["no diagnosis above minor"])
    (line,) = found.lines
    assert line.kind == "findings"
    assert not line.can_pass
    assert {"mmd", "c2st", "collisions", "mode_coverage"} <= {part.metric for part in line.parts}
    assert "tests that could miss their margin" in line.why
    assert "    collisions.p: sees a share of" in str(found)


def test_what_cannot_be_planned_says_why() -> None:
    with pytest.raises(TooFewSamplesError, match="20 rows per side against itself; got 40 rows, which give 17"):
        gandiag.plan(np.zeros((40, 2)) + np.arange(40)[:, None], require=["energy.p >= alpha"])
    with pytest.raises(ConfigError, match=r"belongs to a condition of the gate.*Did you mean 'energy.p'"):
        gandiag.plan("toy:ring8", require=["energy.p >= alpha"], effects={"enrgy.p": 0.1})
    with pytest.raises(ConfigError, match="`effect` must be"):
        gandiag.plan("toy:ring8", require=["energy.p >= alpha"], effects={"energy.p": -1.0})


def test_a_condition_on_a_baseline_is_foreseen_from_real_data_that_stand_for_both() -> None:
    conditions = ["frechet not worse than baseline by 0.5", "frechet not worse than baseline by 0.01"]
    require = [*conditions, "collisions not worse than baseline"]
    found = gandiag.plan("toy:ring8", n=80, alpha=0.03, require=require, effects={conditions[0]: 0.01})
    lax, tight, coarse = found.lines
    assert [(line.kind, line.margin, line.can_pass) for line in found.lines] == [
        ("baseline", 0.5, True),
        ("baseline", 0.01, False),
        ("baseline", 0.0, True),
    ]
    assert lax.smallest is not None
    assert 0.005 < lax.smallest < 0.25
    assert lax.smallest == pytest.approx(tight.smallest)
    assert tight.needed is not None
    assert tight.needed > 80
    # What is asked for is the bound's distance from the difference, half of what a pass needs.
    assert lax.for_wished is not None
    assert lax.for_wished < tight.needed
    assert "twice that is within 0.5; fails nothing that is worse by less than 0." in lax.sentence
    assert "share no latents" in lax.why
    assert "does not move" in coarse.why


@pytest.mark.parametrize(("margin", "passes"), [(0.34, True), (0.32, False)])
def test_equals_pass_where_two_half_widths_are_allowed(
    monkeypatch: pytest.MonkeyPatch, margin: float, passes: bool
) -> None:
    def compared(against: Any, metric: str, **asked: Any) -> Compared:
        draws = Worsening(change=0.0, draws=np.full(39, 2.0 / against**0.5))  # a scatter of 0.1 at 400 rows
        return Compared(now=1.0, before=1.0, worsening=draws, unit=1.0, margin=asked["margin"], how="")

    monkeypatch.setattr(planning_baseline, "compare", compared)
    (condition,) = conditions_from([f"frechet not worse than baseline by {margin}"], where="the test")
    assert isinstance(condition, NotWorse)
    sizes: Any = ((400, 400), (100, 100))
    line = planning_baseline.plan_not_worse(condition, sizes, n=400, level=0.01, wished=0.1)
    assert line.smallest == pytest.approx(0.1645, abs=1e-4)  # the quantile of 95 % of that scatter
    assert line.can_pass is passes
    assert line.needed == pytest.approx(400 * (2 * 0.1645 / margin) ** 2, rel=0.06)
    assert line.for_wished == pytest.approx(400 * 1.645**2, rel=0.06)


def test_rows_of_a_finite_source_stand_for_candidate_baseline_and_real_side() -> None:
    rows = np.random.default_rng(0).normal(size=(90, 2))
    (line,) = gandiag.plan(rows, n=30, require=["frechet not worse than baseline by 5"]).lines
    assert [size for size, _ in line.measured] == [27]  # three parts, where a test needs two and would get all 30
    assert line.extrapolated


@pytest.mark.slow
def test_a_sampler_as_good_as_its_baseline_passes_as_often_as_is_foreseen() -> None:
    n, runs, text = 80, 120, "frechet not worse than baseline by 0.5"
    (line,) = gandiag.plan("toy:ring8", n=n, require=[text]).lines
    assert line.smallest is not None
    passed = 0
    for seed in range(runs):
        policy = Policy(require=conditions_from([text], where="the test"), n=n, seed=seed)
        ((_, against),) = stand_ins(policy, gandiag.open_sampler("toy:ring8"), None, (n,), None)
        passed += compare(against, "frechet", level=0.001).bound <= 2.0 * line.smallest
    assert abs(passed / runs - 0.95) < 3.0 * (0.95 * 0.05 / runs) ** 0.5 + 0.02  # the spread is known to a tenth
