"""References that hold mean and covariance alone: ours, and those of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gandiag
from gandiag.errors import ConfigError, FileFormatError, IntegrityError
from gandiag.metrics.frechet import frechet_distance

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(900, 3)) * [1.0, 3.0, 0.3] + 7.0
FAKE = RNG.normal(size=(700, 3)) * [1.0, 2.0, 0.3] + 7.0


def foreign(path: Path, **more: Any) -> Path:
    np.savez(path, mu=REAL.mean(axis=0), sigma=np.cov(REAL, rowvar=False), **more)
    return path


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_means_and_covariances_give_the_distance_of_the_rows(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"ref.{ending}"
    gandiag.save_features(REAL, path, features="identity", rows=False)
    report = gandiag.score(path, FAKE)
    # Nothing is fitted on the rows set aside, so all rows count.
    assert report["frechet"].estimate == pytest.approx(frechet_distance(REAL, FAKE), rel=1e-9)
    assert report["frechet"].n_real == 900
    assert report["frechet"].floor is not None
    assert report["moment_difference"].p_value is not None
    assert {result.metric for result in report.fakes[0].results} == {"frechet", "moment_difference"}
    assert "energy" in report.fakes[0].notes[-1]


def test_a_map_that_is_fitted_travels_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "ref.npz"
    gandiag.save_features(REAL, path, rows=False)
    plain = gandiag.score(REAL, FAKE, metrics=["frechet"], permutations=19)
    again = gandiag.score(path, FAKE, metrics=["frechet"])
    assert again["frechet"].estimate == pytest.approx(plain["frechet"].estimate, rel=1e-9)
    with pytest.raises(IntegrityError, match=r"standardise:3.*identity:3"):
        gandiag.score(path, FAKE, features="identity")


def test_what_needs_rows_is_absent_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "ref.npz"
    gandiag.save_features(REAL, path, rows=False)
    report = gandiag.score(path, {"one": FAKE, "two": FAKE + 1.0}, metrics=["frechet", "energy", "mmd_rff"])
    assert [fake.name for fake in report.fakes] == ["one", "two"]
    for metric in ("energy", "mmd_rff"):
        assert report.fakes[1][metric].status == "undefined"
        assert "mean and covariance alone" in report.fakes[1][metric].reasons["estimate"]
    assert report.fakes[0]["frechet"].estimate < report.fakes[1]["frechet"].estimate  # type: ignore[operator]
    with pytest.raises(ConfigError, match="need real rows"):
        gandiag.score(path, FAKE, train=REAL)
    with pytest.raises(ConfigError, match="this needs rows"):
        gandiag.check(path, FAKE, require=["energy.p >= alpha"])
    with pytest.raises(ConfigError, match="a sharded score needs real rows"):
        gandiag.score_shard(path, FAKE, (1, 2))


def test_statistics_of_other_programs_are_taken_knowingly_alone(tmp_path: Path) -> None:
    path = foreign(tmp_path / "fid_stats.npz")
    with pytest.raises(IntegrityError, match=r"cannot be verified.*accept_unverified=True"):
        gandiag.score(path, FAKE, features="identity")
    with pytest.raises(ConfigError, match="do not name their features"):
        gandiag.score(path, FAKE, accept_unverified=True)
    report = gandiag.score(path, FAKE, features="identity", accept_unverified=True)
    assert report["frechet"].estimate == pytest.approx(frechet_distance(REAL, FAKE), rel=1e-9)
    assert "does not say of how many rows" in report["frechet"].reasons["floor"]
    assert "are not known" in report.real.notes[0]


def test_the_spatial_statistics_and_the_images_of_adm_are_left_out_with_a_note(tmp_path: Path) -> None:
    images = RNG.integers(0, 255, size=(5, 8, 8, 3), dtype=np.uint8)
    path = foreign(tmp_path / "adm.npz", mu_s=np.zeros(3), sigma_s=np.eye(3), arr_0=images)
    report = gandiag.score(path, FAKE, features="identity", accept_unverified=True)
    told = " ".join(report.real.notes)
    assert "ADM" in told
    assert "mu_s" in told
    assert "name adm.npz?key=arr_0" in told
    assert "real adm.npz: an unknown number of rows of 3 numbers; features:" in report.to_text()
    # The images are there for whoever asks for them by name.
    assert gandiag.open_sampler(path, key="arr_0").size == 5


def test_features_that_are_fitted_cannot_be_used_with_statistics_of_others(tmp_path: Path) -> None:
    path = foreign(tmp_path / "fid_stats.npz")
    for fitted in ("standardise", "pca:2", "pca:3"):
        with pytest.raises(ConfigError, match="need these rows, and the statistics have none; got " + fitted):
            gandiag.score(path, FAKE, features=fitted, accept_unverified=True)
    with pytest.raises(IntegrityError, match="as many features as the reference, 3; got 2"):
        gandiag.score(path, FAKE[:, :2], features="identity", accept_unverified=True)


@pytest.mark.parametrize(
    ("sigma", "says"),
    [
        (np.full((3, 3), np.nan), "NaN or infinity"),
        (np.triu(np.ones((3, 3))), "a matrix that is none"),
        (-np.eye(3), "a matrix that is none"),
    ],
)
def test_what_is_no_covariance_is_refused(sigma: np.ndarray, says: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", mu=np.zeros(3), sigma=sigma)
    with pytest.raises(IntegrityError, match=says):
        gandiag.open_sampler(tmp_path / "bad.npz")


def test_pickled_statistics_are_refused(tmp_path: Path) -> None:
    (tmp_path / "stylegan.pkl").write_bytes(b"\x80\x04}.")
    with pytest.raises(FileFormatError, match=r"\.pkl files are not read"):
        gandiag.score(tmp_path / "stylegan.pkl", FAKE)
