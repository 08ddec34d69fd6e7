"""Killed jobs, two jobs at once, and a disk that is full: what other processes do to the cache."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from counted_map import CountedMap

from gandiag.cache.entries import ENDING
from gandiag.cache.store import FeatureCache
from gandiag.core.samples import SampleSet
from gandiag.extraction import ROWS, extracted

BLOCKS = 6
CHILD = """
import os, signal, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, {here!r})
from counted_map import CountedMap
from gandiag.cache.store import FeatureCache
from gandiag.core.samples import SampleSet
from gandiag.extraction import ROWS, extracted

rows = SampleSet(values=np.random.default_rng(1).normal(size=({blocks} * ROWS, 4)))
cache = FeatureCache(Path({folder!r}))
counted = CountedMap()
{harm}
np.save({out!r}, extracted(counted, rows, cache=cache))
print(len(counted.calls))
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
HARMS = {
    "in the map": f"""
ask = CountedMap.__call__
def mortal(self, samples):
    if len(self.calls) == 3: {KILL}
    return ask(self, samples)
CountedMap.__call__ = mortal""",
    "before the disk has it": f"""
sync, seen = os.fsync, []
def mortal(fd):
    seen.append(fd)
    if len(seen) == 4: {KILL}
    sync(fd)
os.fsync = mortal""",
    "before it is moved": f"""
move, seen = Path.replace, []
def mortal(self, target):
    seen.append(target)
    if len(seen) == 4: {KILL}
    return move(self, target)
Path.replace = mortal""",
}
FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
np.save = lambda path, rows: None
"""


def child(folder: Path, out: Path, harm: str = "") -> list[str]:
    here = str(Path(__file__).parent)
    code = CHILD.format(here=here, blocks=BLOCKS, folder=str(folder), out=str(out), harm=harm)
    return [sys.executable, "-c", code]


def whole() -> np.ndarray:
    rows = SampleSet(values=np.random.default_rng(1).normal(size=(BLOCKS * ROWS, 4)))
    return extracted(CountedMap(), rows)


@pytest.mark.parametrize("where", HARMS)
def test_a_run_that_was_killed_goes_on_where_it_was_and_ends_bit_for_bit_the_same(where: str, tmp_path: Path) -> None:
    done = subprocess.run(child(tmp_path / "c", tmp_path / "a.npy", HARMS[where]), capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "a.npy").exists()
    assert len(list((tmp_path / "c").rglob("*" + ENDING))) == 3
    rows = SampleSet(values=np.random.default_rng(1).normal(size=(BLOCKS * ROWS, 4)))
    counted = CountedMap()
    assert np.array_equal(extracted(counted, rows, cache=FeatureCache(tmp_path / "c")), whole())
    assert counted.calls == [ROWS] * (BLOCKS - 3)


@pytest.mark.slow
def test_runs_that_are_killed_at_any_time_end_bit_for_bit_the_same(tmp_path: Path) -> None:
    slower = """
import time
ask = CountedMap.__call__
def slow(self, samples):
    time.sleep(0.05)
    return ask(self, samples)
CountedMap.__call__ = slow"""
    rng = np.random.default_rng(0)
    began = time.monotonic()
    subprocess.run(child(tmp_path / "warm", tmp_path / "a.npy", slower), stdout=subprocess.DEVNULL, check=True)
    took = time.monotonic() - began  # machines differ: on a fast one a fixed time comes after the end
    killed = 0
    for _ in range(80):
        if killed == 10:
            break
        process = subprocess.Popen(child(tmp_path / "c", tmp_path / "a.npy", slower), stdout=subprocess.DEVNULL)
        try:
            process.wait(timeout=float(rng.uniform(0.0, took)))
        except subprocess.TimeoutExpired:
            process.kill()
            killed += process.wait() == -signal.SIGKILL
    assert killed >= 3
    rows = SampleSet(values=np.random.default_rng(1).normal(size=(BLOCKS * ROWS, 4)))
    assert np.array_equal(extracted(CountedMap(), rows, cache=FeatureCache(tmp_path / "c")), whole())


@pytest.mark.slow
def test_eight_jobs_on_one_cache_all_get_the_right_features(tmp_path: Path) -> None:
    jobs = [
        subprocess.Popen(child(tmp_path / "c", tmp_path / f"{k}.npy"), stderr=subprocess.PIPE, text=True)
        for k in range(8)
    ]
    for k, job in enumerate(jobs):
        _, err = job.communicate(timeout=120)
        assert (job.returncode, err) == (0, "")
        assert np.array_equal(np.load(tmp_path / f"{k}.npy"), whole())
    assert len(list((tmp_path / "c").rglob("*" + ENDING))) == BLOCKS


def test_two_jobs_on_one_cache_both_get_the_right_features(tmp_path: Path) -> None:
    # Both wait for the other at every block, so that both compute and write each of them at the same time.
    barrier = """
