"""CMMD: nearly the squared distance of mean embeddings, its published form, its level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.cmmd import measure, unit_rows

Matrix = NDArray[np.float64]


def run(real: Matrix, fake: Matrix, seed: int = 0) -> tuple[Any, float]:
    found = measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed))
    null = summarise_null(found, draws=99, rng=np.random.default_rng(seed))
    assert null.p_value is not None
    return found, null.p_value.value


def published(x: Matrix, y: Matrix) -> float:
    """Write the published form out: means over all pairs, diagonals included."""

    def mean(a: Matrix, b: Matrix) -> float:
        return float(np.mean([np.exp(-np.sum((u - v) ** 2) / 200.0) for u in a for v in b]))

    return 1000.0 * (mean(x, x) + mean(y, y) - 2.0 * mean(x, y))


@pytest.mark.row(66)
@pytest.mark.parametrize("change", ["mean", "covariance"])
def test_it_is_about_ten_times_the_squared_distance_of_mean_embeddings(change: str) -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(600, 16)) + 1.0
    fake = rng.normal(size=(600, 16)) + 0.5 if change == "mean" else rng.normal(size=(600, 16)) * 3.0 + 1.0
    found, _ = run(real, fake)
    assert found.details["biased"] == pytest.approx(9.9 * found.details["squared_mean_difference"], rel=0.05)
    # The wrong variant: rows that were not brought to unit length.
    apart = real.mean(axis=0) - fake.mean(axis=0)
    assert found.details["biased"] != pytest.approx(9.9 * float(apart @ apart), rel=0.05)


def test_the_biased_value_is_the_published_one() -> None:
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(14, 5)), rng.normal(size=(11, 5)) + 0.7
    found, _ = run(real, fake)
    assert found.details["biased"] == pytest.approx(published(unit_rows(real), unit_rows(fake)), rel=1e-9)
    assert found.details["biased"] != pytest.approx(1.01 * published(unit_rows(real), unit_rows(fake)), rel=1e-3)
    assert found.details["biased"] > found.estimate


def test_the_unbiased_value_has_mean_zero_and_the_published_one_has_a_floor() -> None:
    values, floors = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        found = measure(
            Comparison(real=rng.normal(size=(40, 3)), fake=rng.normal(size=(40, 3)), fit=np.eye(3)), rng=rng
        )
        values.append(found.estimate)
        floors.append(found.details["biased"])
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(150)
    assert np.mean(floors) > 10 * np.std(values) / np.sqrt(150)


def test_it_keeps_its_level() -> None:
    p = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        p.append(run(rng.standard_t(2, size=(40, 3)), rng.standard_t(2, size=(30, 3)), seed)[1])
    assert sum(np.array(p) <= 0.05) <= 20  # binomial limit at 1e-4


def test_it_sees_turned_embeddings_and_a_lost_spread() -> None:
    rng = np.random.default_rng(2)
    real = rng.normal(size=(150, 6))
    assert run(real, rng.normal(size=(150, 6)) + 0.8)[1] == 0.01
    assert run(real, np.repeat(rng.normal(size=(5, 6)), 30, axis=0))[1] == 0.01


def test_rows_of_zeros_stay() -> None:
    np.testing.assert_array_equal(unit_rows(np.array([[0.0, 0.0], [3.0, 4.0]])), [[0.0, 0.0], [0.6, 0.8]])
