"""Large draws of a memory map stay on the disk until they are read, and nothing else changes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import gandiag
from gandiag.errors import FileFormatError, NonFiniteError
from gandiag.samplers import _finite
from gandiag.samplers._mapped import MappedRows, rows_at

ROWS = np.random.default_rng(0).normal(size=(500, 6)).astype(">f4")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", ROWS)
    return tmp_path / "x.npy"


@pytest.fixture
def nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_finite, "MOST_BYTES_READ", 0)


def drawn(path: Path, n: int = 400) -> gandiag.SampleSet:
    return gandiag.open_sampler(path).sample(n, rng=np.random.default_rng(3))


def test_rows_on_the_disk_are_the_rows_that_would_be_held(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = drawn(path)
    monkeypatch.setattr(_finite, "MOST_BYTES_READ", 0)
    left = drawn(path)
    assert isinstance(left.values, MappedRows)
    assert (left.kind, left.lag, left.notes, left.extra) == (held.kind, held.lag, held.notes, held.extra)
    assert left.values.dtype == held.values.dtype
    assert left.values.nbytes == held.values.nbytes
    assert np.array_equal(left.matrix(), held.matrix())
    index = np.array([5, 3, 399, 3])
    assert isinstance(left.take(index).values, MappedRows)
    assert np.array_equal(left.take(index).matrix(), held.take(index).matrix())


def test_a_score_is_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"metrics": ["frechet", "energy"], "permutations": 19}
    held = gandiag.score(path, path, **asked)  # type: ignore[arg-type]
    monkeypatch.setattr(_finite, "MOST_BYTES_READ", 0)
    left = gandiag.score(path, path, **asked)  # type: ignore[arg-type]
    assert [r.estimate for r in left.fakes[0].results] == [r.estimate for r in held.fakes[0].results]
    assert left.real.notes == held.real.notes


@pytest.mark.usefixtures("nothing_is_held")
def test_what_is_not_finite_is_refused_when_it_is_read(path: Path) -> None:
    rows = ROWS.copy()
    rows[17, 2] = np.nan
    np.save(path, rows)
    with pytest.raises(NonFiniteError, match="17"):
        gandiag.score(path, ROWS, metrics=["energy"])


@pytest.mark.usefixtures("nothing_is_held")
@pytest.mark.parametrize("given", [{"value_range": (-9, 9)}, {"kind": "discrete"}])
def test_what_must_be_known_of_all_rows_is_read_at_once(given: dict[str, object], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.rint(ROWS))
    found = gandiag.open_sampler(tmp_path / "x.npy", **given).sample(9, rng=np.random.default_rng(0))  # type: ignore[arg-type]
    assert isinstance(found.values, np.ndarray)


MAPS = {
    "whole": lambda m: m,
    "a part": lambda m: m[7:300],
    "every other row": lambda m: m[5::2],
    "backwards": lambda m: m[::-1],
    "some columns": lambda m: m[:, 1:4],
    "columns first": lambda m: m.T,
}


@pytest.mark.parametrize("part", MAPS)
@pytest.mark.parametrize("offset", [0, 128, 5000])
def test_any_part_of_a_map_is_read_where_it_lies(part: str, offset: int, tmp_path: Path) -> None:
    rows = np.random.default_rng(1).normal(size=(2000, 6)).astype(np.float32)
    (tmp_path / "raw").write_bytes(bytes(offset) + rows.tobytes())
    mapped = np.memmap(tmp_path / "raw", dtype=np.float32, mode="r", offset=offset, shape=rows.shape)
    found, expected = MAPS[part](mapped), MAPS[part](rows)
    places = np.random.default_rng(2).permutation(len(expected))[:100]
    assert np.array_equal(rows_at(found, places), expected[places])


def test_a_file_that_was_cut_since_it_was_opened_is_found(path: Path) -> None:
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(FileFormatError, match="must not change while it is read"):
        rows_at(mapped, np.array([400]))


def test_reading_maps_nothing(tmp_path: Path) -> None:
    rows = 40_000
    np.save(tmp_path / "x.npy", np.ones((rows, 256), dtype=np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r", allow_pickle=False)
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("Linux alone tells how much of a file is mapped")

    def mapped_kib() -> int:
        found = re.search(r"RssFile:\s+([0-9]+)", status.read_text())
        assert found is not None
        return int(found[1])

    before = mapped_kib()
    rows_at(mapped, np.random.default_rng(0).permutation(rows)[:2000])
    assert mapped_kib() - before < 4096  # of 40 000 KiB
