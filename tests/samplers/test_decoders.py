"""Threads that decode: order, bounds, and errors that come through."""

from __future__ import annotations

import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gandiag.errors import ImageDecodeError
from gandiag.samplers import _decoders
from gandiag.samplers._decoders import Decoders
from gandiag.sources import open_sampler


def slow(value: int) -> int:
    time.sleep(0.001 * (value * 7 % 5))
    return value * value


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_answers_come_in_the_order_of_the_questions(threads: int | None) -> None:
    answers: list[tuple[int, int]] = []
    with Decoders(threads) as decoders:
        for i in range(50):
            answers += decoders.add(i, 1, slow, i)
        answers += decoders.rest()
    assert answers == [(i, i * i) for i in range(50)]


def test_what_is_under_way_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_decoders, "MOST_BYTES", 100)
    running, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1

    with Decoders(8) as decoders:
        for i in range(20):
            list(decoders.add(i, 40, work))
        list(decoders.rest())
    assert most <= 2


def test_errors_come_through_and_leave_no_thread_and_no_filter_behind(tmp_path: Path) -> None:
    for at in range(30):
        Image.fromarray(np.full((40, 40, 3), at, np.uint8)).save(tmp_path / f"{at:02}.png")
    data = (tmp_path / "20.png").read_bytes()
    (tmp_path / "20.png").write_bytes(data[:-30])
    before, filters = threading.active_count(), list(warnings.filters)
    with pytest.raises(ImageDecodeError, match=r"20\.png must be a whole image"):
        open_sampler(tmp_path).sample(30, rng=np.random.default_rng(0))
    assert threading.active_count() == before
    assert warnings.filters == filters
