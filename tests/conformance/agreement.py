"""Comparison with a peer that proves each time that it could have failed."""

from __future__ import annotations

from typing import Any

import numpy as np

PLANTED = (1.01, 0.99)


def close(ours: Any, theirs: Any, *, rel: float, abs_: float = 0.0) -> bool:
    """Say whether every number agrees within ``rel`` of the peer's, or ``abs_``."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert ours.shape == theirs.shape
    return bool((np.abs(ours - theirs) <= np.maximum(rel * np.abs(theirs), abs_)).all())


def agrees(ours: Any, theirs: Any, *, rel: float, abs_: float = 0.0) -> None:
    """Compare with a peer; the same comparison must reject our value with an error of one percent either way.

    Where several numbers are compared, an error in any single one of them must be seen.
    """
    assert close(ours, theirs, rel=rel, abs_=abs_), f"{ours} is not {theirs} within {rel:g} and {abs_:g}"
    ours = np.asarray(ours, dtype=float)
    for factor in PLANTED:
        for place in np.ndindex(ours.shape):
            wrong = ours.copy()
            wrong[place] *= factor
            assert not close(wrong, theirs, rel=rel, abs_=abs_), f"an error of one percent at {place} is not seen"


def exactly(ours: Any, theirs: Any) -> None:
    """Compare numbers that must be equal to the rounding of one division."""
    agrees(ours, theirs, rel=4 * np.finfo(float).eps)
