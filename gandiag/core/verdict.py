"""Verdict: whether a sampler may pass, condition by condition, with the error budget that was spent. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gandiag.core.report import Report
from gandiag.core.wording import short_p
from gandiag.errors import GandiagError, QualityFailure

Outcome = Literal["pass", "fail", "inconclusive", "error"]
# What a pass rests on: a confidence bound within the limit, or a test that would have seen the declared margin.
Evidence = Literal["bound", "power"]

SCHEMA_VERSION = 1
_UNREADABLE, _INTERNAL = 3, 4
_ROUNDING = 1e-9
_NUMBERS = ("observed", "limit", "low", "high", "p_value", "adjusted", "margin", "smallest")


@dataclass(frozen=True, kw_only=True, eq=False)
class Judgement:
    """What was decided about one condition.

    Parameters
    ----------
    condition : str
        As it was written.
    outcome : {"pass", "fail", "inconclusive", "error"}
    says : str
        One sentence: what was seen, and why that decides or does not.
    by : {"bound", "power"}, optional
        The kind of evidence of a pass; None for every other outcome.
    metric : str, optional
        None for a condition on diagnoses.
    observed : float, optional
        The number that the condition is about.
    limit : float, optional
        What it is held against; None for a test.
    low, high : float, optional
        Confidence bounds of the number, as far as they were used.
    p_value, adjusted : float, optional
        Evidence against the condition: of itself, and by Holm's rule over all conditions of the gate.
    margin, smallest : float, optional
        The effect that must not go unseen, and the smallest one that is seen with power 0.95 at these sizes.
    effect : str
        What margin and smallest effect are sizes of, with braces where the number goes.
    needed : int, optional
        Rows per side that would decide, where it is inconclusive.
    code : int
        Exit code that an error stands for.
    """

    condition: str
    outcome: Outcome
    says: str
    by: Evidence | None = None
    metric: str | None = None
    observed: float | None = None
    limit: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    adjusted: float | None = None
    margin: float | None = None
    smallest: float | None = None
    effect: str = ""
    needed: int | None = None
    code: int = 0

    def __post_init__(self) -> None:
        # Plain data: the scalars of NumPy are not taken by everything that writes numbers.
        for name in _NUMBERS:
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else float(value))
        object.__setattr__(self, "needed", None if self.needed is None else int(self.needed))


@dataclass(frozen=True, kw_only=True, eq=False)
class Verdict:
    """Whether a sampler may pass.

    ``bool(verdict)`` is True exactly when the exit code is 0: for a pass, and for an inconclusive run that is not
    strict.

    Parameters
    ----------
    outcome : {"pass", "fail", "inconclusive", "error"}
        "fail" where any condition failed, else "error" where any could not be judged, else "inconclusive" where any is,
        else "pass".
    gate, real, fake : str
        The name of the policy, and the sources.
    alpha : float
        The chance that a sampler with nothing wrong fails, over all conditions together.
    strict : bool
        Whether an inconclusive run counts as failed.
    judgements : tuple of Judgement
        In the order of the policy.
    report : Report, optional
        What the judgements rest on; None where no comparison could be made.
    error : GandiagError, optional
        What prevented the comparison.
    warnings : tuple of str
    provenance : mapping
        What is needed to run it again.
    ended : str
        Where the drawing ended, of a sampler that was drawn in blocks.
    """

    outcome: Outcome
    gate: str
    real: str
    fake: str
    alpha: float
    strict: bool = False
    judgements: tuple[Judgement, ...] = ()
    report: Report | None = None
    error: GandiagError | None = None
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    ended: str = ""
    gandiag_version: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def exit_code(self) -> int:
        """0 pass (or inconclusive), 1 fail (or inconclusive and strict), 3 data or sampler, 4 numerical, 5 limit."""
        if self.outcome == "error":
            return self._error_code()
        return int(self.outcome == "fail" or (self.outcome == "inconclusive" and self.strict))

    def _error_code(self) -> int:
        if self.error is not None:
            return self.error.exit_code
        # What went wrong within gandiag outweighs what is wrong with the data.
        return max((j.code or _INTERNAL for j in self.of("error")), default=_INTERNAL)

    def __bool__(self) -> bool:
        return self.exit_code == 0

    def of(self, outcome: Outcome) -> tuple[Judgement, ...]:
        """List the judgements with one outcome."""
        return tuple(j for j in self.judgements if j.outcome == outcome)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence; a second one says where the drawing ended, of a sampler drawn in blocks."""
        return f"{self._sentence.rstrip('.')}. {self.ended}" if self.ended else self._sentence

    @property
    def _sentence(self) -> str:
        if self.error is not None:
            return f"error: no verdict was reached: {self.error}"
        decisive = self.of(self.outcome)
        told = "; ".join(f"{j.condition}: {j.says}" for j in decisive[:3])
        more = f" (and {len(decisive) - 3} more)" if len(decisive) > 3 else ""
        if self.outcome == "pass":
            return f"pass: all {len(self.judgements)} conditions hold, with evidence for each."
        return f"{self.outcome}: {len(decisive)} of {len(self.judgements)} conditions. {told}{more}"

    @property
    def spent(self) -> str:
        """How the error budget was spent: Holm's thresholds, and the smallest p-values that met them."""
        tested = sorted(j.p_value for j in self.judgements if j.p_value is not None)
        count = len(self.judgements)
        levels = [self.alpha / (count - i) for i in range(len(tested))]
        met = [p <= level * (1.0 + _ROUNDING) for p, level in zip(tested, levels, strict=True)]
        steps = [
            f"{short_p(p)} {'<=' if ok else '>'} {level:.2g}" for p, level, ok in zip(tested, levels, met, strict=True)
        ]
        shown = steps[: len(self.of("fail")) + 1]
        told = f": {', '.join(shown)}" if shown else ""
        over = "one condition" if count == 1 else f"{count} conditions by Holm's rule, smallest p first"
        return f"alpha = {self.alpha:g} over {over}{told}"

    def raise_for_status(self) -> None:
        """Raise unless the exit code is 0.

        Raises
        ------
        QualityFailure
            When the sampler failed, or the run is strict and inconclusive.
        GandiagError
            The error that prevented a verdict.
        """
        if self:
            return
        if self.error is not None:
            raise self.error
        if self.outcome == "error":
            raise _unjudged(self.of("error"))
        raise QualityFailure(
            f"{self.fake} must hold the conditions of the gate{f' {self.gate}' if self.gate else ''}",
            received=self.sentence,
            remedy="Look at the report, or at `gandiag score` on the same sources.",
        )

    def __str__(self) -> str:
        lines = [self.sentence]
        lines += [f"  {j.outcome:<12}  {j.condition}: {j.says}" for j in self.judgements]
        return "\n".join((*lines, *(f"  warning: {w}" for w in self.warnings)))

    __repr__ = __str__


def _unjudged(judgements: tuple[Judgement, ...]) -> GandiagError:
    from gandiag.errors import DataError, NumericalError

    first = judgements[0]
    kind = DataError if all(j.code == _UNREADABLE for j in judgements) else NumericalError
    return kind(
        "every condition of a gate must be judged",
        received=f"{len(judgements)} that could not be; {first.condition}: {first.says}",
        remedy="Mend what is named, or leave the condition out.",
    )
