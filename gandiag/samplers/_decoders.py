"""Several threads that decode, with answers in the order of the questions and a bound on what is under way."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

MOST_THREADS = 16
MOST_BYTES = 2**28

_PER_THREAD = 4


class Decoders:
    """Runs work in threads; leaving it waits for what has begun and drops the rest.

    Parameters
    ----------
    threads : int, optional
        As many as this process may use processors, up to 16.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or min(_processors(), MOST_THREADS)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="gandiag-decode")
        self._under_way: deque[tuple[Any, int, Future[Any]]] = deque()
        self._bytes = 0

    def __enter__(self) -> Decoders:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def add(self, place: Any, size: int, work: Callable[..., Any], *arguments: Any) -> Iterator[tuple[Any, Any]]:
        """Begin ``work(*arguments)``, which takes about ``size`` bytes; yield answers as they must make room for it."""
        while self._under_way and (
            len(self._under_way) >= _PER_THREAD * self._threads or self._bytes + size > MOST_BYTES
        ):
            yield self._next()
        self._under_way.append((place, size, self._pool.submit(work, *arguments)))
        self._bytes += size

    def rest(self) -> Iterator[tuple[Any, Any]]:
        """Yield the answers that are left."""
        while self._under_way:
            yield self._next()

    def _next(self) -> tuple[Any, Any]:
        place, size, future = self._under_way.popleft()
        self._bytes -= size
        return place, future.result()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
