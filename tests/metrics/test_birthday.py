"""Birthday paradox: pairs by brute force, known supports, level, power with and without noise on the copies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.errors import ConfigError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.birthday import METRIC

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, fit: Matrix, **options: Any) -> Measurement:
    pair = Comparison(real=real, fake=fake, fit=fit)
    return METRIC.measure(pair, rng=np.random.default_rng(0), **options)


def p_of(found: Measurement, draws: int = 99) -> float:
    null = summarise_null(found, draws=draws, rng=np.random.default_rng(1))
    assert null.p_value is not None
    return null.p_value.value


def test_pairs_and_the_closest_ones_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    real, fake, fit = rng.normal(size=(70, 2)), rng.normal(size=(90, 2)), rng.normal(size=(80, 2))
    found = measured(real, fake, fit, expected=20.0)
    tau = found.details["tau"]
    for side, rows in (("", fake), ("_real", real)):
        distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)[np.triu_indices(len(rows), 1)]
        assert found.details[f"pairs{side}"] == (distances <= tau).sum()
    i, j = found.arrays["closest_pairs"].T
    np.testing.assert_allclose(np.linalg.norm(fake[i] - fake[j], axis=1), found.arrays["closest_distances"], rtol=1e-6)
    all_distances = np.linalg.norm(fake[:, None] - fake[None], axis=2)[np.triu_indices(90, 1)]
    np.testing.assert_allclose(found.arrays["closest_distances"], np.sort(all_distances)[: len(i)], rtol=1e-6)
    support = (math.comb(90, 2) + 1) / (found.details["pairs"] + 1)
    assert found.estimate == pytest.approx(math.sqrt(2 * math.log(2) * support + 0.25) + 0.5, rel=1e-12)


@pytest.mark.row(39)
def test_a_resampled_training_set_repeats_after_its_birthday_number() -> None:
    """Row 39: 500 rows, resampled: 27 draws. 500 draws have some 250 pairs, a spread of 6 %, half of it in the root."""
    rng = np.random.default_rng(1)
    train, real, fit = rng.normal(size=(3, 500, 5))
    fake = train[rng.integers(500, size=500)]
    found = measured(real, fake, fit)
    assert found.estimate is not None
    assert found.estimate == pytest.approx(27, rel=4 * 0.035)
    assert found.details["exact_pairs"] == pytest.approx(found.details["pairs"], abs=20)
    assert p_of(found) == 0.01
    # Noise on the copies hides them from equality and not from this.
    noisy = measured(real, fake + 1e-3 * rng.normal(size=fake.shape), fit)
    assert noisy.details["exact_pairs"] == 0
    assert noisy.estimate == pytest.approx(found.estimate, rel=0.05)
    assert p_of(noisy) == 0.01


def level(reps: int, seed: int) -> tuple[int, int]:
    """Count rejections at 5 %, and pairs of fake that exceed the expected five at all."""
    rng, hits, more = np.random.default_rng(seed), 0, 0
    for _ in range(reps):
        found = measured(rng.normal(size=(60, 2)), rng.normal(size=(60, 2)), rng.normal(size=(60, 2)))
        hits += p_of(found) <= 0.05
        more += found.details["pairs"] > 5
    return hits, more


def test_the_test_keeps_its_level_and_the_rule_of_more_than_expected_does_not() -> None:
    hits, more = level(100, 2)
    assert hits <= 15  # exact binomial limit at 1e-4
    assert more > 20


@pytest.mark.slow
def test_the_test_keeps_its_level_over_many_repetitions() -> None:
    assert level(2000, 3)[0] <= 140


def test_what_no_repeat_excludes() -> None:
    """1000 distinct draws: the whole mass on fewer than some 1000^2 / (2 log 20) values is excluded at 95 %."""
    rng = np.random.default_rng(4)
    details = measured(rng.normal(size=(100, 3)), rng.normal(size=(1000, 3)), rng.normal(size=(200, 3))).details
    assert details["values_of_all"] == pytest.approx(1000**2 / (2 * math.log(20)), rel=0.01)
    assert details["values_of_half"] == pytest.approx(details["values_of_all"] / 4, rel=0.05)
    assert details["exact_pairs"] == 0
    repeated = np.repeat(rng.normal(size=(50, 3)), 2, axis=0)
    assert measured(repeated, repeated, rng.normal(size=(50, 3))).details["values_of_half"] is None


def test_a_total_collapse_is_counted_to_the_last_pair() -> None:
    rng = np.random.default_rng(5)
    found = measured(rng.normal(size=(1500, 2)), np.ones((1500, 2)), rng.normal(size=(300, 2)))
    assert found.details["pairs"] == math.comb(1500, 2)
    assert found.estimate == pytest.approx(1.78, abs=0.01)  # one value: the second draw repeats it
    assert p_of(found) == 0.01


def test_what_is_lacking_or_wrong_is_said() -> None:
    rows = np.random.default_rng(6).normal(size=(20, 2))
    assert "set aside" in measured(rows, rows, rows[:1]).reasons["estimate"]
    with pytest.raises(ConfigError, match="`expected` must be above 0; got 0"):
        measured(rows, rows, rows, expected=0.0)
    same = measured(np.ones((9, 2)), np.ones((9, 2)), np.ones((9, 2)))
    assert "only exact duplicates" in same.warnings[0]
