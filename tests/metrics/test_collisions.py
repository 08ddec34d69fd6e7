"""Collisions: the duplicate share, its null on continuous and on discrete data, and the support in the details."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.calibration.null_simulation import level, null_p_values
from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull, Measurement, Relabelling
from gandiag.errors import ConfigError
from gandiag.inference.nulls import NullSummary, summarise_null
from gandiag.metrics.collisions import METRIC, duplicate_share

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0) -> Measurement:
    return METRIC.measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed))


def null_of(found: Measurement, draws: int = 999) -> NullSummary:
    return summarise_null(found, draws=draws, rng=np.random.default_rng(1))


def p_of(found: Measurement, draws: int = 999) -> float:
    p = null_of(found, draws).p_value
    assert p is not None
    return p.value


def counts_law(rng: np.random.Generator, rows: int) -> Matrix:
    return rng.poisson(6.0, size=(rows, 2)).astype(float)


def test_the_duplicate_share_counts_rows_after_the_first_of_their_kind() -> None:
    assert duplicate_share(np.array([[1.0], [2.0], [1.0], [1.0]])) == 0.5
    assert duplicate_share(np.array([[0.0], [-0.0]])) == 0.5
    assert duplicate_share(np.ones((10, 3))) == 0.9
    assert duplicate_share(np.arange(6.0)[:, None]) == 0.0


def test_continuous_samples_have_no_duplicates_and_a_null_of_one_point() -> None:
    rng = np.random.default_rng(2)
    found = measured(rng.normal(size=(100, 2)), 5 * rng.normal(size=(80, 2)))
    assert found.estimate == 0.0
    assert isinstance(found.null, KnownNull)
    null = null_of(found)
    assert null.floor is not None
    assert (null.floor.mean, null.floor.sd, p_of(found)) == (0.0, 0.0, 1.0)
    assert found.details["n2"] is None
    assert found.details["n2_high"] is None


def test_repeats_of_a_continuous_sampler_are_found() -> None:
    rng = np.random.default_rng(3)
    fake = rng.normal(size=(200, 3))
    fake[:20] = fake[20:40]
    found = measured(rng.normal(size=(200, 3)), fake)
    assert found.estimate == pytest.approx(20 / 200, rel=1e-12)
    assert p_of(found) == 1 / 1000
    assert (found.details["distinct_fake"], found.details["distinct_real"]) == (180, 200)
    assert (found.details["duplicate_rows_fake"], found.details["duplicate_rows_real"]) == (20, 0)
    assert found.details["largest_cluster_fake"] == 2
    assert found.arrays["repeats"].tolist() == [2] * 20 + [1] * 160


def test_repeats_of_the_real_side_do_not_speak_against_the_sampler() -> None:
    rng = np.random.default_rng(4)
    real = rng.normal(size=(100, 3))
    real[:20] = real[20:40]
    assert p_of(measured(real, rng.normal(size=(100, 3)))) > 0.9


def test_the_p_value_of_one_pair_is_exact() -> None:
    """Five rows a side and one fake pair: the pair falls on the fake side in C(8,3) of C(10,5) relabellings."""
    rows = np.arange(10.0)[:, None]
    rows[9] = rows[8]
    found = measured(rows[:5], rows[5:])
    assert p_of(found, draws=10**4) == pytest.approx(math.comb(8, 3) / math.comb(10, 5), rel=1e-12)
    assert p_of(found, draws=10**4) != pytest.approx(0.25, rel=0.05)  # as if the two labels were independent


def test_the_null_agrees_with_all_relabellings_by_loops() -> None:
    values = np.array([0, 0, 0, 1, 1, 2, 3, 3, 4], dtype=float)
    found = measured(values[:4, None], values[4:, None])
    shares = []
    for real in combinations(range(9), 4):
        fake = [float(values[i]) for i in range(9) if i not in real]
        shares.append(1.0 - len(set(fake)) / 5)
    null = null_of(found, draws=10**4)
    assert null.floor is not None
    assert null.floor.mean == pytest.approx(float(np.mean(shares)), rel=1e-12)


def test_discrete_data_may_repeat() -> None:
    """The same discrete law on both sides repeats alike: 40 p-values at 5 % exceed 7 rejections once in 200."""
    rng = np.random.default_rng(5)
    p = [p_of(measured(counts_law(rng, 150), counts_law(rng, 150)), draws=99) for _ in range(40)]
    assert sum(value <= 0.05 for value in p) <= 7
    shares = measured(counts_law(rng, 150), counts_law(rng, 150)).estimate
    assert shares is not None
    assert shares > 0.3  # though a third of the rows are repeats


def test_a_discrete_sampler_with_a_smaller_support_is_found() -> None:
    rng = np.random.default_rng(6)
    real, fake = rng.integers(2000, size=(400, 1)), rng.integers(400, size=(400, 1))
    assert p_of(measured(real.astype(float), fake.astype(float))) == 1 / 1000
    assert p_of(measured(fake.astype(float), real.astype(float))) > 0.9


def test_the_level_is_kept_on_discrete_data() -> None:
    assert level(null_p_values("collisions", counts_law, n=60, m=60, fit=5, repetitions=150), 0.05).kept


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(60, 60), (100, 40), (40, 100)])
def test_the_level_is_kept_in_2000_repetitions(sizes: tuple[int, int]) -> None:
    p = null_p_values("collisions", counts_law, n=sizes[0], m=sizes[1], fit=5, repetitions=2000)
    assert all(level(p, alpha).kept for alpha in (0.01, 0.05, 0.1))


def test_all_equal_rows_give_p_one() -> None:
    found = measured(np.ones((20, 2)), np.ones((30, 2)))
    assert found.estimate == pytest.approx(29 / 30, rel=1e-12)
    assert p_of(found) == 1.0
    assert found.details["n2"] == 1.0
    assert found.details["n2_low"] == 1.0


@pytest.mark.row(39)
def test_a_resampled_training_set_shows_its_size() -> None:
    """Rows resampled from 500: the first repeat comes at 27 draws in the median, and the interval holds 500."""
    rng = np.random.default_rng(7)
    first = []
    for _ in range(400):
        seen: set[int] = set()
        while (drawn := int(rng.integers(500))) not in seen:
            seen.add(drawn)
        first.append(len(seen) + 1)
    # Density of the median is about 0.029 a draw, so its standard error is 0.5 / (20 0.029) = 0.9.
    assert abs(float(np.median(first)) - 27) <= 3
    train = rng.normal(size=(500, 4))
    found = measured(rng.normal(size=(1000, 4)), train[rng.integers(500, size=1000)])
    details = found.details
    assert details["n2_low"] < 500 < details["n2_high"]
    relative_se = math.sqrt(1.0 / 500 / math.comb(1000, 2)) * 500
    assert details["n2"] <= 500 * (1 + 4 * relative_se)
    assert details["chao1"] == pytest.approx(500, rel=0.1)
    assert details["n2_high"] < 1000  # below the number of rows that it was shown
    assert details["n2_high_real"] is None
    assert p_of(found) == 1 / 1000


def test_the_order_in_which_a_sampler_repeats_does_not_matter() -> None:
    """Copies right behind their originals: unshuffled batches would find them all and bound the support far too low."""
    rows = np.repeat(np.random.default_rng(8).normal(size=(1000, 2)), 2, axis=0)
    details = measured(rows[::2] + 9.0, rows).details
    assert details["n2_low"] < details["n2"] < details["n2_high"]


def test_a_higher_level_widens_the_interval() -> None:
    rng = np.random.default_rng(9)
    pair = Comparison(real=counts_law(rng, 200), fake=counts_law(rng, 200), fit=np.zeros((2, 2)))
    wide, narrow = (
        METRIC.measure(pair, rng=np.random.default_rng(0), level=at).details  # type: ignore[call-arg]
        for at in (0.99, 0.8)
    )
    assert wide["n2_low"] < narrow["n2_low"] < narrow["n2_high"] < wide["n2_high"]
    with pytest.raises(ConfigError, match="`level` must be a finite number, above 0 and below 1; got 1"):
        METRIC.measure(pair, rng=rng, level=1.0)  # type: ignore[call-arg]


def test_single_precision_in_one_column_is_noted() -> None:
    """2^-24 apart, 20 000 numbers in [0, 1) collide by rounding: some C(20000, 2) / 2^24 = 12 pairs."""
    rng = np.random.default_rng(10)
    single = rng.random((20_000, 1), dtype=np.float32).astype(float)
    found = measured(rng.random((20_000, 1)), single)
    assert found.estimate is not None
    assert found.estimate > 0
    assert "single precision" in found.warnings[0]
    whole = measured(counts_law(rng, 50), counts_law(rng, 50))
    assert isinstance(whole.null, Relabelling)
    assert whole.warnings == ()
