"""Missing mass: Good-Turing and Chao on known laws, near duplicates as values, level, and a collapse that runs dry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull, Measurement
from gandiag.errors import ConfigError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.missing_mass import METRIC

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, fit: Matrix | None = None, **options: Any) -> Measurement:
    real, fake = (x[:, None] if x.ndim == 1 else x for x in (real.astype(float), fake.astype(float)))
    pair = Comparison(real=real, fake=fake, fit=real if fit is None else fit)
    return METRIC.measure(pair, rng=np.random.default_rng(0), **options)


def p_of(found: Measurement, draws: int = 199) -> float:
    null = summarise_null(found, draws=draws, rng=np.random.default_rng(1))
    assert null.p_value is not None
    return null.p_value.value


@pytest.mark.row(33)
def test_a_table_of_singletons_and_pairs() -> None:
    fake = np.repeat(np.arange(28), np.repeat([1, 2, 3], [10, 4, 14]))
    details = measured(np.arange(5), fake).details
    assert details["missing_mass"] == pytest.approx(10 / 60)
    assert details["chao1"] - details["seen"] == pytest.approx(8.85)
    assert details["seen"] < details["chao1_low"] < details["chao1"] < details["chao1_high"]
    assert (details["seen_once"], details["seen_twice"], details["seen_once_real"]) == (10, 4, 5)
    # Good-Toulmin with as many draws again: f1 - f2 + f3 = 10 - 4 + 14.
    assert details["new_in_as_many"] == pytest.approx(20)


@pytest.mark.row(34, 35)
def test_a_uniform_law_of_a_thousand_values() -> None:
    """500 draws: coverage .39362 (sd .03), Chao1 1000 +- 104; 100 repetitions."""
    rng = np.random.default_rng(1)
    found = [measured(np.arange(3), rng.integers(1000, size=500)).details for _ in range(100)]
    assert np.mean([d["coverage"] for d in found]) == pytest.approx(0.39362, abs=0.01)
    assert abs(np.mean([d["chao1"] for d in found]) - 1000) < 4 * 104 / 10
    assert np.mean([d["seen"] / 1000 for d in found]) == pytest.approx(0.39362, abs=0.01)
    wrong = np.mean([1 - d["seen_twice"] / 500 for d in found])  # pairs taken for singletons
    assert wrong != pytest.approx(0.39362, abs=0.1)


def law(rng: np.random.Generator, rows: int) -> NDArray[np.int64]:
    p = 1 / np.arange(1.0, 301)
    return rng.choice(300, size=rows, p=p / p.sum())


def level(reps: int, seed: int) -> tuple[int, int]:
    """Count rejections at 5 %: of the test, and of a binomial test that takes singletons for independent draws."""
    rng, hits, wrong = np.random.default_rng(seed), 0, 0
    for _ in range(reps):
        found = measured(law(rng, 60), law(rng, 40))
        hits += p_of(found, 99) <= 0.05
        # The missing mass depends on the number of draws: 60 draws of the same law leave less unseen than 20.
        wrong += found.details["missing_mass"] > found.details["missing_mass_real"]
    return hits, wrong


def test_the_test_keeps_its_level_and_plain_comparison_of_unequal_sizes_does_not() -> None:
    hits, wrong = level(150, 2)
    assert hits <= 20  # exact binomial limit at 1e-4
    assert wrong > 100


@pytest.mark.slow
def test_the_test_keeps_its_level_over_many_repetitions() -> None:
    assert level(2000, 3)[0] <= 140


def test_collapse_runs_out_of_values_and_noise_never_does() -> None:
    rng = np.random.default_rng(4)
    real = law(rng, 300)
    collapsed = measured(real, rng.integers(20, size=300))
    noisy = measured(real, np.where(rng.random(300) < 0.3, rng.integers(10**9, size=300), law(rng, 300)))
    assert collapsed.estimate == 0.0
    assert p_of(collapsed) <= 0.01
    assert noisy.estimate is not None
    assert noisy.estimate > noisy.details["missing_mass_real"]
    assert p_of(noisy) <= 0.01
    assert p_of(measured(real, law(rng, 300))) > 0.05


def test_near_duplicates_of_a_continuous_sampler_are_values() -> None:
    """A sampler around 40 points: exact equality sees nothing, near duplicates see that nothing is missing."""
    rng = np.random.default_rng(5)
    real, fit = rng.normal(size=(2, 300, 3))
    fake = rng.normal(size=(40, 3))[rng.integers(40, size=300)] + 1e-4 * rng.normal(size=(300, 3))
    exact, near = measured(real, fake, fit), measured(real, fake, fit, of="near")
    assert isinstance(exact.null, KnownNull)
    assert (exact.estimate, p_of(exact), exact.status) == (1.0, 1.0, "degraded")
    assert "of='near'" in exact.warnings[0]
    assert near.estimate is not None
    assert near.estimate < 0.02
    assert near.details["seen"] <= 40
    assert near.details["chao1_real"] > 1000
    assert p_of(near) <= 0.01
    honest = measured(real, rng.normal(size=(300, 3)), fit, of="near")
    assert p_of(honest) > 0.01


def test_classes_count_as_values_and_what_is_lacking_is_said() -> None:
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(50, 2))
    pair = Comparison(real=rows, fake=rows, fit=rows[:1], real_labels=np.arange(50) % 7, fake_labels=np.arange(50) % 3)
    found = METRIC.measure(pair, rng=rng, of="labels")  # type: ignore[call-arg]
    assert (found.details["seen"], found.details["seen_real"]) == (3, 7)
    assert "two rows set aside" in METRIC.measure(pair, rng=rng, of="near").reasons["estimate"]  # type: ignore[call-arg]
    bare = Comparison(real=rows, fake=rows, fit=rows)
    assert "classes" in METRIC.measure(bare, rng=rng, of="labels").reasons["estimate"]  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="`of` has no such choice; got row"):
        METRIC.measure(bare, rng=rng, of="row")  # type: ignore[call-arg]


def test_the_bound_is_the_upper_end_of_the_interval() -> None:
    found = measured(np.arange(3), np.repeat(np.arange(100), 50))
    assert found.interval is not None
    wide = (2 * math.sqrt(2) + math.sqrt(3)) * math.sqrt(math.log(60) / 5000)
    assert found.interval.high == pytest.approx(wide, rel=1e-12)
    assert found.interval.low is None
