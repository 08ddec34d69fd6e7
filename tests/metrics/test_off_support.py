from __future__ import annotations

import functools
import json
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

import gandiag
from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull, Measurement
from gandiag.gate.policy import DEFAULT_REQUIRE
from gandiag.metrics.off_support import _smallest, excess_median, measure
from gandiag.numerics.contingency import count_tails

Matrix = NDArray[np.float64]

ANGLES = 2 * np.pi * np.arange(8) / 8
CENTRES = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)])


def ring(rng: np.random.Generator, n: int) -> Matrix:
    return CENTRES[rng.integers(8, size=n)] + 0.03 * rng.normal(size=(n, 2))


def digits(rng: np.random.Generator) -> Matrix:
    from sklearn.datasets import load_digits

    return rng.permutation(load_digits().data) / 16.0


def run(comparison: Comparison) -> tuple[Measurement, float]:
    found = measure(comparison, rng=np.random.default_rng(0))
    assert isinstance(found.null, KnownNull)
    assert found.null.p_value is not None
    return found, found.null.p_value.value


def noise_in(rows: Matrix, share: float, rng: np.random.Generator) -> Matrix:
    """Replace a share of the rows by values whose columns are drawn independently."""
    out = rows.copy()
    count = int(share * len(rows))
    out[:count] = rng.permuted(rows, axis=0)[:count]
    return out


def test_equal_laws_are_off_support_alike() -> None:
    rng = np.random.default_rng(1)
    found, p = run(Comparison(real=ring(rng, 2000), fake=ring(rng, 2000), fit=ring(rng, 2000)))
    assert p > 0.01
    # One in twenty; the threshold from 2000 rows has an sd of .005, the share of 2000 rows .005.
    assert found.details["share_real"] == pytest.approx(0.05, abs=0.025)
    assert found.details["far_share_real"] == pytest.approx(0.005, abs=0.008)
    assert isinstance(found.null, KnownNull)
    assert found.null.floor is not None
    assert found.estimate == pytest.approx(found.null.floor.mean, abs=4 * found.null.floor.sd)


@pytest.mark.parametrize("share", [0.05, 0.99])
@pytest.mark.parametrize("data", ["ring", "digits"])
def test_noise_is_seen_and_called_noise(data: str, share: float) -> None:
    rng = np.random.default_rng(2)
    rows = ring(rng, 1797) if data == "ring" else digits(rng)
    fake = noise_in(rows[1200:], share, rng)
    if data == "ring":  # shuffled columns of a ring meet its modes again
        count = int(share * len(fake))
        fake[:count] = rng.uniform(-1.2, 1.2, size=(count, 2))
    found, p = run(Comparison(real=rows[600:1200], fake=fake, fit=rows[:600]))
    assert p < (0.01 if share < 0.1 else 1e-50)
    details = found.details
    excess = details["share_fake"] - details["share_real"]
    assert excess == pytest.approx(share, abs=0.04 if share < 0.1 else 0.25)
    assert details["noise_ratio"] == pytest.approx(1.0, abs=0.4)
    assert details["aligned_share"] > 0.5 * details["share_fake"], "moving noise does not make it data"


@pytest.mark.parametrize("kind", ["blurred", "coarse"])
def test_near_misses_are_not_called_noise(kind: str) -> None:
    rng = np.random.default_rng(3)
    rows = digits(rng)
    fake = rows[1200:] + 0.08 * rng.normal(size=(597, 64)) if kind == "blurred" else np.round(rows[1200:] * 2) / 2
    found, p = run(Comparison(real=rows[600:1200], fake=fake, fit=rows[:600]))
    assert p < 0.01
    assert found.details["noise_ratio"] < 0.5
    assert found.details["gap_ratio"] < 2.0


def test_a_shift_vanishes_when_it_is_undone() -> None:
    rng = np.random.default_rng(4)
    found, p = run(Comparison(real=ring(rng, 800), fake=ring(rng, 800) + 0.1, fit=ring(rng, 800)))
    assert p < 1e-50
    assert found.details["share_fake"] > 0.5
    assert found.details["aligned_share"] < 0.15
    spread = np.sqrt(1.0 + 2 * 0.03**2)
    assert found.details["shift"] == pytest.approx(0.1 * np.sqrt(2) / spread, rel=0.3)
    assert found.details["noise_ratio"] < 0.5


def test_a_wrong_scale_vanishes_when_it_is_undone() -> None:
    rng = np.random.default_rng(5)
    found, _ = run(
        Comparison(real=rng.normal(size=(800, 8)), fake=2.5 * rng.normal(size=(800, 8)), fit=rng.normal(size=(800, 8)))
    )
    assert found.details["share_fake"] > 0.5
    assert found.details["aligned_share"] < 0.15
    assert found.details["scale"] == pytest.approx(0.4, rel=0.1)


