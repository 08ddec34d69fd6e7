"""All conditions together: Holm over them, one outcome, never a pass for what could not be judged."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from gate_scenes import NORMAL, bench, normal_interval, result

from gandiag.core.verdict import Judgement
from gandiag.gate.conditions import parse_condition
from gandiag.gate.decision import judge, overall

TESTS = ("mmd", "data_copying", "sliced_wasserstein")
NULLS = {name: 0.001 * NORMAL for name in TESTS}


def judged(p_values: list[float], *, alpha: float = 0.05) -> list[str]:
    results = [result(name, 0.01, p=p) for name, p in zip(TESTS, p_values, strict=True)]
    conditions = tuple(parse_condition(f"{name}.p >= alpha") for name in TESTS)
    on = bench(*results, nulls=NULLS, alpha=alpha, conditions=len(conditions))
    return [j.outcome for j in judge(conditions, on)]


def test_alpha_is_spent_by_holms_rule() -> None:
    assert judged([0.016, 0.024, 0.04]) == ["fail", "fail", "fail"]
    assert judged([0.016, 0.026, 0.04]) == ["fail", "pass", "pass"]
    # Bonferroni would pass all of these, no correction fail all.
    assert judged([0.017, 0.024, 0.04]) == ["pass", "pass", "pass"]


def test_a_p_value_of_the_level_itself_rejects_in_spite_of_rounding() -> None:
    assert judged([3 * (1 / 180) / 3, 0.5, 0.5], alpha=3 / 180)[0] == "fail"


def test_what_could_not_be_judged_is_an_error_and_keeps_its_share_of_alpha() -> None:
    broken = result("mmd", None, status="failed", reasons={"estimate": "it broke"})
    fine = result("data_copying", 0.01, p=0.03)
    conditions = tuple(parse_condition(f"{name}.p >= alpha") for name in ("mmd", "data_copying"))
    found = judge(conditions, bench(broken, fine, nulls=NULLS, conditions=2))
    assert [j.outcome for j in found] == ["error", "pass"]
    assert found[0].code == 4
    assert found[1].adjusted == pytest.approx(0.06)


def test_false_alarms_of_the_whole_keep_to_alpha_and_without_correction_they_would_not() -> None:
    rng = np.random.default_rng(3)
    runs, alpha = 600, 0.05
    failed = uncorrected = 0
    for p in rng.uniform(size=(runs, 3)):
        failed += "fail" in judged(list(p), alpha=alpha)
        uncorrected += bool(p.min() <= alpha)
    most = runs * alpha + 3.7 * np.sqrt(runs * alpha * (1 - alpha))
    assert failed <= most
    assert uncorrected > most


@pytest.mark.parametrize("outcomes", list(product(("pass", "fail", "inconclusive", "error"), repeat=2)))
def test_the_gravest_outcome_is_that_of_the_whole(outcomes: tuple[str, str]) -> None:
    judgements = tuple(Judgement(condition="c", outcome=o, says="") for o in outcomes)  # type: ignore[arg-type]
    order = ["fail", "error", "inconclusive", "pass"]
    assert overall(judgements) == min(outcomes, key=order.index)


def test_without_conditions_there_is_nothing_to_pass_on() -> None:
    assert overall(()) == "inconclusive"


def test_a_judgement_tells_what_it_rests_on() -> None:
    on = bench(
        result("kid", 0.5, interval=normal_interval(0.5, 0.1)),
        result("data_copying", 0.01, p=0.4),
        nulls=NULLS,
        conditions=3,
    )
    conditions = tuple(map(parse_condition, ("kid <= 1", "data_copying.p >= alpha", "kid <= 0.51")))
    bound, power, open_ = judge(conditions, on)
    assert (bound.by, power.by, open_.by) == ("bound", "power", None)
    assert "at most 0.6645 with 95 % confidence (normal)" in bound.says
    assert "would have seen samples closer to the training rows" in power.says
    assert open_.needed is not None
    assert f"about {open_.needed} rows per side would decide" in open_.says


def test_numbers_of_a_judgement_are_plain_whatever_they_came_from() -> None:
    given = {name: np.float64(0.5) for name in ("observed", "limit", "low", "high", "p_value", "margin", "smallest")}
    found = Judgement(condition="c", outcome="pass", says="", needed=np.int64(3), **given)  # type: ignore[arg-type]
    assert {type(getattr(found, name)) for name in given} == {float}
    assert type(found.needed) is int
    assert found.adjusted is None
