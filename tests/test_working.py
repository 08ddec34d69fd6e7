"""Threads of metrics leave the process as they found it, also when several evaluations overlap."""

from __future__ import annotations

import threading
import time
import warnings
from typing import Any

import pytest
from threadpoolctl import threadpool_info

from gandiag.working import MOST_WORKERS, available_cores, in_threads


def state() -> Any:
    return list(warnings.filters), [(pool["internal_api"], pool["num_threads"]) for pool in threadpool_info()]


def test_overlapping_evaluations_put_settings_back() -> None:
    list(in_threads(str, [0]))  # the libraries are loaded
    before = state()
    started = threading.Barrier(2)

    def run(seconds: float) -> None:
        def work(job: int) -> None:
            started.wait(timeout=10)
            time.sleep(seconds)

        list(in_threads(work, [0]))

    threads = [threading.Thread(target=run, args=(s,)) for s in (0.05, 0.3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state() == before


def test_an_interrupt_does_not_wait_for_running_work() -> None:
    release = threading.Event()

    def work(job: int) -> int:
        if job == 0:
            raise KeyboardInterrupt
        release.wait(timeout=20)
        return job

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        list(in_threads(work, [0, 1]))
    assert time.monotonic() - began < 5
    release.set()


def test_an_interrupt_keeps_waiting_jobs_from_beginning() -> None:
    begun, release = [], threading.Event()

    def work(job: int) -> None:
        begun.append(job)
        if job == 0:
            time.sleep(0.1)  # later jobs wait for their turn by now
            raise KeyboardInterrupt
        release.wait(timeout=20)

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        list(in_threads(work, range(50)))
    release.set()
    time.sleep(0.1)
    # The turn of the first may pass on before the interrupt is seen.
    assert len(begun) <= min(MOST_WORKERS, available_cores()) + 1
