"""The ledger: tells a test runner of every verdict that is reached while a test runs. Nobody else needs it.

A list for the whole process and not a context variable: a check that a test runs in a thread of its own counts too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_listeners: list[Callable[[Any], None]] = []
_lock = threading.Lock()


def record(verdict: Any) -> None:
    """Tell the innermost listener of a verdict, in the thread that reached it: a run within a run keeps its own."""
    with _lock:
        listener = _listeners[-1] if _listeners else None
    if listener is not None:
        listener(verdict)


@contextmanager
def listening(listener: Callable[[Any], None]) -> Iterator[None]:
    """Call ``listener`` with every verdict that is reached while the block lasts."""
    with _lock:
        _listeners.append(listener)
    try:
        yield
    finally:
        with _lock:
            # The last one that is this very object: blocks may nest, and end in any order.
            at = max(i for i, known in enumerate(_listeners) if known is listener)
            del _listeners[at]
