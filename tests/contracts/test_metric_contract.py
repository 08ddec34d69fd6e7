"""What every metric promises in its spec, checked over the catalog: the rules of `check_metric`, one at a time.

The quick look at the level stands in tests/calibration/test_levels.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gandiag.calibration.checking import breach_of
from gandiag.calibration.contract_rules import RULES
from gandiag.calibration.contract_subject import Subject
from gandiag.core.specs import METRICS


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "level"])
@pytest.mark.parametrize("name", METRICS.names())
def test_a_metric_keeps_the_contract(name: str, rule: str) -> None:
    breach = breach_of(RULES[rule], Subject(METRICS.get(name)))
    assert breach is None, str(breach)


@pytest.mark.parametrize("name", METRICS.names())
def test_a_metric_has_a_mirror_test(name: str) -> None:
    assert (Path(__file__).parents[1] / "metrics" / f"test_{name}.py").exists()
