"""Properties of distances: mixing, triangles, replication, embedding, motions, units, and weights.

Weights are whole numbers of repetitions, so that a mixture ``(1 - t) P + t Q`` of two samples of one size is exact.
Each property has a form of the number for which it does not hold.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from gandiag.metrics.coverage import coverage
from gandiag.metrics.density import density
from gandiag.metrics.energy import energy_distance
from gandiag.metrics.mmd import mmd_squared
from gandiag.metrics.precision import precision
from gandiag.metrics.recall import recall
from gandiag.metrics.wasserstein import wasserstein_distance
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.divergences import jensen_shannon
from gandiag.numerics.frechet_distance import frechet_distance
from gandiag.numerics.kernels import biased_mmd2, gaussian_kernel
from gandiag.numerics.transport import wasserstein_1d

Matrix = NDArray[np.float64]
Distance = Callable[[Matrix, Matrix], float]
TIMES = 4


def biased_mmd(real: Matrix, fake: Matrix) -> float:
    kernel = gaussian_kernel(pooled_distances(np.concatenate([real, fake])), 1.5)
    labels = np.arange(len(kernel))[:, None] < len(real)
    return float(np.sqrt(max(0.0, biased_mmd2(kernel, labels)[0])))


def root_energy(real: Matrix, fake: Matrix) -> float:
    return float(np.sqrt(energy_distance(real, fake)))


def root_frechet(real: Matrix, fake: Matrix) -> float:
    return float(np.sqrt(frechet_distance(real, fake)))


def quadratic_wasserstein(real: Matrix, fake: Matrix) -> float:
    return wasserstein_distance(real, fake, 2.0)


DISTANCES: dict[str, Distance] = {
    "wasserstein": wasserstein_distance,
    "wasserstein of power 2": quadratic_wasserstein,
    "root of the energy": root_energy,
    "biased MMD": biased_mmd,
    "root of Fréchet": root_frechet,
}


def points(seed: int, d: int, size: int = 6) -> list[Matrix]:
    rng = np.random.default_rng(seed)
    laws = (rng.normal, rng.laplace, lambda size: rng.integers(3, size=size).astype(float))
    return [draw(size=(size, d)) + 0.7 * i for i, draw in enumerate(laws)]


def mixed(first: Matrix, second: Matrix, parts: int) -> Matrix:
    """The law ``(1 - parts / TIMES) P + (parts / TIMES) Q``."""
    return np.concatenate([np.repeat(first, TIMES - parts, axis=0), np.repeat(second, parts, axis=0)])


# P13. Mixing


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("name", ["wasserstein", "root of the energy", "biased MMD"])
def test_a_mixture_is_as_far_as_the_share_of_the_other_law(name: str, d: int, seed: int) -> None:
    p, q, _ = points(seed, d)
    distance = DISTANCES[name]
    far = distance(p, q)
    found = [distance(p, mixed(p, q, parts)) for parts in range(TIMES + 1)]
    assert found == pytest.approx(
        [far * parts / TIMES for parts in range(TIMES + 1)], rel=1e-9, abs=1e-7
    )  # roots of rounding at 0

    p, q, _ = points(0, 3)
    half = mixed(p, q, TIMES // 2)
    assert quadratic_wasserstein(p, half) > 0.6 * quadratic_wasserstein(p, q)
    assert abs(mmd_squared(p, half, bandwidth=1.5)) ** 0.5 != pytest.approx(0.5 * biased_mmd(p, q), rel=1e-3)


@pytest.mark.parametrize("seed", range(20))
def test_the_divergence_of_a_mixture_rises_with_the_share(seed: int) -> None:
    p, q = np.random.default_rng(seed).dirichlet(np.full(5, 0.5), size=2)
    found = [jensen_shannon(p, (1 - t) * p + t * q) for t in np.linspace(0.0, 1.0, 21)]
    assert found[0] == pytest.approx(0.0, abs=1e-12)
    assert (np.diff(found) > 0.0).all()
    # Convex in the share, and so below it: unlike the distances above.
    assert (np.diff(found, 2) > -1e-12).all()
    assert found[10] < 0.5 * found[20]


def test_the_frechet_distance_does_not_rise_with_the_share() -> None:
    """It knows two moments: a mixture of two narrow laws is wider than either."""
    p, q = np.repeat([-1.0, 1.0], 4)[:, None], np.array([[-3.0], [3.0]] * 4)
    r = np.zeros((8, 1))
    found = [frechet_distance(p, mixed(r, q, parts)) for parts in range(TIMES + 1)]
    assert np.diff(found).min() < 0.0 < np.diff(found).max()


# P10. Triangles


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("name", DISTANCES)
def test_the_way_over_a_third_law_is_no_shorter(name: str, d: int, seed: int) -> None:
    p, q, r = points(seed, d)
    distance = DISTANCES[name]
    assert distance(p, r) <= (distance(p, q) + distance(q, r)) * (1 + 1e-9) + 1e-7


@pytest.mark.parametrize("squared", [energy_distance, frechet_distance])
def test_squares_of_distances_break_the_triangle(squared: Distance) -> None:
    p = np.random.default_rng(0).normal(size=(20, 1))
    assert squared(p, p + 2.0) > squared(p, p + 1.0) + squared(p + 1.0, p + 2.0) + 0.1


# P15. Replication, and P29. Embedding


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("name", DISTANCES)
def test_repeating_all_rows_and_adding_empty_columns_change_nothing(name: str, d: int) -> None:
    p, q, _ = points(7, d)
    distance = DISTANCES[name]
    value = distance(p, q)
    wide = [np.concatenate([side, np.zeros((len(side), 2))], axis=1) for side in (p, q)]
    assert distance(*wide) == pytest.approx(value, rel=1e-9)
    if name == "root of Fréchet":  # its covariances are unbiased, and so know how many rows there are
        assert distance(np.tile(p, (3, 1)), np.tile(q, (3, 1))) != pytest.approx(value, rel=1e-3)
    else:
        assert distance(np.tile(p, (3, 1)), np.tile(q, (3, 1))) == pytest.approx(value, rel=1e-9)


def test_the_unbiased_discrepancy_knows_how_often_rows_are_repeated() -> None:
    p, q, _ = points(7, 3)
    twice = mmd_squared(np.tile(p, (2, 1)), np.tile(q, (2, 1)), bandwidth=1.5)
    assert twice != pytest.approx(mmd_squared(p, q, bandwidth=1.5), rel=1e-2)


# P02 to P05. Motions of the whole space, and units; P07 and P14. Balls

BALLS: dict[str, Distance] = {"precision": precision, "recall": recall, "density": density, "coverage": coverage}
# The power of a common factor that multiplies the number; the kernel's length is fixed, so that MMD has none.
DEGREES = dict.fromkeys(BALLS, 0.0) | {
    "wasserstein": 1.0,
    "wasserstein of power 2": 1.0,
    "root of the energy": 0.5,
    "root of Fréchet": 1.0,
}
MOTIONS: dict[str, Callable[[Matrix], Matrix]] = {
    "columns in another order": lambda rows: rows[:, [2, 0, 1]],
    "a translation": lambda rows: rows + np.array([30.0, -7.0, 0.1]),
    "a rotation": lambda rows: rows @ np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0],
    "a reflection": lambda rows: rows * np.array([1.0, -1.0, 1.0]),
}


def crowd(seed: int) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(40, 3)), 0.8 * rng.laplace(size=(30, 3)) + 0.5


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("name", [*DISTANCES, *BALLS])
def test_motions_of_the_whole_space_change_nothing(name: str, motion: str) -> None:
    distance, move = (DISTANCES | BALLS)[name], MOTIONS[motion]
    pairs = [crowd(seed) for seed in range(4)]
    values = [distance(real, fake) for real, fake in pairs]
    assert [distance(move(real), move(fake)) for real, fake in pairs] == pytest.approx(values, rel=1e-8)
    # One column stretched is no motion.
    stretch = np.array([9.0, 1.0, 1.0])
    assert [distance(real * stretch, fake * stretch) for real, fake in pairs] != pytest.approx(values, rel=1e-3)


@pytest.mark.parametrize("name", DEGREES)
def test_a_common_factor_is_a_power_of_it(name: str) -> None:
    real, fake = crowd(5)
    distance, degree = (DISTANCES | BALLS)[name], DEGREES[name]
    value = distance(real, fake)
    for factor in (1e-6, 3.0, 1e6):
        assert distance(factor * real, factor * fake) == pytest.approx(factor**degree * value, rel=1e-8)
        assert distance(factor * real, factor * fake) != pytest.approx(factor ** (degree + 0.5) * value, rel=1e-2)


@pytest.mark.parametrize("seed", range(5))
def test_precision_and_recall_swap_with_the_sides_and_density_and_coverage_do_not(seed: int) -> None:
    real, fake = crowd(seed)
    assert precision(real, fake) == recall(fake, real)
    assert precision(real, fake) != precision(fake, real)
    assert density(real, fake) != density(fake, real)
    assert coverage(real, fake) != coverage(fake, real)


def test_further_fake_rows_never_lower_coverage_and_do_lower_recall_somewhere() -> None:
    real, fake = crowd(9)
    covered = [coverage(real, fake[:rows]) for rows in range(6, 31)]
    recalled = [recall(real, fake[:rows]) for rows in range(6, 31)]
    assert np.diff(covered).min() >= 0.0
    assert covered[-1] > covered[0]
    assert np.diff(recalled).min() < 0.0, "further rows shrink the balls around fake rows"


# D13. Weights in one dimension, in any order


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("power", [1.0, 2.0, 3.0])
def test_weights_in_one_dimension_agree_with_scipy_and_with_the_integral_of_quantiles(power: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=9), rng.normal(size=7) + 0.4
    u, v = rng.integers(1, 6, size=9), rng.integers(1, 6, size=7)
    ours = wasserstein_1d(rng.permutation(np.repeat(x, u)), rng.permutation(np.repeat(y, v)), power)
    assert ours == pytest.approx(quantile_integral(x, u, y, v, power), rel=1e-12)
    assert ours != pytest.approx(1.01 * quantile_integral(x, u, y, v, power), rel=1e-3)
    if power == 1.0:
        assert ours == pytest.approx(stats.wasserstein_distance(x, y, u, v), rel=1e-12)
        assert ours != pytest.approx(stats.wasserstein_distance(x, y, u, rng.permutation(v)), rel=1e-6)


def quantile_integral(x: Matrix, u: NDArray[np.int64], y: Matrix, v: NDArray[np.int64], power: float) -> float:
    """Integrate over the common levels, by loops."""
    left, right = sorted(zip(x, u / u.sum(), strict=True)), sorted(zip(y, v / v.sum(), strict=True))
    total, i, j = 0.0, 0, 0
    rest = [left[0][1], right[0][1]]
    while i < len(left) and j < len(right):
        step = min(rest)
        total += step * abs(left[i][0] - right[j][0]) ** power
        rest = [rest[0] - step, rest[1] - step]
        if rest[0] <= 1e-15:
            i += 1
            rest[0] = left[i][1] if i < len(left) else 0.0
        if rest[1] <= 1e-15:
            j += 1
            rest[1] = right[j][1] if j < len(right) else 0.0
    return float(total)
