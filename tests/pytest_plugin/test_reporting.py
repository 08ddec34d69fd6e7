"""What the plugin makes of verdicts: outcomes, JUnit files, properties, the summary. No gate is run here."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from junit_schema import breaches

# Runs within this process forget what they import; NumPy can be imported once only.
import gandiag.core.files
import gandiag.core.verdict  # noqa: F401

pytest_plugins = ["pytester"]

SCENE = """
import pytest
from gandiag.core.verdict import Judgement, Verdict
from gandiag.errors import DataError
from gandiag.gate import ledger

def reached(outcome, **more):
    says = "p = 0.25 " + "x" * 300 + " the end"
    told = Judgement(condition="mmd.p >= alpha", outcome=outcome, says=says, p_value=0.25, code=3)
    verdict = Verdict(outcome=outcome, gate="g", real="r", fake="f", alpha=0.001, judgements=(told,), **more)
    ledger.record(verdict)
    return verdict
"""
BROKEN = "error=DataError('rows must be finite', received='NaN', remedy='Mend it.')"


def run(pytester: pytest.Pytester, body: str, *options: str, subprocess: bool = False) -> pytest.RunResult:
    pytester.makepyfile(test_scene=SCENE + body)
    runner = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
    return runner("-p", "gandiag.pytest_plugin", "-p", "no:cacheprovider", "-W", "default", *options)


def cases(pytester: pytest.Pytester) -> dict[str, list[str]]:
    tree = ET.parse(pytester.path / "j.xml").getroot()
    return {c.attrib["name"]: [e.tag for e in c if e.tag != "properties"] for c in tree.iter("testcase")}


ALL = f"""
def test_good(): assert reached("pass")
def test_bad(): assert reached("fail")
def test_broken(): assert reached("error", {BROKEN})
def test_broken_status(): reached("error", {BROKEN}).raise_for_status()
def test_bad_status(): reached("fail").raise_for_status()
def test_broken_outcome(): assert reached("error").outcome == "pass"
def test_broken_told():
    verdict = reached("error")
    if not verdict: pytest.fail(str(verdict))
def test_strict(): assert reached("inconclusive", strict=True)
@pytest.mark.xfail(reason="bad generator")
def test_broken_though_failure_is_expected(): assert reached("error")
@pytest.mark.xfail(reason="bad generator")
def test_failure_is_expected(): assert reached("fail")
"""
EXPECTED = {
    "test_good": [],
    "test_bad": ["failure"],
    "test_broken": ["error"],
    "test_broken_status": ["error"],
    "test_bad_status": ["failure"],
    "test_broken_outcome": ["error"],
    "test_broken_told": ["error"],
    "test_strict": ["failure"],
    "test_broken_though_failure_is_expected": ["error"],
    "test_failure_is_expected": ["skipped"],
}


def test_a_broken_measurement_is_an_error_and_bad_quality_a_failure(pytester: pytest.Pytester) -> None:
    result = run(pytester, ALL, "--junitxml=j.xml")
    result.assert_outcomes(passed=1, failed=3, errors=5, xfailed=1)
    assert cases(pytester) == EXPECTED
    suite = next(ET.parse(pytester.path / "j.xml").getroot().iter("testsuite"))
    assert (suite.get("errors"), suite.get("failures"), suite.get("skipped"), suite.get("tests")) == (
        "5",
        "3",
        "1",
        "10",
    )


@pytest.mark.slow
def test_the_same_holds_with_several_processes(pytester: pytest.Pytester) -> None:
    result = run(pytester, ALL, "--junitxml=j.xml", "-n", "2", subprocess=True)
    result.assert_outcomes(passed=1, failed=3, errors=5, xfailed=1)
    assert cases(pytester) == EXPECTED
    result.stdout.fnmatch_lines(["*gandiag verdicts*", "fail *test_scene.py::test_bad: f, alpha 0.001*"])


def test_the_error_is_of_the_assertion_and_not_of_an_earlier_verdict(pytester: pytest.Pytester) -> None:
    body = f"""
def test_dealt_with():
    assert reached("error", {BROKEN}).outcome == "error"
    assert 1 == 2
def test_second_is_bad():
    reached("error", {BROKEN})
    assert reached("fail")
def test_errors_from_elsewhere():
    raise DataError("rows must be finite", remedy="Mend it.")
"""
    run(pytester, body).assert_outcomes(failed=3)


def test_assertions_that_pytest_does_not_rewrite_are_understood(pytester: pytest.Pytester) -> None:
    body = f"""
def test_bad(): assert reached("fail")
def test_broken(): assert reached("error", {BROKEN})
"""
    run(pytester, body, "--assert=plain").assert_outcomes(failed=1, errors=1)


def test_an_error_stops_a_run_that_stops_at_the_first(pytester: pytest.Pytester) -> None:
    body = f"""
