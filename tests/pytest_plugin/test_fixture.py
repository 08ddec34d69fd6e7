"""The fixture and its marker, the ledger, and what the plugin costs those who do not use it."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from gandiag.gate import ledger

pytest_plugins = ["pytester"]

RECORDED = """
import gandiag
import pytest
@pytest.fixture(autouse=True)
def recorded(monkeypatch):
    calls = []
    monkeypatch.setattr(gandiag, "check", lambda *a, **k: calls.append((a, k)) or k)
    return calls
"""


def run(pytester: pytest.Pytester, body: str, *options: str) -> pytest.RunResult:
    pytester.makeconftest(RECORDED)
    pytester.makepyfile(test_scene="import pytest\n" + body)
    return pytester.runpytest_inprocess("-p", "gandiag.pytest_plugin", "-p", "no:cacheprovider", *options)


def test_the_call_outweighs_the_command_line_and_that_the_marker(pytester: pytest.Pytester) -> None:
    body = """
pytestmark = pytest.mark.gandiag(alpha=0.2, n=100, strict=True)
@pytest.mark.gandiag(n=200, require=["mmd.p >= alpha"])
def test_it(gandiag_check):
    asked = gandiag_check("a", "b", strict=False)
    seed = asked.pop("seed")
    assert asked == {"alpha": ALPHA, "n": 200, "strict": False, "require": ["mmd.p >= alpha"]}
    assert gandiag_check("a", "b", alpha=0.3, seed=7)["alpha"] == 0.3
    assert gandiag_check("a", "b")["seed"] != seed
"""
    run(pytester, body.replace("ALPHA", "0.2"), "--strict-markers").assert_outcomes(passed=1)
    run(pytester, body.replace("ALPHA", "0.01"), "--gandiag-alpha=0.01").assert_outcomes(passed=1)


def test_the_seed_is_of_the_test_and_not_of_the_order(pytester: pytest.Pytester) -> None:
    body = """
@pytest.mark.parametrize("case", [0, 1, 2])
def test_it(case, gandiag_check): print("SEED", case, gandiag_check("a", "b")["seed"])
"""

    def seeds(*options: str) -> set[str]:
        return {line for line in run(pytester, body, "-s", *options).stdout.lines if "SEED" in line}

    found = seeds()
    assert len({line.split()[-1] for line in found}) == 3
    only = seeds("-k", "2")
    assert len(only) == 1
    assert {line.split("SEED")[1] for line in only} <= {line.split("SEED")[1] for line in found}


@pytest.mark.parametrize("mark", ["alfa=0.1", "0.1"])
def test_a_marker_with_an_unknown_word_is_an_error(pytester: pytest.Pytester, mark: str) -> None:
    body = f"@pytest.mark.gandiag({mark})\ndef test_it(gandiag_check): pass"
    result = run(pytester, body)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the marker gandiag takes keywords that it knows; got *"])


def test_the_plugin_loads_nothing_heavy_by_itself() -> None:
    code = "import sys, gandiag.pytest_plugin; print(*({'numpy', 'torch', 'scipy', 'gandiag.api'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_ledger_tells_the_innermost_listener_and_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # The plugin itself listens where it is installed.
    monkeypatch.setattr(ledger, "_listeners", [])
    outer: list[object] = []
    inner: list[object] = []
    with ledger.listening(outer.append):
        ledger.record(1)
        with ledger.listening(inner.append):
            thread = threading.Thread(target=ledger.record, args=(2,))
            thread.start()
            thread.join()
        ledger.record(3)
    ledger.record(4)
    assert (outer, inner) == ([1, 3], [2])
    assert ledger._listeners == []
