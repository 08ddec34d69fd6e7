"""Conditions: one short line each, one grammar for TOML, the command line, pytest and Python.

::

    metric[.quantity] OP number          mode_coverage.missing == 0      coverage >= 0.9      frechet.excess <= 3
    metric.p >= alpha [at margin number]           mmd.p >= alpha at margin 0.02
    metric not worse than baseline [by number]     recall not worse than baseline by 2 %
    no diagnosis above severity          no diagnosis above minor

OP is ``<=``, ``<``, ``>=`` or ``>``, and ``==`` for a count of findings; a number may end in ``%``. Without a quantity
the estimate is meant. A margin says which effect must not go unseen: a test that did not reject is a pass only where it
would have seen that much.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from gandiag.core.checks import unknown_name
from gandiag.core.report import SEVERITIES, Severity
from gandiag.core.specs import METRICS, MetricSpec
from gandiag.errors import ConfigError

Comparator = Literal["<=", "<", ">=", ">", "=="]

# Of a Result; any other word is a detail of the metric that has a test of its own.
QUANTITIES = ("estimate", "excess", "z", "p")

_NAME = r"[a-z][a-z0-9_]*"
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_MARGIN = rf"(?:\s+at\s+margin\s+({_NUMBER})\s*(%)?)?"
_LIMIT = re.compile(
    rf"({_NAME})(?:\.({_NAME}))?\s*(<=|>=|==|<|>)\s*(?:(alpha)|({_NUMBER})\s*(%)?){_MARGIN}", re.IGNORECASE
)
_NOT_WORSE = re.compile(rf"({_NAME})\s+not\s+worse\s+than\s+baseline(?:\s+by\s+({_NUMBER})\s*(%)?)?", re.IGNORECASE)
_DIAGNOSIS = re.compile(r"no\s+diagnosis\s+above\s+(\w+)", re.IGNORECASE)
_REMEDY = "Write for example 'coverage >= 0.9', 'mmd.p >= alpha', 'recall not worse than baseline' or "
_REMEDY += "'no diagnosis above minor'."


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A number of a metric against a limit.

    Parameters
    ----------
    text : str
        As it was written, spaces evened out.
    metric : str
    quantity : str
        "estimate", "excess", "z", "p", or a detail that has a test of its own.
    comparator : {"<=", "<", ">=", ">", "=="}
    limit : float or None
        None for ``alpha``, the error budget of the gate.
    margin : float, optional
        The effect that a test must be able to see; the metric's own where absent.
    """

    text: str
    metric: str
    quantity: str
    comparator: Comparator
    limit: float | None
    margin: float | None = None

    @property
    def is_test(self) -> bool:
        """Whether it is decided by a p-value, and not by bounds of a number."""
        return self.quantity == "p" or self.quantity not in QUANTITIES


@dataclass(frozen=True, kw_only=True)
class NotWorse:
    """A metric that must not be worse than the committed baseline.

    Parameters
    ----------
    text, metric : str
    margin : float
        By how much it may be worse, at least 0.
    relative : bool
        Whether the margin is a share of the baseline's value, not in the metric's units.
    """

    text: str
    metric: str
    margin: float = 0.0
    relative: bool = False


@dataclass(frozen=True, kw_only=True)
class NoDiagnosis:
    """No finding graver than ``above``."""

    text: str
    above: Severity


Condition = Limit | NotWorse | NoDiagnosis


def parse_condition(text: object) -> Condition:
    """Read one condition.

    Raises
    ------
    ConfigError
        For anything outside the grammar.
    UnknownName
        For a metric or a severity that does not exist, naming the nearest.

    Examples
    --------
    >>> parse_condition("coverage >= 90 %").limit
    0.9
    >>> parse_condition("mmd.p >= alpha").is_test
    True
    >>> parse_condition("recall not worse than baseline by 2%").relative
    True
    """
    if not isinstance(text, str):
        raise ConfigError("a condition must be a line of text", received=repr(text), remedy=_REMEDY)
    line = " ".join(text.split())
    forms: list[tuple[re.Pattern[str], Callable[[str, re.Match[str]], Condition]]] = [
        (_DIAGNOSIS, _no_diagnosis),
        (_NOT_WORSE, _not_worse),
        (_LIMIT, _limit),
    ]
    for pattern, read in forms:
        match = pattern.fullmatch(line)
        if match is not None:
            return read(line, match)
    raise ConfigError("a condition must follow the grammar", received=line or "nothing", remedy=_REMEDY)


