"""Tests that did not reject: a pass only where the margin would have been seen."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from gate_scenes import NORMAL, bench, floor, result

from gandiag.core.specs import METRICS
from gandiag.gate.bench import LUCK, Bench, Unjudged, Weighed, rows_needed
from gandiag.gate.conditions import Limit, parse_condition
from gandiag.gate.significance import weigh_test


def weighed(text: str, on: Bench) -> Weighed:
    condition = parse_condition(text)
    assert isinstance(condition, Limit)
    return weigh_test(condition, on)


def test_the_smallest_effect_is_that_of_the_null_at_the_gates_level() -> None:
    on = bench(
        result("sliced_wasserstein", 0.01, p=0.4), nulls={"sliced_wasserstein": 0.02 * NORMAL}, alpha=0.03, conditions=3
    )
    found = weighed("sliced_wasserstein.p >= alpha", on)
    # Normal quantiles of 1 - 0.01 * LUCK and of 0.95, in units of the spread.
    assert found.smallest == pytest.approx(0.02 * (2.713 + 1.645), rel=0.05)
    assert found.by == "power"
    assert found.margin == METRICS.get("sliced_wasserstein").gate["p"].margin
    assert pytest.approx(1 / 3) == LUCK


def test_not_to_reject_is_no_pass_where_the_margin_could_have_been_missed() -> None:
    wide = weighed(
        "sliced_wasserstein.p >= alpha",
        bench(result("sliced_wasserstein", 0.01, p=0.9), nulls={"sliced_wasserstein": 0.08 * NORMAL}),
    )
    assert wide.by is None
    assert "could have missed a distance 0.2 above the floor" in wide.open
    assert wide.needed is not None
    assert wide.needed > 1000


def test_a_test_that_joins_statistics_sees_less_of_each() -> None:
    null = 0.001 * NORMAL
    joined = weighed("mmd.p >= alpha", bench(result("mmd", 0.0, p=0.9), nulls={"mmd": null}))
    alone = weighed("kid.p >= alpha", bench(result("kid", 0.0, p=0.9), nulls={"kid": null}))
    assert joined.smallest is not None
    assert alone.smallest is not None
    assert joined.smallest > 1.1 * alone.smallest


def test_rows_beyond_what_a_metric_takes_are_not_advised() -> None:
    on = bench(result("mmd", 0.001, p=0.9), nulls={"mmd": 0.01 * NORMAL})
    found = weighed("mmd.p >= alpha", on)
    assert found.by is None
    assert METRICS.get("mmd").most_rows == 1000  # all of which this scene has
    assert found.needed is None
    said = re.search(r"it takes 1000 rows per side at most, so write '(at margin [\d.]+)'$", found.open)
    assert said is not None
    assert weighed(f"mmd.p >= alpha {said[1]}", on).by == "power"  # what is advised decides


def test_a_declared_margin_takes_the_place_of_the_metrics_own() -> None:
    on = bench(result("sliced_wasserstein", 0.01, p=0.9), nulls={"sliced_wasserstein": 0.02 * NORMAL})
    assert weighed("sliced_wasserstein.p >= alpha at margin 0.5", on).by == "power"
    assert weighed("sliced_wasserstein.p >= alpha at margin 0.01", on).by is None


def test_without_a_margin_not_to_reject_is_no_evidence() -> None:
    found = weighed("energy.p >= alpha", bench(result("energy", 0.1, p=0.9), nulls={"energy": NORMAL}))
    assert found.by is None
    assert "no margin is declared" in found.open
    assert found.needed is None


def test_a_test_whose_p_value_cannot_reach_its_level_sees_nothing() -> None:
    coarse = result("sliced_wasserstein", 0.01, p=0.9)
    assert coarse.p_value is not None
    coarse = replace(coarse, p_value=replace(coarse.p_value, least=0.02))
    found = weighed(
        "sliced_wasserstein.p >= alpha", bench(coarse, nulls={"sliced_wasserstein": 0.001 * NORMAL}, alpha=0.01)
    )
    assert found.smallest is None
    assert found.by is None
    assert "could never have seen" in found.open


def test_a_result_without_a_p_value_or_an_estimate_is_not_judged() -> None:
    with pytest.raises(Unjudged, match="no p-value: rows depend"):
        weighed(
            "sliced_wasserstein.p >= alpha",
            bench(result("sliced_wasserstein", 0.1, reasons={"p_value": "rows depend on each other"})),
        )
    with pytest.raises(Unjudged, match="undefined: too few") as undefined:
        weighed(
            "sliced_wasserstein.p >= alpha",
            bench(result("sliced_wasserstein", None, status="undefined", reasons={"estimate": "too few"})),
        )
    with pytest.raises(Unjudged, match="failed: it broke") as failed:
        weighed(
            "sliced_wasserstein.p >= alpha",
            bench(result("sliced_wasserstein", None, status="failed", reasons={"estimate": "it broke"})),
        )
    assert (undefined.value.code, failed.value.code) == (3, 4)


def test_a_degraded_result_is_judged_only_where_the_policy_says_so() -> None:
    degraded = result("sliced_wasserstein", 0.01, p=0.4, status="degraded", warnings=("half of it",))
    with pytest.raises(Unjudged, match=r"degraded: half of it\. Add it to accept_degraded"):
        weighed("sliced_wasserstein.p >= alpha", bench(degraded))
    on = bench(degraded, nulls={"sliced_wasserstein": 0.02 * NORMAL}, accept_degraded=("sliced_wasserstein",))
    assert weighed("sliced_wasserstein.p >= alpha", on).by == "power"


def modes(real: list[int], fake: list[int], p: list[float], leak: float = 0.0) -> dict[str, object]:
    rows = [
        {"name": str(k), "real": r, "fake": f, "p_missing": q, "missing": q < 1e-4}
        | {"leak": leak, "own": r, "own_here": r}
        for k, (r, f, q) in enumerate(zip(real, fake, p, strict=True))
    ]
    nearest = {"modes": [row["name"] for row in rows], "real": real, "fake": fake}
    return {"modes": rows, "missing": [row["name"] for row in rows if row["missing"]], "nearest": nearest}


def test_a_count_of_missing_modes_is_judged_by_the_exact_test_of_each() -> None:
    details = modes([100, 100, 100], [100, 0, 200], [0.6, 1e-20, 1.0])
    found = weighed("mode_coverage.missing == 0", bench(result("mode_coverage", 0.67, p=0.001, details=details)))
    assert found.p_value == pytest.approx(3e-20)
    assert found.observed == 1.0


def test_rows_of_other_modes_that_lie_in_a_lost_one_do_not_fill_it() -> None:
    details = modes([130, 100, 100], [30, 130, 170], [1e-12, 1.0, 1.0], leak=0.1)
    hidden = bench(result("mode_coverage", 1.0, p=0.001, details=details))
    assert weighed("mode_coverage.missing == 0", hidden).p_value == pytest.approx(3e-12)


def test_a_mode_that_is_rare_but_there_is_not_missing_and_makes_no_evidence() -> None:
    """The negative control: without the share, every imbalance would be called a missing mode."""
    details = modes([100, 100, 100], [150, 20, 130], [1.0, 1e-12, 1.0])
    found = weighed("mode_coverage.missing == 0", bench(result("mode_coverage", 1.0, p=0.001, details=details)))
    assert found.p_value == 1.0


def test_equal_rows_are_judged_by_counting_where_none_are_equal() -> None:
    found = weighed("collisions.p >= alpha", bench(result("collisions", 0.0, p=1.0, floor=floor(0.0, 0.0))))
    assert found.smallest is not None
    assert 0.002 < found.smallest < 0.02


def test_a_few_copied_rows_are_no_reason_to_trust_the_test_of_copies() -> None:
    """The spread of three hits does not say how many it takes: once 59 of 60 samplers with 2 % copies passed."""
    details = {"rows_set_aside": 100, "overlap_of_rows_set_aside": 0.0}
    shape = {"n_real": 300, "n_fake": 300, "details": details}
    some = result("overlap", 0.01, p=0.4, floor=floor(0.0075, 0.0025), **shape)
    none = result("overlap", 0.0, p=1.0, floor=floor(0.0, 0.0), **shape)
    found = [weighed("overlap.p >= alpha", bench(r, alpha=0.01, conditions=1)) for r in (some, none)]
    assert found[0].smallest == found[1].smallest
    assert (found[0].smallest or 0.0) > 0.07  # where the spread of the hits said 0.011
    assert [each.by for each in found] == [None, None]


def test_a_few_repeats_of_the_fake_alone_do_not_sharpen_the_test_of_repeats() -> None:
    few = result("collisions", 0.01, p=0.1, floor=floor(0.0025, 0.0025), details={"duplicate_rows_real": 0})
    none = result("collisions", 0.0, p=1.0, floor=floor(0.0, 0.0), details={"duplicate_rows_real": 0})
    natural = replace(few, details={"duplicate_rows_real": 5})
    sees = [weighed("collisions.p >= alpha", bench(r, alpha=0.01)).smallest or 0.0 for r in (none, few, natural)]
    assert sees[1] >= sees[0]
    assert sees[2] > 1.5 * sees[0]


def test_rows_needed_grow_with_the_rate_and_are_rounded_up() -> None:
    assert rows_needed(1000, 1.5, 0.5) == 2300
    assert rows_needed(1000, 1.5, 1.0) == 1500
    assert rows_needed(1000, 0.5, 1.0) == 1000
    assert rows_needed(1000, float("inf"), 0.5) is None


def test_at_the_smallest_effect_a_test_rejects_in_at_least_95_percent_of_runs() -> None:
    """The claim behind "power": a normal estimate that far off its floor, tested by drawing from the null."""
    rng = np.random.default_rng(2)
    level, runs, draws = 0.01, 400, 99  # the smallest p-value is the level: the least luck allows
    null = bench(
        result("sliced_wasserstein", 0.0, p=0.5), nulls={"sliced_wasserstein": rng.normal(size=2499)}, alpha=level
    )
    smallest = weighed("sliced_wasserstein.p >= alpha", null).smallest
    assert smallest is not None

    def rejected(effect: float) -> float:
        values = effect + rng.normal(size=runs)
        reached = (1 + (rng.normal(size=(runs, draws)) >= values[:, None]).sum(axis=1)) / (draws + 1)
        return float(np.mean(reached <= level + 1e-12))

    assert rejected(smallest) >= 0.95 - 3.0 * np.sqrt(0.95 * 0.05 / runs)
    # The negative control: at half of it the same claim would be false.
    assert rejected(0.5 * smallest) < 0.95 - 3.0 * np.sqrt(0.95 * 0.05 / runs)
