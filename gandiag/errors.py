"""Every error that gandiag raises on purpose.

::

    GandiagError                        exit code of the command line
    ├── ConfigError (ValueError)                2   a wrong option, name or combination
    │   ├── UnknownName
    │   ├── MissingExtra
    │   └── ReportNotWritten                    3   the disk did not take it
    ├── DataError (ValueError)                  3   the samples break a rule
    │   ├── ShapeError
    │   ├── DtypeError
    │   ├── RangeError
    │   ├── NonFiniteError
    │   ├── TooFewSamplesError
    │   ├── FileFormatError
    │   ├── ImageDecodeError
    │   └── IntegrityError
    ├── SamplerError (RuntimeError)             3   the code that draws broke its contract
    │   ├── SamplerRaised
    │   ├── SamplerContractError
    │   ├── SamplerTimeout                  5   a limit, like memory
    │   └── SamplerExhausted
    ├── NumericalError (ArithmeticError)        4   no trustworthy number exists
    │   └── NotConverged
    ├── ResourceLimitError (RuntimeError)       5   refused before memory or time ran out
    └── QualityFailure (AssertionError)         1   a gate's conditions do not hold

A message always states three things: the rule that was broken, the value that was received, and the remedy.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_LONGEST_VALUE = 400


class GandiagError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    rule : str
        What must hold, as a clause without a full stop.
    received : object, optional
        The value that broke the rule; shortened when long.
    remedy : str
        One thing to do about it.
    """

    exit_code = 4

    def __init__(self, rule: str, *, received: object = None, remedy: str) -> None:
        self.rule = rule
        self.received = None if received is None else _shortened(received)
        self.remedy = remedy
        super().__init__(self._message())

    def _message(self) -> str:
        got = "" if self.received is None else f"; got {self.received}"
        return f"{self.rule}{got}. {self.remedy}"

    def place(self, where: str) -> None:
        """Say in front of the rule where it was broken."""
        self.rule = f"{where}: {self.rule}"
        self.args = (self._message(),)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by keyword, so that errors cross process borders unharmed."""
        return (_rebuild, (type(self), self.rule, self.received, self.remedy))


def _rebuild(kind: type[GandiagError], rule: str, received: object, remedy: str) -> GandiagError:
    return kind(rule, received=received, remedy=remedy)


def _shortened(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Say in every error of ours that comes from within which side it is about."""
    try:
        yield
    except GandiagError as error:
        if not error.rule.startswith(f"{where}: "):
            error.place(where)
        raise


class ConfigError(GandiagError, ValueError):
    """A wrong option, name or combination of options."""

    exit_code = 2


class UnknownName(ConfigError):
    """A name that no catalog holds."""


class MissingExtra(ConfigError):
    """An optional dependency that is absent or broken."""


class DataError(GandiagError, ValueError):
    """The samples break a rule."""

    exit_code = 3


class ShapeError(DataError):
    """Wrong rank, wrong width, or mixed sizes."""


class DtypeError(DataError):
    """A dtype that holds no real numbers."""


class RangeError(DataError):
    """Values outside the declared range."""


class NonFiniteError(DataError):
    """NaN or infinity among the values."""


class TooFewSamplesError(DataError):
    """Fewer rows than the method needs."""


class FileFormatError(DataError):
    """A file that is absent, truncated, or not what its name says."""


class ImageDecodeError(DataError):
    """An image that cannot be read as it stands."""


class IntegrityError(DataError):
    """A checksum, schema or fingerprint that does not match."""


class SamplerError(GandiagError, RuntimeError):
    """The code that draws broke its contract."""

    exit_code = 3


class SamplerRaised(SamplerError):
    """The sampler raised; the original error is chained."""


class SamplerContractError(SamplerError):
    """The sampler returned something that is not the asked-for draws."""


class SamplerTimeout(SamplerError):
    """The sampler did not deliver in time."""

    exit_code = 5


class SamplerExhausted(SamplerError):
    """A finite source ended before the asked-for number of draws."""


class NumericalError(GandiagError, ArithmeticError):
    """No trustworthy number exists for this input."""


class NotConverged(NumericalError):
    """A solver stopped before its answer was certified."""


class ReportNotWritten(ConfigError):
    """A report that the disk did not take."""

    exit_code = 3


class ResourceLimitError(GandiagError, RuntimeError):
    """The request would exceed a memory or time limit."""

    exit_code = 5


class QualityFailure(GandiagError, AssertionError):
    """A sampler does not hold the conditions of a gate: an answer, not a fault."""

    exit_code = 1