def _limit(text: str, match: re.Match[str]) -> Limit:
    spec = METRICS.get(match[1])
    quantity, comparator = match[2] or "estimate", match[3]
    limit = None if match[4] is not None else _number(match[5], match[6], text)
    margin = None if match[7] is None else _number(match[7], match[8], text)
    condition = Limit(
        text=text,
        metric=spec.name,
        quantity=quantity,
        comparator=_comparator(comparator),
        limit=limit,
        margin=margin,
    )
    for rule, broken, remedy in _RULES:
        if broken(condition):
            raise ConfigError(rule, received=text, remedy=remedy.format(metric=spec.name, tests=_tests(spec)))
    return condition


def _tests(spec: MetricSpec) -> str:
    return ", ".join(name for name in spec.gate if name != "p") or "none"


def _has_test(condition: Limit) -> bool:
    return condition.quantity in METRICS.get(condition.metric).gate


# What the grammar's form does not say: rule, whether it is broken, remedy.
_RULES: tuple[tuple[str, Callable[[Limit], bool], str], ...] = (
    (
        "alpha is the limit of p-values alone",
        lambda c: c.limit is None and (c.quantity, c.comparator) != ("p", ">="),
        "Write '{metric}.p >= alpha', or a number.",
    ),
    (
        # A p-value against another number would spend an error budget that nobody declared.
        "a p-value is judged against alpha, the declared error budget",
        lambda c: c.quantity == "p" and c.limit is not None,
        "Write '{metric}.p >= alpha', and set alpha in the policy.",
    ),
    (
        # Without a known uncertainty there is no evidence to be had, for or against.
        "a condition needs a number whose uncertainty is known",
        lambda c: c.quantity not in QUANTITIES and not _has_test(c),
        "Use {metric}, {metric}.excess, {metric}.z or {metric}.p; details of {metric} that have a test: {tests}.",
    ),
    (
        "a detail with a test is a count of findings, which must be none",
        lambda c: c.quantity not in QUANTITIES and (c.comparator not in ("==", "<=") or c.limit != 0.0),
        "Write '== 0'.",
    ),
    (
        "that a number equals a limit cannot be shown from samples",
        lambda c: c.quantity in QUANTITIES and c.comparator == "==",
        "Use <= or >=.",
    ),
    (
        "a margin belongs to a test: a limit is its own margin",
        lambda c: c.margin is not None and not c.is_test,
        "Leave 'at margin' out.",
    ),
    ("a margin must be above 0", lambda c: c.margin is not None and c.margin <= 0.0, "Write the effect to be seen."),
)


def _not_worse(text: str, match: re.Match[str]) -> NotWorse:
    spec = METRICS.get(match[1])
    if spec.direction == "target":
        raise ConfigError(
            "a metric must have a better direction to be worse than a baseline",
            received=spec.name,
            remedy=f"Use '{spec.name}.p >= alpha', or a metric that is lower or higher when better.",
        )
    margin = 0.0 if match[2] is None else _number(match[2], match[3], text)
    if margin < 0:
        raise ConfigError("a margin must be at least 0", received=text, remedy="Leave the minus sign out.")
    return NotWorse(text=text, metric=spec.name, margin=margin, relative=match[3] is not None)


def _no_diagnosis(text: str, match: re.Match[str]) -> NoDiagnosis:
    if match[1].lower() not in SEVERITIES:
        raise unknown_name(match[1], SEVERITIES, what="severity", listing=f"There are: {', '.join(SEVERITIES)}.")
    above = next(s for s in SEVERITIES if s == match[1].lower())
    if above == SEVERITIES[-1]:
        raise ConfigError(
            "a condition must be one that can fail", received=text, remedy=f"Nothing is graver: write {SEVERITIES[-2]}."
        )
    return NoDiagnosis(text=text, above=above)


def _number(digits: str, percent: str | None, text: str) -> float:
    value = float(digits) / (100.0 if percent else 1.0)
    if not math.isfinite(value):
        raise ConfigError("a limit must be finite", received=text, remedy="Write a smaller number.")
    return value


def _comparator(word: str) -> Comparator:
    return next(c for c in get_args(Comparator) if c == word)


def metrics_of(conditions: tuple[Condition, ...]) -> tuple[str, ...]:
    """Name the metrics that conditions ask for, each once, in the order of asking."""
    return tuple(dict.fromkeys(c.metric for c in conditions if not isinstance(c, NoDiagnosis)))
