"""One, two or three shards give the same numbers; parts that do not fit together are refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gandiag
from gandiag.core.specs import METRICS
from gandiag.core.streams import STREAMS
from gandiag.errors import ConfigError, FileFormatError, IntegrityError, ReportNotWritten
from gandiag.shards import setup as setups
from gandiag.shards.parts import Part, read_part, write_part

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(3000, 4)) + 100.0
FAKE = 1.1 * RNG.normal(size=(1800, 4)) + 100.0
QUICK: dict[str, Any] = {"metrics": ["frechet", "moment_difference", "kid", "mmd_linear", "plugin_jsd"]}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gandiag.shards.sides.BLOCK_ROWS", 250)


def generator(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(n, 4)) + 100.0


def parts_of(real: Any, fake: Any, count: int, **asked: Any) -> list[Part]:
    return [gandiag.score_shard(real, fake, (i, count), **asked) for i in range(1, count + 1)]


def numbers(report: gandiag.Report) -> dict[str, float]:
    out: dict[str, float | None] = {}
    for result in report.fakes[0].results:
        out[result.metric] = result.estimate
        out[f"{result.metric}.floor"] = None if result.floor is None else result.floor.sd
        out[f"{result.metric}.p"] = None if result.p_value is None else result.p_value.value
    return {key: -1.0 if value is None else value for key, value in out.items()}


@pytest.mark.parametrize("source", ["rows", "a generator"])
def test_any_number_of_shards_gives_the_same_numbers(source: str) -> None:
    fake: Any = FAKE if source == "rows" else generator
    whole = numbers(gandiag.merge(parts_of(REAL, fake, 1)))
    assert {name for name in whole if "." not in name} == {
        name for name in STREAMS.names() if not METRICS.get(name).needs
    }
    for count in (2, 3):
        parts = parts_of(REAL, fake, count)
        assert numbers(gandiag.merge(parts[::-1])) == pytest.approx(whole, rel=1e-10, abs=1e-12)


def test_more_shards_than_blocks_is_no_error() -> None:
    parts = parts_of(REAL[:300], FAKE[:200], 3, **QUICK)
    assert [part.blocks for part in parts] == [(0,), (), ()]
    whole = gandiag.merge(parts_of(REAL[:300], FAKE[:200], 1, **QUICK))
    assert numbers(gandiag.merge(parts)) == numbers(whole)


def test_fewer_real_rows_than_were_asked_for_are_said() -> None:
    report = gandiag.merge(parts_of(REAL, generator, 2, n=4000, **QUICK))
    assert (report.real.n, report.fakes[0].n) == (2250, 4000)
    assert "2250 rows are left to test with, fewer than the 4000 asked for" in report.real.notes
    assert gandiag.merge(parts_of(REAL, generator, 1, n=2250, **QUICK)).real.notes == ()


def test_the_rows_are_those_of_an_ordinary_score() -> None:
    plain = gandiag.score(REAL, FAKE, metrics=["frechet"], permutations=19)
    merged = gandiag.merge(parts_of(REAL, FAKE, 2, **QUICK))
    assert merged.real.n == plain.real.n
    assert merged.real.features == plain.real.features
    assert merged["frechet"].estimate == pytest.approx(plain["frechet"].estimate, rel=1e-9)


def test_rows_of_one_shard_are_not_drawn_by_another() -> None:
    drawn: list[int] = []

    def counting(n: int, rng: np.random.Generator) -> np.ndarray:
        drawn.append(n)
        return generator(n, rng)

    gandiag.score_shard(REAL, gandiag.open_sampler(counting, lag=1), (2, 4), n=2000, **QUICK)
    assert sum(drawn) == 2 * 250 + 4  # two of eight blocks, and four rows to look at


def test_a_reference_with_rows_is_a_real_side(tmp_path: Path) -> None:
    gandiag.save_features(REAL, tmp_path / "ref.npz")
    plain = numbers(gandiag.merge(parts_of(REAL, FAKE, 1, **QUICK)))
    assert numbers(gandiag.merge(parts_of(tmp_path / "ref.npz", FAKE, 2, **QUICK))) == pytest.approx(plain, rel=1e-10)


def test_parts_come_back_from_files_bit_for_bit(tmp_path: Path) -> None:
    parts = parts_of(REAL, FAKE, 2, **QUICK)
    paths = [tmp_path / f"part-{i}.json" for i in (1, 2)]
    for part, path in zip(parts, paths, strict=True):
        write_part(part, path)
    assert numbers(gandiag.merge(paths)) == numbers(gandiag.merge(parts))
    assert json.loads(paths[0].read_text())["shard"] == "1/2"


def test_metrics_that_need_all_rows_are_named() -> None:
    report = gandiag.merge(parts_of(REAL, FAKE, 1, metrics=["frechet", "energy", "range_violations"]))
    assert report["energy"].status == "undefined"
    assert "all rows at once" in report["energy"].reasons["estimate"]
    assert "declares no range" in report["range_violations"].reasons["estimate"]
    told = gandiag.merge(parts_of(REAL, FAKE, 1)).fakes[0].notes[-1]
    assert "need all rows at once" in told
    assert "c2st" in told
    assert "frechet" not in told


def test_a_range_that_is_declared_is_watched() -> None:
    given = gandiag.open_sampler(REAL, value_range=(90, 110))
    report = gandiag.merge(parts_of(given, 4 * FAKE - 300.0, 2, metrics=["range_violations"]))
    outside = ((4 * FAKE - 300.0 < 90) | (4 * FAKE - 300.0 > 110)).any(axis=1).mean()
    assert report["range_violations"].estimate == pytest.approx(outside)


def test_dependent_rows_have_no_p_values() -> None:
    walk = np.cumsum(RNG.normal(size=(60, 4)), axis=0)  # too few to be thinned
    report = gandiag.merge(parts_of(REAL, walk, 2, metrics=["mmd_linear", "moment_difference"]))
    assert report["moment_difference"].p_value is None
    assert "depend on their neighbours" in report["moment_difference"].reasons["p_value"]


def test_a_state_that_raises_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*rows: Any) -> Any:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("gandiag.streaming.kid.cubic_mmd2", broken)
    report = gandiag.merge(parts_of(REAL, FAKE, 2, **QUICK))
    assert report["kid"].status == "failed"
    assert "out of luck" in report["kid"].reasons["estimate"]
    assert report["frechet"].status == "ok"


def other(**changed: Any) -> Part:
    asked = {"real": REAL, "fake": FAKE, "shard": (2, 2), **QUICK, **changed}
    return gandiag.score_shard(asked.pop("real"), asked.pop("fake"), asked.pop("shard"), **asked)


STRANGERS = {
    "another seed": ({"seed": 1}, "seed: 0 and 1"),
    "other features": ({"features": "identity"}, "features: standardise"),
    "other real rows": ({"real": REAL + 1.0}, "features: standardise"),
    "other fake rows": ({"fake": FAKE + 1.0}, "fake.content"),
    "fewer rows": ({"n": 500}, "fake.n: 1800 and 500"),
    "other metrics": ({"metrics": ["frechet"]}, "metrics:"),
    "another number of shards": ({"shard": (2, 3)}, "shards: 2 and 3"),
}


@pytest.mark.parametrize("change", STRANGERS)
def test_a_part_of_another_run_is_refused_with_what_differs(change: str) -> None:
    asked, says = STRANGERS[change]
    with pytest.raises(IntegrityError, match="all parts must be of one run") as told:
        gandiag.merge([gandiag.score_shard(REAL, FAKE, (1, 2), **QUICK), other(**asked)])
    assert says in str(told.value)


def test_parts_of_another_release_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    first = gandiag.score_shard(REAL, FAKE, (1, 2), **QUICK)
    monkeypatch.setattr(gandiag, "__version__", "9.9.9")
    monkeypatch.setattr(setups, "SCHEMA", 7)
    with pytest.raises(IntegrityError, match=r"gandiag_version: .* and 9\.9\.9; schema: 1 and 7"):
        gandiag.merge([first, other()])


def test_shards_that_are_missing_or_given_twice_are_named(tmp_path: Path) -> None:
    parts = parts_of(REAL, FAKE, 4, **QUICK)
    with pytest.raises(ConfigError, match="no part of shard 2/4, 4/4"):
        gandiag.merge([parts[0], parts[2]])
    for name in ("a.json", "b.json"):
        write_part(parts[0], tmp_path / name)
    with pytest.raises(ConfigError, match=r"shard 1/4 in a\.json and in b\.json"):
        gandiag.merge([tmp_path / "a.json", tmp_path / "b.json", *parts[1:]])
    with pytest.raises(ConfigError, match="there must be parts"):
        gandiag.merge([])


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([], "there must be parts"),
        ("part.json", "must be a list of parts; got 'part.json'"),
        (None, "must be a list of parts"),
        ([3], "the path of its file; got int"),
        (["part.safetensors"], r"named by their JSON files.*got part\.safetensors\. Name part\.json"),
        (["."], "Is a directory"),
    ],
)
def test_what_is_no_list_of_parts_is_refused(parts: Any, says: str) -> None:
    with pytest.raises(gandiag.GandiagError, match=says):
        gandiag.merge(parts)


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "part.json"
    write_part(gandiag.score_shard(REAL, FAKE, (1, 1), **QUICK), path)
    states = path.with_suffix(".safetensors")
    whole, text = states.read_bytes(), path.read_text()
    states.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(IntegrityError, match="another SHA-256"):
        read_part(path)
    states.unlink()
    with pytest.raises(FileFormatError, match=r"part\.safetensors: No such file"):
        read_part(path)
    path.write_text(text.replace('"file": "part.safetensors"', '"file": "../part.safetensors"'))
    with pytest.raises(IntegrityError, match="a file beside it"):
        read_part(path)
    for content in ("{}", "[1]", '{"schema_version": 1}', "no JSON"):
        path.write_text(content)
        with pytest.raises(FileFormatError, match=r"part\.json must be"):
            read_part(path)
    with pytest.raises(IntegrityError, match="a whole part of a score"):
        Part.from_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}", name="x")


def test_a_disk_that_takes_no_part_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = gandiag.score_shard(REAL, FAKE, (1, 1), **QUICK)
    with pytest.raises(ConfigError, match="in a folder that exists"):
        write_part(part, tmp_path / "nowhere" / "part.json")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ReportNotWritten, match="No space left"):
        write_part(part, tmp_path / "part.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"shard": (3, 2)}, "a shard must be i of k"),
        ({"shard": "1/2"}, r"whole numbers with 1 <= i <= k; got '1/2'"),
        ({"shard": (1.5, 2)}, "whole numbers"),
        ({"shard": None}, "whole numbers"),
        ({"metrics": "frechet"}, "must be a list of names; got frechet"),
        ({"metrics": ["energy", "wasserstein"]}, "needs a metric that can be merged; got energy, wasserstein.*kid"),
        ({"fake": {"a": FAKE, "b": FAKE}}, "of one sampler"),
        ({"metrics": ["enrgy"]}, "Did you mean 'energy'"),
        ({"fake": FAKE[:, :2]}, "shape that array has"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_sharded_is_refused(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(gandiag.GandiagError, match=says):
        other(**asked)


def test_shards_find_the_features_that_an_ordinary_score_has_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gandiag.features._affine import Affine

    asked: list[int] = []
    plain = Affine.__call__

    def counted(self: Affine, samples: gandiag.SampleSet) -> np.ndarray:
        asked.append(len(samples))
        return plain(self, samples)

    monkeypatch.setenv("GANDIAG_CACHE", str(tmp_path))
    monkeypatch.setattr("gandiag.shards.sides.BLOCK_ROWS", 512)
    monkeypatch.setattr(Affine, "cacheable", True, raising=False)
    monkeypatch.setattr(Affine, "__call__", counted)
    gandiag.score(REAL, FAKE, metrics=["moment_difference"], permutations=19)
    assert sum(asked) == len(REAL) + len(FAKE)
    asked.clear()
    gandiag.merge(parts_of(REAL, FAKE, 2, **QUICK))
    assert asked == []


@pytest.mark.parametrize("as_reference", [False, True])
def test_an_inception_score_is_read_off_features_that_end_in_a_classifier(as_reference: bool, tmp_path: Path) -> None:
    real: Any = "data:digits?split=train"
    fake = "data:digits?split=test!drop_modes=3"
    asked: dict[str, Any] = {"features": "digits-cnn", "metrics": ["inception_score", "frechet"]}
    plain = gandiag.score(real, fake, permutations=19, **asked)["inception_score"]
    if as_reference:
        real = tmp_path / "ref.npz"
        gandiag.save_features("data:digits?split=train", real, features="digits-cnn")
    for count in (1, 2):
        merged = gandiag.merge(parts_of(real, fake, count, **asked))["inception_score"]
        assert merged.estimate == pytest.approx(plain.estimate, rel=1e-10)
        assert merged.details["real"] == pytest.approx(plain.details["real"], rel=1e-10)
        assert merged.details["classes"] == 10
    # Negative control: features without a classifier are no probabilities, and have no score.
    other = gandiag.merge(parts_of("data:digits?split=train", fake, 1, **{**asked, "features": "flatten"}))
    assert other["inception_score"].status == "undefined"
    assert "must be class probabilities" in other["inception_score"].reasons["estimate"]