def test_misses_that_are_all_alike_have_no_spread() -> None:
    rng = np.random.default_rng(6)
    fake = np.concatenate([ring(rng, 700), np.full((100, 2), 3.0)])
    found, _ = run(Comparison(real=ring(rng, 800), fake=fake, fit=ring(rng, 800)))
    spread_out, _ = run(Comparison(real=ring(rng, 800), fake=noise_in(ring(rng, 800), 0.5, rng), fit=ring(rng, 800)))
    assert found.details["off_spread_ratio"] < 0.1
    assert spread_out.details["off_spread_ratio"] > 0.5
    assert (found.arrays["off_support_rows"][:100] >= 700).all(), "farthest first"


def test_everything_close_to_real_rows_is_on_support() -> None:
    rng = np.random.default_rng(7)
    fit = ring(rng, 400)
    found, p = run(Comparison(real=ring(rng, 400), fake=fit[rng.integers(400, size=300)], fit=fit))
    assert (found.estimate, p) == (0.0, 1.0)
    assert found.details["noise_ratio"] is None


def test_excess_median_ignores_the_tail_that_real_rows_have_too() -> None:
    rng = np.random.default_rng(8)
    tail = rng.uniform(1.0, 2.0, size=90)
    real = np.concatenate([np.zeros(910), tail])
    fake = np.concatenate([np.zeros(860), tail, np.full(50, 7.0)])
    assert excess_median(real, fake, 1.0) == 7.0
    assert np.median(fake[fake > 1.0]) < 2.0, "the plain median is that of the tail"
    assert excess_median(real, real, 1.0) is None


def test_too_few_rows_set_aside_leave_it_undefined() -> None:
    rng = np.random.default_rng(9)
    found = measure(Comparison(real=ring(rng, 50), fake=ring(rng, 50), fit=ring(rng, 3)), rng=rng)
    assert found.status == "undefined"
    assert found.reasons["estimate"] == "needs at least 4 real rows set aside; got 3"


def test_details_are_plain_json() -> None:
    rng = np.random.default_rng(10)
    found, _ = run(Comparison(real=ring(rng, 90), fake=ring(rng, 80) + 0.2, fit=ring(rng, 70)))
    json.dumps(found.details, allow_nan=False)
    assert found.arrays["fake_distances"].shape == (80,)


def null_p_values(reps: int, *, d: int, seed: int, honest: bool = True) -> Matrix:
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(reps):
        real, fake, fit = (rng.normal(size=(100, d)) for _ in range(3))
        out.append(run(Comparison(real=real, fake=fake, fit=fit if honest else real))[1])
    return np.array(out)


def check_level(p: Matrix) -> None:
    for alpha in (0.01, 0.05, 0.1):
        rate = float(np.mean(p <= alpha))
        assert rate <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / len(p)), f"rejected {rate:.0%} of nulls at {alpha}"


@pytest.mark.parametrize("d", [2, 20])
def test_p_values_hold_their_level(d: int) -> None:
    check_level(null_p_values(300, d=d, seed=11))


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 20])
def test_p_values_hold_their_level_in_many_repetitions(d: int) -> None:
    check_level(null_p_values(2000, d=d, seed=12))


def test_thresholds_from_the_real_rows_under_test_would_break_the_level() -> None:
    with pytest.raises(AssertionError, match=r"rejected \d+% of nulls at"):
        check_level(null_p_values(60, d=20, seed=13, honest=False))


def test_power_grows_with_the_share_of_noise() -> None:
    rng = np.random.default_rng(14)
    rates = []
    for share in (0.0, 0.05, 0.3):
        p = [
            run(Comparison(real=ring(rng, 200), fake=noise_in(ring(rng, 200), share, rng), fit=ring(rng, 200)))[1]
            for _ in range(30)
        ]
        rates.append(np.mean(np.array(p) <= 0.05))
    assert rates[0] < rates[1] <= rates[2] == 1.0


@pytest.mark.parametrize(("share", "rows"), [(0.005, 2500), (0.005, 1000), (0.05, 1000)])
def test_the_smallest_share_that_a_gate_is_said_to_see_is_seen(share: float, rows: int) -> None:
    level, runs = 1e-4, 400
    judged = SimpleNamespace(n_real=rows, n_fake=rows, details={"far_share_real": share})
    smallest = _smallest(judged, level, 0.95)
    rng = np.random.default_rng(0)

    def seen(more: float) -> float:
        real, fake = rng.binomial(rows, share, size=runs), rng.binomial(rows, share + more, size=runs)
        return float((2.0 * count_tails(fake, real, rows, rows)[1] <= level).mean())

    # Three and a half standard errors of the rate at the power that is claimed.
    assert seen(smallest) >= 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / runs)
    assert seen(smallest / 2.0) < 0.8


def test_a_fifth_of_noise_fails_the_default_gate() -> None:
    """No other condition of it sees noise between modes: a critic's advantage stays within its margin."""
    assert "off_support.p >= alpha" in DEFAULT_REQUIRE
    share = 0.001 / len(DEFAULT_REQUIRE)
    judge = functools.partial(gandiag.check, "toy:grid25", n=600, alpha=share, require=["off_support.p >= alpha"])
    assert judge("toy:grid25!noise=0.2").outcome == "fail"
    assert judge("toy:grid25").outcome != "fail"
