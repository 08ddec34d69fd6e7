"""The cache changes no number: whatever happens to its files, features are those that the map gives."""

from __future__ import annotations

import errno
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from counted_map import CountedMap

from gandiag.cache import place, store
from gandiag.cache.entries import ENDING, packed, unpacked
from gandiag.cache.keys import block_key
from gandiag.cache.store import CacheWarning, FeatureCache
from gandiag.core.samples import SampleSet
from gandiag.errors import ConfigError, IntegrityError
from gandiag.extraction import ROWS, extracted
from gandiag.preparation import prepare
from gandiag.sources import open_sampler

RNG = np.random.default_rng(0)
ROWS_OF_TEST = RNG.normal(size=(2 * ROWS + 10, 4))


def samples(values: np.ndarray = ROWS_OF_TEST, **known: object) -> SampleSet:
    return SampleSet(values=np.array(values), **known)  # type: ignore[arg-type]


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache")


def blocks(cache: FeatureCache) -> list[Path]:
    return sorted(cache.folder.rglob("*" + ENDING))


def test_a_second_run_computes_nothing_and_finds_the_same_bits(cache: FeatureCache) -> None:
    counted = CountedMap()
    plain = extracted(CountedMap(), samples())
    assert np.array_equal(extracted(counted, samples(), cache=cache), plain)
    assert counted.calls == [ROWS, ROWS, 10]
    assert np.array_equal(extracted(counted, samples(), cache=cache), plain)
    assert counted.calls == [ROWS, ROWS, 10]


def test_without_a_cache_the_map_gets_the_same_blocks() -> None:
    counted = CountedMap()
    extracted(counted, samples())
    assert counted.calls == [ROWS, ROWS, 10]


def test_a_map_that_does_not_ask_for_it_is_not_cached(cache: FeatureCache) -> None:
    counted = CountedMap(cacheable=False)
    extracted(counted, samples(), cache=cache)
    assert counted.calls == [len(ROWS_OF_TEST)]
    assert blocks(cache) == []


def test_a_map_without_a_name_is_not_cached(cache: FeatureCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CountedMap, "fingerprint", lambda self: "")
    extracted(CountedMap(), samples(), cache=cache)
    assert blocks(cache) == []


def test_more_rows_of_the_same_draw_find_the_whole_blocks_before_them(cache: FeatureCache) -> None:
    counted = CountedMap()
    extracted(counted, samples(ROWS_OF_TEST[:ROWS]), cache=cache)
    extracted(counted, samples(), cache=cache)
    assert counted.calls == [ROWS, ROWS, 10]


CHANGES = {
    "a value": lambda v: samples(np.where(np.arange(v.size).reshape(v.shape) == 3, v + 1e-12, v)),
    "the order": lambda v: samples(v[::-1]),
    "the precision": lambda v: samples(v.astype(np.float32)),
    "the shape": lambda v: samples(v.reshape(-1, 2, 2), kind="image"),
    "the range": lambda v: samples(v, value_range=(-9.0, 9.0)),
    "the kind": lambda v: samples(np.rint(v).astype(np.int64), kind="discrete"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_content_is_another_key(change: str) -> None:
    counted = CountedMap()
    assert block_key(counted, samples()) == block_key(counted, samples())
    assert block_key(counted, samples()) != block_key(counted, CHANGES[change](ROWS_OF_TEST))


def test_another_map_or_device_is_another_key() -> None:
    there = CountedMap()
    there.device = "cuda"  # type: ignore[attr-defined]
    keys = {block_key(m, samples()) for m in (CountedMap(), CountedMap(name="other"), there)}
    assert len(keys) == 3


def test_where_rows_come_from_is_no_part_of_the_key() -> None:
    labelled = samples(labels=np.zeros(len(ROWS_OF_TEST), dtype=np.int64), source="elsewhere")
    assert block_key(CountedMap(), labelled) == block_key(CountedMap(), samples())


@pytest.mark.parametrize(
    "values",
    [RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3)).astype(np.float32).astype(float), np.full((2, 1), 1e300)],
)
def test_a_block_comes_back_bit_for_bit(values: np.ndarray) -> None:
    assert np.array_equal(unpacked("k", packed("k", values, features="f")), values)


