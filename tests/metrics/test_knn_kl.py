"""Divergence by neighbours: known values, a plain loop, copies, level, power, and wrong variants that must be seen."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.errors import ConfigError, NumericalError, TooFewSamplesError
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.knn_kl import measure
from gandiag.numerics.knn_divergence import RankedPool, knn_divergence

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, k: int = 5, device: str | None = None) -> Measurement:
    pair = Comparison(real=real, fake=fake, fit=real, device=device)
    return measure(pair, rng=np.random.default_rng(0), k=k)


def p_value(real: Matrix, fake: Matrix, seed: int = 0, draws: int = 99) -> float:
    null = measured(real, fake).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed)).p_value


def loop(x: Matrix, y: Matrix, k: int, *, itself: int = 0) -> float:
    """Sum the formula row by row; with ``itself`` = 1 a row counts as its own first neighbour."""
    total = 0.0
    for i, row in enumerate(x):
        within = np.sort(np.linalg.norm(np.delete(x, i, axis=0) - row, axis=1))[k - 1 - itself]
        total += np.log(np.sort(np.linalg.norm(y - row, axis=1))[k - 1] / within)
    return float(x.shape[1] * total / len(x) + np.log(len(y) / (len(x) - 1)))


def shifted(n: int, d: int, seed: int) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(n, d))
    y[:, 0] += 1.0
    return x, y


@pytest.mark.row(59)
def test_a_shift_in_one_column_gives_the_true_divergence() -> None:
    # Divergence 1/2; one run of 5000 rows is .498 with standard deviation .022 to .028.
    found = [knn_divergence(*shifted(5000, 1, seed), k=5) for seed in range(4)]
    assert abs(np.mean(found) - 0.5) < 4 * 0.028 / np.sqrt(4)
    assert abs(found[0] - 0.498) < 4 * 0.028
    x, y = shifted(5000, 1, 0)
    assert abs(knn_divergence(x, y[:2500]) - np.log(2500 / 4999) - 0.5) > 4 * 0.028  # without the term of the sizes


@pytest.mark.row(59)
def test_ten_columns_have_the_documented_bias() -> None:
    # .37 in place of .5, one run with standard deviation .013.
    found = knn_divergence(*shifted(5000, 10, 0), k=5)
    assert abs(found - 0.37) < 4 * 0.013
    assert found < 0.5 - 4 * 0.013


def test_a_change_of_scale_gives_the_closed_form() -> None:
    found, reverse = [], []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(1000, 1)), 2.0 * rng.normal(size=(1000, 1))
        found.append(knn_divergence(x, y))
        reverse.append(knn_divergence(y, x))
    assert abs(np.mean(found) - 0.318147) < 4 * np.std(found) / 5
    # Swapped arguments are seen, though of the other direction's 0.806853 the tails are missed.
    assert np.mean(reverse) > 0.318147 + 4 * np.std(reverse) / 5
    assert np.mean(reverse) < 0.806853 - 4 * np.std(reverse) / 5


def test_under_equal_laws_its_mean_is_0_and_counting_a_row_as_its_own_neighbour_moves_it() -> None:
    right, wrong = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(80, 2)), rng.normal(size=(80, 2))
        right.append(loop(x, y, 5))
        wrong.append(loop(x, y, 5, itself=1))
    error = np.std(right) / np.sqrt(60)
    assert abs(np.mean(right)) < 4 * error
    assert np.mean(wrong) > 10 * error  # by 2 (psi(5) - psi(4)) = 1/2


@pytest.mark.parametrize(("d", "k"), [(1, 1), (3, 5), (12, 3)])
def test_every_route_agrees_with_a_plain_loop_and_one_per_cent_would_show(d: int, k: int) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(40, d)), 1.5 * rng.normal(size=(25, d)) + 0.7
    expected = loop(x, y, k)
    assert knn_divergence(x, y, k) == pytest.approx(expected, rel=1e-9)
    found = measured(x, y, k)
    assert found.estimate == pytest.approx(expected, rel=1e-9)
    assert found.details["reverse"] == pytest.approx(loop(y, x, k), rel=1e-9)
    assert measured(x, y, k, device="cpu").estimate == pytest.approx(expected, rel=1e-9)
    assert loop(1.01 * x, y, k) != pytest.approx(expected, rel=1e-4)


def test_every_relabelling_is_the_estimate_of_the_relabelled_rows() -> None:
    rng = np.random.default_rng(5)
    pool = rng.normal(size=(50, 2))
    labels = rng.permuted(np.repeat(np.arange(50)[:, None] < 20, 70, axis=1), axis=0)
    ranked = RankedPool.of(pool)
    found = 2 * ranked.mean_log_ratios(labels, 3) + np.log(30 / 19)
    expected = [loop(pool[column], pool[~column], 3) for column in labels.T]
    assert np.allclose(found, expected, rtol=1e-9)
    assert not np.allclose(found, expected[::-1], rtol=1e-2)


def test_separate_laws_are_walked_to_the_end() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) + 1e6
    found = measured(x, y)
    assert found.estimate == pytest.approx(loop(x, y, 5), rel=1e-6)
    assert found.estimate is not None
    assert found.estimate > 20.0
    assert p_value(x, y) == 0.01


def test_a_constant_column_changes_nothing() -> None:
    x, y = shifted(100, 2, 7)
    wider = [np.column_stack([rows, np.full(100, 3.0)]) for rows in (x, y)]
    assert measured(*wider).estimate == pytest.approx(measured(x, y).estimate, rel=1e-9)
    assert measured(*wider).details["columns"] == 2


def test_five_copies_are_undefined_with_the_reason_and_four_are_not() -> None:
    x, y = shifted(100, 2, 8)
    copied = x.copy()
    copied[:5] = x[0]  # four copies of each
    assert measured(copied, y).estimate == pytest.approx(loop(copied, y, 5), rel=1e-9)
    copied[:6] = x[0]
    found = measured(copied, y)
    assert found.estimate is None
    assert found.status == "undefined"
    assert "6 real rows equal 5 or more" in found.reasons["estimate"]
    with pytest.raises(NumericalError, match="no row may have 5 copies"):
        knn_divergence(copied, y)
    fakes = y.copy()
    fakes[:5] = x[0]
    assert measured(x, fakes).status == "undefined"
    with pytest.raises(NumericalError, match="no row may have 5 copies"):
        knn_divergence(x, fakes)


def test_copies_among_fake_rows_alone_leave_a_number_and_an_exact_test() -> None:
    x, y = shifted(100, 2, 9)
    y[:30] = y[0]
    found = measured(x, y)
    assert found.estimate == pytest.approx(loop(x, y, 5), rel=1e-9)
    assert found.details["reverse"] is None
    assert p_value(x, y) <= 0.02


def level(reps: int) -> tuple[int, int]:
    """Count rejections at 5 %: by permutation, and by taking the log ratios of rows for independent."""
    permuted = naive = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_t(3, size=(40, 2)), rng.standard_t(3, size=(10, 2))
        permuted += p_value(x, y, seed, 39) <= 0.05
        # The spread of d log(nu / rho) of a row, over sqrt(n): two digammas.
        naive += knn_divergence(x, y) > 1.645 * np.sqrt(2 * 0.2213 / 40)
    return permuted, naive


def test_the_test_holds_its_level_and_independent_rows_do_not() -> None:
    permuted, naive = level(120)
    assert permuted <= 17  # binomial limit at 1e-4
    assert naive > 17


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000)[0] <= 140


@pytest.mark.parametrize("spread", [0.6, 1.6])
def test_it_sees_a_change_of_spread_either_way_though_one_direction_does_not(spread: float) -> None:
    rejected, forward = 0, []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(150, 2)), spread * rng.normal(size=(150, 2))
        rejected += p_value(x, y, seed) <= 0.05
        forward.append(knn_divergence(x, y))
    assert rejected >= 10
    error = np.std(forward) / np.sqrt(12)
    exact = 2 * (np.log(spread) + 0.5 / spread**2 - 0.5)
    assert (np.mean(forward) < 0.5 * exact - 4 * error) == (spread < 1)


@pytest.mark.parametrize("scale", [2.0**-30, 2.0**30])
def test_the_unit_changes_nothing(scale: float) -> None:
    x, y = shifted(60, 2, 10)
    assert measured(scale * x, scale * y).estimate == pytest.approx(measured(x, y).estimate, rel=1e-9)
    assert p_value(scale * x, scale * y) == p_value(x, y)


def test_more_than_four_columns_are_warned_of() -> None:
    rng = np.random.default_rng(11)
    assert measured(rng.normal(size=(30, 4)), rng.normal(size=(30, 4))).warnings == ()
    assert "5 columns" in measured(rng.normal(size=(30, 5)), rng.normal(size=(30, 5))).warnings[0]


def test_what_cannot_be_counted_is_refused() -> None:
    rng = np.random.default_rng(12)
    with pytest.raises(ConfigError, match="`k` must be at least 1"):
        measured(rng.normal(size=(9, 2)), rng.normal(size=(9, 2)), k=0)
    with pytest.raises(TooFewSamplesError, match="the 9-th neighbour needs more than 9 rows"):
        measured(rng.normal(size=(9, 2)), rng.normal(size=(20, 2)), k=9)
    with pytest.raises(TooFewSamplesError, match="needs at least 5 rows"):
        knn_divergence(rng.normal(size=(9, 2)), rng.normal(size=(4, 2)))
    with pytest.raises(NumericalError, match="rows must differ"):
        RankedPool.of(np.ones((9, 2)))
