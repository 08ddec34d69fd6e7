"""Baselines are written where pytest is asked to, and held against otherwise."""

from __future__ import annotations

import pytest

import gandiag

pytest_plugins = ["pytester"]

BODY = """
import pytest
SOURCE = "toy:ring8"
@pytest.mark.gandiag(n=40, alpha=0.05, baseline="kept.json", require=["frechet not worse than baseline by 0.5"])
def test_it(gandiag_check): assert gandiag_check("toy:ring8", SOURCE)
@pytest.mark.gandiag(n=40, alpha=0.05, require=["collisions.p >= alpha"])
def test_without_a_baseline(gandiag_check): assert gandiag_check("toy:ring8", "toy:ring8")
"""


@pytest.fixture(scope="module", autouse=True)
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Runs within this process forget what they import, and NumPy can be imported once only: all is imported before."""
    place = tmp_path_factory.mktemp("loaded") / "b.json"
    gandiag.update_baseline("toy:ring8", "toy:ring8", out=place, n=60, metrics=["frechet", "collisions"])
    gandiag.check("toy:ring8", "toy:ring8", n=60, baseline=place, require=["frechet not worse than baseline by 1"])


def run(pytester: pytest.Pytester, body: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_scene=body)
    return pytester.runpytest_inprocess(
        "-p", "gandiag.pytest_plugin", "-p", "no:cacheprovider", "-W", "default", *options
    )


def test_a_baseline_is_written_when_asked_and_held_against_otherwise(pytester: pytest.Pytester) -> None:
    # Without one nothing can be compared: an error, and no failure.
    run(pytester, BODY).assert_outcomes(passed=1, errors=1, warnings=1)
    assert not (pytester.path / "kept.json").exists()
    result = run(pytester, BODY, "--gandiag-update-baseline")
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(["renewed *test_scene.py::test_it: the baseline kept.json"])
    kept = (pytester.path / "kept.json").read_bytes()
    assert b"frechet" in kept
    run(pytester, BODY).assert_outcomes(passed=2, warnings=1)
    worse = BODY.replace('SOURCE = "toy:ring8"', 'SOURCE = "toy:ring8!collapse=1"')
    run(pytester, worse).assert_outcomes(passed=1, failed=1, warnings=1)
    assert (pytester.path / "kept.json").read_bytes() == kept
    # What is accepted is the new measure.
    run(pytester, worse, "--gandiag-update-baseline").assert_outcomes(passed=2, warnings=1)
    assert (pytester.path / "kept.json").read_bytes() != kept


def test_a_baseline_that_cannot_be_written_is_an_error(pytester: pytest.Pytester) -> None:
    body = BODY.replace("kept.json", "absent/kept.json")
    run(pytester, body, "--gandiag-update-baseline").assert_outcomes(passed=1, errors=1, warnings=1)
