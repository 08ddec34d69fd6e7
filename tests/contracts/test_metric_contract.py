"""What every metric promises in its spec, checked over the catalog: the rules of `check_metric`, one at a time.

The quick look at the level stands in tests/calibration/test_levels.py.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from gandiag.calibration.checking import breach_of
from gandiag.calibration.contract_rules import RULES
from gandiag.calibration.contract_subject import Subject
from gandiag.core.specs import METRICS

# Measurements by the dozen: too long here for metrics that train, match or decompose in each.
COSTLY = (
    *("c2st", "c2st_cnn", "c2st_loss", "c2st_mlp", "c2st_trees", "critic_wasserstein", "cross_match"),
    *("js_distance", "jsd", "kl", "mmd_agg", "mmd_deep", "vendi"),
)
REPEATING = ("power grows", "interval")
CASES = [
    pytest.param(name, rule, marks=pytest.mark.slow if name in COSTLY and rule in REPEATING else ())
    for name in METRICS.names()
    for rule in RULES
    if rule != "level"
]


@cache
def subject(name: str) -> Subject:
    return Subject(METRICS.get(name))


@pytest.mark.parametrize(("name", "rule"), CASES)
def test_a_metric_keeps_the_contract(name: str, rule: str) -> None:
    breach = breach_of(RULES[rule], subject(name))
    assert breach is None, str(breach)


@pytest.mark.parametrize("name", METRICS.names())
def test_a_metric_has_a_mirror_test(name: str) -> None:
    assert (Path(__file__).parents[1] / "metrics" / f"test_{name}.py").exists()
