"""Nearest names, for messages about unknown ones. The command line uses it before NumPy is loaded."""

from __future__ import annotations

import difflib


def nearest(name: str, known: list[str], fallback: str = "Pick one of these.") -> str:
    """Say which known name is meant, or where the names are listed."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}? {fallback}" if close else fallback
