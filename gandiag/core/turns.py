"""Turns: so many threads at work and no more, of which none is a thread that waits for another's result.

Metrics share intermediate results, and the first to ask computes them. Those that wait meanwhile would keep cores idle
if they held their place in a pool of fixed size; here they step aside, and another job takes the turn.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Protocol

_THREAD = threading.local()


class Lock(Protocol):
    """What can be held by one thread at a time."""

    def acquire(self, blocking: bool = True) -> bool:
        """Take it, or say that another thread has it."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


class Turns:
    """As many turns as threads may be at work at once, at least 1."""

    def __init__(self, number: int) -> None:
        self._free = threading.Semaphore(number)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn and work in it."""
        outer = getattr(_THREAD, "turns", None)
        with self._free:
            _THREAD.turns = self
            try:
                yield
            finally:
                _THREAD.turns = outer

    @contextmanager
    def left(self) -> Iterator[None]:
        """Let another thread have the turn."""
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()


@contextmanager
def holding(lock: Lock) -> Iterator[None]:
    """Hold a lock; while another thread has it, this thread's turn is another's, where it works in one.

    Hold no lock of another kind meanwhile: who waits for that one keeps a turn, and this thread needs one to go on.
    """
    if not lock.acquire(blocking=False):
        turns: Turns | None = getattr(_THREAD, "turns", None)
        with turns.left() if turns else nullcontext():
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
