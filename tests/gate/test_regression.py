"""Candidate against baseline: level, power by pairing, and analyses that are wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.core.specs import METRICS
from gandiag.gate import regression
from gandiag.gate.baseline import Against, Baseline
from gandiag.gate.bench import Unjudged
from gandiag.gate.regression import compare
from gandiag.numerics.frechet_distance import frechet_distance
from gandiag.settings import Settings

ROWS = 40


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "in_threads", lambda work, jobs: map(work, jobs))


def against(now: Any, before: Any, real: Any, *, endless: bool = True, seed: int = 0, **fields: Any) -> Against:
    baseline = Baseline(
        gandiag_version="", fake="", drawn_as="", endless=endless, fingerprints={}, metrics={}, rows=before
    )
    return Against(
        comparison=Comparison(real=real, fake=now, fit=real),
        baseline=replace(baseline, **fields),
        endless=endless,
        dependence=None,
        settings=Settings(seed=seed),
    )


def one_law(rng: np.random.Generator, *, shift: float = 0.0, own: float = 0.5) -> tuple[Any, Any, Any]:
    """Draw real rows, and two samplers with common latents and rows of their own beside; the first may be off."""
    latents = rng.normal(size=(ROWS, 2))
    now, before = (latents + own * rng.normal(size=(ROWS, 2)) for _ in range(2))
    return now + shift, before, rng.normal(size=(ROWS, 2))


def p_values(metric: str, runs: int, *, endless: bool = True, **law: float) -> Any:
    rng = np.random.default_rng(3)
    found = []
    for run in range(runs):
        now, before, real = one_law(rng, **law)
        found.append(compare(against(now, before, real, endless=endless, seed=run), metric).p_value)
    return np.array(found)


def most(runs: int, level: float) -> int:
    return int(binom.isf(1e-4, runs, level))


@pytest.mark.parametrize("endless", [True, False], ids=["paired", "dealt out"])
def test_two_samplers_of_one_law_are_told_worse_no_more_often_than_the_level(endless: bool) -> None:
    runs = 25
    p = p_values("frechet", runs, endless=endless, **({} if endless else {"own": 30.0}))
    assert np.count_nonzero(p <= 0.05) <= most(runs, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["frechet", "recall", "energy", "collisions"])
@pytest.mark.parametrize("endless", [True, False], ids=["paired", "dealt out"])
def test_the_level_is_kept_at_length(metric: str, endless: bool) -> None:
    runs = 300
    p = p_values(metric, runs, endless=endless, **({} if endless else {"own": 30.0}))
    for level in (0.05, 0.01, 0.001):
        assert np.count_nonzero(p <= level) <= most(runs, level), level


def test_the_check_sees_that_point_estimates_are_no_test() -> None:
    """Wrong: worse is what has the worse number. Half of all equal samplers would fail."""
    rng, runs, worse = np.random.default_rng(3), 60, 0
    for _ in range(runs):
        now, before, real = one_law(rng)
        worse += frechet_distance(real, now) > frechet_distance(real, before)
    assert worse > most(runs, 0.05)


def test_pairing_sees_what_dealing_out_the_rows_again_does_not() -> None:
    """A candidate that is the baseline, moved by a quarter of its spread: common latents cancel."""
    paired = p_values("frechet", 9, shift=0.25, own=0.05)
    apart = p_values("frechet", 9, shift=0.25, own=0.05, endless=False)
    assert np.median(paired) < 1e-3
    assert np.median(apart) > 0.01


def test_what_is_better_is_not_worse_in_either_direction_of_a_metric() -> None:
    rng = np.random.default_rng(5)
    now, before, real = one_law(rng, own=0.05)
    far = before + 2.0
    for metric, sign in (("frechet", 1.0), ("recall", -1.0)):
        worse, better = (compare(against(*pair, real), metric) for pair in ((far, now), (now, far)))
        assert worse.p_value < 0.01 < better.p_value == 1.0
        assert worse.change == pytest.approx(sign * (worse.now - worse.before)) == pytest.approx(-better.change)
        assert better.bound < 0.0 < worse.bound


def test_the_judgement_does_not_depend_on_the_unit() -> None:
    now, before, real = one_law(np.random.default_rng(6), shift=0.3)
    small = compare(against(*(1e-9 * rows for rows in (now, before, real))), "frechet")
    assert small.p_value == pytest.approx(compare(against(now, before, real), "frechet").p_value, rel=1e-6)
    assert small.change == pytest.approx(1e-18 * compare(against(now, before, real), "frechet").change, rel=1e-6)


def test_a_share_of_the_baseline_is_a_margin() -> None:
    now, before, real = one_law(np.random.default_rng(6), shift=0.3)
    found = compare(against(now, before, real), "frechet", margin=0.5, relative=True)
    assert found.margin == pytest.approx(0.5 * found.before)
    assert compare(against(now, before, real), "frechet", margin=100.0).p_value == 1.0


def test_what_cannot_be_compared_is_unjudged(monkeypatch: pytest.MonkeyPatch) -> None:
    now, before, real = one_law(np.random.default_rng(7))
    with pytest.raises(Unjudged, match="baseline: rows depend"):
        compare(against(now, before, real, dependence="rows depend"), "frechet")
    with pytest.raises(Unjudged, match="candidate: rows depend"):
        compare(replace(against(now, before, real), dependence="rows depend"), "frechet")
    with pytest.raises(Unjudged, match="candidate: the metric gives no number"):
        compare(against(now[:3], before[:3], real), "recall")
    with pytest.raises(Unjudged, match="the metric gives no number"):
        compare(against(now, before, real), "data_copying")  # without the rows of training

    def broken(*_: Any, **__: Any) -> Measurement:
        raise ZeroDivisionError("by zero")

    spec = replace(METRICS.get("frechet"), measure=broken, number=None)
    monkeypatch.setattr(METRICS, "get", lambda name: spec)
    with pytest.raises(Unjudged, match="ZeroDivisionError: by zero") as caught:
        compare(against(now, before, real), "frechet")
    assert caught.value.code == 4
