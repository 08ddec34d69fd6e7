"""The sample repository in docs/examples/ci: passes when healthy, fails when collapsed, is in error when broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from junit_schema import breaches

from gandiag.errors import GandiagError
from gandiag.gate.policy import read_policies
from gandiag.gate.validation import require_sound

SAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "ci"
POLICY = """[gate.ring]
real = "generator.py:data"
fake = "generator.py:generator"
alpha = 0.01
n = 200
require = ["energy.p >= alpha at margin 1"]
"""
EACH = """
import pytest
@pytest.fixture(autouse=True, params=["healthy", "collapsed", "broken"])
def kind(request, monkeypatch):
    monkeypatch.setenv("GENERATOR", request.param)
"""


def run(folder: Path, **environment: str) -> ET.Element:
    command = [sys.executable, "-m", "pytest", "-p", "gandiag.pytest_plugin", "-p", "no:cacheprovider", "tests"]
    command += ["-c", "pytest.ini", "--junitxml=quality.xml"]
    (folder / "pytest.ini").write_text("[pytest]\n")
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
    subprocess.run(command, cwd=folder, env=os.environ | environment | {"PYTHONPATH": paths}, check=False)
    text = (folder / "quality.xml").read_text()
    assert breaches(text) == []
    return ET.fromstring(text)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    return Path(shutil.copytree(SAMPLE, tmp_path / "sample", ignore=ignored))


def outcomes(tree: ET.Element) -> list[list[str]]:
    return [[part.tag for part in case if part.tag != "properties"] for case in tree.iter("testcase")]


def test_the_three_generators_in_one_small_run(sample: Path) -> None:
    (sample / "gandiag.toml").write_text(POLICY)
    (sample / "tests" / "conftest.py").write_text(EACH)
    tree = run(sample)
    assert tree.tag == "testsuites"
    (suite,) = tree
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "3", "failures": "1", "errors": "1", "skipped": "0"}
    assert outcomes(tree) == [[], ["failure"], ["error"]]


def test_its_policy_can_be_carried_out() -> None:
    policies = read_policies(SAMPLE / "gandiag.toml")
    assert policies
    for policy in policies.values():
        require_sound(policy)
        with pytest.raises(GandiagError, match="no_such_map"):
            require_sound(replace(policy, features="no_such_map"))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "expected"), [("healthy", []), ("collapsed", ["failure"]), ("broken", ["error"])])
def test_the_sample_as_it_is(sample: Path, kind: str, expected: list[str]) -> None:
    assert outcomes(run(sample, GENERATOR=kind)) == [expected]
