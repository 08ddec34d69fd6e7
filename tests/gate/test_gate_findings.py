"""Conditions on diagnoses, on real reports: the level of a finding is that of its panel."""

from __future__ import annotations

import numpy as np
import pytest

import gandiag
from gandiag.calibration.null_simulation import level
from gandiag.core.verdict import Verdict
from gandiag.gate.conditions import NoDiagnosis, parse_condition
from gandiag.gate.decision import judge
from gandiag.gate.policy import Policy
from gandiag.gate.running import bench_of, settings_of

ONLY = ["no diagnosis above minor"]


def checked(fake: str, *, n: int) -> Verdict:
    return gandiag.check("toy:ring8", fake, n=n, alpha=0.01, require=ONLY)


def test_a_grave_finding_fails_with_the_level_at_which_it_appears_unless_it_is_allowed() -> None:
    verdict = checked("toy:ring8!drop_modes=4", n=120)
    found = verdict.judgements[0]
    assert found.outcome == "fail"
    assert found.p_value is not None
    assert found.p_value <= 0.01
    assert "modes_missing (critical)" in found.says
    lax = NoDiagnosis(text="a rule that allows everything", above="critical")
    assert verdict.report is not None
    on = bench_of(Policy(alpha=0.01, require=(lax,)), verdict.report, 9999)
    assert judge((lax,), on)[0].outcome != "fail"


def test_a_healthy_sampler_is_open_at_a_size_where_faults_go_unseen_and_says_which() -> None:
    found = checked("toy:ring8", n=100).judgements[0]
    assert found.outcome == "inconclusive"
    assert "could have missed their margin: c2st" in found.says


def test_a_laxer_gate_draws_as_many_relabellings_as_diagnoses_need() -> None:
    """Once a gate at alpha = .05 was an error: its 999 draws could not reach the level of the diagnoses."""
    lax, strict = (
        settings_of(Policy(alpha=alpha, require=(parse_condition("no diagnosis above minor"),)), with_train=False)
        for alpha in (0.05, 0.01)
    )
    assert lax.permutations == strict.permutations > 999


@pytest.mark.slow
def test_findings_keep_the_gates_level_over_many_runs() -> None:
    """The p-value of "no finding" is one: with alpha = .01, at most 1 % of healthy samplers fail."""
    p = []
    for seed in range(300):
        verdict = gandiag.check("toy:ring8", "toy:ring8", n=100, alpha=0.01, seed=seed, require=ONLY)
        p.append(verdict.judgements[0].p_value)
    assert level(np.array(p, dtype=float), 0.01).kept
