"""Distances, kernels and label sums on every kind of array: NumPy, torch, and the strict reading of the array API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import METRICS
from gandiag.inference.permutation import permutation_null
from gandiag.numerics import distances as d
from gandiag.numerics import kernels as k
from gandiag.numerics.backend import beside, on_host
from gandiag.numerics.balls import ball_counts, neighbourhoods
from gandiag.numerics.diversity import cosine_eigenvalues, kernel_eigenvalues, unit_rows
from gandiag.numerics.fourier import fourier_features
from gandiag.numerics.frechet_distance import frechet_distance
from gandiag.numerics.halves import taken
from gandiag.numerics.labels import group_sums
from gandiag.numerics.linalg import trace_root_product
from gandiag.numerics.max_sliced import promising_directions, sharpest_direction
from gandiag.numerics.moments import Moments
from gandiag.numerics.pair_sums import pair_sums
from gandiag.numerics.polynomial import cubic_tiles
from gandiag.numerics.slices import ProjectedPool, orthonormal_directions, sliced_powers

Matrix = NDArray[np.float64]
Maker = Callable[[Matrix], Any]


def to_torch(rows: Matrix) -> Any:
    return pytest.importorskip("torch").from_numpy(rows)


def to_strict(rows: Matrix) -> Any:
    return pytest.importorskip("array_api_strict").asarray(rows)


def to_cuda(rows: Matrix) -> Any:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return torch.from_numpy(rows).cuda()


KINDS = [
    pytest.param(to_torch, id="torch"),
    pytest.param(to_strict, id="strict"),
    pytest.param(to_cuda, id="cuda", marks=pytest.mark.cuda),
]


def rows(count: int = 40, width: int = 3, seed: int = 0) -> Matrix:
    out = np.random.default_rng(seed).normal(size=(count, width)) + 5.0
    out[7] = out[3]  # a repeated row
    out[9] = out[8] + 1e-9  # and a pair that the expansion cannot tell apart
    return out


FREQUENCIES = np.random.default_rng(3).normal(size=(3, 10))
LINES = orthonormal_directions(3, 7, np.random.default_rng(4))


def pool_of(z: Any) -> ProjectedPool:
    return ProjectedPool(beside(LINES, z) @ z.T)


def promising(z: Any) -> Any:
    found = promising_directions(z[:15, :], z[15:, :], np.random.default_rng(5), count=2, p=1.0)
    return np.abs(found)  # an eigenvector has no sign


def labels(real: int = 15, count: int = 40) -> NDArray[np.bool_]:
    start = np.repeat((np.arange(count) < real)[None, :], 6, axis=0)
    return np.ascontiguousarray(np.random.default_rng(1).permuted(start, axis=1).T)


def kernel_sums(z: Any) -> Any:
    distances = d.pooled_distances(z)
    sums = pair_sums(lambda i, j: k.gaussian_kernel(distances[i, j], 1.3), 40, tile=16)
    return np.concatenate([sums.of_real(labels())[0], sums.row_sums(labels()[:, 0]), [sums.mean_square]])


def cubic_sums(z: Any) -> Any:
    tiles = cubic_tiles(z[:15, :], z[15:, :])
    return tiles.unit * pair_sums(tiles, 40, tile=16).of_real(labels())[0]


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "squared_distances": lambda z: d.squared_distances(z[:10, :], z[10:, :]),
    "distance_tiles": lambda z: sum(float(tile[0, 0]) for _, _, tile in d.distance_tiles(z, z[5:, :], tile=16)),
    "pooled_distances": d.pooled_distances,
    "pooled_l1_distances": d.pooled_l1_distances,
    "off_diagonal": lambda z: d.off_diagonal(d.pooled_distances(z)),
    "quantiles": lambda z: np.array(
        d.positive_quantiles(d.off_diagonal(d.pooled_distances(z)), [0.0, 0.05, 0.5, 0.95])
    ),
    "laplace_kernel": lambda z: k.laplace_kernel(d.pooled_l1_distances(z), 0.7),
    "hollow_centred": lambda z: k.hollow_centred(k.gaussian_kernel(d.pooled_distances(z), 1.3))[0],
    "biased_mmd2": lambda z: k.biased_mmd2(k.gaussian_kernel(d.pooled_distances(z), 1.3), labels()),
    "bandwidths": lambda z: k.geometric_bandwidths(d.off_diagonal(d.pooled_distances(z)), 4),
    "sampled_bandwidth": lambda z: k.sampled_bandwidth(z[:15, :], z[15:, :], np.random.default_rng(0), rows=9),
    "group_sums": lambda z: np.stack(group_sums(d.pooled_distances(z), labels())),
    "pair_sums": kernel_sums,
    "cubic_tiles": cubic_sums,
    "fourier_features": lambda z: fourier_features(z, FREQUENCIES).unbiased_mmd2(labels()),
    "sliced_powers": lambda z: sliced_powers(z[:15, :], z[15:, :], LINES),
    "sliced_squares": lambda z: sliced_powers(z[:20, :], z[20:, :], LINES, 2.0),
    "projected_pool": lambda z: pool_of(z).mean_w1(labels()),
    "projected_squares": lambda z: pool_of(z).mean_power(labels(), 2.0),
    "projected_cubes": lambda z: pool_of(z).mean_power(labels(18), 3.0),
    "potentials": lambda z: pool_of(z).mean_potential(labels()[:, 0]),
    "unit_rows": unit_rows,
    "cosine_eigenvalues": lambda z: cosine_eigenvalues(unit_rows(z)),
    "kernel_eigenvalues": lambda z: kernel_eigenvalues(k.gaussian_kernel(d.pooled_distances(z), 1.3)),
    "taken": lambda z: taken(z, np.array([3, 1, 0])),
}

# These call what the standard lacks (a scatter, a factor that reports failure, bits of floats): NumPy and torch alone.
ON_TORCH: dict[str, Callable[[Any], Any]] = {
    "sharpest_direction": lambda z: sharpest_direction(z[:15, :], z[15:, :], LINES, p=2.0)[1],
    "promising_directions": promising,
    "moments": lambda z: np.concatenate([on_host(part).ravel() for part in Moments.of(z).finalise()]),
    "merged_moments": lambda z: Moments.of(z[:15, :]).merge(Moments.of(z[15:, :])).finalise()[1],
    "trace_root_product": lambda z: trace_root_product(z[:15, :].T @ z[:15, :], z[15:, :].T @ z[15:, :])[0],
    "frechet_distance": lambda z: frechet_distance(z[:15, :], z[15:, :]),
    "frechet_distance, few rows": lambda z: frechet_distance(z[:3, :], z[3:, :]),
    "neighbourhoods": lambda z: np.concatenate(
        [getattr(neighbourhoods(z[:15, :], z[15:, :], 3), name) for name in ("held", "around", "real_radii")]
    ),
    "ball_counts": lambda z: np.concatenate(ball_counts(z[:15, :], np.full(15, 1.5), z[15:, :])),
}


def found(function: Callable[[Any], Any], z: Any) -> Matrix:
    value = function(z)
    return np.asarray(value if isinstance(value, float) else on_host(value), dtype=float)


def agrees(function: Callable[[Any], Any], make: Maker) -> None:
    expected = found(function, rows())
    np.testing.assert_allclose(found(function, make(rows())), expected, rtol=1e-9, atol=1e-9)
    other = rows()
    other[:, 0] *= 1.01
    other[20:, 1] *= 1.5  # counts move by whole numbers, hence more than a little
    assert not np.allclose(found(function, make(other)), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_kind_of_array_gives_the_same_numbers(name: str, make: Maker) -> None:
    agrees(FUNCTIONS[name], make)


@pytest.mark.parametrize("make", [KINDS[0], KINDS[2]])
@pytest.mark.parametrize("name", ON_TORCH)
def test_tensors_give_the_same_numbers(name: str, make: Maker) -> None:
    agrees(ON_TORCH[name], make)


@pytest.mark.parametrize("make", KINDS)
def test_equal_and_close_rows_keep_their_distances(make: Maker) -> None:
    square = on_host(d.pooled_distances(make(rows())))
    assert square[3, 7] == 0.0
    assert square[8, 9] == pytest.approx(1e-9 * np.sqrt(3), rel=1e-6)
    np.testing.assert_array_equal(square[3], square[7])
    np.testing.assert_array_equal(square, square.T)


METRIC_NAMES = ("mmd", "energy", "kid", "mmd_agg", "mmd_rff", "cross_mmd", "mmd_block")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
@pytest.mark.parametrize("name", METRIC_NAMES)
def test_a_metric_on_a_device_gives_the_answer_of_the_host(name: str, device: str) -> None:
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(60, 4)), rng.normal(size=(50, 4)) + 0.4
    answers = []
    for place in (None, device):
        comparison = Comparison(real=x, fake=y, fit=x, device=place)
        measurement: Measurement = METRICS.get(name).measure(comparison, rng=np.random.default_rng(0))
        p = None
        if isinstance(measurement.null, Relabelling):
            p = permutation_null(measurement.null, draws=99, rng=np.random.default_rng(1)).p_value
        answers.append((measurement.estimate, p))
    assert answers[1][0] == pytest.approx(answers[0][0], rel=1e-8)
    assert answers[1][1] == answers[0][1]
