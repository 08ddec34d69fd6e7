"""Point frequencies: exact intervals, the largest difference with its null, both error laws, wrong tests rejected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.errors import ConfigError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.point_frequencies import METRIC

Ids = NDArray[np.int64]


def measured(real: Any, fake: Any, **options: Any) -> Measurement:
    real, fake = (np.asarray(x, dtype=float).reshape(len(x), -1) for x in (real, fake))
    return METRIC.measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(0), **options)


def p_of(found: Measurement, draws: int = 99) -> float:
    null = summarise_null(found, draws=draws, rng=np.random.default_rng(1))
    assert null.p_value is not None
    return null.p_value.value


def test_shares_intervals_and_the_largest_difference() -> None:
    from scipy.stats import binomtest

    found = measured(np.repeat([5, 6, 7], [50, 30, 20]), np.repeat([5, 6, 8], [30, 40, 30]), points=[6, 5])
    assert found.estimate == pytest.approx(0.2, abs=1e-12)
    assert found.arrays["values"].ravel().tolist() == [5.0, 6.0]
    five, six = found.details["points"]
    exact = binomtest(30, 100).proportion_ci(0.95, method="exact")
    assert (five["low_fake"], five["high_fake"]) == pytest.approx((exact.low, exact.high), rel=1e-6)
    wald = 0.3 - 1.96 * np.sqrt(0.3 * 0.7 / 100)
    assert five["low_fake"] != pytest.approx(wald, rel=1e-3)
    assert (six["fake"], six["real"], six["share_real"]) == (40, 30, 0.3)
    assert found.details["mass_fake"] == pytest.approx(0.7)
    assert found.details["draws_for_absolute"] == 185


def test_a_point_that_was_never_drawn_has_an_upper_bound() -> None:
    """The rule of three: nothing in 1000 draws bounds the probability by 3.7/1000 at 97.5 %."""
    never = measured(np.arange(1000) % 7, np.arange(1000) % 7, points=[42])
    point = never.details["points"][0]
    assert (point["fake"], point["low_fake"]) == (0, 0.0)
    assert point["high_fake"] == pytest.approx(1 - 0.025 ** (1 / 1000), rel=1e-6)
    assert never.estimate == 0.0
    assert p_of(never) == 1.0
    assert never.details["draws_for_relative"] == [None]


def law(rng: np.random.Generator, rows: int) -> Ids:
    p = 1 / np.arange(1.0, 61)
    return rng.choice(60, size=rows, p=p / p.sum())


def level(reps: int, seed: int) -> tuple[int, int]:
    """Count rejections at 5 %: of the largest difference, and of the smallest uncorrected p-value of ten."""
    from scipy.stats import norm

    rng, hits, raw = np.random.default_rng(seed), 0, 0
    for _ in range(reps):
        real, fake = law(rng, 80), law(rng, 60)
        found = measured(real, fake)
        hits += p_of(found) <= 0.05
        counts = np.array([[point["fake"], point["real"]] for point in found.details["points"]])
        share = counts.sum(axis=1) / 140
        z = (counts[:, 0] / 60 - counts[:, 1] / 80) / np.sqrt(share * (1 - share) * (1 / 60 + 1 / 80))
        raw += 2 * norm.sf(np.abs(z).max()) <= 0.05
    return hits, raw


def test_the_largest_difference_keeps_its_level_and_uncorrected_ones_do_not() -> None:
    hits, raw = level(100, 2)
    assert hits <= 15  # exact binomial limit at 1e-4
    assert raw > 20


@pytest.mark.slow
def test_the_largest_difference_keeps_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000, 3)[0] <= 140


def test_ties_among_frequent_values_do_not_know_the_sides() -> None:
    """Sixty values, all once or twice: swapping the sides must choose the same ten."""
    rng = np.random.default_rng(4)
    real, fake = rng.permutation(60)[:40], rng.permutation(60)[:40]
    one, other = measured(real, fake), measured(fake, real)
    np.testing.assert_array_equal(one.arrays["values"], other.arrays["values"])
    assert one.estimate == other.estimate


def test_a_value_that_is_drawn_too_often_is_found() -> None:
    rng = np.random.default_rng(5)
    fake = np.where(rng.random(400) < 0.1, 7, law(rng, 400))
    found = measured(law(rng, 400), fake)
    assert p_of(found) == 0.01
    worst = max(found.details["points"], key=lambda point: point["share_fake"] - point["share_real"])
    assert worst["p_holm"] < 0.01
    assert found.estimate == pytest.approx(0.1, abs=0.06)


def test_the_curves_fall_with_the_root_of_the_draws() -> None:
    rng = np.random.default_rng(6)
    arrays = measured(law(rng, 2000), law(rng, 2000)).arrays
    assert arrays["curve_absolute"].shape == (10, len(arrays["curve_draws"]))
    slope = np.polyfit(np.log(arrays["curve_draws"]), np.log(arrays["curve_relative"]).T, 1)[0]
    np.testing.assert_allclose(slope, -0.5, atol=0.06)
    # Relative errors at one number of draws go like the root of 1/p.
    last = arrays["curve_relative"][:, -1] * np.sqrt(arrays["curve_shares"] / (1 - arrays["curve_shares"]))
    np.testing.assert_allclose(last, last.mean(), rtol=0.25)  # 200 repetitions: 5 % each


def test_rows_of_several_columns_and_wrong_options() -> None:
    bits = np.random.default_rng(7).integers(2, size=(50, 2))
    assert len(measured(bits, bits, points=[[0, 0], [1, 1]]).details["points"]) == 2
    assert len(measured(bits, bits).details["points"]) == 4
    with pytest.raises(ConfigError, match="`points` must be values as wide as the rows"):
        measured(bits, bits, points=[1, 2])
    with pytest.raises(ConfigError, match="`top` must be at least 1; got 0"):
        measured(bits, bits, top=0)
