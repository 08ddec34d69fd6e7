"""The pytest plugin: a generator's quality as a test, with a declared false-alarm rate.

``assert gandiag.check(real, fake)`` is enough. The fixture ``gandiag_check`` adds a seed of the test's own and the
defaults of its marker; the plugin shows the whole verdict of a failure, reports a broken measurement as an error and
never as a failure, and writes reports. Nothing heavy is imported before a test asks for a verdict.
"""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gandiag.errors import ConfigError
from gandiag.gate.ledger import listening
from gandiag.pytest_verdicts import (
    involved,
    line_of,
    prevented,
    properties,
    renewed_baseline,
    seed_of,
    write_report,
)

if TYPE_CHECKING:
    from gandiag.core.verdict import Verdict

_MARK = (
    "gandiag(alpha=..., n=..., gate=..., config=..., require=[...], strict=...): what the fixture gandiag_check "
    "passes to gandiag.check where the call does not say otherwise"
)
_MARKED = ("alpha", "n", "gate", "config", "require", "strict", "seed", "features", "options", "device", "baseline")
# Jenkins' schema has properties of suites alone, and the default family of pytest's files follows it.
_PROPERTIES_OF_CASES = "xunit1"
_BROKEN = "no verdict was reached, which says nothing about the generator"


class GandiagInconclusive(UserWarning):
    """A gate had too few samples to decide; the test passes, as `gandiag check` exits with 0, unless strict."""


