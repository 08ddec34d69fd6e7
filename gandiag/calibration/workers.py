"""Processes that share the pieces of a study."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

P = TypeVar("P")
T = TypeVar("T")

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Workers:
    """Processes that share the pieces, or none: with one job everything runs here."""

    def __init__(self, jobs: int = 1) -> None:
        self.jobs = jobs
        self._pool: ProcessPoolExecutor | None = None

    @contextmanager
    def running(self) -> Iterator[Workers]:
        """Keep the processes while the block runs."""
        if self.jobs == 1:
            yield self
            return
        with _one_thread_each(), ProcessPoolExecutor(self.jobs, mp_context=get_context("spawn")) as pool:
            self._pool = pool
            try:
                yield self
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            finally:
                self._pool = None

    def map(self, work: Callable[[P], T], pieces: Sequence[P]) -> Iterator[T]:
        """Work all pieces off, in their order."""
        return map(work, pieces) if self._pool is None else self._pool.map(work, pieces)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Start processes with one BLAS thread each: more would wait for each other."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
