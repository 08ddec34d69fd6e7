"""Acceptance: what must fail fails, fresh real samples pass, and nothing passes for lack of a number."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gandiag
from reference_models.acceptance import accept, images, page
from reference_models.acceptance.bars import STORE, Bar, failed, stored_bars
from reference_models.acceptance.places import PLACES, place_of
from reference_models.acceptance.toys import Modes
from reference_models.core.model import MODELS
from reference_models.core.presets import preset_names, preset_of

STORED: dict[str, Any] = json.loads(STORE.read_text())
BAR = Bar(number="x", side="at most", limit=1.0, rule="one")


@pytest.mark.parametrize(("value", "side", "holds"), [(1.0, "at most", True), (1.1, "at most", False)])
def test_a_bar_includes_its_limit(value: float, side: Any, holds: bool) -> None:
    assert Bar(number="x", side=side, limit=1.0, rule="r").holds({"x": value}) is holds
    assert Bar(number="x", side="at least", limit=1.0, rule="r").holds({"x": value})


def test_a_number_that_is_absent_or_not_finite_misses_its_bar() -> None:
    for numbers in ({}, {"x": math.nan}, {"x": math.inf}):
        assert failed([BAR], numbers) == ["x"]


def test_every_place_has_bars() -> None:
    assert set(PLACES) <= set(STORED)


@pytest.mark.parametrize("place", STORED)
def test_all_that_must_fail_fails_and_the_floor_passes(place: str) -> None:
    found, bars = STORED[place], stored_bars(place)
    assert found["must_fail"]
    for name, entry in found["must_fail"].items():
        assert failed(bars, entry["numbers"]) == entry["fails"], name
        assert entry["fails"], f"{name} passes"
    assert failed(bars, {key: value["mean"] for key, value in found["floor"].items()}) == []


def test_the_bars_of_the_digits_follow_their_rules() -> None:
    floor, bars = STORED["digits"]["floor"], {bar.number: bar.limit for bar in stored_bars("digits")}
    gaussian = STORED["digits"]["must_fail"]["moment-matched Gaussian"]["numbers"]["frechet"]
    assert bars["frechet"] == pytest.approx(min(3 * floor["frechet"]["q90"], 0.9 * gaussian), rel=1e-4)
    assert bars["recall"] == pytest.approx(0.6 * floor["recall"]["mean"], rel=1e-4)
    assert bars["nearer_train"] == pytest.approx(floor["nearer_train"]["q99"], rel=1e-4)


def test_the_judge_of_digits_passes_real_ones_and_fails_a_memoriser() -> None:
    judge, bars = images.digits(splits=1), stored_bars("digits")
    assert judge.accuracy() > 0.95
    (real,) = judge.floor(seed=3, times=1)
    assert failed(bars, real) == []
    assert "nearer_train" in failed(bars, judge.judge(judge.fixtures["memoriser"], seed=0))


def test_the_judge_of_modes_passes_the_law_and_sees_a_mode_that_is_missing() -> None:
    judge, bars = Modes("toy:ring8", 8), stored_bars("ring8")
    assert failed(bars, judge.judge(gandiag.open_sampler("toy:ring8"), seed=5)) == []
    assert "modes_captured" in failed(bars, judge.judge(judge.fixtures["one mode dropped"], seed=5))


def test_most_seeds_must_pass_as_a_whole_and_a_seed_that_broke_is_no_pass() -> None:
    bars = {bar.number: bar for bar in stored_bars("ring8")}
    good = {name: entry["mean"] for name, entry in STORED["ring8"]["floor"].items()}
    assert failed(list(bars.values()), good) == []
    bad = {**good, "modes_captured": 3.0}

    def summed(model: str, preset: str, found: list[dict[str, Any]]) -> dict[str, Any]:
        return accept.summed_up(model, preset, found, "ring8", stored_bars("ring8"))

    def rows(*numbers: dict[str, float]) -> list[dict[str, Any]]:
        return [{"minutes": 1.0, "numbers": n} for n in numbers]

    assert summed("gan", "cpu", rows(good, bad, good))["passes"]
    # Medians would pass these: each number is bad in one seed alone, but no seed passes.
    each = [{**good, key: value} for key, value in (("modes_captured", 3.0), ("c2st", 0.99), ("mode_spread", 9.0))]
    assert not summed("gan", "cpu", rows(*each))["passes"]
    missed = summed("gan", "cpu", rows(good, bad, bad))
    assert (missed["passes"], missed["misses"]) == (False, ["modes_captured"])
    broken = summed("gan", "cpu", [*rows(good, good), {"error": "NumericalError: nan"}])
    assert (broken["passes"], broken["broken"]) == (False, ["NumericalError: nan"])
    assert not summed("gan", "cpu", [{"error": "x"}])["passes"]


def test_a_job_trains_judges_and_is_not_done_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Cheap:
        def judge(self, sampler: Any, *, seed: int) -> dict[str, float]:
            return {"x": float(sampler.sample(4, rng=np.random.default_rng(seed)).values.shape[1])}

    accept._judge.cache_clear()
    monkeypatch.setitem(accept.PLACES, "ring8", Cheap)
    job = accept.Job(model="gan", preset="smoke", seed=0, out=tmp_path)
    row = accept.run_job(job)
    assert row["numbers"] == {"x": 2.0}
    monkeypatch.setattr("reference_models.core.running.train", None)
    assert accept.run_job(job) == row
    broken = accept.run_job(accept.Job(model="gan", preset="smoke", seed=1, out=tmp_path))
    assert "TypeError" in broken["error"]
    kept = {"model": "gan", "preset": "smoke", "place": "ring8", "seeds": [row, {**row, "seed": 1}]}
    (tmp_path / "results.json").write_text(json.dumps([kept]))
    monkeypatch.setattr(accept, "RESULTS", tmp_path / "results.json")
    assert accept.run_job(accept.Job(model="gan", preset="smoke", seed=1, out=tmp_path))["seed"] == 1
    kept["seeds"][1]["asked"] = {**row["asked"], "batch": 1}  # another preset: what is kept says nothing of it
    (tmp_path / "results.json").write_text(json.dumps([kept]))
    assert "TypeError" in accept.run_job(accept.Job(model="gan", preset="smoke", seed=1, out=tmp_path))["error"]
    accept._judge.cache_clear()


def test_results_are_kept_by_model_and_preset_and_shown(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    result = {
        "model": "gan",
        "preset": "cpu",
        "place": "ring8",
        "passes": False,
        "misses": ["c2st"],
        "broken": [],
        "seeds": [],
    }
    accept.store([{**result, "minutes": 1.0, "median": {"c2st": 0.9}}], path)
    accept.store([{**result, "minutes": 2.0, "median": {"c2st": 0.8}}], path)
    assert len(json.loads(path.read_text())) == 1
    line = next(line for line in accept.table(path).splitlines() if "| gan |" in line and "| cpu |" in line)
    assert "**fails**: c2st" in line
    assert "c2st 0.8" in line


def test_seeds_that_are_kept_are_joined_by_others_of_the_same_settings(tmp_path: Path) -> None:
    path, bars = tmp_path / "results.json", stored_bars("ring8")
    good = {name: entry["mean"] for name, entry in STORED["ring8"]["floor"].items()}

    def one(seed: int, batch: int) -> dict[str, Any]:
        row = {
            "model": "gan",
            "preset": "cpu",
            "seed": seed,
            "minutes": 1.0,
            "numbers": good,
            "asked": {"batch": batch},
        }
        return accept.summed_up("gan", "cpu", [row], "ring8", bars)

    for result in (one(1, 8), one(0, 8), one(1, 8)):
        accept.store([result], path)
    (found,) = json.loads(path.read_text())
    assert [row["seed"] for row in found["seeds"]] == [0, 1]
    assert found["passes"]
    accept.store([one(2, 16)], path)  # another preset: what was kept says nothing of it
    assert [row["seed"] for row in json.loads(path.read_text())[0]["seeds"]] == [2]


def test_every_preset_for_the_processor_has_a_row() -> None:
    for name in MODELS.names():
        for preset in preset_names(name):
            if preset.startswith("cpu"):
                assert f"| {name} |" in accept.table()
                assert place_of(name, preset_of(name, preset)) in {"", *PLACES}


def test_the_readme_of_the_models_is_fresh() -> None:
    assert page.is_fresh()
