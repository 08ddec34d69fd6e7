"""The entry ticket: one call that holds a metric to the contract, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gandiag.calibration.contract_rules import RULES
from gandiag.calibration.contract_subject import QUICK_REPETITIONS, Rule, Subject
from gandiag.calibration.study import resolved
from gandiag.core.checks import unknown_name
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Breach:
    """One rule that a metric broke: its name, what must hold, what was received, and the remedy."""

    rule: str
    demand: str
    received: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.demand}; got {self.received}. {self.remedy}"


class BrokenContract(ConfigError):
    """A metric that breaks rules of the contract.

    Attributes
    ----------
    breaches : tuple of Breach
        Every rule that was broken.
    """

    breaches: tuple[Breach, ...] = ()

    @classmethod
    def of(cls, metric: str, breaches: tuple[Breach, ...]) -> BrokenContract:
        """Tell of all rules that a metric broke, one a line."""
        lines = "\n".join(f"- {breach}" for breach in breaches)
        error = cls(
            f"the metric {metric} must keep the contract, and breaks {len(breaches)} of its rules:\n{lines}\n",
            remedy="Mend these, and check again.",
        )
        error.breaches = breaches
        return error


def check_metric(
    metric: str | MetricSpec, *, rules: Iterable[str] | None = None, repetitions: int = QUICK_REPETITIONS
) -> None:
    """Hold a metric to the contract: what every metric of the catalog keeps, a third party's must keep too.

    Asked are the completeness and range of the result, repeatability, that inputs and global state are left alone,
    equal answers for equal values in any layout and order, the declared traits both ways (symmetry, scale invariance,
    zero of a sample against itself), the null's statistic, ties, a dozen degenerate inputs, power that grows with the
    rows, intervals that cover where the value is known, and a quick look at the level. `gandiag calibrate` takes the
    long look.

    Parameters
    ----------
    metric : str or MetricSpec
        A spec, a name of the catalog or of an entry point, or ``module:attribute``.
    rules : iterable of str, optional
        Names in `gandiag.calibration.contract_rules.RULES`; all of them when absent.
    repetitions : int
        Simulations of the quick look, where exactness cannot be shown outright.

    Raises
    ------
    BrokenContract
        With the list of every broken rule, what was received, and the remedy.
    ConfigError
        When ``metric`` is neither, or there is no such name or rule.

    Notes
    -----
    Costs about 120 measurements of a hundred rows, twice ``repetitions`` more at most, and up to 150 of 190 rows more
    for a metric that sees few of the faults.

    Examples
    --------
    >>> from gandiag import check_metric
    >>> check_metric("energy")
    """
    spec = resolved(metric) if isinstance(metric, str) else metric
    if not isinstance(spec, MetricSpec):
        raise ConfigError(
            "`metric` must be a MetricSpec or the name of one",
            received=type(spec).__name__,
            remedy="Pass the constant METRIC of its module.",
        )
    subject = Subject(spec, repetitions=repetitions)
    found = [breach_of(RULES[name], subject) for name in _known(rules)]
    breaches = tuple(breach for breach in found if breach is not None)
    if breaches:
        raise BrokenContract.of(spec.name, breaches)


def breach_of(rule: Rule, subject: Subject) -> Breach | None:
    """Ask one rule; a metric that raises breaks it."""
    try:
        received = rule.broken(subject)
    except Exception as error:
        received = f"{type(error).__name__}: {str(error)[:400]}"
    if received is None:
        return None
    return Breach(rule=rule.name, demand=rule.demand, received=received, remedy=rule.remedy)


def _known(rules: Iterable[str] | None) -> list[str]:
    chosen = list(RULES if rules is None else rules)
    for name in chosen:
        if name not in RULES:
            raise unknown_name(name, tuple(RULES), what="rule", listing=f"There are {', '.join(RULES)}.")
    return chosen
