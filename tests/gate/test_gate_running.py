"""Whole runs: every outcome and exit code, sources from Python and from a policy, the fixtures of the gate."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import gandiag
from gandiag.core.specs import METRICS
from gandiag.core.verdict import Verdict
from gandiag.errors import (
    ConfigError,
    DataError,
    NotConverged,
    NumericalError,
    QualityFailure,
    ResourceLimitError,
    SamplerTimeout,
)
from gandiag.gate.running import permutations_for

QUICK = ["c2st.p >= alpha at margin 0.4", "mode_coverage.missing == 0 at margin 0.1"]


def rows(n: int, seed: int, shift: float = 0.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(n, 2)) + shift


# Row 92: the fixtures of a gate


@pytest.mark.row(92)
@pytest.mark.parametrize(
    ("fake", "options", "outcome"),
    [
        ("toy:ring8", {"n": 500}, "pass"),  # case 1: a perfect sampler
        ("toy:ring8!noise=0.99", {"n": 500}, "fail"),  # case 2: 1 % data, 99 % noise
        ("toy:ring8!drop_modes=2", {"n": 500}, "fail"),
        ("toy:ring8", {"n": 60}, "inconclusive"),  # too few rows to know
    ],
)
def test_the_fixtures_of_a_gate(fake: str, options: dict[str, int], outcome: str) -> None:
    verdict = gandiag.check("toy:ring8", fake, require=QUICK, **options)  # type: ignore[arg-type]
    assert verdict.outcome == outcome, str(verdict)
    assert bool(verdict) is (verdict.exit_code == 0) is (outcome in ("pass", "inconclusive"))


@pytest.mark.row(92)
def test_a_memoriser_fails_where_the_training_rows_are_given() -> None:
    """Case 3."""
    train, real = rows(600, 0), rows(600, 1)
    copied = train[np.random.default_rng(2).integers(600, size=500)]
    found = gandiag.check(real, copied, train=train, n=450, require=["data_copying.p >= alpha"])
    assert found.outcome == "fail"
    honest = gandiag.check(real, rows(500, 3), train=train, n=450, require=["data_copying.p >= alpha"])
    assert honest.outcome != "fail"


# Exit codes


def test_inconclusive_is_0_and_with_strict_1() -> None:
    lax, strict = (
        gandiag.check(rows(80, 0), rows(60, 1), require=["c2st.p >= alpha"], strict=flag) for flag in (False, True)
    )
    assert (lax.outcome, lax.exit_code, bool(lax)) == ("inconclusive", 0, True)
    assert (strict.outcome, strict.exit_code, bool(strict)) == ("inconclusive", 1, False)
    lax.raise_for_status()
    with pytest.raises(QualityFailure, match="must hold the conditions of the gate"):
        strict.raise_for_status()


def test_a_failure_is_1_and_raises_an_assertion_error() -> None:
    verdict = gandiag.check(rows(400, 0), rows(300, 1, shift=2.0), require=["energy.p >= alpha"])
    assert (verdict.outcome, verdict.exit_code) == ("fail", 1)
    with pytest.raises(AssertionError, match="adjusted p"):
        verdict.raise_for_status()


def test_a_policy_that_makes_no_sense_raises_at_once() -> None:
    with pytest.raises(ConfigError, match="needs real and fake"):
        gandiag.check(config=None, require=QUICK, real=rows(100, 0), gate="none")
    with pytest.raises(ConfigError, match="follow the grammar"):
        gandiag.check(rows(100, 0), rows(100, 1), require=["coverage is fine"])
    with pytest.raises(ConfigError, match="`alpha` must be a finite number"):
        gandiag.check(rows(100, 0), rows(100, 1), alpha=0.9)


def broken(n: int) -> NDArray[np.float64]:
    raise RuntimeError("no weights")


def test_data_and_samplers_that_break_are_3() -> None:
    bad = rows(100, 0)
    bad[3] = np.nan
    for fake, says in ((bad, "NaN"), (broken, "no weights"), ("nowhere.npy", "nowhere.npy")):
        verdict = gandiag.check(rows(100, 1), fake, require=QUICK)
        assert (verdict.outcome, verdict.exit_code, bool(verdict)) == ("error", 3, False)
        assert says in str(verdict)
        with pytest.raises(gandiag.GandiagError, match=says):
            verdict.raise_for_status()


def test_an_undefined_metric_is_3_and_a_failed_one_4(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = gandiag.check(rows(100, 0), rows(60, 1), require=["data_copying.p >= alpha"])
    assert (verdict.outcome, verdict.exit_code) == ("error", 3)
    assert "no training rows were given" in str(verdict)
    with pytest.raises(DataError, match="every condition of a gate must be judged"):
        verdict.raise_for_status()

    def breaks(*args: object, **kwargs: object) -> None:
        raise FloatingPointError("overflow")

    object.__setattr__(METRICS.get("mmd"), "measure", breaks)
    try:
        verdict = gandiag.check(rows(100, 0), rows(60, 1), require=["mmd.p >= alpha"])
    finally:
        import gandiag.metrics.mmd as module

        object.__setattr__(METRICS.get("mmd"), "measure", module.measure)
    assert (verdict.outcome, verdict.exit_code) == ("error", 4)
    with pytest.raises(NumericalError, match="every condition of a gate must be judged"):
        verdict.raise_for_status()


def test_what_breaks_takes_nothing_else_with_it() -> None:
    """F17: a solver that fails is an error of its condition; the others are judged, and evidence outweighs it."""
    import gandiag.metrics.mmd as module

    def breaks(*args: object, **kwargs: object) -> None:
        raise NotConverged("the solver must come to an end", received="10 iterations", remedy="Allow more.")

    object.__setattr__(METRICS.get("mmd"), "measure", breaks)
    try:
        require = ["mmd.p >= alpha", "energy.p >= alpha at margin 3"]
        good = gandiag.check(rows(200, 0), rows(150, 1), require=require)
        bad = gandiag.check(rows(200, 0), rows(150, 1, shift=3.0), require=require)
    finally:
        object.__setattr__(METRICS.get("mmd"), "measure", module.measure)
    assert (good.outcome, good.exit_code) == ("error", 4)
    assert [j.outcome for j in good.judgements] == ["error", "pass"]
    assert "10 iterations" in good.judgements[0].says
    assert (bad.outcome, bad.exit_code) == ("fail", 1)
    assert [j.outcome for j in bad.judgements] == ["error", "fail"]
    assert bad.report is not None
    assert (bad.report["mmd"].status, bad.report["energy"].status) == ("failed", "ok")


def test_too_few_rows_are_an_error_that_says_how_many_it_takes() -> None:
    """B03."""
    verdict = gandiag.check(rows(200, 0), rows(1, 1), require=["energy.p >= alpha", "coverage >= 0.5"])
    assert (verdict.outcome, verdict.exit_code) == ("error", 3)
    assert "at least" in str(verdict)


def slow(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    time.sleep(0.05)
    return rng.normal(size=(n, 2))


def test_a_sampler_that_takes_too_long_is_5() -> None:
    """B32."""
    verdict = gandiag.check(rows(200, 0), slow, require=QUICK, batch_size=10, timeout=0.1)
    assert (verdict.outcome, verdict.exit_code) == ("error", 5)
    with pytest.raises(SamplerTimeout, match=r"within 0\.1 s"):
        verdict.raise_for_status()


def greedy(n: int) -> NDArray[np.float64]:
    raise MemoryError("cannot allocate 4 TiB")


def test_a_limit_that_was_reached_is_5() -> None:
    verdict = gandiag.check(rows(100, 0), greedy, require=QUICK)
    assert (verdict.outcome, verdict.exit_code) == ("error", 5)
    with pytest.raises(ResourceLimitError, match="4 TiB"):
        verdict.raise_for_status()


# What is asked for


def test_a_file_names_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gandiag.toml").write_text(
        '[gate.ring]\nreal = "toy:ring8"\nfake = "toy:ring8!shift=3"\nn = 200\nrequire = ["energy.p >= alpha"]\n'
    )
    monkeypatch.chdir(tmp_path)
    verdict = gandiag.check()
    assert (verdict.gate, verdict.real, verdict.fake, verdict.outcome) == (
        "ring",
        "toy:ring8",
        "toy:ring8!shift=3",
        "fail",
    )
    # What the call says goes before the file.
    assert gandiag.check(config="gandiag.toml", fake="toy:ring8", alpha=0.01).outcome != "fail"


def test_equal_calls_give_equal_verdicts_and_the_report_is_at_hand() -> None:
    first, again = (gandiag.check("toy:ring8", "toy:ring8", n=100, require=QUICK, seed=5) for _ in range(2))
    assert str(first) == str(again)
    assert first.report is not None
    assert first.report["c2st"].n_real == 100
    assert first.provenance["seed"] == 5
    assert isinstance(first.report, gandiag.Report)


def test_identical_data_fail_as_too_good_to_be_true() -> None:
    """B16: every row of the sampler is a held-out row."""
    real = rows(400, 0)
    verdict = gandiag.check(real, real, n=300)
    assert "overlap.p >= alpha" in [j.condition for j in verdict.of("fail")]


def test_dependent_rows_are_an_error_and_never_a_pass() -> None:
    """B17: a chain has no independent rows to permute."""
    rng = np.random.default_rng(0)
    chain = np.zeros((400, 2))
    for i in range(1, 400):
        chain[i] = 0.95 * chain[i - 1] + rng.normal(size=2)
    verdict = gandiag.check(rows(400, 1), chain, require=["energy.p >= alpha"])
    assert verdict.outcome == "error"
    assert "depend on their neighbours" in str(verdict)


@pytest.mark.parametrize(("alpha", "conditions"), [(0.05, 1), (0.001, 9), (0.01, 3)])
def test_there_are_relabellings_enough_for_every_share_of_alpha(alpha: float, conditions: int) -> None:
    """B11: a level that no p-value can reach would make a gate that never fails."""
    assert 1.0 / (permutations_for(alpha, conditions) + 1) <= alpha / conditions * (1 + 1e-9)


def test_a_verdict_reads_as_a_sentence_and_a_list() -> None:
    verdict = gandiag.check(rows(400, 0), rows(300, 1, shift=2.0), require=["energy.p >= alpha"])
    assert isinstance(verdict, Verdict)
    assert str(verdict).startswith("fail: 1 of 1 conditions. energy.p >= alpha: p = ")
    assert repr(verdict) == str(verdict)
