"""The main job, end to end, as a stranger runs it: the demo names each broken sampler, and every number is complete."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# A minute on two free cores; a machine with other work may take long.
pytestmark = pytest.mark.timeout(1200)

EXPECTED = {
    "healthy: held-out digits": "ok",
    "three digits dropped": "modes_missing",
    "duplicates": "duplicates",
    "memoriser": "memorised",
    "shrunken": "modes_shrunken",
    "99 % noise": "noise_mixture",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    out = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "gandiag", "demo", "--out", str(out)], capture_output=True, text=True, check=True
    )
    return out, json.loads((out / "report.json").read_text()), done.stdout


@pytest.mark.parametrize(("sampler", "code"), EXPECTED.items())
def test_the_demo_names_each_sampler_by_its_own_fault(demo: Any, sampler: str, code: str) -> None:
    fakes = {fake["name"]: fake for fake in demo[1]["fakes"]}
    lead = fakes[sampler]["diagnoses"][0]
    assert lead["code"] == code
    assert lead["severity"] == ("none" if code == "ok" else "critical")
    assert lead["evidence"]


def test_every_result_has_a_floor_or_the_reason_that_it_has_none(demo: Any) -> None:
    for fake in demo[1]["fakes"]:
        for result in fake["results"]:
            assert result["status"] != "failed", result
            for field in ("estimate", "floor", "p_value", "interval", "excess", "z", "mde", "e_value"):
                assert result[field] is not None or result["reasons"][field], (result["metric"], field)


def test_the_page_is_self_contained_and_small(demo: Any) -> None:
    page = (demo[0] / "report.html").read_text()
    assert len(page) < 3_000_000
    assert "Content-Security-Policy" in page
    assert "<script src" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_terminal_says_what_the_report_says(demo: Any) -> None:
    assert "3 of 10 classes are missing" in demo[2]
    assert "No fault found" in demo[2]