DAMAGES = {
    "a flipped bit": lambda data: data[:-5] + bytes([data[-5] ^ 1]) + data[-4:],
    "a flipped bit of the header": lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:],
    "a cut end": lambda data: data[:-3],
    "a cut header": lambda data: data[:12],
    "nothing left": lambda data: b"",
    "zeros": lambda data: bytes(len(data)),
    "more than there was": lambda data: data + b"x",
    "another format": lambda data: b"\x93NUMPY" + data,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_block_is_found_set_aside_and_computed_again(damage: str, cache: FeatureCache) -> None:
    counted = CountedMap()
    plain = extracted(counted, samples(), cache=cache)
    harmed = blocks(cache)[0]
    harmed.write_bytes(DAMAGES[damage](harmed.read_bytes()))
    again = CountedMap()
    with pytest.warns(CacheWarning, match="computed again"):
        assert np.array_equal(extracted(again, samples(), cache=cache), plain)
    assert len(again.calls) == 1
    assert len(list(cache.folder.rglob("*.corrupt"))) == 1
    assert np.array_equal(extracted(again, samples(), cache=cache), plain)
    assert len(again.calls) == 1


def test_swapped_blocks_are_found(cache: FeatureCache) -> None:
    plain = extracted(CountedMap(), samples(), cache=cache)
    first, second = blocks(cache)[:2]
    ours, theirs = first.read_bytes(), second.read_bytes()
    first.write_bytes(theirs)
    second.write_bytes(ours)
    with pytest.warns(CacheWarning, match="another key") as told:
        assert np.array_equal(extracted(CountedMap(), samples(), cache=cache), plain)
    assert len(told) == 1