import time
ask = CountedMap.__call__
me, other = {me!r}, {other!r}
def waiting(self, samples):
    Path(me + str(len(self.calls))).touch()
    until = time.monotonic() + 20
    while not Path(other + str(len(self.calls))).exists() and time.monotonic() < until: time.sleep(0.001)
    return ask(self, samples)
CountedMap.__call__ = waiting"""
    jobs = []
    for me, other in (("a", "b"), ("b", "a")):
        harm = barrier.format(me=str(tmp_path / me), other=str(tmp_path / other))
        command = child(tmp_path / "c", tmp_path / f"{me}.npy", harm)
        jobs.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    for job in jobs:
        out, err = job.communicate(timeout=60)
        assert job.returncode == 0, err
        assert int(out) == BLOCKS
        assert err == ""
    for me in ("a", "b"):
        assert np.array_equal(np.load(tmp_path / f"{me}.npy"), whole())
    counted = CountedMap()
    rows = SampleSet(values=np.random.default_rng(1).normal(size=(BLOCKS * ROWS, 4)))
    assert np.array_equal(extracted(counted, rows, cache=FeatureCache(tmp_path / "c")), whole())
    assert counted.calls == []


@pytest.mark.skipif(os.name == "nt", reason="limits of file sizes are POSIX")
def test_a_full_disk_leaves_no_part_of_a_block_and_one_warning(tmp_path: Path) -> None:
    done = subprocess.run(child(tmp_path / "c", tmp_path / "a.npy", FULL), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == BLOCKS
    assert done.stderr.count("no longer cached") == 1
    assert [path for path in (tmp_path / "c").rglob("*") if path.is_file()] == []


SLOW_MAP = """
import time
import numpy as np

class Slow:
    cacheable = True
    def __call__(self, samples):
        with open("calls.txt", "a") as file:
            print(len(samples), file=file)
        time.sleep(0.3)
        rows = samples.matrix()
        return np.stack([np.sin(rows).sum(axis=1), np.exp(-rows).mean(axis=1)], axis=1)
    def fingerprint(self):
        return "slow:2"
    def modes(self, modes):
        return None

features = Slow()
"""


@pytest.mark.slow
def test_a_score_that_was_killed_is_finished_by_the_next_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "slow.py").write_text(SLOW_MAP)
    for name in ("real", "fake"):
        np.save(tmp_path / f"{name}.npy", rng.normal(size=(8 * ROWS, 3)))
    words = [
        "score",
        "real.npy",
        "fake.npy",
        "--features",
        "slow.py:features",
        "--metrics",
        "frechet,moment_difference",
    ]
    words += ["--permutations", "19", "--json", "report.json"]
    environment = {**os.environ, "GANDIAG_CACHE": str(tmp_path / "c")}

    def start(*more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gandiag", *words, *more]
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)

    job = start()
    until = time.monotonic() + 60
    while len(list(tmp_path.glob("c/*/*" + ENDING))) < 4 and time.monotonic() < until:
        time.sleep(0.01)
    job.kill()
    assert job.wait() == -signal.SIGKILL
    assert not (tmp_path / "report.json").exists()
    done = len(list(tmp_path.glob("c/*/*" + ENDING)))
    assert 4 <= done < 16
    (tmp_path / "calls.txt").unlink()
    assert start().wait() == 0
    assert len((tmp_path / "calls.txt").read_text().split()) == 16 - done  # 6 under test, 2 set aside, 8 fake
    again = (tmp_path / "report.json").read_bytes(), (tmp_path / "report.safetensors").read_bytes()
    assert start("--no-cache").wait() == 0
    assert again == ((tmp_path / "report.json").read_bytes(), (tmp_path / "report.safetensors").read_bytes())
