"""Kolmogorov-Smirnov of the columns: the known distance, level with ties, which columns, and wrong variants."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.ks_marginals import MOST_COLUMNS, measure

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real[:1]), rng=np.random.default_rng(seed))


def p_value(measurement: Measurement, seed: int = 0, draws: int = 99) -> float:
    assert isinstance(measurement.null, Relabelling)
    return permutation_null(measurement.null, draws=draws, rng=np.random.default_rng(seed)).p_value


@pytest.mark.row(22)
def test_a_unit_shift_has_the_known_distance() -> None:
    rng = np.random.default_rng(0)
    found = measured(rng.normal(size=(10_000, 1)), rng.normal(1.0, 1.0, size=(10_000, 1))).estimate
    assert found == pytest.approx(0.382925, abs=0.03)
    # Half of it, the best classifier's edge over a coin, is another number.
    assert found != pytest.approx(0.382925 / 2, abs=0.03)


def level(reps: int, tied: bool) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        sides = [rng.poisson(1.0, size=(rows, 3)) + 0.0 if tied else rng.normal(size=(rows, 3)) for rows in (20, 30)]
        count += p_value(measured(*sides, seed=seed), seed=seed) <= 0.05
    return count


@pytest.mark.parametrize("tied", [False, True])
def test_the_test_holds_its_level(tied: bool) -> None:
    assert level(100, tied) <= binom.ppf(1 - 1e-4 / 2, 100, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True])
def test_the_test_holds_its_level_over_many_repetitions(tied: bool) -> None:
    assert level(2000, tied) <= binom.ppf(1 - 1e-4 / 2, 2000, 0.05)


def test_no_adjustment_over_columns_would_lose_the_level_and_ties_make_the_plain_p_value_blunt() -> None:
    alone, adjusted, holm = 0, 0, []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        table = measured(rng.normal(size=(30, 12)), rng.normal(size=(30, 12)), seed).arrays
        alone += table["p_values"].min() <= 0.05
        adjusted += table["adjusted"].min() <= 0.05
        coarse = measured(rng.normal(size=(60, 1)).round(), rng.normal(0.8, 1.0, size=(60, 1)).round(), seed).arrays
        holm.append(coarse["p_values"][0] / coarse["adjusted"][0])
    most = binom.ppf(1 - 1e-4, 40, 0.05)
    assert adjusted <= most < alone
    assert np.median(holm) > 1.0


def test_the_columns_that_differ_are_named() -> None:
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(200, 6)), rng.normal(size=(150, 6))
    fake[:, 4] += 0.8
    fake[:, 1] *= 4.0
    result = measured(real, fake)
    assert {entry["column"] for entry in result.details["worst"][:2]} == {1, 4}
    assert result.details["differing_columns"] == result.details["differing_columns_holm"] == 2
    assert result.estimate == result.arrays["distances"].max() == result.details["worst"][0]["distance"]
    assert p_value(result) == 0.01


def test_columns_that_only_differ_together_pass() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=(2, 300, 1))
    assert p_value(measured(np.hstack([one, one]), np.hstack([other, -other]))) > 0.05


def test_ties_are_said_and_equal_samples_are_at_distance_zero() -> None:
    rows = np.random.default_rng(3).normal(size=(40, 2))
    result = measured(rows, rows)
    assert result.estimate == 0.0
    assert result.details["tied"]
    assert p_value(measured(np.ones((9, 2)), np.ones((4, 2)))) == 1.0


def test_of_very_many_columns_some_are_looked_at_which_the_result_says() -> None:
    rng = np.random.default_rng(4)
    result = measured(rng.normal(size=(6, 3000)), rng.normal(size=(5, 3000)))
    assert len(result.arrays["columns"]) == MOST_COLUMNS
    assert result.arrays["columns"][-1] == 2999
    assert result.warnings == (f"{MOST_COLUMNS} of 3000 columns were looked at",)
