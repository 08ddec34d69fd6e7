"""Rows go to files and loggers; a disk that is full costs one event."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gandiag
from gandiag.errors import ConfigError, FileFormatError
from gandiag.monitor import History, read_history
from gandiag.monitor.history import as_json, plain
from gandiag.monitor.sinks import Csv, JsonLines, as_sink

SCORE = {"kind": "score", "step": 7, "seconds": 1.5, "values": {"score/energy": 0.25, "value": None}}
ALARM = {"kind": "alarm", "step": 8, "seconds": 2.0, "name": "nan", "sentence": "gone"}


class Board:
    """TensorBoard's SummaryWriter."""

    def __init__(self) -> None:
        self.scalars: list[tuple[str, float, int]] = []
        self.texts: list[tuple[str, str, int]] = []

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.scalars.append((tag, value, step))

    def add_text(self, tag: str, text: str, step: int) -> None:
        self.texts.append((tag, text, step))


class Run:
    """A W&B run."""

    def __init__(self) -> None:
        self.logged: list[tuple[dict[str, Any], int]] = []

    def log(self, values: dict[str, Any], step: int) -> None:
        self.logged.append((values, step))


def test_loggers_are_taken_for_what_they_can_do() -> None:
    board, run, heard = Board(), Run(), list[Any]()
    for target in (board, run, heard.append):
        sink = as_sink(target)
        sink.write(SCORE)
        sink.write(ALARM)
    assert board.scalars == [("gandiag/score/energy", 0.25, 7)]
    assert board.texts == [("gandiag/alarm", "nan: gone", 8)]
    assert run.logged == [({"gandiag/score/energy": 0.25}, 7), ({"gandiag/alarm/nan": 1.0}, 8)]
    assert heard == [SCORE, ALARM]


def test_files_grow_and_are_read_back(tmp_path: Path) -> None:
    for name in ("history.jsonl", "history.csv"):
        for row in (SCORE, ALARM):
            as_sink(tmp_path / name).write(row)  # opened anew: as after a restart
    assert read_history(tmp_path).rows == [SCORE, ALARM]
    with (tmp_path / "history.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(line["name"], line["value"]) for line in table] == [("score/energy", "0.25"), ("value", ""), ("nan", "")]


def test_a_torn_last_line_is_skipped_and_the_next_row_starts_afresh(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    JsonLines(path).write(SCORE)
    path.write_text(path.read_text() + '{"kind": "sco')
    JsonLines(path).write(ALARM)
    history = read_history(path)
    assert history.rows == [SCORE, ALARM]
    assert history.torn == 1
    with pytest.raises(FileFormatError, match="a history must be a file that can be read"):
        read_history(tmp_path / "nothing.jsonl")


def test_a_full_disk_is_recorded_once_and_training_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = gandiag.Monitor(window=1, out=tmp_path / "run", sinks=[lambda row: heard.append(row["kind"])])
    heard: list[str] = []
    monitor.step(0, losses={"G": 1.0})
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if b'"kind"' in data:
            write(descriptor, data[:9])
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    with monkeypatch.context() as patch, caplog.at_level("WARNING", "gandiag"):
        patch.setattr(os, "write", full)
        for step in range(1, 4):
            monitor.step(step, losses={"G": 1.0})
    monitor.step(4, losses={"G": 1.0})
    events = monitor.history.of("event")
    assert [event["name"] for event in events] == ["sink_failed"]
    assert "No space left" in events[0]["message"]
    assert len(caplog.records) == 1
    assert heard.count("train") == 5
    # Four rows did not fit; the rest of the file is whole.
    history = read_history(tmp_path / "run")
    assert [row["step"] for row in history.of("train")] == [0, 4]


def test_a_short_write_is_an_error_and_does_not_spoil_the_next_row(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sink, write = JsonLines(tmp_path / "history.jsonl"), os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:12]))
        with pytest.raises(OSError, match="only 12 of"):
            sink.write(SCORE)
    sink.write(ALARM)
    assert read_history(tmp_path).rows == [ALARM]


def test_a_folder_of_another_run_is_refused_unless_it_is_continued(tmp_path: Path) -> None:
    first = gandiag.Monitor(window=1, out=tmp_path)
    first.step(41, losses={"G": 1.0})
    first.close()
    with pytest.raises(ConfigError, match="must not hold the history of another run"):
        gandiag.Monitor(window=1, out=tmp_path)
    second = gandiag.Monitor(window=1, out=tmp_path, resume=True)
    second.step(losses={"G": 2.0})
    assert read_history(tmp_path).series("loss/G") == [(41, 1.0), (42, 2.0)]


def test_series_come_oldest_first_and_skip_what_is_absent() -> None:
    history = History([SCORE, ALARM, {**SCORE, "step": 9, "values": {"value": 2.0}}])
    assert history.series("value") == [(9, 2.0)]
    assert history.series("score/energy", last=5) == [(7, 0.25)]
    assert history.names("score/") == ["score/energy"]
    assert len(history) == 3
    assert [row["step"] for row in history] == [7, 8, 9]


def test_rows_are_plain_whatever_they_hold() -> None:
    row = {"a": np.float32("nan"), "b": {1}, "c": np.arange(2), "d": Path("x"), "e": "\udc80", 3: (True, None)}
    assert plain(row) == {"a": None, "b": [1], "c": [0, 1], "d": "x", "e": "\\udc80", "3": [True, None]}
    assert as_json({"a": float("inf")}) == '{"a": null}'


def test_csv_writes_nothing_for_a_row_without_numbers(tmp_path: Path) -> None:
    Csv(tmp_path / "h.csv").write({"kind": "train", "step": 1, "seconds": 0.0, "values": {}})
    assert (tmp_path / "h.csv").read_text() == "step,seconds,kind,name,value\n"
