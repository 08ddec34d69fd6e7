"""Claims of a plan against the gate itself: the claimed effect is planted, and found as often as is claimed."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gandiag
from gandiag.core.plan import Planned, Simulated
from gandiag.gate.planting import PLANTS, RareMode, dial_for
from gandiag.sources import open_sampler

EXACT = ["collisions.p >= alpha", "mode_coverage.missing == 0"]


def tried(require: list[str], *, runs: int, n: int = 150, alpha: float = 0.02) -> dict[str, Planned]:
    """Plan and simulate."""
    found = gandiag.plan("toy:ring8", n=n, alpha=alpha, require=require, simulate=runs)
    return {line.condition: line for line in found.lines}


def simulated(line: Planned) -> Simulated:
    """Give what was simulated."""
    assert line.simulated is not None, line.why
    return line.simulated


def spread(runs: int) -> float:
    """Give three standard errors of a share of 0.95."""
    return 3.0 * math.sqrt(0.95 * 0.05 / runs)


def test_a_mode_of_a_share_is_planted_and_lost() -> None:
    ring = open_sampler("toy:ring8")
    real, fake = PLANTS["mode_coverage", "missing"].put(ring, ring, 0.04)
    assert isinstance(fake, RareMode)
    drawn = [side.sample(4000, rng=np.random.default_rng(1)).labels for side in (real, fake)]
    counts = [np.bincount(labels, minlength=8) for labels in drawn if labels is not None]
    rare = int(counts[0].argmin())
    assert counts[1][rare] == 0
    assert counts[0][rare] / 4000 == pytest.approx(0.04, abs=4 * math.sqrt(0.04 / 4000) + 0.005)
    assert np.delete(counts[1], rare).min() > 450


def test_the_dial_is_turned_to_the_size_or_said_to_be_out_of_reach() -> None:
    assert dial_for(0.3, 2.0, lambda dial: dial**2) == pytest.approx(math.sqrt(0.3), rel=0.02)
    assert dial_for(5.0, 2.0, lambda dial: dial**2) == math.inf


def test_a_claim_that_is_simulated_is_told_with_its_limits() -> None:
    line = tried(["collisions.p >= alpha"], runs=8, n=100)["collisions.p >= alpha"]
    found = simulated(line)
    assert found.planted == line.smallest
    assert found.found >= 5
    assert f"found in {found.found} of 8 runs" in line.sentence


def test_what_is_not_simulated_says_why() -> None:
    rows = np.random.default_rng(0).normal(size=(120, 2))
    found = gandiag.plan(
        rows, n=50, alpha=0.1, require=["mode_coverage.missing == 0", "overlap.p >= alpha"], simulate=2
    )
    assert "endless sources alone" in found.lines[0].why
    assert "no known fault" in found.lines[1].why
    more = gandiag.plan(rows, n=500, alpha=0.1, require=["collisions.p >= alpha"], simulate=2)
    assert "not rows enough to simulate" in more.lines[0].why


@pytest.mark.slow
def test_faults_that_are_planted_exactly_are_found_as_often_as_is_claimed() -> None:
    runs = 200
    for line in tried(EXACT, runs=runs).values():
        # Counts are whole numbers, and half of a level is left to the luck of drawing: a little more is no fault.
        assert simulated(line).found / runs >= 0.95 - spread(runs)
        assert simulated(line).found / runs <= 0.99 + spread(runs)


@pytest.mark.slow
def test_much_less_than_the_claimed_effect_is_found_far_less_often() -> None:
    from dataclasses import replace

    from gandiag.gate.conditions import Limit
    from gandiag.gate.policy import Policy, conditions_from
    from gandiag.gate.simulating import Scene, _counted

    runs, level = 60, 0.01
    # So many repeats are planted, and not so many on the average, which the claim allows for: half of them are enough.
    less = {"collisions": 0.25, "mode_coverage": 0.5}
    for condition in conditions_from(EXACT, where="the test"):
        assert isinstance(condition, Limit)
        line = tried([condition.text], runs=1, alpha=level)[condition.text]
        policy = replace(Policy(), require=(condition,), alpha=level)
        plant = PLANTS[condition.metric, condition.quantity]
        scene = Scene(policy=policy, condition=condition, real=open_sampler("toy:ring8"), plant=plant, n=150)
        assert line.smallest is not None
        assert _counted(scene, less[condition.metric] * line.smallest, runs).found / runs < 0.95 - spread(runs)
