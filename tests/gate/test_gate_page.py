"""The page about the gate says what the code does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gandiag.core.specs import METRICS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gate.md").read_text()

sys.path.insert(0, str(ROOT / "benchmarks"))
from _gate_page import default_conditions, kinds_table  # noqa: E402


def test_the_default_conditions_are_those_of_the_page() -> None:
    assert "\n".join(default_conditions()) in PAGE


def test_every_metric_has_a_row() -> None:
    missing = [name for name in METRICS.names() if f"\n| `{name}` | " not in PAGE]
    assert not missing


@pytest.mark.parametrize("metric", ["c2st", "collisions", "coverage", "jsd", "kid", "mmd", "mode_coverage", "overlap"])
def test_a_row_says_how_the_metric_passes(metric: str) -> None:
    assert kinds_table([metric])[-1] in PAGE
