"""How text of others and numbers are written, wherever a person reads them."""

from __future__ import annotations

import unicodedata


def printable(text: object, *, longest: int | None = None) -> str:
    """Strip what could steer a terminal or reorder a line: control, bidirectional and unpaired characters.

    Line breaks and tabs become spaces. ``longest`` shortens with an ellipsis.
    """
    out = []
    for character in str(text):
        category = unicodedata.category(character)
        if character in "\n\r\t" or category in ("Zl", "Zp"):
            out.append(" ")
        elif category not in ("Cc", "Cf", "Cs"):
            out.append(character)
    clean = "".join(out).strip()
    if longest is not None and len(clean) > longest:
        return clean[: longest - 1].rstrip() + "…"
    return clean


def short(value: float) -> str:
    """Write a number in four significant digits."""
    if value == int(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.4g}"


def short_p(p: float) -> str:
    """Write a p-value in two significant digits, without an exponent."""
    if p >= 0.1:
        return f"{p:.2f}"
    if p >= 0.00095:
        return f"{p:.1g}" if p < 0.001 else f"{p:.3f}"
    digits = max(4, 1 - _exponent(p))
    return f"{p:.{digits}f}" if digits <= 6 else f"{p:.0e}"


def _exponent(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])
