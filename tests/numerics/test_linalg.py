"""The trace of a root of a product: closed forms, routes, and the limits of rounding."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.errors import NumericalError
from gandiag.numerics.linalg import (
    ROUTE_CUT,
    ROUTE_DEFINITE,
    bures_squared,
    nonnegative,
    nuclear_norm_of_rows,
    trace_root_product,
)

Matrix = NDArray[np.float64]


def random_covariance(d: int, rank: int, seed: int) -> Matrix:
    rows = np.random.default_rng(seed).normal(size=(rank, d))
    return rows.T @ rows / rank


@pytest.mark.row(48)
def test_bures_gives_the_worked_example() -> None:
    first, second = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[3.0, -1.0], [-1.0, 2.0]])
    assert bures_squared(first, second)[0] == pytest.approx(1.0637624, abs=1e-6)
    one_root = np.trace(first + second) - trace_root_product(first, second)[0]  # the factor 2 left out
    assert one_root != pytest.approx(1.0637624, abs=1e-6)


def test_commuting_covariances_give_the_sum_of_squared_root_differences() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.1, 9.0, size=(2, 12))
    q, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    expected = np.square(np.sqrt(a) - np.sqrt(b)).sum()
    assert bures_squared(np.diag(a), np.diag(b))[0] == pytest.approx(expected, rel=1e-12)
    assert bures_squared((q * a) @ q.T, (q * b) @ q.T)[0] == pytest.approx(expected, rel=1e-11)
    assert bures_squared(np.diag(a), np.diag(b[::-1]))[0] != pytest.approx(expected, rel=1e-2)


def test_the_definite_route_agrees_with_a_matrix_root_and_with_singular_values() -> None:
    from scipy.linalg import sqrtm

    first, second = random_covariance(6, 40, 1), random_covariance(6, 30, 2)
    trace, route = trace_root_product(first, second)
    assert route == ROUTE_DEFINITE
    assert trace == pytest.approx(float(np.trace(sqrtm(first @ second)).real), rel=1e-10)
    assert trace == pytest.approx(
        nuclear_norm_of_rows(np.linalg.cholesky(first).T, np.linalg.cholesky(second).T), rel=1e-12
    )
    # The root of the product is not the product of the roots.
    assert trace != pytest.approx(float(np.trace(sqrtm(first) @ sqrtm(second)).real), rel=1e-4)


def test_deficient_matrices_take_the_cut_route_and_keep_ten_digits() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(4, 9)), rng.normal(size=(6, 9))
    trace, route = trace_root_product(x.T @ x, y.T @ y)
    assert route == ROUTE_CUT
    assert trace == pytest.approx(nuclear_norm_of_rows(x, y), rel=1e-10)


def test_a_constant_column_changes_nothing() -> None:
    first, second = random_covariance(5, 40, 4), random_covariance(5, 40, 5)
    padded = [np.pad(c, ((0, 1), (0, 1))) for c in (first, second)]
    assert trace_root_product(*padded)[0] == pytest.approx(trace_root_product(first, second)[0], rel=1e-12)
    assert trace_root_product(*padded)[1] == ROUTE_CUT
    assert trace_root_product(np.zeros((3, 3)), np.eye(3))[0] == 0.0


@pytest.mark.parametrize("scale", [1e-100, 1e-8, 1e8, 1e100])
def test_any_scale_gives_the_scaled_trace(scale: float) -> None:
    first, second = random_covariance(5, 40, 4), random_covariance(5, 40, 5)
    assert trace_root_product(first * scale, second)[0] == pytest.approx(
        trace_root_product(first, second)[0] * np.sqrt(scale), rel=1e-12
    )


def test_many_rows_are_reduced_without_a_change() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(300, 4)), rng.normal(size=(5, 4))
    expected = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    assert nuclear_norm_of_rows(x, y) == pytest.approx(expected, rel=1e-12)


def test_equal_covariances_are_at_distance_zero_even_when_nearly_singular() -> None:
    for condition in (1e0, 1e6, 1e12, 1e15):
        q, _ = np.linalg.qr(np.random.default_rng(7).normal(size=(60, 60)))
        covariance = (q * np.geomspace(1.0, 1.0 / condition, 60)) @ q.T
        covariance = (covariance + covariance.T) / 2
        assert bures_squared(covariance, covariance)[0] < 1e-10


def test_rounding_below_zero_is_zero_and_more_is_refused() -> None:
    assert nonnegative(-1e-9, 1.0, what="a distance") == 0.0
    assert nonnegative(1e-14, 1.0, what="a distance") == 0.0
    assert nonnegative(1e-6, 1.0, what="a distance") == 1e-6
    with pytest.raises(NumericalError, match="a distance cannot be negative beyond rounding"):
        nonnegative(-1e-6, 1.0, what="a distance")
    with pytest.raises(NumericalError, match="cannot be negative"):
        nonnegative(float("nan"), 1.0, what="a distance")


def test_singular_values_that_are_not_found_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise np.linalg.LinAlgError("no convergence")

    monkeypatch.setattr(np.linalg, "svd", fail)
    with pytest.raises(NumericalError, match="singular values of a product of covariances"):
        nuclear_norm_of_rows(np.eye(3), np.eye(3))


@pytest.mark.parametrize(("n", "m", "d"), [(4, 5, 7), (12, 5, 7), (30, 40, 8)])
def test_every_route_agrees_with_fifty_digits(n: int, m: int, d: int) -> None:
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    with mpmath.workdps(50):
        exact_x, exact_y = mpmath.matrix(x.tolist()), mpmath.matrix(y.tolist())
        values = mpmath.svd_r(exact_x * exact_y.T, compute_uv=False)
        expected = float(sum(values))
    assert nuclear_norm_of_rows(x, y) == pytest.approx(expected, rel=1e-12)
    assert trace_root_product(x.T @ x, y.T @ y)[0] == pytest.approx(expected, rel=1e-10)


DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]


@pytest.mark.parametrize("device", DEVICES)
def test_tensors_take_the_routes_of_arrays_to_the_same_numbers(device: str) -> None:
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    rng = np.random.default_rng(9)
    thin = rng.normal(size=(7, 20)), rng.normal(size=(60, 20))
    cases = {
        ROUTE_DEFINITE: (random_covariance(6, 40, 1), random_covariance(6, 30, 2)),
        ROUTE_CUT: (thin[0].T @ thin[0], thin[1].T @ thin[1]),
    }
    for route, pair in cases.items():
        trace, taken = trace_root_product(*(torch.from_numpy(side).to(device) for side in pair))
        assert taken == trace_root_product(*pair)[1] == route
        assert trace == pytest.approx(trace_root_product(*pair)[0], rel=1e-9)
    found = nuclear_norm_of_rows(*(torch.from_numpy(side).to(device) for side in thin))
    assert found == pytest.approx(nuclear_norm_of_rows(*thin), rel=1e-9)


def test_rows_are_reduced_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(10)
    x, y = rng.normal(size=(95, 4)), rng.normal(size=(5, 4))
    whole = nuclear_norm_of_rows(x, y)
    monkeypatch.setattr("gandiag.numerics.linalg._BLOCK_ROWS", 10)
    assert nuclear_norm_of_rows(x, y) == pytest.approx(whole, rel=1e-13)
    assert nuclear_norm_of_rows(x[:90], y) != pytest.approx(whole, rel=1e-4)  # a lost block