class _Kept:
    """The verdicts of one test, in the order in which they were reached."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []
        self.renewed: list[str] = []

    def clear(self) -> None:
        """Forget everything: the test begins anew."""
        self.verdicts.clear()
        self.renewed.clear()

    def add(self, verdict: Verdict) -> None:
        """Keep a verdict, and warn where it decided nothing."""
        self.verdicts.append(verdict)
        if verdict.outcome == "inconclusive" and not verdict.strict:
            warnings.warn(GandiagInconclusive(verdict.sentence), stacklevel=_outside())


_KEPT = pytest.StashKey[_Kept]()


def _outside() -> int:
    """Count the frames up to the first that is not ours: the line of the test."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("gandiag."):
        level, frame = level + 1, frame.f_back
    return level


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("gandiag", "quality of generators")
    group.addoption("--gandiag-report", metavar="DIR", help="write a report of every verdict into this folder")
    group.addoption(
        "--gandiag-alpha",
        type=float,
        metavar="ALPHA",
        help="false-alarm rate of the checks by gandiag_check, in the place of their marker's and their policy's",
    )
    group.addoption(
        "--gandiag-update-baseline",
        action="store_true",
        help="accept the samplers of gandiag_check as they are: write the baselines anew that they are held against",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, where results are shown, the summary."""
    config.addinivalue_line("markers", _MARK)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Summary(config), "gandiag-summary")


@pytest.fixture
def gandiag_check(request: pytest.FixtureRequest) -> Callable[..., Verdict]:
    """Judge a sampler as `gandiag.check` does, with a seed that belongs to this test.

    The seed comes from the test's name, so that a verdict depends neither on the order of the tests nor on how many
    processes run them. What the call says outweighs ``--gandiag-alpha``, which outweighs the marker, which outweighs
    the policy's file. With ``--gandiag-update-baseline`` a check that is held against a baseline writes it first.
    """
    defaults, kept = _defaults(request.node), request.node.stash[_KEPT]
    update = request.config.getoption("gandiag_update_baseline")
    calls = itertools.count()

    def checked(real: Any = None, fake: Any = None, **asked: Any) -> Verdict:
        import gandiag

        asked = {"seed": seed_of(request.node.nodeid, next(calls))} | defaults | asked
        place = renewed_baseline(real, fake, asked) if update else None
        if place is not None:
            kept.renewed.append(place)
        return gandiag.check(real, fake, **asked)

    return checked


def _defaults(item: pytest.Item) -> dict[str, Any]:
    """Read the markers of a test, the closest first, and the command line."""
    found: dict[str, Any] = {}
    for mark in item.iter_markers("gandiag"):
        unknown = [*mark.args, *(name for name in mark.kwargs if name not in _MARKED)]
        if unknown:
            raise ConfigError(
                "the marker gandiag takes keywords that it knows",
                received=unknown[0],
                remedy=f"There are: {', '.join(_MARKED)}.",
            )
        found = {**mark.kwargs, **found}
    alpha = item.config.getoption("gandiag_alpha")
    return found if alpha is None else found | {"alpha": alpha}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Keep the verdicts that are reached while a test runs."""
    kept = item.stash[_KEPT] = _Kept()
    with listening(kept.add):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin anew: a test that is run again reports its last run."""
    item.stash[_KEPT].clear()
    _forget(item)


def _forget(item: pytest.Item) -> None:
    item.user_properties[:] = [(name, value) for name, value in item.user_properties if not name.startswith("gandiag_")]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell of the verdicts, and make an error of a measurement that broke."""
    kept = item.stash.get(_KEPT, None)
    verdicts = () if kept is None else tuple(kept.verdicts)
    told = properties(verdicts, executions=getattr(item, "execution_count", None)) if verdicts else []
    if told and item.config.getini("junit_family") == _PROPERTIES_OF_CASES:
        _forget(item)
        item.user_properties += told
    report = yield
    if call.excinfo is not None:
        shown = involved(call.excinfo, verdicts)
        if prevented(call.excinfo) or (shown and all(v.outcome == "error" for v in shown)):
            _as_error(report)
        add: Any = getattr(report.longrepr, "addsection", None)
        for verdict in shown if add is not None else ():
            add("gandiag", str(verdict))
    if verdicts and call.when == "teardown":
        report.gandiag_properties = told  # type: ignore[attr-defined]
        _conclude(item, report, verdicts)
    return report


def _as_error(report: pytest.TestReport) -> None:
    """Turn the report of a failed (or expectedly failed) test into one of an error.

    Everything that counts tests calls a failure outside the test's own call an error: the terminal, JUnit files, and
    the plugins of others.
    """
    report.outcome = "failed"
    if hasattr(report, "wasxfail"):
        del report.wasxfail
    if report.when == "call":
        report.when = "setup"
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        crash.message = f"{_BROKEN}: {crash.message}"


def _conclude(item: pytest.Item, report: pytest.TestReport, verdicts: tuple[Verdict, ...]) -> None:
    """Write the reports, and hand the lines of the summary on; plain text, as it may cross to another process."""
    renewed = [f"{'renewed':<12}  {item.nodeid}: the baseline {place}" for place in item.stash[_KEPT].renewed]
    report.gandiag = renewed + [line_of(item.nodeid, verdict) for verdict in verdicts]  # type: ignore[attr-defined]
    folder = item.config.getoption("gandiag_report")
    if folder is None:
        return
    from gandiag.errors import GandiagError

    try:
        for index, verdict in enumerate(verdicts):
            write_report(item.config.invocation_params.dir / Path(folder), item.nodeid, index, verdict)
    except GandiagError as error:
        report.sections.append(("gandiag", str(error)))
        if report.passed:
            report.outcome, report.longrepr = "failed", f"gandiag: {error}"


class _Summary:
    """One line per verdict at the end of a run, where there are any, and properties of the suite in a JUnit file."""

    def __init__(self, config: pytest.Config) -> None:
        self.lines: list[str] = []
        self._config = config
        self._properties: dict[str, list[tuple[str, str]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what a test told, whichever process ran it; a test that is run again tells of its last run."""
        self.lines += getattr(report, "gandiag", [])
        if told := getattr(report, "gandiag_properties", []):
            self._properties[report.nodeid] = told

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Hand the properties over before the JUnit file is written."""
        from _pytest.junitxml import xml_key

        junit = self._config.stash.get(xml_key, None)
        if junit is None or self._config.getini("junit_family") == _PROPERTIES_OF_CASES:
            return
        for nodeid, told in sorted(self._properties.items()):
            for name, value in told:
                junit.add_global_property(f"{nodeid} {name}", value)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print them, by test."""
        if self.lines:
            terminalreporter.section("gandiag verdicts")
            for line in sorted(self.lines, key=lambda line: line.split("  ", 1)[1].lstrip()):
                terminalreporter.write_line(line)
