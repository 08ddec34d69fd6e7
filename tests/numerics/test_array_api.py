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
from gandiag.numerics.backend import on_host
from gandiag.numerics.fourier import fourier_features
from gandiag.numerics.labels import group_sums
from gandiag.numerics.pair_sums import pair_sums
from gandiag.numerics.polynomial import cubic_tiles

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


def labels(count: int = 40) -> NDArray[np.bool_]:
    start = np.repeat((np.arange(count) < 15)[None, :], 6, axis=0)
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
    "fourier_features": lambda z: fourier_features(z, rows(3, 20)[:3] * 0 + 0.3).unbiased_mmd2(labels()),
}


def found(function: Callable[[Any], Any], z: Any) -> Matrix:
    value = function(z)
    return np.asarray(value if isinstance(value, float) else on_host(value), dtype=float)


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_kind_of_array_gives_the_same_numbers(name: str, make: Maker) -> None:
    expected = found(FUNCTIONS[name], rows())
    np.testing.assert_allclose(found(FUNCTIONS[name], make(rows())), expected, rtol=1e-9, atol=1e-9)
    other = rows()
    other[:, 0] *= 1.01
    assert not np.allclose(found(FUNCTIONS[name], make(other)), expected, rtol=1e-9, atol=1e-9)


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
