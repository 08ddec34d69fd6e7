"""Slices: one sort per line serves every relabelling, on every kind of array, and sizes need not agree."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.numerics.slices import ProjectedPool, orthonormal_directions, sliced_powers
from gandiag.numerics.transport import wasserstein_1d

Matrix = NDArray[np.float64]


@pytest.mark.parametrize(("d", "count"), [(2, 7), (5, 12), (40, 25)])
def test_directions_are_unit_vectors_orthogonal_within_a_batch(d: int, count: int) -> None:
    thetas = orthonormal_directions(d, count, np.random.default_rng(0))
    assert thetas.shape == (count, d)
    first = thetas[: min(d, count)]
    np.testing.assert_allclose(first @ first.T, np.eye(len(first)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(thetas, axis=1), 1.0)
    assert orthonormal_directions(1, 50, np.random.default_rng(0)).tolist() == [[1.0]]


def test_directions_are_uniform_on_the_sphere() -> None:
    # E theta_1 = 0 and E theta_1^2 = 1/d; 3000 directions in 3-d: standard errors .0105 and .0054 at most.
    thetas = orthonormal_directions(3, 3000, np.random.default_rng(1))
    assert np.abs(thetas.mean(axis=0)).max() < 4 * 0.0105
    assert np.abs(np.square(thetas).mean(axis=0) - 1 / 3).max() < 4 * 0.0054
    unsigned, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    assert unsigned[0, 0] < 0  # QR alone gives its first axis one sign: not uniform


def test_relabelling_by_running_sums_is_the_distance_of_each_projection() -> None:
    rng = np.random.default_rng(2)
    pool = rng.normal(size=(40, 3)).round(1)  # with ties
    thetas = orthonormal_directions(3, 10, rng)
    labels = rng.permuted(np.repeat((np.arange(40) < 15)[None], 9, axis=0), axis=1).T
    found = ProjectedPool(thetas @ pool.T).mean_w1(labels)
    for value, column in zip(found, labels.T, strict=True):
        expected = np.mean([wasserstein_1d(pool[column] @ t, pool[~column] @ t) for t in thetas])
        assert value == pytest.approx(expected, rel=1e-12)


def test_working_blocks_do_not_change_the_relabelled_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    import gandiag.numerics.slices as transport

    rng = np.random.default_rng(3)
    pool = ProjectedPool(rng.normal(size=(4, 30)))
    labels = rng.permuted(np.repeat((np.arange(30) < 12)[None], 20, axis=0), axis=1).T
    whole = pool.mean_w1(labels)
    monkeypatch.setattr(transport, "_CACHED", 90)
    np.testing.assert_allclose(pool.mean_w1(labels), whole, rtol=1e-13)


def test_potentials_are_lipschitz_and_attain_the_distance() -> None:
    rng = np.random.default_rng(4)
    projections = rng.normal(size=(5, 50))
    is_real = np.arange(50) < 20
    potentials = ProjectedPool(projections).potentials(is_real)
    for row, values in zip(projections, potentials, strict=True):
        attained = values[~is_real].mean() - values[is_real].mean()
        assert attained == pytest.approx(wasserstein_1d(row[is_real], row[~is_real]), rel=1e-12)
        gaps = np.abs(values[:, None] - values[None]) - np.abs(row[:, None] - row[None])
        assert gaps.max() < 1e-12


@pytest.mark.parametrize(("n", "m"), [(40, 40), (40, 25), (7, 3)])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_blocks_of_directions_are_each_direction_by_itself(
    monkeypatch: pytest.MonkeyPatch, n: int, m: int, p: float
) -> None:
    import gandiag.numerics.slices as slices

    rng = np.random.default_rng(5)
    x, y, thetas = rng.normal(size=(n, 3)), rng.normal(size=(m, 3)).round(1), orthonormal_directions(3, 11, rng)
    expected = [wasserstein_1d(x @ t, y @ t, p) for t in thetas]
    before = x.copy(), y.copy()
    np.testing.assert_allclose(sliced_powers(x, y, thetas, p), expected, rtol=1e-12)
    monkeypatch.setattr(slices, "_BLOCK", 4 * n)
    monkeypatch.setattr(slices, "_FEW_ROWS", 1)  # both threads
    np.testing.assert_allclose(sliced_powers(x, y, thetas, p), expected, rtol=1e-12)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])
    assert not np.allclose(sliced_powers(x, y, thetas[::-1], p), expected, rtol=1e-3)  # each its own direction


@pytest.mark.parametrize("n", [15, 20])
@pytest.mark.parametrize("p", [2.0, 3.0])
def test_relabelling_by_quantiles_is_the_distance_of_each_projection(n: int, p: float) -> None:
    rng = np.random.default_rng(6)
    pool = rng.normal(size=(40, 3)).round(1)
    thetas = orthonormal_directions(3, 6, rng)
    labels = rng.permuted(np.repeat((np.arange(40) < n)[None], 9, axis=0), axis=1).T
    found = ProjectedPool(thetas @ pool.T).mean_power(labels, p)
    for value, column in zip(found, labels.T, strict=True):
        expected = np.mean([wasserstein_1d(pool[column] @ t, pool[~column] @ t, p) for t in thetas])
        assert value == pytest.approx(expected, rel=1e-12)


def test_running_sums_are_whole_numbers_of_the_smallest_kind() -> None:
    from gandiag.numerics.slices import _steps

    assert _steps(100, 200) == (1, 1, np.int16)
    assert _steps(100, 250) == (3, 2, np.int16)
    assert _steps(1001, 2000) == (999, 1001, np.int32)
    assert _steps(1_000_001, 2_000_000)[2] is np.int64
    assert _steps(2**15, 2**16) == (1, 1, np.int32)  # one more than the smaller kind holds


@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize("n", [15, 12])
def test_torch_tensors_give_the_same_numbers(n: int, p: float) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(7)
    pool, thetas = rng.normal(size=(30, 3)).round(1), orthonormal_directions(3, 6, rng)
    labels = rng.permuted(np.repeat((np.arange(30) < n)[None], 9, axis=0), axis=1).T
    host, there = ProjectedPool(thetas @ pool.T), ProjectedPool(torch.tensor(thetas @ pool.T))
    np.testing.assert_allclose(there.mean_power(labels, p), host.mean_power(labels, p), rtol=1e-12)
    np.testing.assert_allclose(there.mean_potential(labels[:, 0]), host.mean_potential(labels[:, 0]), atol=1e-12)
    found = sliced_powers(torch.tensor(pool[:n]), torch.tensor(pool[n:]), thetas, p)
    np.testing.assert_allclose(found, sliced_powers(pool[:n], pool[n:], thetas, p), rtol=1e-12)


@pytest.mark.cuda
def test_a_cuda_device_gives_the_same_numbers() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    rng = np.random.default_rng(8)
    pool, thetas = rng.normal(size=(300, 5)), orthonormal_directions(5, 20, rng)
    labels = rng.permuted(np.repeat((np.arange(300) < 140)[None], 50, axis=0), axis=1).T
    host, there = ProjectedPool(thetas @ pool.T), ProjectedPool(torch.tensor(thetas @ pool.T).cuda())
    for p in (1.0, 2.0):
        np.testing.assert_allclose(there.mean_power(labels, p), host.mean_power(labels, p), rtol=1e-10)
