"""Numbers as papers print them: as many digits as the error leaves standing."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Significant digits of an error, and of a value whose error is not known.
_OF_ERROR, _OF_VALUE = 2, 3
# Within these an exponent would only be in the way.
_SMALLEST, _LARGEST = 1e-3, 1e5
# Half-widths that differ by less than this share are printed as one.
_ALIKE = 0.2


@dataclass(frozen=True, kw_only=True)
class Rounded:
    """A value and its error in one number of decimals, in units of ten to the ``exponent``.

    ``below`` and ``above`` are the distances to the ends of the interval, equal where the interval is symmetric; empty
    where there is none.
    """

    value: str
    below: str = ""
    above: str = ""
    exponent: int = 0

    @property
    def is_symmetric(self) -> bool:
        """Tell whether one error says it all."""
        return self.below == self.above


def rounded(value: float, low: float | None = None, high: float | None = None) -> Rounded:
    """Round a value by its confidence interval.

    Parameters
    ----------
    value : float
    low, high : float, optional
        Ends of the interval. The larger error keeps two significant digits, all numbers as many decimals; without
        both ends, or where they coincide, the value keeps three significant digits.

    Examples
    --------
    >>> rounded(3.14159, 3.0, 3.9)
    Rounded(value='3.14', below='0.14', above='0.76', exponent=0)
    >>> rounded(0.000123456)
    Rounded(value='1.23', below='', above='', exponent=-4)
    """
    errors = () if low is None or high is None or high <= low else (max(value - low, 0.0), max(high - value, 0.0))
    largest = max(abs(value), *errors, 0.0)
    exponent = 0 if largest == 0 or _SMALLEST <= largest < _LARGEST else math.floor(math.log10(largest))
    scale = 10.0**exponent
    if not errors:
        return Rounded(value=_fixed(value / scale, _decimals(abs(value) / scale, _OF_VALUE)), exponent=exponent)
    below, above = (error / scale for error in errors)
    mean = (below + above) / 2.0
    if abs(above - below) <= _ALIKE * mean:
        below = above = mean
    places = _decimals(max(below, above), _OF_ERROR)
    return Rounded(
        value=_fixed(value / scale, places),
        below=_fixed(below, places),
        above=_fixed(above, places),
        exponent=exponent,
    )


def _decimals(size: float, digits: int) -> int:
    """Count the decimals that leave ``digits`` significant digits of a size."""
    if size <= 0:
        return digits - 1
    places = digits - 1 - math.floor(math.log10(size))
    if float(f"{size:.{max(places, 0)}f}") >= 10.0 ** (digits - places):  # 0.0999 becomes 0.10, not 0.100
        places -= 1
    return max(places, 0)


def _fixed(value: float, places: int) -> str:
    text = f"{value:.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text
