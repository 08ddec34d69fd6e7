"""Conditions: one short line each, one grammar for TOML, the command line, pytest and Python.

::

    metric[.quantity] OP number          mode_coverage.missing == 0      coverage >= 0.9      frechet.excess <= 3
    metric.p >= alpha                    mmd.p >= alpha
    metric not worse than baseline [by number]     recall not worse than baseline by 2 %
    no diagnosis above severity          no diagnosis above minor

OP is one of ``<= < >= > == !=``; a number may end in ``%``. Without a quantity the estimate is meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from gandiag.core.checks import unknown_name
from gandiag.core.report import SEVERITIES, Severity
from gandiag.core.specs import METRICS
from gandiag.errors import ConfigError

Comparator = Literal["<=", "<", ">=", ">", "==", "!="]

# Of a Result; any other word is a detail of the metric.
QUANTITIES = ("estimate", "excess", "z", "p")

_NAME = r"[a-z][a-z0-9_]*"
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_LIMIT = re.compile(rf"({_NAME})(?:\.({_NAME}))?\s*(<=|>=|==|!=|<|>)\s*(?:(alpha)|({_NUMBER})\s*(%)?)", re.IGNORECASE)
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
        "estimate", "excess", "z", "p", or a detail of the metric.
    comparator : {"<=", "<", ">=", ">", "==", "!="}
    limit : float or None
        None for ``alpha``, the error budget of the gate.
    """

    text: str
    metric: str
    quantity: str
    comparator: Comparator
    limit: float | None

    @property
    def is_test(self) -> bool:
        """Whether it asks for a p-value against the error budget."""
        return self.limit is None


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
    metric = METRICS.get(match[1]).name
    quantity, comparator = match[2] or "estimate", match[3]
    if match[4] is not None and (quantity, comparator) != ("p", ">="):
        raise ConfigError(
            "alpha is the limit of p-values alone", received=text, remedy=f"Write '{metric}.p >= alpha', or a number."
        )
    if quantity == "p" and match[4] is None:
        # A p-value against another number would spend an error budget that nobody declared.
        raise ConfigError(
            "a p-value is judged against alpha, the declared error budget",
            received=text,
            remedy=f"Write '{metric}.p >= alpha', and set alpha in the policy.",
        )
    limit = None if match[4] is not None else _number(match[5], match[6], text)
    return Limit(text=text, metric=metric, quantity=quantity, comparator=_comparator(comparator), limit=limit)


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
    return NoDiagnosis(text=text, above=next(s for s in SEVERITIES if s == match[1].lower()))


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
