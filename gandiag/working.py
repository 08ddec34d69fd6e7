"""Metrics side by side: one thread at work per core, one BLAS thread each.

Two BLAS pools on two cores wait for each other at every barrier, which costs small eigenproblems several times their
own time; one thread per metric keeps every core on work. Results do not depend on it: every metric draws from its own
stream.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from gandiag.core.turns import Turns

Job = TypeVar("Job")
Done = TypeVar("Done")

MOST_WORKERS = 4
# Threads for each one at work: the others wait for it, or for their turn.
SPARE = 2
THREADS = "gandiag"

# Evaluations in several threads of one caller share these.
_LOCK = threading.Lock()
_RUNNING: list[None] = []
_SETTINGS = ExitStack()


def in_threads(work: Callable[[Job], Done], jobs: Sequence[Job]) -> Iterator[Done]:
    """Do all jobs, and yield what they return in the order of the jobs.

    An interrupt cancels what has not begun, and does not wait for what has. A job that waits for what another one
    computes does not count as being at work: there are threads to spare, which take its turn. Jobs must not call this
    themselves: the outer one would keep its turn while it waits for the inner ones.
    """
    workers = max(1, min(MOST_WORKERS, available_cores(), len(jobs)))
    turns, stopped = Turns(workers), threading.Event()

    def in_turn(job: Job) -> Done:
        with turns.taken():
            if stopped.is_set():
                raise CancelledError
            return work(job)

    with _held(max(1, available_cores() // workers)):
        pool = ThreadPoolExecutor(SPARE * workers, thread_name_prefix=THREADS)
        wait = True
        try:
            yield from pool.map(in_turn, jobs)
        except KeyboardInterrupt:
            wait = False
            raise
        finally:
            stopped.set()
            pool.shutdown(wait=wait, cancel_futures=True)


@contextmanager
def _held(threads: int) -> Iterator[None]:
    """Hold the process-wide settings while any evaluation runs; the last to leave puts them back."""
    with _LOCK:
        if not _RUNNING:
            _SETTINGS.enter_context(_quiet_solvers())
            _SETTINGS.enter_context(_blas_threads(threads))
        _RUNNING.append(None)
    try:
        yield
    finally:
        with _LOCK:
            _RUNNING.pop()
            if not _RUNNING:
                _SETTINGS.close()


def available_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _blas_threads(threads: int) -> Iterator[None]:
    # Libraries that are loaded later would not be held to the limit.
    import scipy.linalg  # noqa: F401
    import sklearn.utils  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=threads):
        yield


@contextmanager
def _quiet_solvers() -> Iterator[None]:
    """Ignore what the solvers say on stderr while threads run, since we check their answers ourselves.

    Filters are global: the metrics' own, narrower ones may interleave, and are put back here.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", module=r"ot(\..*)?$")
        yield
