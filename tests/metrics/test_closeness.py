"""Closeness: the unbiased distance, its identity with a kernel, level, power among rare values, wrong variants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.errors import ConfigError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.closeness import METRIC

Ids = NDArray[np.int64]


def measured(real: Ids, fake: Ids, **options: Any) -> Measurement:
    sides = {"real": real[:, None].astype(float), "fake": fake[:, None].astype(float)}
    return METRIC.measure(Comparison(**sides, fit=np.zeros((2, 1))), rng=np.random.default_rng(0), **options)


def p_of(found: Measurement, draws: int = 99) -> float:
    null = summarise_null(found, draws=draws, rng=np.random.default_rng(1))
    assert null.p_value is not None
    return null.p_value.value


@pytest.mark.row(18)
def test_the_distance_is_the_unbiased_squared_mmd_of_equality() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(6, size=31), rng.integers(8, size=23)
    same = lambda a, b: (a[:, None] == b[None]).astype(float)  # noqa: E731
    within = [(same(z, z).sum() - len(z)) / (len(z) * (len(z) - 1)) for z in (x, y)]
    mmd = sum(within) - 2 * same(x, y).mean()
    found = measured(x, y)
    assert found.estimate == pytest.approx(mmd, abs=1e-12)
    assert found.estimate != pytest.approx(same(x, x).mean() + same(y, y).mean() - 2 * same(x, y).mean(), abs=1e-3)


@pytest.mark.row(36)
def test_the_distance_of_the_tabled_pair() -> None:
    """Uniform against plus and minus a half on 100 cells: .0025; 30 pairs of samples, four standard errors."""
    rng = np.random.default_rng(1)
    q = np.tile([0.015, 0.005], 50)
    found = [measured(rng.integers(100, size=500), rng.choice(100, size=500, p=q)).estimate or 0.0 for _ in range(30)]
    error = np.std(found) / np.sqrt(30)
    assert abs(np.mean(found) - 0.0025) < 4 * error
    assert np.mean(found) > 8 * error


def level(reps: int, seed: int) -> tuple[int, int]:
    rng, hits, plain = np.random.default_rng(seed), 0, 0
    law = 1 / np.arange(1.0, 101)
    law /= law.sum()
    for _ in range(reps):
        found = measured(rng.choice(100, size=50, p=law), rng.choice(100, size=30, p=law))
        hits += p_of(found) <= 0.05
        plain += found.details["l2_p"] <= 0.05
    return hits, plain


def test_both_tests_keep_their_level() -> None:
    assert max(level(100, 2)) <= 14  # exact binomial limit at 1e-4 for 100 repetitions at 5 %


@pytest.mark.slow
def test_both_tests_keep_their_level_over_many_repetitions() -> None:
    assert all(64 <= hits <= 140 for hits in level(2000, 3))


def test_the_plain_statistic_of_equal_sides_is_wrong_for_unequal_ones() -> None:
    """Its expectation under equal laws is not 0 there, and a limit for equal sides rejects always."""
    rng = np.random.default_rng(4)
    x, y = np.bincount(rng.integers(50, size=900), minlength=50), np.bincount(rng.integers(50, size=300), minlength=50)
    wrong = (((x - y) ** 2.0 - x - y) / (x + y)).sum()
    sd = np.sqrt(2 * 50)  # about two a value
    assert wrong > 20 * sd
    found = measured(np.repeat(np.arange(50), x), np.repeat(np.arange(50), y))
    assert abs(found.details["statistic"]) < 5 * sd
    assert p_of(found) > 0.01


def test_differences_among_rare_values_are_found() -> None:
    """Half the mass on one value, the rest on 2000 of which fake holds half."""
    rng = np.random.default_rng(5)
    hits, plain = 0, 0
    for _ in range(10):
        real, fake = np.where(rng.random((2, 1000)) < 0.5, 0, 1 + 2 * rng.integers(1000, size=(2, 1000)))
        real = np.where(real > 0, real + rng.integers(2, size=1000), 0)
        found = measured(real, fake)
        hits += p_of(found) <= 0.05
        plain += found.details["l2_p"] <= 0.05
    assert hits >= 7  # power 0.98
    assert plain <= 5  # power 0.08


def test_classes_are_compared_on_request() -> None:
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(200, 2)).round()
    labels = {"real_labels": rng.integers(4, size=200), "fake_labels": np.minimum(rng.integers(4, size=200), 2)}
    pair = Comparison(real=rows, fake=rng.permutation(rows), fit=rows, **labels)
    found = METRIC.measure(pair, rng=rng, of="labels")  # type: ignore[call-arg]
    assert p_of(found) == 0.01
    assert found.details["distinct"] == 4
    assert p_of(METRIC.measure(pair, rng=rng)) > 0.05
    bare = Comparison(real=rows, fake=rows, fit=rows)
    assert "classes" in METRIC.measure(bare, rng=rng, of="labels").reasons["estimate"]  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="Did you mean 'labels'"):
        METRIC.measure(bare, rng=rng, of="label")  # type: ignore[call-arg]


def test_the_values_that_differ_most_are_named() -> None:
    real, fake = np.repeat([7, 8, 9], [50, 30, 20]), np.repeat([7, 8, 9], [20, 30, 50])
    found = measured(real, fake)
    assert found.arrays["largest_counts"][:, 2].tolist() == [30, 30]
    pool = np.concatenate([real, fake])
    assert set(pool[found.arrays["largest_rows"][:2]].tolist()) == {7, 9}
    assert found.details["plug_in_tv"] == pytest.approx(0.3)


def test_rows_that_never_repeat_say_nothing() -> None:
    found = measured(np.arange(30), np.arange(30, 50))
    assert found.estimate == 0.0
    assert p_of(found) == 1.0
    assert "nothing to compare" in found.warnings[0]
