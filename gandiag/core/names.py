"""Names: the nearest of unknown ones, those of the sides, and those of features. Used before NumPy is loaded."""

from __future__ import annotations

import difflib


def nearest(name: str, known: list[str], fallback: str = "Pick one of these.") -> str:
    """Say which known name is meant, or where the names are listed."""
    folded = {entry.casefold(): entry for entry in reversed(known)}
    close = difflib.get_close_matches(name.casefold(), [*folded], n=1, cutoff=0.5)
    return f"Did you mean {folded[close[0]]!r}? {fallback}" if close else fallback


def side_of_fake(name: str) -> str:
    """Say in messages which fake source is meant."""
    return f"fake {name!r}" if name else "fake"


def parts_of_features(name: str) -> tuple[str, str]:
    """Split the name of a feature map from what it is told: at the colon, or at the question mark without one.

    Examples
    --------
    >>> parts_of_features("pca:50"), parts_of_features("digits-cnn?device=cpu"), parts_of_features("flatten")
    (('pca', '50'), ('digits-cnn', '?device=cpu'), ('flatten', ''))
    """
    at = min((name.index(mark) for mark in ":?" if mark in name), default=len(name))
    return name[:at], name[at:].removeprefix(":")
