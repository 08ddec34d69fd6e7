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
from gandiag.samplers._ahead import Ahead
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


def test_the_next_block_is_read_while_this_one_is_worked_on() -> None:
    asked: list[tuple[int, int, bool]] = []

    def part(start: int, stop: int, ahead: bool) -> np.ndarray:
        asked.append((start, stop, ahead))
        return np.arange(start, stop)

    source = Ahead(part, 10)
    for start in range(0, 10, 4):
        np.testing.assert_array_equal(source.read(start, min(10, start + 4)), np.arange(start, min(10, start + 4)))
    assert asked == [(0, 4, False), (4, 8, True), (8, 10, True)]
    np.testing.assert_array_equal(source.read(3, 5), [3, 4])
    np.testing.assert_array_equal(source.read(0, 2), [0, 1])  # another place than was read ahead
    np.testing.assert_array_equal(source.read(2, 5), [2, 3, 4])  # the right place, another length
    assert threading.active_count() < 20


def test_what_goes_wrong_ahead_is_said_when_it_is_asked_for() -> None:
    def part(start: int, stop: int, ahead: bool) -> np.ndarray:
        if start >= 4:
            raise ImageDecodeError("broken", remedy="Mend it.")
        return np.arange(start, stop)

    source = Ahead(part, 10)
    np.testing.assert_array_equal(source.read(0, 4), np.arange(4))
    with pytest.raises(ImageDecodeError, match="broken"):
        source.read(4, 8)


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
def test_large_sets_of_every_form_are_read_ahead_alike(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from gandiag.samplers import _pictures

    (tmp_path / "f").mkdir()
    for at in range(23):
        Image.fromarray(np.full((4, 5, 3), at, np.uint8)).save(tmp_path / "f" / f"{at:02}.png")
    if form != "folder":
        shutil.make_archive(str(tmp_path / "f"), form, tmp_path, "f")
    source = tmp_path / ("f" if form == "folder" else f"f.{form}")
    whole = open_sampler(source).sample(23, rng=np.random.default_rng(0))
    monkeypatch.setattr(_pictures, "EAGER_BYTES", 0)
    late = open_sampler(source).sample(23, rng=np.random.default_rng(0))
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate([block for _, block in late.blocks(5)]), whole.values)
    assert not [thread for thread in threading.enumerate() if "gandiag" in thread.name and thread.is_alive()]
