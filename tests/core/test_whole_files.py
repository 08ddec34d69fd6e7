"""Files are put in place whole or not at all, several of them together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gandiag.core.files import replace_file, write_files
from gandiag.errors import ConfigError, ReportNotWritten


def test_a_file_is_what_was_written_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    name = "n" * 250  # with room for no ending
    for content in (b"first, and longer", b"second"):
        replace_file(tmp_path / name, content)
        assert (tmp_path / name).read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_none_of_several_is_in_place_before_all_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {tmp_path / name: b"new" for name in ("a", "b")}
    (tmp_path / "a").write_bytes(b"earlier")
    calls: list[int] = []
    sync = os.fsync

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportNotWritten, match=r"a thing must be written to a place .*/a, .*/b: No space left"):
        write_files(files, "a thing")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"earlier"}


@pytest.mark.parametrize("place", ["absent/a", "."])
def test_what_is_no_place_for_a_file_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(ConfigError, match="a report must be written to a file in a folder that exists"):
        write_files({tmp_path / place: b""})
