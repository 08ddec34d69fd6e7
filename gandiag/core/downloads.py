"""Whether files may be fetched from the network: not unless the user says so, for one piece of work at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ALLOWED: ContextVar[bool] = ContextVar("gandiag_downloads_allowed", default=False)


def downloads_allowed() -> bool:
    """Tell whether this piece of work may fetch files."""
    return _ALLOWED.get()


@contextmanager
def downloading(allowed: bool) -> Iterator[None]:
    """Allow fetching weights whose digest is known, or forbid it, for as long as the block runs.

    No number depends on it: what is fetched must have the digest that a file at hand must have, too.
    """
    token = _ALLOWED.set(allowed)
    try:
        yield
    finally:
        _ALLOWED.reset(token)