def test_broken(): assert reached("error", {BROKEN})
def test_never_run(): pass
"""
    run(pytester, body, "-x").assert_outcomes(errors=1)
    run(pytester, body, "--maxfail=1").assert_outcomes(errors=1)


def test_a_failure_shows_the_whole_verdict(pytester: pytest.Pytester) -> None:
    result = run(pytester, 'def test_bad(): assert reached("fail")')
    result.stdout.fnmatch_lines(["*- gandiag -*", "  fail          mmd.p >= alpha: p = 0.25 *x the end"])


def test_the_properties_say_what_was_decided(pytester: pytest.Pytester) -> None:
    body = 'def test_two():\n    assert reached("pass") and reached("pass")'
    run(pytester, body, "--junitxml=j.xml", "-o", "junit_family=xunit1")
    found = [(p.get("name"), p.get("value")) for p in ET.parse(pytester.path / "j.xml").getroot().iter("property")]
    assert found == [
        ("gandiag_outcome", "pass"),
        ("gandiag_alpha", "0.001"),
        ("gandiag_fake", "f"),
        ("gandiag_condition: mmd.p >= alpha", "pass; p = 0.25"),
        ("gandiag_outcome_2", "pass"),
        ("gandiag_alpha_2", "0.001"),
        ("gandiag_fake_2", "f"),
        ("gandiag_condition_2: mmd.p >= alpha", "pass; p = 0.25"),
    ]


def test_by_default_they_are_the_suites_as_the_schema_has_it(pytester: pytest.Pytester) -> None:
    run(pytester, 'def test_one():\n    assert reached("pass")', "--junitxml=j.xml")
    text = (pytester.path / "j.xml").read_text()
    assert breaches(text) == []
    found = [(p.get("name"), p.get("value")) for p in ET.fromstring(text).iter("property")]
    assert found[0] == ("test_scene.py::test_one gandiag_outcome", "pass")
    # The other family, which was the default once, breaks it.
    run(pytester, 'def test_one():\n    assert reached("pass")', "--junitxml=j.xml", "-o", "junit_family=xunit1")
    assert "properties in a case" in breaches((pytester.path / "j.xml").read_text())


def test_an_inconclusive_verdict_passes_with_a_warning(pytester: pytest.Pytester) -> None:
    result = run(pytester, 'def test_open(): assert reached("inconclusive")')
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*test_scene.py:*GandiagInconclusive: inconclusive: 1 of 1*"])


def test_tests_without_a_verdict_are_reported_as_ever(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_good(): pass\ndef test_bad(): assert 1 == 2", "--junitxml=j.xml")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.no_fnmatch_line("*gandiag verdicts*")
    assert "propert" not in (pytester.path / "j.xml").read_text()


def test_reports_are_written_and_earlier_ones_outlive_a_failed_write(pytester: pytest.Pytester) -> None:
    body = 'def test_bad(): assert reached("pass")'
    run(pytester, body, "--gandiag-report=a/b").assert_outcomes(passed=1)
    written = sorted((pytester.path / "a/b").iterdir())
    assert [path.suffix for path in written] == [".html", ".json"]
    earlier = [path.read_bytes() for path in written]
    pytester.makeconftest(
        """
import pytest
@pytest.fixture(autouse=True)
def full_disk():
    import gandiag.core.files as files
    def refuse(descriptor): raise OSError(28, "No space left on device")
    files.os.fsync = refuse
"""
    )
    kept = os.fsync
    try:
        result = run(pytester, body, "--gandiag-report=a/b")
    finally:
        os.fsync = kept
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*No space left on device*"])
    assert sorted((pytester.path / "a/b").iterdir()) == written
    assert [path.read_bytes() for path in written] == earlier


def test_a_report_that_cannot_be_placed_is_an_error(pytester: pytest.Pytester) -> None:
    Path(pytester.path / "taken").write_text("a file")
    result = run(pytester, 'def test_good(): assert reached("pass")', "--gandiag-report=taken")
    result.assert_outcomes(passed=1, errors=1)


def test_a_test_that_is_run_again_says_how_often(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("def pytest_runtest_setup(item): item.execution_count = 3")
    run(pytester, 'def test_good(): assert reached("pass")', "--junitxml=j.xml")
    assert 'gandiag_executions" value="3" />' in (pytester.path / "j.xml").read_text()


def test_a_verdict_of_a_test_whose_fixture_breaks_at_the_end_is_told_once(pytester: pytest.Pytester) -> None:
    body = """
@pytest.fixture
def torn():
    yield
    raise RuntimeError("torn down")
def test_good(torn): assert reached("pass")
"""
    result = run(pytester, body)
    result.assert_outcomes(passed=1, errors=1)
    assert result.stdout.str().count("pass          test_scene.py::test_good") == 1


def test_a_file_that_cannot_be_collected_leaves_the_others_verdicts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_wrong="import nothing_of_that_name")
    result = run(pytester, 'def test_good(): assert reached("pass")', "--continue-on-collection-errors")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["pass *test_scene.py::test_good: f, alpha 0.001*"])


def test_what_broke_counts_among_the_last_failed(pytester: pytest.Pytester) -> None:
    body = f"""
def test_good(): assert reached("pass")
def test_broken(): assert reached("error", {BROKEN})
"""
    pytester.makepyfile(test_scene=SCENE + body)
    for expected in ({"passed": 1, "errors": 1}, {"errors": 1}):
        result = pytester.runpytest_inprocess("-p", "gandiag.pytest_plugin", "--lf")
        result.assert_outcomes(**expected)


@pytest.mark.slow
def test_assertions_hold_where_python_leaves_them_out(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    result = run(pytester, ALL, "--junitxml=j.xml", subprocess=True)
    result.assert_outcomes(passed=1, failed=3, errors=5, xfailed=1, warnings=None)
    assert cases(pytester) == EXPECTED
