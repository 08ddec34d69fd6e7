"""Random Fourier features: the kernel they stand for, exactness whatever their number, power, and wrong variants."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.errors import ConfigError
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.mmd_rff import drawn_frequencies, measure
from gandiag.numerics import fourier
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.fourier import fourier_features
from gandiag.numerics.kernels import gaussian_kernel, hollow_centred, unbiased_mmd2

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0, **options: Any) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed), **options)


def p_value(found: Measurement, seed: int = 0, draws: int = 99) -> float:
    assert isinstance(found.null, Relabelling)
    return permutation_null(found.null, draws=draws, rng=np.random.default_rng(seed)).p_value


def raw_features(rows: Matrix, frequencies: Matrix) -> Matrix:
    angles = rows @ frequencies
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1) / np.sqrt(frequencies.shape[1])


def test_the_discrepancy_is_the_one_of_the_features_kernel() -> None:
    rng = np.random.default_rng(0)
    pool, frequencies = rng.normal(size=(30, 3)), rng.normal(size=(3, 20))
    z = raw_features(pool, frequencies)
    labels = np.column_stack([np.arange(30) < 12, rng.permutation(np.arange(30) < 12)])
    expected = unbiased_mmd2(hollow_centred(z @ z.T)[0], labels)
    np.testing.assert_allclose(fourier_features(pool, frequencies).unbiased_mmd2(labels), expected, rtol=1e-10)
    with_diagonals = unbiased_mmd2(z @ z.T, labels)
    assert not np.allclose(expected, with_diagonals, rtol=1e-2)


def test_features_in_parts_and_not_held_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    pool, frequencies = rng.normal(size=(50, 3)), rng.normal(size=(3, 20))
    labels = (np.arange(50) < 20)[:, None]
    whole = fourier_features(pool, frequencies).unbiased_mmd2(labels)
    monkeypatch.setattr(fourier, "_ROWS_AT_ONCE", 8)
    parts = fourier_features(pool, frequencies).unbiased_mmd2(labels)
    monkeypatch.setattr(fourier, "_HELD_BYTES", 0)
    again = fourier_features(pool, frequencies)
    assert again.blocks is None
    np.testing.assert_allclose([parts, again.unbiased_mmd2(labels)], [whole, whole], rtol=1e-11)


def test_many_frequencies_reach_the_mean_of_three_gaussian_kernels() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) + 0.7
    distances = pooled_distances(np.concatenate([x, y]))
    labels = (np.arange(120) < 60)[:, None]

    def exact(*lengths: float) -> float:
        kernel = np.mean([gaussian_kernel(distances, length) for length in lengths], axis=0)
        return float(unbiased_mmd2(hollow_centred(kernel)[0], labels)[0])

    found = [measured(x, y, seed, bandwidth=1.5, frequencies=300).estimate for seed in range(40)]
    values = np.array(found, dtype=float)
    error = values.std() / np.sqrt(40)
    assert abs(values.mean() - exact(0.75, 1.5, 3.0)) < 4 * error
    assert abs(values.mean() - exact(1.5)) > 4 * error


def test_frequencies_are_normal_over_the_bandwidths() -> None:
    found = drawn_frequencies(4, 2.0, 3000, np.random.default_rng(3))
    for k, length in enumerate((1.0, 2.0, 4.0)):
        assert found[:, k::3].std() == pytest.approx(1.0 / length, rel=0.06)  # 4 standard errors of 4000 draws


def level(reps: int, frequencies: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        found = measured(rng.normal(size=(25, 2)), rng.normal(size=(35, 2)), seed, frequencies=frequencies)
        count += p_value(found, seed) <= 0.05
    return count


@pytest.mark.parametrize("frequencies", [3, 60])
def test_the_level_holds_whatever_the_number_of_features(frequencies: int) -> None:
    assert 3 <= level(300, frequencies) <= 31  # binomial limits at 1e-4


@pytest.mark.slow
def test_the_level_holds_over_many_repetitions() -> None:
    assert 64 <= level(2000, 30) <= 140


def test_frequencies_chosen_on_the_labels_would_lose_the_level() -> None:
    # The best of 50 frequencies by the observed difference, then permuted as if it had been given.
    count = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        pool, labels = rng.normal(size=(60, 2)), (np.arange(60) < 25)[:, None]
        drawn = drawn_frequencies(2, 1.5, 50, rng)
        best = max(range(50), key=lambda k: float(fourier_features(pool, drawn[:, [k]]).unbiased_mmd2(labels)[0]))
        features = fourier_features(pool, drawn[:, [best]])
        null = Relabelling(observed=labels[:, 0], statistic=lambda c, f=features: f.unbiased_mmd2(c)[None, :])
        count += permutation_null(null, draws=99, rng=rng).p_value <= 0.05
    assert count > 14  # the upper binomial limit at 1e-4 is 14


def test_it_sees_a_shift_and_a_wider_law() -> None:
    rng = np.random.default_rng(4)
    for change in (lambda z: z + 0.3, lambda z: 1.3 * z):
        found = [p_value(measured(rng.normal(size=(400, 5)), change(rng.normal(size=(400, 5))), i)) for i in range(8)]
        assert sum(p <= 0.05 for p in found) >= 7


def test_equal_rows_give_zero_and_p_one() -> None:
    found = measured(np.ones((12, 3)), np.ones((9, 3)))
    assert found.estimate == 0.0
    assert p_value(found) == 1.0


def test_tensors_give_the_answer_of_arrays() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(60, 4)) + 0.3
    found = measure(Comparison(real=x, fake=y, fit=x, device="cpu"), rng=np.random.default_rng(0))
    assert found.estimate == pytest.approx(measured(x, y).estimate, rel=1e-9)
    assert p_value(found) == p_value(measured(x, y))


@pytest.mark.speed
def test_four_times_the_rows_cost_about_four_times_the_time() -> None:
    seconds = []
    for rows in (4_000, 16_000):
        rng = np.random.default_rng(6)
        x, y = rng.normal(size=(rows, 16)), rng.normal(size=(rows, 16))
        start = time.process_time()
        p_value(measured(x, y), draws=99)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 8.0 * seconds[0]  # a quadratic cost would be 16 times


@pytest.mark.parametrize("options", [{"bandwidth": 0.0}, {"frequencies": 0}])
def test_options_that_give_no_test_are_refused(options: dict[str, float]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    with pytest.raises(ConfigError, match=next(iter(options))):
        measure(Comparison(real=x[:20], fake=x[20:], fit=x), rng=rng, **options)  # type: ignore[arg-type]
