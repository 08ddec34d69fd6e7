"""Block discrepancy: blocks against the full estimator, closed form, level, interval, and blocks that overlap."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, t

from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull, Measurement
from gandiag.errors import ConfigError
from gandiag.metrics.mmd import mmd_squared
from gandiag.metrics.mmd_block import block_values, measure, straightened_interval

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0, bandwidth: float | None = None) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed), bandwidth=bandwidth)


def p_value(found: Measurement) -> float:
    assert isinstance(found.null, KnownNull)
    assert found.null.p_value is not None
    return found.null.p_value.value


def test_each_block_is_the_unbiased_discrepancy_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(23, 3)), rng.normal(size=(20, 3)) + 0.4
    found = block_values(x, y, 1.3, 7)
    expected = [mmd_squared(x[k : k + 7], y[k : k + 7], bandwidth=1.3) for k in (0, 7)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert not np.allclose(found, expected[::-1], rtol=1e-3)


def test_the_mean_is_the_closed_form_and_the_interval_covers() -> None:
    for shift, expected in ((1.0, 0.177268), (0.0, 0.0)):
        found, covered = [], 0
        for seed in range(200):
            rng = np.random.default_rng(seed)
            answer = measured(rng.normal(size=(400, 1)), rng.normal(size=(400, 1)) + shift, seed, bandwidth=1.0)
            assert answer.interval is not None
            covered += answer.interval.low <= expected <= answer.interval.high  # type: ignore[operator]
            found.append(answer.estimate)
        values = np.array(found, dtype=float)
        assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(200)
        assert binom.ppf(1e-4, 200, 0.95) <= covered


def test_the_interval_covers_where_blocks_are_skewed_and_the_plain_one_does_not() -> None:
    # Under equal laws a block's discrepancy is a weighted sum of squared normals: here one of them, the most skewed.
    covered = plain = 0
    for values in np.random.default_rng(0).chisquare(1.0, size=(600, 10)):
        low, high = straightened_interval(values, level=0.95)
        covered += low <= 1.0 <= high
        plain += abs(values.mean() - 1.0) <= t.ppf(0.975, 9) * values.std(ddof=1) / np.sqrt(10)
    fewest = binom.ppf(1e-4, 600, 0.95)
    assert plain < fewest <= covered


def test_the_straightened_interval_moves_with_its_values_and_is_plain_without_skew() -> None:
    values = np.array([0.0, 1.0, 2.0, 4.0, 9.0, 1.0, 0.5, 3.0, 0.2, 0.1])
    low, high = straightened_interval(values, level=0.95)
    moved = straightened_interval(10.0 - 2.0 * values, level=0.95)
    assert moved == pytest.approx((10.0 - 2.0 * high, 10.0 - 2.0 * low), rel=1e-12)
    assert high - values.mean() > values.mean() - low  # a right tail reaches upwards
    even = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    reach = t.ppf(0.975, 4) * even.std(ddof=1) / np.sqrt(5)
    assert straightened_interval(even, level=0.95) == pytest.approx((-reach, reach), rel=1e-9)


def test_too_few_blocks_have_no_interval() -> None:
    rng = np.random.default_rng(4)
    assert "blocks" in measured(rng.normal(size=(70, 2)), rng.normal(size=(70, 2))).reasons["interval"]
    assert measured(rng.normal(size=(100, 2)), rng.normal(size=(100, 2))).interval is not None


def level(reps: int, rows: int = 60) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(measured(rng.normal(size=(rows, 2)), rng.normal(size=(rows, 2)), seed)) <= 0.05
    return count


@pytest.mark.parametrize("rows", [20, 100])
def test_the_level_holds(rows: int) -> None:
    assert level(300, rows) <= binom.ppf(1 - 1e-4, 300, 0.05)


@pytest.mark.slow
def test_the_level_holds_over_many_repetitions() -> None:
    """Values of blocks have a right tail, which makes Student's law cautious: some 2 % at 5 %, never more than 5."""
    assert 0 < level(2000, 400) <= binom.ppf(1 - 1e-4, 2000, 0.05)


def test_blocks_that_share_rows_called_independent_lose_the_level() -> None:
    count = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(60, 2)), rng.normal(size=(60, 2))
        values = np.concatenate([block_values(x[k:], y[k:], 1.5, 7) for k in range(4)])
        ratio = values.mean() / values.std(ddof=1) * np.sqrt(len(values))
        count += t.sf(ratio, len(values) - 1) <= 0.05
    assert count > binom.ppf(1 - 1e-4, 200, 0.05)


def test_it_sees_a_shift() -> None:
    rng = np.random.default_rng(1)
    found = [p_value(measured(rng.normal(size=(900, 2)), rng.normal(size=(900, 2)) + 0.3, i)) for i in range(8)]
    assert sum(p <= 0.05 for p in found) >= 7


def test_equal_rows_give_p_one_and_constant_sides_are_undefined() -> None:
    assert p_value(measured(np.ones((30, 3)), np.ones((30, 3)))) == 1.0
    found = measured(np.ones((30, 3)), np.zeros((30, 3)))
    assert found.status == "undefined"
    assert "same discrepancy" in found.reasons["estimate"]


def test_tensors_give_the_answer_of_arrays() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(60, 4)) + 0.3
    found = measure(Comparison(real=x, fake=y, fit=x, device="cpu"), rng=np.random.default_rng(0))
    assert found.estimate == pytest.approx(measured(x, y).estimate, rel=1e-9)


@pytest.mark.speed
def test_four_times_the_rows_cost_about_eight_times_the_time() -> None:
    seconds = []
    for rows in (10_000, 40_000):
        rng = np.random.default_rng(2)
        x, y = rng.normal(size=(rows, 8)), rng.normal(size=(rows, 8))
        start = time.process_time()
        measured(x, y)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 13.0 * seconds[0]  # n^1.5 is 8 times, a quadratic cost 16


@pytest.mark.parametrize("options", [{"bandwidth": 0.0}, {"size": 1}, {"size": 11}])
def test_options_that_give_no_test_are_refused(options: dict[str, float]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    with pytest.raises(ConfigError, match=next(iter(options))):
        measure(Comparison(real=x[:20], fake=x[20:], fit=x), rng=rng, **options)  # type: ignore[arg-type]
