"""Faults are named on sources, severities and seeds that the rules were not tuned on: the benchmark's own grid."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "diagnoses.py"
    spec = importlib.util.spec_from_file_location("diagnoses_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GRID = benchmark()


@pytest.mark.slow
@pytest.mark.parametrize(("expected", "fault"), GRID.HELD_OUT_FAULTS, ids=lambda value: value)
@pytest.mark.parametrize("source", GRID.HELD_OUT)
def test_a_fault_is_the_gravest_finding_on_a_source_that_the_rules_never_saw(
    source: str, expected: str, fault: str
) -> None:
    assert GRID.first_finding(source, fault, 100, 800)[0] == expected


@pytest.mark.slow
@pytest.mark.parametrize("source", GRID.TUNED + GRID.HELD_OUT)
def test_a_healthy_sampler_is_not_accused(source: str) -> None:
    assert GRID.first_finding(source, None, 200, 600)[0] == "ok"


@pytest.mark.parametrize(("expected", "fault"), GRID.HELD_OUT_FAULTS[:6:2], ids=lambda value: value)
def test_faults_of_a_mixture_in_ten_dimensions_are_named(expected: str, fault: str) -> None:
    """A quick part of the grid for every run; noise in such a mixture is one of the three cases in test_three_cases."""
    assert GRID.first_finding("mixture10", fault, 101, 300)[0] == expected
