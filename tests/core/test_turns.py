"""A thread that waits for another's result does not keep a third one from working."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest

from gandiag.core.comparison import Comparison
from gandiag.core.turns import Turns, holding
from gandiag.working import MOST_WORKERS, available_cores, in_threads

Held = Callable[[Any], AbstractContextManager[Any]]


def fits(held: Held, *, seconds: float = 20.0) -> bool:
    """Tell whether a third job helps the first to end, while the second waits for the first, with two turns."""
    turns, lock, first, helped = Turns(2), threading.Lock(), threading.Event(), threading.Event()
    ended = []

    def long() -> None:
        with turns.taken(), held(lock):
            first.set()
            ended.append(helped.wait(seconds))

    def waits() -> None:
        with turns.taken():
            first.wait(seconds)
            with held(lock):
                pass

    def helps() -> None:
        first.wait(seconds)
        time.sleep(0.05)  # the second has its turn
        with turns.taken():
            helped.set()

    threads = [threading.Thread(target=work) for work in (long, waits, helps)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended == [True]


def test_who_waits_lets_another_work() -> None:
    assert fits(holding)


def test_a_plain_lock_would_keep_the_turn() -> None:
    assert not fits(lambda lock: lock, seconds=0.5)


def test_no_more_threads_work_than_there_are_turns() -> None:
    lock, most, working = threading.Lock(), 0, 0

    def work(_: int) -> None:
        nonlocal most, working
        with lock:
            working += 1
            most = max(most, working)
        time.sleep(0.002)
        with lock:
            working -= 1

    list(in_threads(work, range(40)))
    assert most == min(MOST_WORKERS, available_cores())


def test_the_turn_comes_back_after_an_error_and_after_waiting() -> None:
    turns, lock = Turns(1), threading.Lock()
    with pytest.raises(ZeroDivisionError, match="division"), turns.taken(), holding(lock):
        _ = 1 / 0
    lock.acquire()
    threading.Timer(0.05, lock.release).start()
    with turns.taken(), holding(lock):
        pass
    with turns.taken():
        assert lock.acquire(blocking=False)


def test_shared_results_are_made_once_whoever_waits() -> None:
    rows = np.random.default_rng(0).normal(size=(8, 2))
    comparison = Comparison(real=rows, fake=rows, fit=rows)
    made = []

    def make(_: np.random.Generator) -> int:
        time.sleep(0.05)
        made.append(1)
        return len(made)

    assert list(in_threads(lambda _: comparison.once("key", make), range(12))) == [1] * 12
