"""The level of the gate as pytest runs it: real against real fails in at most a share alpha of the tests."""

from __future__ import annotations

import pytest
from scipy.stats import binom

import gandiag.report
import gandiag.verdicts  # noqa: F401
from gandiag.core.verdict import Verdict

pytest_plugins = ["pytester"]

ALPHA = 0.05
# Tests that look at different things: uncorrected, each would add its own false alarms.
REQUIRE = ["ks_marginals.p >= alpha", "energy.p >= alpha", "moment_difference.p >= alpha", "cross_match.p >= alpha"]
BODY = """
import pytest

@pytest.mark.filterwarnings("ignore::gandiag.pytest_plugin.GandiagInconclusive")
@pytest.mark.gandiag(n=40, alpha={alpha}, require={require})
@pytest.mark.parametrize("run", range({runs}))
def test_real_against_real(run, gandiag_check, seen):
    verdict = gandiag_check("toy:gauss", "toy:gauss")
    seen.append(verdict)
    assert verdict
"""


class Seen:
    """Hands the verdicts of the runs out of the inner run."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []

    @pytest.fixture
    def seen(self) -> list[Verdict]:
        return self.verdicts


def false_alarms(pytester: pytest.Pytester, runs: int) -> tuple[int, int]:
    """Count the tests that failed, and those that a gate without Holm's rule would have failed."""
    pytester.makepyfile(test_scene=BODY.format(alpha=ALPHA, require=REQUIRE, runs=runs))
    seen = Seen()
    result = pytester.inline_run("-q", "-p", "gandiag.pytest_plugin", "-p", "no:cacheprovider", plugins=[seen])
    passed, skipped, failed = result.countoutcomes()
    assert (passed + failed, skipped, len(seen.verdicts)) == (runs, 0, runs)
    assert {verdict.outcome for verdict in seen.verdicts} <= {"pass", "fail", "inconclusive"}
    assert failed == sum(verdict.outcome == "fail" for verdict in seen.verdicts)
    careless = sum(any((j.p_value or 1.0) <= ALPHA for j in verdict.judgements) for verdict in seen.verdicts)
    return failed, careless


def test_a_few_runs_raise_few_false_alarms(pytester: pytest.Pytester) -> None:
    failed, _ = false_alarms(pytester, 5)
    assert failed <= binom.ppf(0.9999, 5, ALPHA)


@pytest.mark.slow
def test_the_level_is_kept_and_would_not_be_without_correction(pytester: pytest.Pytester) -> None:
    runs = 300
    failed, careless = false_alarms(pytester, runs)
    limit = binom.ppf(0.999, runs, ALPHA)
    assert failed <= limit
    assert careless > limit
