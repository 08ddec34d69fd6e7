"""A calibration is the same however its work is split, and tells a broken test from a sound one."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click import Abort
from click.testing import CliRunner

from gandiag.calibration.alternatives import FAULTS
from gandiag.calibration.laws import LAWS
from gandiag.calibration.null_simulation import null_p_values
from gandiag.calibration.records import read_records
from gandiag.calibration.study import Piece, calibrated, named, resolved, simulate
from gandiag.calibration.workers import Workers
from gandiag.cli.calibrate_command import command
from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import METRICS
from gandiag.errors import ConfigError, NumericalError


def mean_gap(rows: np.ndarray, is_real: np.ndarray) -> Measurement:
    def statistic(labels: np.ndarray) -> np.ndarray:
        shares = labels / labels.sum(axis=0) - ~labels / (~labels).sum(axis=0)
        return np.abs(rows[:, 0] @ shares)[None, :]

    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons={"interval": "none", "e_value": "none"},
    )


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    return mean_gap(*comparison.pooled())


def learns_on_what_it_tests(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Takes the direction in which both samples happen to differ, and tests along it as if it had been given."""
    pool, is_real = comparison.pooled()
    return mean_gap(pool @ (comparison.fake.mean(axis=0) - comparison.real.mean(axis=0))[:, None], is_real)


def raises(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    raise ZeroDivisionError("always")


def is_interrupted(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    raise KeyboardInterrupt


METRIC = replace(METRICS.get("energy"), name="mean_gap", measure=measure)
WRONG = replace(METRIC, name="wrong", measure=learns_on_what_it_tests)
FAILING = replace(METRIC, name="failing", measure=raises)
INTERRUPTED = replace(METRIC, name="interrupted", measure=is_interrupted)
NOT_A_SPEC = 3
HERE = "test_study"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.delitem(sys.modules, HERE, raising=False)


def test_pieces_together_are_the_whole() -> None:
    whole = null_p_values("energy", LAWS["ties"].draw, n=100, m=100, fit=100, repetitions=6)
    parts = [simulate(Piece(metric="energy", law="ties", first=a, last=b)) for a, b in ((0, 2), (2, 6))]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_another_seed_gives_other_p_values() -> None:
    first, second = (simulate(Piece(metric="energy", law="normal", first=0, last=8, seed=s)) for s in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.timeout(120)
def test_processes_give_the_same_records_as_none() -> None:
    alone = calibrated("collisions", laws=["ties"], repetitions=40, power=False)
    with Workers(2).running() as workers:
        together = calibrated("collisions", laws=["ties"], repetitions=40, power=False, workers=workers)
    assert alone == together


def test_a_sound_metric_of_ones_own_passes() -> None:
    (found,) = calibrated(f"{HERE}:METRIC", laws=["normal_10d"], repetitions=400, power=False)
    assert found.good
    assert found.metric == "mean_gap"
    assert found.control["rejected"]
    assert found.control["uncounted_rejected"]


def test_a_metric_that_learns_on_what_it_tests_is_refused_after_a_second_look() -> None:
    (found,) = calibrated(f"{HERE}:WRONG", laws=["normal_10d"], repetitions=100, power=False)
    assert not found.kept
    assert found.first is not None
    assert (found.first["repetitions"], found.repetitions) == (100, 400)
    assert found.rates["0.05"] > 0.5  # chi-squared with 10 degrees of freedom above 3.84: 0.95


def test_power_rises_along_the_dials_that_a_metric_sees() -> None:
    (found,) = calibrated(f"{HERE}:METRIC", laws=["normal"], repetitions=50, power_repetitions=20)
    assert found.power is not None
    assert list(found.power) == list(FAULTS)
    assert found.power["mean_shift"][2] == 1.0
    assert found.falls["mean_shift"] == 0.0
    assert max(found.power["rotated"]) < 0.4


def test_names_topics_and_all_are_spelt_out() -> None:
    assert named(["energy", "transport", "energy"]) == [
        "energy",
        *(spec.name for spec in METRICS if spec.topic == "transport"),
    ]
    assert named(["all"]) == list(METRICS.names())
    assert resolved("energy") is METRICS.get("energy")


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("no_such_module:METRIC", "an importable module:attribute; got no_such_module:METRIC"),
        (f"{HERE}:ABSENT", "an importable module:attribute"),
        (f"{HERE}:NOT_A_SPEC", "must be a MetricSpec; got int"),
        ("enrgy", "there is no metric of that name"),
    ],
)
def test_what_is_no_metric_is_refused(reference: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        resolved(reference)


def test_a_metric_that_fails_is_no_metric_of_level_0() -> None:
    with pytest.raises(
        NumericalError,
        match="failing must answer in every repetition of a simulation; got a metric must not raise; got ZeroDiv",
    ):
        simulate(Piece(metric=f"{HERE}:FAILING", law="normal", first=0, last=2))


def test_the_command_writes_records_prints_tables_and_passes(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    asked = [f"{HERE}:METRIC", "--repetitions", "200", "--law", "normal", "--no-power", "--json", str(path)]
    done = CliRunner().invoke(command, asked, standalone_mode=False)
    assert done.return_value == 0, done.output
    assert done.stdout.splitlines()[0].startswith("metric")
    assert done.stdout.splitlines()[1].startswith("mean_gap")
    assert "mean_gap" not in done.stderr.replace(f"{HERE}:METRIC", "")
    assert read_records(path)[0].metric == "mean_gap"
    shown = CliRunner().invoke(command, ["--markdown", str(path)], standalone_mode=False)
    assert "| `mean_gap` | normal, 2-d | 100 | 200 |" in shown.stdout
    assert "stale" in shown.stderr  # it stands in no catalog
    assert "not calibrated: " in shown.stderr


def test_the_command_fails_where_a_level_is_not_kept() -> None:
    asked = [f"{HERE}:WRONG", "--repetitions", "60", "--law", "normal_10d", "--no-power"]
    done = CliRunner().invoke(command, asked, standalone_mode=False)
    assert done.return_value == 1
    assert "TOO HIGH" in done.stdout
    assert "NOT KEPT" in done.stderr


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ([], "Name at least one metric"),
        (["energy", "--page", __file__], "without METRICS"),
        (["energy", "--law", "normall"], "there is no law of that name"),
        (["energy", "--json", "/nonexistent/x.json"], "in a folder that exists"),
    ],
)
def test_wrong_usage_is_told_before_the_work_begins(asked: list[str], why: str) -> None:
    done = CliRunner().invoke(command, asked, standalone_mode=False)
    assert done.exception is not None
    assert why in str(done.exception)


def test_what_is_done_is_kept_and_shown_where_the_rest_is_interrupted(tmp_path: Path) -> None:
    records = tmp_path / "records.json"
    asked = ["--repetitions", "60", "--law", "ties", "--no-power", "--json", str(records)]
    done = CliRunner().invoke(command, [f"{HERE}:METRIC", f"{HERE}:INTERRUPTED", *asked], standalone_mode=False)
    assert isinstance(done.exception, KeyboardInterrupt | Abort)
    assert "mean_gap" in done.stdout
    assert [record.metric for record in read_records(records)] == ["mean_gap"]


def test_fewer_rows_are_what_was_asked_for_and_are_recorded() -> None:
    few, usual = (simulate(Piece(metric="energy", law="ties", first=0, last=6, rows=rows)) for rows in (30, None))
    assert not np.array_equal(few, usual)
    (found,) = calibrated("energy", laws=["ties"], repetitions=60, rows=30, power=False)
    assert (found.n, found.m, found.fit) == (30, 30, 30)
