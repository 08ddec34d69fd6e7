"""Names in messages: the nearest of unknown ones, and those of the sides. Used before NumPy is loaded."""

from __future__ import annotations

import difflib


def nearest(name: str, known: list[str], fallback: str = "Pick one of these.") -> str:
    """Say which known name is meant, or where the names are listed."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}? {fallback}" if close else fallback


def side_of_fake(name: str) -> str:
    """Say in messages which fake source is meant."""
    return f"fake {name!r}" if name else "fake"
