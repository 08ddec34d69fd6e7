"""Energy distance: closed forms, differential tests, properties, level, and wrong variants that must be seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.energy import energy_distance, measure

Matrix = NDArray[np.float64]


def p_value(real: Matrix, fake: Matrix, seed: int = 0, draws: int = 99) -> float:
    null = measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed)).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed)).p_value


def loop(x: Matrix, y: Matrix, cross: float = 2.0) -> float:
    def mean(a: Matrix, b: Matrix) -> float:
        return float(np.mean([np.linalg.norm(u - v) for u in a for v in b]))

    return cross * mean(x, y) - mean(x, x) - mean(y, y)


@pytest.mark.row(16)
def test_two_pairs_of_points_give_three() -> None:
    from scipy.stats import energy_distance as peer

    real, fake = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    assert energy_distance(real, fake) == pytest.approx(3.0, abs=1e-12)
    assert energy_distance(real, fake) == pytest.approx(peer([0, 1], [2, 3]) ** 2, abs=1e-12)
    assert energy_distance(real, fake) != pytest.approx(peer([0, 1], [2, 3]), abs=1e-3)  # the root is another number


def test_one_dimension_agrees_with_scipy_squared() -> None:
    from scipy.stats import energy_distance as peer

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=60), rng.normal(size=35) + 0.4
    assert energy_distance(x[:, None], y[:, None]) == pytest.approx(peer(x, y) ** 2, rel=1e-10)


def test_many_dimensions_agree_with_a_double_loop_and_a_lost_factor_does_not() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(9, 4)), rng.normal(size=(6, 4)) + 0.5
    assert energy_distance(x, y) == pytest.approx(loop(x, y), rel=1e-12)
    assert energy_distance(x, y) != pytest.approx(loop(x, y, cross=1.0), rel=1e-2)


@pytest.mark.row(17)
def test_shifted_normals_reach_the_closed_form() -> None:
    # 0.367048 for d = 3 and |mu| = 1; the V-statistic adds (1/n + 1/m) E|X - X'|.
    found = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        mu = np.array([1.0, 0.0, 0.0])
        found.append(energy_distance(rng.normal(size=(300, 3)), rng.normal(size=(300, 3)) + mu))
    within = 2 * 2.0 / np.sqrt(np.pi)  # E|X - X'| for a standard normal law in 3-d
    bias = 2 / 300 * within
    error = np.std(found) / 10
    assert abs(np.mean(found) - bias - 0.367048) < 4 * error
    assert abs(np.mean(found) - 0.367048) < 0.03
    assert abs(np.mean(found) - bias - 0.367048 / 2) > 10 * error


def test_under_equal_laws_the_mean_is_the_known_floor() -> None:
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found.append(energy_distance(rng.normal(size=(40, 1)), rng.normal(size=(60, 1))))
    # E|X - X'| = 2/sqrt(pi) for a standard normal law.
    floor = (1 / 40 + 1 / 60) * 2 / np.sqrt(np.pi)
    assert abs(np.mean(found) - floor) < 4 * np.std(found) / np.sqrt(200)


@given(st.integers(2, 12), st.integers(2, 12), st.integers(1, 5), st.integers(0, 10_000))
def test_its_invariances(n: int, m: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, z = rng.normal(size=(n, d)), rng.standard_t(2, size=(m, d)), rng.normal(size=(m, d)).round()
    value = energy_distance(x, y)
    scale = 1.0 + np.abs(np.concatenate([x, y])).max()
    near: dict[str, Any] = {"rel": 1e-8, "abs": 1e-9 * scale}
    rotation, _ = np.linalg.qr(rng.normal(size=(d, d)))
    assert value > 0.0, "a distance with the wrong sign would be cut at 0"
    assert energy_distance(y, x) == pytest.approx(value, **near)
    assert energy_distance(rng.permutation(x), rng.permutation(y)) == pytest.approx(value, **near)
    assert energy_distance(x + 1e3, y + 1e3) == pytest.approx(value, **near)
    assert energy_distance(x @ rotation, y @ rotation) == pytest.approx(value, **near)
    assert energy_distance(7.0 * x, 7.0 * y) == pytest.approx(7.0 * value, rel=1e-8, abs=1e-8 * scale)
    assert energy_distance(np.repeat(x, 3, axis=0), np.repeat(y, 3, axis=0)) == pytest.approx(value, **near)
    assert energy_distance(x, x) == 0.0
    root = [np.sqrt(energy_distance(a, b)) for a, b in ((x, y), (y, z), (x, z))]
    assert root[2] <= root[0] + root[1] + 1e-6


def level(reps: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(rng.standard_t(3, size=(25, 2)), rng.standard_t(3, size=(40, 2)), seed) <= 0.05
    return count


def test_the_test_holds_its_level() -> None:
    assert 8 <= level(500) <= 46  # binomial limits at 1e-4


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


def test_it_sees_a_small_shift() -> None:
    rng = np.random.default_rng(0)
    found = [p_value(rng.normal(size=(200, 2)), rng.normal(size=(200, 2)) + 0.3, i) <= 0.05 for i in range(20)]
    assert sum(found) >= 16  # power 0.98


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_the_p_value_does_not_depend_on_the_unit(scale: float) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(40, 2)), rng.normal(size=(40, 2)) + 1.0
    assert p_value(x * scale, y * scale) == p_value(x, y) == 0.01


def test_equal_rows_on_both_sides_give_zero_and_p_one() -> None:
    rows = np.full((12, 3), 0.1)
    assert energy_distance(rows, rows[:5]) == 0.0
    assert p_value(rows, rows[:5]) == 1.0
