"""A score against a reference is the score against its source, to the last digit; anything else is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gandiag
from gandiag.core.classes import class_code
from gandiag.errors import ConfigError, IntegrityError, ReportNotWritten
from gandiag.features._affine import Affine
from gandiag.preparation import prepare
from gandiag.references.files import MARK, write_reference
from gandiag.references.opening import opened_reference
from gandiag.references.reference import Reference, ReferenceSampler
from gandiag.report.json import to_json

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(400, 3)) @ np.diag([1.0, 5.0, 0.1]) + 2.0
FAKE = RNG.normal(size=(200, 3)) @ np.diag([1.0, 4.0, 0.1]) + 2.0
QUICK: dict[str, Any] = {"metrics": ["frechet", "energy", "precision", "mode_coverage"], "permutations": 99}


@pytest.fixture(params=["ref.npz", "ref.safetensors"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def read(path: Path) -> Reference:
    found = opened_reference(path, path.name)
    assert found is not None
    return found.reference


def numbers(report: gandiag.Report) -> bytes:
    return to_json(report)


def test_scores_against_a_reference_are_those_against_its_source(path: Path) -> None:
    gandiag.save_features(REAL, path, seed=3, name="the real ones")
    plain = gandiag.score(gandiag.open_sampler(REAL, name="the real ones"), FAKE, seed=3, **QUICK)
    assert numbers(gandiag.score(path, FAKE, seed=3, **QUICK)) == numbers(plain)


def test_modes_classes_and_training_rows_stay_what_they_are(path: Path) -> None:
    gandiag.save_features("toy:ring8", path, n=300)
    given: dict[str, Any] = {**QUICK, "metrics": ["mode_coverage", "energy"], "train": "toy:ring8"}
    plain = gandiag.score("toy:ring8", "toy:ring8!drop_modes=2", n=300, **given)
    again = gandiag.score(str(path), "toy:ring8!drop_modes=2", n=300, **given)
    for metric in ("mode_coverage", "energy"):
        assert again[metric].n_real == 300
        assert again[metric].estimate is not None
    # Without training rows the numbers themselves are equal; with them, a plain score fits on the training rows.
    given.pop("train")
    plain = gandiag.score("toy:ring8", "toy:ring8!drop_modes=2", n=300, **given)
    again = gandiag.score(str(path), "toy:ring8!drop_modes=2", n=300, **given)
    assert again["mode_coverage"].details == plain["mode_coverage"].details
    assert again["energy"].estimate == plain["energy"].estimate


def test_images_are_scored_as_images(path: Path) -> None:
    gandiag.save_features("data:digits?split=train", path)
    given: dict[str, Any] = {"metrics": ["mode_coverage", "range_violations"], "permutations": 19, "n": 200}
    plain = gandiag.score("data:digits?split=train", "data:digits?split=test", **given)
    again = gandiag.score(path, "data:digits?split=test", **given)
    assert (again.real.kind, again.real.dim) == ("image", 64)
    # Pictures of the real side are not in a reference, and so not in the report.
    assert "examples/real" not in again.arrays
    assert [numbers_of(fake) for fake in again.fakes] == [numbers_of(fake) for fake in plain.fakes]
    fakes = [("fake", gandiag.open_sampler("data:digits?split=test"))]
    sides = prepare(gandiag.open_sampler(path), fakes, train=None, features=None, n=None, seed=0)
    assert sides.comparison(0, seed=0).image_shape == (8, 8)
    assert len(sides.classes()) == 10
    one = sides.of_class(3)
    assert np.array_equal(one.matrix("real", one.real), sides.matrix("real", sides.real)[sides.real.labels == 3])


def numbers_of(fake: Any) -> list[tuple[str, float | None, str]]:
    return [(result.metric, result.estimate, result.status) for result in fake.results]


def test_classes_by_name_keep_their_names(path: Path) -> None:
    names = np.array([class_code("cat"), class_code("dog")])[np.arange(400) % 2]
    gandiag.save_features((REAL, names), path)
    fakes = (FAKE, np.array([class_code("dog"), class_code("cow")])[np.arange(200) % 2])
    report = gandiag.score(path, fakes, metrics=["conditional_energy"], permutations=19)
    assert "0 = 'cat', 1 = 'cow', 2 = 'dog'" in " ".join(report.real.notes)


def test_fewer_rows_are_taken_when_asked_for(path: Path) -> None:
    gandiag.save_features(REAL, path)
    report = gandiag.score(path, FAKE, n=100, **QUICK)
    assert (report.real.n, report.fakes[0].n) == (100, 100)
    assert "100 of 300 rows of the reference were used" in report.real.notes


def test_other_features_are_refused_with_both_fingerprints(path: Path) -> None:
    gandiag.save_features(REAL, path)
    with pytest.raises(IntegrityError, match=r"standardise:3:\w{12}; got identity:3:\w{12}"):
        gandiag.score(path, FAKE, features="identity")
    # Of a map that is fitted on nothing a reference keeps two rows: too few for this one, which is another map.
    gandiag.save_features(REAL, path, features="identity")
    for score in (gandiag.score, partial(gandiag.score_shard, shard=(1, 1))):
        with pytest.raises(IntegrityError, match=r"as the reference was, by identity:3:\w{12}; got pca:2\."):
            score(path, FAKE, features="pca:2")
    assert gandiag.score(path, FAKE, features="identity", **QUICK)["energy"].estimate is not None


def test_what_the_map_was_fitted_on_travels_only_where_it_matters(path: Path) -> None:
    gandiag.save_features(REAL, path)
    assert len(read(path).outline) == 100  # type: ignore[arg-type]
    gandiag.save_features(REAL, path, features="identity")
    assert len(read(path).outline) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("features", ["pca:1", "pca:20"])
def test_a_map_that_two_rows_are_too_few_for_keeps_all_that_it_was_fitted_on(features: str, path: Path) -> None:
    digits, given = "data:digits?split=train", {**QUICK, "metrics": ["frechet", "energy"], "n": 150}
    found = gandiag.save_features(digits, path, features=features, seed=3, n=150)
    assert found.rows is not None
    assert found.outline is not None
    assert len(found.outline) == len(found.rows.fit) > 20
    plain = gandiag.score(digits, "data:digits?split=test", features=features, seed=3, **given)
    again = gandiag.score(path, "data:digits?split=test", seed=3, **given)
    assert [numbers_of(fake) for fake in again.fakes] == [numbers_of(fake) for fake in plain.fakes]
    # Negative control: with two of the rows alone, the map of the reference cannot be had again.
    write_reference(replace(found, outline=found.outline.take(np.arange(2))), path)
    with pytest.raises(gandiag.DataError, match=r"must be mapped as the reference was, by pca:64->"):
        gandiag.score(path, "data:digits?split=test", seed=3, **given)


def test_statistics_of_a_map_that_needs_many_rows_can_be_scored_against(path: Path) -> None:
    gandiag.save_features("data:digits", path, features="pca:20", rows=False)
    report = gandiag.score(path, "data:digits!noise=0.2", metrics=["frechet"])
    plain = gandiag.score(
        "data:digits", "data:digits!noise=0.2", metrics=["frechet"], features="pca:20", permutations=19
    )
    assert report["frechet"].estimate == pytest.approx(plain["frechet"].estimate, rel=1e-9)


def test_weights_are_named_without_their_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = Affine("inception", np.zeros(3), np.ones(3))
    monkeypatch.setattr("gandiag.featuring.fitted_map", lambda name, fit: fitted)
    gandiag.save_features(REAL, path, features="inception:/home/me/weights.pth")
    assert read(path).features == "inception"
    assert b"/home/me" not in path.read_bytes()


@pytest.mark.parametrize("features", ["evil.py:features", "os:system", "onnx:/etc/passwd", "no_such_map", ""])
def test_a_file_does_not_say_what_code_is_run_or_what_file_is_read(
    features: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text("from pathlib import Path\nPath('ran').touch()\nfeatures = None\n")
    found = gandiag.save_features(REAL, path)
    write_reference(replace(found, features=features), path)
    with pytest.raises(ConfigError, match="must be named by whoever scores"):
        gandiag.score(path, FAKE, **QUICK)
    with pytest.raises(ConfigError, match="must be named by whoever scores"):
        gandiag.score_shard(path, FAKE, (1, 1))
    assert not (tmp_path / "ran").exists()
    assert gandiag.score(path, FAKE, features="standardise", **QUICK)["energy"].estimate is not None


def test_a_fake_that_is_not_alike_is_refused(path: Path) -> None:
    gandiag.save_features(REAL, path)
    with pytest.raises(gandiag.DataError, match=r"the shape that array has, \(3,\)"):
        gandiag.score(path, FAKE[:, :2])


def test_a_reference_is_no_fake_no_training_set_and_no_source_of_another(path: Path) -> None:
    gandiag.save_features(REAL, path)
    with pytest.raises(ConfigError, match="holds features and no samples"):
        gandiag.score(REAL, path)
    with pytest.raises(ConfigError, match="holds features and no samples"):
        gandiag.score(REAL, FAKE, train=path)
    with pytest.raises(ConfigError, match="a reference is made of samples"):
        gandiag.save_features(path, path)
    with pytest.raises(ConfigError, match="`labels` has no meaning for a reference"):
        gandiag.score(path, FAKE, labels=np.zeros(300, dtype=int))


def test_a_gate_takes_a_reference(path: Path) -> None:
    gandiag.save_features(REAL, path)
    require = ["energy.p >= alpha"]
    plain = gandiag.check(REAL, FAKE, require=require)
    again = gandiag.check(path, FAKE, require=require)
    assert again.outcome == plain.outcome
    assert again.report["energy"].estimate == plain.report["energy"].estimate  # type: ignore[index]


def test_a_damaged_reference_is_found(path: Path) -> None:
    gandiag.save_features(REAL, path)
    whole = path.read_bytes()
    at = whole.index(read(path).rows.real.astype("<f8").tobytes()[:64]) + 3  # type: ignore[union-attr]
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(gandiag.DataError, match=r"checksum|CRC"):
        gandiag.open_sampler(path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ref.npz"
    gandiag.save_features(REAL, path)
    with np.load(path, allow_pickle=False) as held:
        arrays = dict(held)
    text = bytes(arrays[MARK]).replace(b'"schema": 1', b'"schema": 9')
    np.savez(path, **arrays | {MARK: np.frombuffer(text, dtype=np.uint8)})
    with pytest.raises(IntegrityError, match="schema 9, not 1"):
        gandiag.open_sampler(path)


def test_other_programs_read_mean_and_covariance(tmp_path: Path) -> None:
    path = tmp_path / "ref.npz"
    found = gandiag.save_features(REAL, path)
    with np.load(path, allow_pickle=False) as held:
        assert np.allclose(held["mu"], found.rows.real.mean(axis=0))  # type: ignore[union-attr]
        assert np.allclose(held["sigma"], np.cov(found.rows.real, rowvar=False))  # type: ignore[union-attr]


@pytest.mark.parametrize("ending", ["ref.csv", "nowhere/ref.npz"])
def test_a_place_that_is_none_is_refused(ending: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.npz or \.safetensors file in a folder that exists"):
        gandiag.save_features(REAL, tmp_path / ending)


@pytest.mark.parametrize("n", [-1, 0, 2.5, True])
def test_a_number_of_rows_that_is_none_is_refused(n: Any, path: Path) -> None:
    with pytest.raises(ConfigError, match="`n` must be a whole number of at least 1"):
        gandiag.save_features(REAL, path, n=n)


def test_a_disk_that_does_not_take_it_leaves_the_earlier_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = gandiag.save_features(REAL, path)
    before = path.read_bytes()

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ReportNotWritten, match="No space left"):
        write_reference(found, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_arrays_of_those_names_that_are_no_statistics_are_samples(tmp_path: Path) -> None:
    np.savez(tmp_path / "toy.npz", mu=np.zeros((8, 2)), sigma=np.ones((8, 2)), x=FAKE)
    assert not isinstance(gandiag.open_sampler(tmp_path / "toy.npz"), ReferenceSampler)
