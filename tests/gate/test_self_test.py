"""The self-test: a healthy gate keeps its alpha, and one that does not is caught."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

import gandiag
from gandiag.core.selftest import AlarmRate, SelfTest
from gandiag.errors import ConfigError
from gandiag.numerics.binomial import clopper_pearson

REQUIRE = ["energy.p >= alpha", "moment_difference.p >= alpha"]


def chain(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw rows of which each hangs on the one before."""
    out = rng.normal(size=(n, 2))
    for i in range(1, n):
        out[i] = 0.9 * out[i - 1] + 0.44 * out[i]
    return out


def test_a_healthy_gate_keeps_its_alpha_on_endless_and_on_finite_data() -> None:
    for real in ("toy:ring8", np.random.default_rng(1).normal(size=(150, 2))):
        found = gandiag.self_test(real, runs=12, n=40, require=REQUIRE)
        assert found
        assert (found.asked, found.errors, found.n) == (12, 0, 40)
        assert [rate.alpha for rate in found.rates] == [0.05, 0.01]
        assert found.rates[0].alarms >= found.rates[1].alarms
        assert ("runs share rows" in str(found)) is not isinstance(real, str)


def test_rows_that_depend_on_each_other_and_are_declared_independent_are_caught() -> None:
    found = gandiag.self_test(chain, lag=1, runs=12, n=60, require=REQUIRE)
    assert not found
    assert found.exit_code == 1
    assert "NOT KEPT" in str(found)
    assert "do the rows depend on each other" in str(found)
    assert set(found.rates[0].by_condition) <= set(REQUIRE)


def test_no_verdict_is_no_success() -> None:
    found = gandiag.self_test("toy:gauss", runs=2, n=40, require=["authenticity >= 0.1"])
    assert (found.exit_code, found.errors) == (3, 2)
    assert "no run reached a verdict" in str(found)
    assert "no condition could be judged" in str(found)


@pytest.fixture
def spoiled() -> Iterator[None]:
    """Spoil one test: its p-values are a twentieth of what they should be."""
    from dataclasses import replace

    import gandiag.gate.significance as module

    honest = module._p_value
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "_p_value", lambda result, test: honest(result, replace(test)) / 20.0)
    yield
    patch.undo()


@pytest.mark.usefixtures("spoiled")
def test_a_spoiled_condition_is_caught() -> None:
    found = gandiag.self_test("toy:ring8", runs=12, n=40, require=["energy.p >= alpha"])
    assert found.exit_code == 1
    assert not found.rates[0].kept


@pytest.mark.slow
def test_the_same_seed_gives_the_same_answer_in_one_process_and_in_two() -> None:
    alone, two = (gandiag.self_test("toy:ring8", runs=4, n=40, require=REQUIRE, seed=3, jobs=jobs) for jobs in (1, 2))
    assert alone.to_dict() == two.to_dict()


def test_what_cannot_go_to_another_process_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match="sent to another process"):
        gandiag.self_test(lambda n, rng: rng.normal(size=(n, 2)), runs=4, jobs=2, require=REQUIRE)


def test_limits_are_exact_and_decide() -> None:
    def rate(alarms: int) -> AlarmRate:
        low, high = clopper_pearson(alarms, 100, level=0.99)
        return AlarmRate(alpha=0.05, alarms=alarms, runs=100, low=low, high=high, passes=0)

    kept = [alarms for alarms in range(101) if rate(alarms).kept]
    # P(at least 12 of 100 at a rate of 0.05) = 0.0043 and P(at least 11) = 0.0115, against half of 1 %.
    assert kept == list(range(12))
    broken = SelfTest(real="r", n=50, asked=100, confidence=0.99, rates=(rate(12),))
    assert (broken.exit_code, bool(broken)) == (1, False)