def test_no_cut_of_a_block_is_ever_read() -> None:
    whole = packed("k", np.ones((4, 3)), features="f")
    for length in range(len(whole)):
        with pytest.raises(IntegrityError, match="a cached block"):
            unpacked("k", whole[:length])


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_takes_nothing_ends_the_writing_and_not_the_run(
    code: int, cache: FeatureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = extracted(CountedMap(), samples(ROWS_OF_TEST[:ROWS]), cache=cache)
    tries = []

    def full(path: Path, data: bytes) -> None:
        tries.append(path)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(store, "replace_file", full)
    counted = CountedMap()
    with pytest.warns(CacheWarning, match="no longer cached") as told:
        found = extracted(counted, samples(), cache=cache)
    assert len(told) == len(tries) == 1
    assert np.array_equal(found, extracted(CountedMap(), samples()))
    assert np.array_equal(found[:ROWS], kept)
    assert counted.calls == [ROWS, 10]  # what was kept before is still read


def test_a_file_system_that_stumbles_is_asked_again(cache: FeatureCache, monkeypatch: pytest.MonkeyPatch) -> None:
    extracted(CountedMap(), samples(ROWS_OF_TEST[:ROWS]), cache=cache)
    read, failures = Path.read_bytes, [OSError(errno.ESTALE, "stale"), *[OSError(errno.EIO, "gone")] * 2]

    def stumbling(self: Path) -> bytes:
        if failures:
            raise failures.pop(0)
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", stumbling)
    counted = CountedMap()
    failures[1:] = []
    extracted(counted, samples(ROWS_OF_TEST[:ROWS]), cache=cache)
    assert counted.calls == []
    failures[:] = [OSError(errno.EIO, "gone")] * 2
    extracted(counted, samples(ROWS_OF_TEST[:ROWS]), cache=cache)
    assert counted.calls == [ROWS]


def test_the_blocks_least_recently_used_go_first(tmp_path: Path) -> None:
    size = len(packed("0" * 64, np.full((10, 10), 1 / 3), features="f"))
    cache = FeatureCache(tmp_path, 5 * size)
    keys = [f"{i:02x}" * 32 for i in range(5)]
    for age, key in enumerate(keys):
        cache.put(key, np.full((10, 10), 1 / 3), features="f")
        os.utime(cache._path(key), (1e9 + age, 1e9 + age))
    assert cache.get(keys[0]) is not None  # used just now
    cache.put("ff" * 32, np.full((10, 10), 1 / 3), features="f")
    held = {path.stem for path in blocks(cache)}
    assert keys[0] in held
    assert "ff" * 32 in held
    assert keys[1] not in held
    assert sum(path.stat().st_size for path in blocks(cache)) <= 0.8 * cache.most_bytes


def test_many_short_runs_stay_within_the_size_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No run alone writes a tenth of what the cache may hold; together they write four times as much."""

    def held_after(runs: int) -> int:
        place_of = tmp_path / str(len(list(tmp_path.iterdir())))
        for i in range(runs):
            run = FeatureCache(place_of, most_bytes=200_000)
            run.put(f"{i:064x}", np.random.default_rng(i).normal(size=(100, 20)), features="f")
        return sum(path.stat().st_size for path in blocks(FeatureCache(place_of)))

    assert held_after(50) <= 200_000
    monkeypatch.setattr(FeatureCache, "trim", lambda self: None)
    assert held_after(50) > 700_000  # negative control: nothing else keeps it small


def test_what_killed_jobs_leave_is_swept_when_it_is_old(cache: FeatureCache) -> None:
    extracted(CountedMap(), samples(), cache=cache)
    beside = blocks(cache)[0].parent
    stray = beside / f".{'0' * 64}{ENDING}.1234.tmp"
    fresh = beside / f".{'1' * 64}{ENDING}.1234.tmp"
    theirs = beside / "notes.tmp"
    for path in (stray, fresh, theirs):
        path.write_bytes(b"half")
    for path in (stray, theirs):
        os.utime(path, (time.time() - 7200,) * 2)
    cache.trim()
    assert not stray.exists()
    assert fresh.exists()
    assert theirs.exists()


def test_clearing_leaves_what_is_not_ours(cache: FeatureCache) -> None:
    extracted(CountedMap(), samples(), cache=cache)
    theirs = cache.folder / "thesis.tex"
    theirs.write_text("mine")
    assert [(h.features, h.blocks) for h in cache.holdings()] == [("counted:3", 3)]
    assert cache.clear()[0] == 3
    assert cache.holdings() == []
    assert theirs.read_text() == "mine"


def test_the_place_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(place.FOLDER, str(tmp_path / "here"))
    monkeypatch.setenv(place.SIZE, "1.5 GB")
    cache = FeatureCache.default()
    assert cache is not None
    assert cache.folder == tmp_path / "here"
    assert cache.most_bytes == 1_500_000_000
    assert cache.folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv(place.FOLDER, "off")
    assert FeatureCache.default() is None
    monkeypatch.delenv(place.FOLDER)
    assert place.folder().name == "gandiag"  # type: ignore[union-attr]


def test_a_size_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(place.SIZE, "plenty")
    with pytest.raises(ConfigError, match=f"{place.SIZE} must be a size such as 20GB or 500MB; got plenty"):
        place.most_bytes()


def test_a_place_that_cannot_be_or_that_others_can_write_to_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(place.FOLDER, str(tmp_path / "file" / "below"))
    with pytest.warns(CacheWarning, match="not cached: .*file/below: Not a directory"):
        assert FeatureCache.default() is None
    monkeypatch.setenv(place.FOLDER, str(tmp_path / "file"))
    with pytest.warns(CacheWarning, match="file is no folder"):
        assert FeatureCache.default() is None
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv(place.FOLDER, str(tmp_path / "open"))
    with pytest.warns(CacheWarning, match="written to by others"):
        assert FeatureCache.default() is None
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    monkeypatch.setenv(place.FOLDER, str(tmp_path / "dangling"))
    with pytest.warns(CacheWarning, match="not cached"):
        assert FeatureCache.default() is None


@pytest.mark.parametrize("named", ["~nobody-of-that-name/cache", None])
def test_a_home_that_there_is_not_is_no_place_for_a_cache(
    named: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers run users without a home: nothing may be written to a folder called ``~``, and the run goes on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(place.FOLDER, raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if named is None:
        monkeypatch.delenv("HOME", raising=False)
        monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)
    else:
        monkeypatch.setenv(place.FOLDER, named)
    with pytest.warns(CacheWarning, match="not cached: ~.* is in a home that there is not"):
        assert FeatureCache.default() is None
    assert list(tmp_path.iterdir()) == []
    # Negative control: with a home there is a place.
    monkeypatch.delenv(place.FOLDER, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert FeatureCache.default() is not None


def test_rows_that_come_again_are_cached_and_those_of_a_generator_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(place.FOLDER, str(tmp_path / "c"))
    counted = CountedMap()
    monkeypatch.setattr("gandiag.preparation.fitted_map", lambda name, fit: counted)
    real = open_sampler(RNG.normal(size=(400, 4)))
    fakes = [("drawn", open_sampler(lambda n, rng: rng.normal(size=(n, 4)))), ("kept", real)]

    def run(cache: bool) -> list[int]:
        counted.calls.clear()
        prepared = prepare(real, fakes, train=None, features=None, n=None, seed=0, cache=cache)
        for i in range(2):
            prepared.comparison(i, seed=0)
        return list(counted.calls)

    of_all, of_generator = [ROWS, 44, ROWS, 44, 100, ROWS, 144], [ROWS, 44]
    assert sorted(run(cache=False)) == sorted(of_all)
    assert not (tmp_path / "c").exists()
    assert sorted(run(cache=True)) == sorted(of_all)
    assert run(cache=True) == of_generator


def test_the_clock_is_no_part_of_keys_or_hits(cache: FeatureCache, monkeypatch: pytest.MonkeyPatch) -> None:
    extracted(CountedMap(), samples(), cache=cache)
    for path in blocks(cache):
        os.utime(path, (4e9, 4e9))
    monkeypatch.setattr(time, "time", lambda: 0.0)
    counted = CountedMap()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extracted(counted, samples(), cache=cache)
    assert counted.calls == []
