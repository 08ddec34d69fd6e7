"""Names -> results: one bad metric takes no other down, nothing untested is ok, one seed gives one report."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gandiag
from gandiag.core import specs
from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, KnownNull, Measurement, PValue
from gandiag.core.samples import SampleSet
from gandiag.core.specs import METRICS
from gandiag.drawing import _rescaled
from gandiag.errors import DtypeError, NotConverged, RangeError, ShapeError, TooFewSamplesError
from gandiag.measuring import adjusted

QUICK: dict[str, Any] = {"metrics": ["energy", "moment_difference"], "permutations": 99}


ABSENT = {"interval": "none", "e_value": "none"}


def known(p: float) -> KnownNull:
    return KnownNull(floor=Floor(mean=0.0, sd=1.0, source="x"), p_value=PValue(value=p, calibration="x"))


def normal(n: int, d: int = 2, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def broken_metric(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(comparison: object, /, *, rng: object) -> Measurement:
        raise error

    spec = replace(METRICS.get("energy"), measure=fail)
    monkeypatch.setattr("gandiag.metrics.energy.METRIC", spec)


@pytest.mark.parametrize(
    "error",
    [
        NotConverged("the solver must converge", received="gap 0.1", remedy="Use fewer rows."),
        RuntimeError("boom"),
        np.linalg.LinAlgError("singular"),
        MemoryError("too much"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_a_failing_metric_is_reported_and_the_others_stand(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    broken_metric(monkeypatch, error)
    report = gandiag.score(normal(100), normal(80, seed=1), **QUICK)
    failed = report["energy"]
    assert (failed.status, failed.estimate, failed.p_value) == ("failed", None, None)
    assert str(error).split(";")[0] in failed.reasons["estimate"]
    assert report["moment_difference"].estimate is not None


def test_a_report_with_a_failed_metric_is_never_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    broken_metric(monkeypatch, RuntimeError("boom"))
    report = gandiag.score(normal(100), normal(80, seed=1), **QUICK)
    assert [d.code for d in report.diagnoses] == ["undetermined"]


def test_an_interrupt_is_not_a_failed_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    broken_metric(monkeypatch, KeyboardInterrupt())  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        gandiag.score(normal(100), normal(80, seed=1), **QUICK)


def test_a_metric_that_ends_the_process_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    broken_metric(monkeypatch, SystemExit(3))
    report = gandiag.score(normal(60), normal(60, seed=1), metrics=["energy", "moment_difference"], permutations=19)
    assert sorted(result.status for result in report.fakes[0].results) == ["failed", "ok"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "a metric must return a Measurement; got NoneType"),
        (Measurement(estimate=None), "an absent estimate must have the status undefined and a reason; got status ok"),
        (Measurement(estimate=None, status="undefined"), "reasons for nothing"),
        (Measurement(estimate=1.0, null=known(-3.0), reasons=ABSENT), r"a p-value must lie in \[0, 1\]; got -3"),
        (Measurement(estimate=1.0, null=known(1.5), reasons=ABSENT), r"a p-value must lie in \[0, 1\]; got 1.5"),
    ],
)
def test_answers_that_are_none_are_failures_in_words(monkeypatch: pytest.MonkeyPatch, answer: Any, why: str) -> None:
    spec = replace(METRICS.get("energy"), measure=lambda comparison, /, *, rng: answer)
    monkeypatch.setattr("gandiag.metrics.energy.METRIC", spec)
    result = gandiag.score(normal(60), normal(60, seed=1), metrics=["energy"], permutations=19)["energy"]
    assert result.status == "failed"
    assert result.p_value is None
    assert re.search(why, result.reasons["estimate"])


@pytest.mark.parametrize("most_rows", [10, 10_000])
def test_a_metric_cannot_write_into_what_the_others_read(monkeypatch: pytest.MonkeyPatch, most_rows: int) -> None:
    def spoil(comparison: Comparison, /, *, rng: object) -> Measurement:
        comparison.fake[:] = comparison.real[:1]
        return METRICS.get("moment_difference").measure(comparison, rng=rng)  # type: ignore[arg-type]

    spec = replace(METRICS.get("energy"), measure=spoil, most_rows=most_rows)
    alone = gandiag.score(normal(60), normal(60, seed=1), metrics=["moment_difference"], permutations=19)
    monkeypatch.setattr("gandiag.metrics.energy.METRIC", spec)
    report = gandiag.score(normal(60), normal(60, seed=1), metrics=["energy", "moment_difference"], permutations=19)
    assert report["energy"].status == "failed"
    assert "read-only" in report["energy"].reasons["estimate"]
    assert report["moment_difference"].estimate == alone["moment_difference"].estimate


def test_too_few_rows_for_a_metric_are_said_not_scored() -> None:
    report = gandiag.score(normal(100), normal(3, seed=1), metrics=["energy", "recall"], permutations=99)
    result = report["recall"]
    assert result.status == "undefined"
    assert "needs at least" in result.reasons["estimate"]


def test_too_few_real_rows_are_refused() -> None:
    with pytest.raises(TooFewSamplesError, match="at least 4 rows"):
        gandiag.score(normal(3), normal(50))


def test_dependent_rows_lose_their_p_values() -> None:
    """An AR(0.9) chain rejects over half the time at 0.05 when its rows are taken for independent ones."""
    rng = np.random.default_rng(0)
    chain = np.zeros((300, 1))
    for i in range(1, 300):
        chain[i] = 0.97 * chain[i - 1] + rng.normal()

    fake = SampleSet(values=chain.copy(), lag=40, source="a chain")
    report = gandiag.score(normal(400, d=1), fake, **QUICK)
    assert all(r.p_value is None and r.status == "degraded" for r in report.fakes[0].results)
    assert "depend on their neighbours" in report["energy"].reasons["p_value"]
    assert report.diagnoses[0].code == "undetermined"


def test_one_seed_gives_one_report_and_another_seed_another() -> None:
    def run(seed: int) -> gandiag.Report:
        return gandiag.score(normal(150), normal(120, seed=1), seed=seed, **QUICK)

    first, second, other = run(3), run(3), run(4)
    values = [r["energy"].p_value.value for r in (first, second, other)]  # type: ignore[union-attr]
    assert first["energy"].estimate == second["energy"].estimate
    assert values[0] == values[1]
    assert first["energy"].estimate != other["energy"].estimate


def test_adding_a_metric_changes_no_other_number() -> None:
    alone = gandiag.score(normal(150), normal(120, seed=1), metrics=["energy"], permutations=99)["energy"]
    beside = gandiag.score(normal(150), normal(120, seed=1), metrics=["c2st", "energy"], permutations=99)["energy"]
    assert alone.estimate == beside.estimate
    assert alone.p_value is not None
    assert beside.p_value is not None
    assert alone.p_value.value == beside.p_value.value


def test_a_second_sampler_changes_nothing_about_the_first() -> None:
    one = gandiag.score(normal(150), {"a": normal(120, seed=1)}, **QUICK)
    two = gandiag.score(normal(150), {"b": normal(90, seed=2), "a": normal(120, seed=1)}, **QUICK)
    assert one.fakes[0]["energy"].estimate == two.fakes[1]["energy"].estimate


def test_rows_set_aside_are_no_rows_under_test() -> None:
    report = gandiag.score(normal(400), normal(100, seed=1), **QUICK)
    assert (report.real.n, report.real.n_fit) == (300, 100)


def test_more_rows_than_there_are_is_said_on_both_sides() -> None:
    report = gandiag.score(normal(400), normal(100, seed=1), n=1000, **QUICK)
    assert "300 rows are left to test with, fewer than the 1000 asked for" in report.real.notes
    assert "holds 100 rows, fewer than the 1000 asked for" in report.fakes[0].notes


def test_the_training_set_serves_as_the_rows_set_aside() -> None:
    report = gandiag.score(normal(400), normal(100, seed=1), train=normal(200, seed=2), **QUICK)
    assert (report.real.n, report.real.n_fit) == (400, 200)


@pytest.mark.parametrize(
    ("fake", "error", "match"),
    [
        (np.zeros((50, 3)), ShapeError, "samples of the shape"),
        (SampleSet(values=np.zeros((50, 2), dtype=int), kind="discrete", lag=1), DtypeError, "whole numbers"),
    ],
)
def test_unlike_sides_are_refused(fake: object, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        gandiag.score(normal(100), fake, **QUICK)


def test_images_in_other_units_are_refused() -> None:
    rng = np.random.default_rng(0)
    bytes_ = SampleSet(values=rng.integers(0, 256, (60, 4, 4)), kind="image", value_range=(0, 255), lag=1)
    floats = SampleSet(values=rng.random((60, 4, 4)), kind="image", value_range=(0, 1), lag=1)
    with pytest.raises(RangeError, match=r"every value x of the latter to x \* 255\."):
        gandiag.score(bytes_, floats, **QUICK)


@pytest.mark.parametrize(
    ("given", "wanted", "says"),
    [
        ((0, 1), (0, 255), "x * 255"),
        ((-1, 1), (0, 255), "(x + 1) * 127.5"),
        ((0, 255), (0, 1), "x / 255"),
        ((0, 255), (-1, 1), "x / 127.5 - 1"),
        ((-1, 1), (0, 1), "(x + 1) / 2"),
        ((0, 255), (0, 65535), "x * 257"),
    ],
)
def test_the_way_from_one_range_to_another_is_written_out(given: Any, wanted: Any, says: str) -> None:
    found = _rescaled(given, wanted)
    assert found == says
    for low, high in zip(given, wanted, strict=True):
        assert eval(found, {"x": low}) == pytest.approx(high)  # noqa: S307 - our own words


def test_holm_is_over_one_samplers_panel() -> None:
    report = gandiag.score(normal(100), normal(80, seed=1), **QUICK)
    raw = sorted(r.p_value.value for r in report.fakes[0].results if r.p_value is not None)
    first = min(r.p_value.adjusted for r in report.fakes[0].results if r.p_value is not None)  # type: ignore[type-var]
    assert first == pytest.approx(min(1.0, 2 * raw[0]))
    assert adjusted([]) == []


def test_a_subsample_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(METRICS.get("energy"), most_rows=50)
    monkeypatch.setattr("gandiag.metrics.energy.METRIC", spec)
    result = gandiag.score(normal(200), normal(80, seed=1), **QUICK)["energy"]
    assert (result.n_real, result.n_fake) == (50, 50)
    assert "computed on 50 of 150 real and 50 of 80 fake rows" in result.warnings


def test_default_metrics_need_what_they_need() -> None:
    names = {spec.name for spec in specs.METRICS if "train" in spec.needs}
    assert "data_copying" in names
    plain = gandiag.score(normal(60), normal(60, seed=1), permutations=19)
    assert not names & {r.metric for r in plain.fakes[0].results}


def test_rows_whose_squared_distances_vanish_are_refused_rather_than_called_equal() -> None:
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(80, 2)), rng.normal(size=(80, 2)) + 3
    with pytest.raises(RangeError, match=r"squared distances are 0.*Multiply both sides by one number"):
        gandiag.score(real * 1e-300, fake * 1e-300, metrics=["kid"], features="identity")
    report = gandiag.score(real * 1e-300, fake * 1e-300, metrics=["kid"])  # standardised
    assert report["kid"].p_value is not None
    assert report["kid"].p_value.value < 0.01
    constant = gandiag.score(np.zeros((80, 2)), np.zeros((80, 2)), metrics=["energy"], features="identity")
    assert constant["energy"].p_value is not None


def test_numbers_without_the_images_that_could_not_be_read_are_degraded_and_pass_no_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gandiag.samplers import _pictures

    monkeypatch.setattr(_pictures, "MOST_BAD", 0.1)
    rng = np.random.default_rng(0)
    for side in ("real", "fake"):
        (tmp_path / side).mkdir()
        for at in range(40):
            (tmp_path / side / f"{at}.pgm").write_bytes(b"P5 2 2 255\n" + rng.bytes(4))
    (tmp_path / "fake" / "cut.pgm").write_bytes(b"P5 2 2 255\n")
    addresses = [f"{tmp_path / 'real'}", f"{tmp_path / 'fake'}?on_bad=skip"]
    found = gandiag.score(*addresses, metrics=["energy"], permutations=99)["energy"]
    assert found.status == "degraded"
    assert "1 of 41 fake images could not be read and were left out" in found.warnings
    (judgement,) = gandiag.check(*addresses, require=["energy.p >= alpha"]).judgements
    assert judgement.outcome == "error"
    (tmp_path / "fake" / "cut.pgm").unlink()
    assert gandiag.score(*addresses, metrics=["energy"], permutations=99)["energy"].status == "ok"
