"""Two processes that meet over gloo give what one process gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gandiag
from gandiag.errors import ConfigError
from gandiag.shards.ranks import rank_of_environment

SCORE = """
import sys
import numpy as np
import gandiag, gandiag.shards.sides as sides
sides.BLOCK_ROWS = 250
rng = np.random.default_rng(0)
real, fake = rng.normal(size=(3000, 4)), 1.1 * rng.normal(size=(1800, 4))
meet, out, own = sys.argv[1:]
if own == "own":
    import os
    import torch.distributed as dist
    rank = int(os.environ.pop("RANK"))
    dist.init_process_group("gloo", rank=rank, world_size=2, init_method=meet)
    gandiag.score_ranks(real, fake).to_json(out)
    assert dist.is_initialized()
    dist.barrier()
    dist.destroy_process_group()
else:
    gandiag.score_ranks(real, fake, init_method=meet).to_json(out)
"""


def numbers(report: gandiag.Report) -> dict[str, float | None]:
    out: dict[str, float | None] = {}
    for result in report.fakes[0].results:
        out[result.metric] = result.estimate
        out[f"{result.metric}.floor"] = None if result.floor is None else result.floor.sd
        out[f"{result.metric}.p"] = None if result.p_value is None else result.p_value.value
    return out


@pytest.mark.parametrize("own", ["new", pytest.param("own", marks=pytest.mark.slow)])
def test_two_ranks_give_what_one_process_gives_on_every_stream(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", SCORE, f"file://{tmp_path}/meet", str(tmp_path / f"{rank}.json"), own],
            env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    monkeypatch.setattr("gandiag.shards.sides.BLOCK_ROWS", 250)
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(3000, 4)), 1.1 * rng.normal(size=(1800, 4))
    alone = numbers(gandiag.merge([gandiag.score_shard(real, fake, (1, 1))]))
    for process in ranks:
        assert process.wait(timeout=120) == 0, process.communicate()[1]
        process.communicate()
    assert (tmp_path / "0.json").read_bytes() == (tmp_path / "1.json").read_bytes().replace(b"1.safe", b"0.safe")
    together = numbers(gandiag.Report.read(tmp_path / "0.json"))
    assert len(alone) >= 3 * 7
    for key, value in alone.items():
        assert (together[key] is None) == (value is None), key
        assert value is None or together[key] == pytest.approx(value, rel=1e-10, abs=1e-12), key


@pytest.mark.slow
def test_torchrun_prints_one_report(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "real.npy", rng.normal(size=(9000, 4)))
    np.save(tmp_path / "fake.npy", rng.normal(size=(9000, 4)))
    score = ["-m", "gandiag", "score", "real.npy", "fake.npy", "--json", "ranks.json"]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *score],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Fréchet ") >= 1
    assert done.stdout.count("gandiag 0") == 1
    parts = [gandiag.score_shard(tmp_path / "real.npy", {"fake.npy": tmp_path / "fake.npy"}, (1, 1))]
    alone, together = gandiag.merge(parts), gandiag.Report.read(tmp_path / "ranks.json")
    for result in alone.fakes[0].results:
        assert together[result.metric].estimate == pytest.approx(result.estimate, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(
    ("rank", "world", "found"), [(None, None, None), ("0", "1", None), (None, "1", None), ("1", "4", (1, 4))]
)
def test_the_environment_says_which_rank_this_is(
    rank: str | None, world: str | None, found: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RANK", rank), ("WORLD_SIZE", world)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert rank_of_environment() == found


@pytest.mark.parametrize(("rank", "world"), [(None, "2"), ("2", "2"), ("x", "2"), ("-1", "2")])
def test_an_environment_that_contradicts_itself_is_refused(
    rank: str | None, world: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", world)
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    with pytest.raises(ConfigError, match="RANK and WORLD_SIZE"):
        rank_of_environment()


def test_a_process_alone_is_no_rank() -> None:
    with pytest.raises(ConfigError, match="one of several ranks"):
        gandiag.score_ranks(np.zeros((9, 1)), np.zeros((9, 1)))


def test_ranks_that_do_not_know_where_to_meet_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "localhost")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MASTER_PORT", raising=False)
    with pytest.raises(ConfigError, match=r"must be told where they meet.*no MASTER_PORT.*unset RANK and WORLD_SIZE"):
        gandiag.score_ranks(np.zeros((40, 2)), np.zeros((40, 2)))


FAILS = """
import sys
import numpy as np
import gandiag
rank, meet = sys.argv[1:]
rows = np.random.default_rng(0).normal(size=(400, 3))
try:
    gandiag.score_ranks(rows, rows[:, : 3 - int(rank)], init_method=meet)
except gandiag.GandiagError as error:
    print(type(error).__name__, error)
"""


def test_a_rank_that_fails_ends_the_others_with_an_error_that_says_so(tmp_path: Path) -> None:
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", FAILS, str(rank), f"file://{tmp_path}/meet"],
            env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    waiting, failing = (process.communicate(timeout=120)[0] for process in ranks)
    assert failing.startswith("ShapeError")
    assert waiting.startswith("IntegrityError every rank must bring its part of the score; got ")
    assert "See what another rank has printed" in waiting
