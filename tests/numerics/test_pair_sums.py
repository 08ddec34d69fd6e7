"""Sums over the pairs of many labellings: the p-value of double precision, a bound that holds, and wrong shortcuts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling
from gandiag.inference.permutation import permutation_null, sequential_p_value
from gandiag.metrics import energy, mmd
from gandiag.numerics.distances import off_diagonal, pooled_distances
from gandiag.numerics.kernels import gaussian_kernel, hollow_centred, unbiased_mmd2, unbiased_scale
from gandiag.numerics.pair_sums import QUICK_ROWS, PairSums, pair_sums, settled

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]


def random_labels(rows: int, n: int, columns: int, seed: int = 0) -> Labels:
    start = np.repeat((np.arange(rows) < n)[None, :], columns, axis=0)
    return np.ascontiguousarray(np.random.default_rng(seed).permuted(start, axis=1).T)


def sums_of(square: Matrix, *, tile: int = 64, held: bool = True) -> PairSums:
    return pair_sums(lambda i, j: square[i, j], len(square), tile=tile, held=held)


def symmetric(rows: int, seed: int = 0) -> Matrix:
    square = np.random.default_rng(seed).normal(size=(rows, rows))
    return square + square.T


@pytest.mark.parametrize("rows", [2, 3, 5, 130])
@pytest.mark.parametrize("held", [True, False])
def test_sums_are_those_of_the_blocks(rows: int, held: bool) -> None:
    square = symmetric(rows)
    hollow = square - np.diag(np.diag(square))
    sums, labels = sums_of(square, held=held), random_labels(rows, rows // 2, 7)
    shifts = np.asarray(sums.shifts)
    centred = hollow - shifts[:, None] - shifts[None, :]
    np.fill_diagonal(centred, 0.0)
    np.testing.assert_allclose(centred.sum(axis=1), 0.0, atol=1e-11)
    found, bound = sums.of_real(labels)
    np.testing.assert_allclose(found, [centred[np.ix_(c, c)].sum() for c in labels.T], atol=1e-11 * rows)
    assert not bound.any()
    np.testing.assert_allclose(sums.shifts_of_real(labels), [shifts[c].sum() for c in labels.T], atol=1e-12 * rows)
    np.testing.assert_allclose(sums.row_sums(labels[:, 0]), hollow @ labels[:, 0], atol=1e-11)
    assert sums.mean_square == pytest.approx(np.square(hollow).sum() / (rows * (rows - 1)))
    if rows > 3:
        whole = [hollow[np.ix_(c, c)].sum() for c in labels.T]
        assert not np.allclose(found, whole, atol=1e-11 * rows)  # a sum that forgot the centring


def wide_kernel(rows: int = 900, d: int = 8, seed: int = 1) -> Matrix:
    distances = pooled_distances(np.random.default_rng(seed).normal(size=(rows, d)))
    return np.asarray(gaussian_kernel(distances, 20.0))


def test_the_bound_of_single_precision_holds_and_is_not_idle() -> None:
    kernel, labels = wide_kernel(), random_labels(900, 450, 200)
    double = sums_of(kernel, tile=256)
    exact, _ = double.of_real(labels)
    single, bound = double.quick().of_real(labels)
    error = np.abs(single - exact)
    assert double.quick().is_quick
    assert error.max() > 0.0
    assert (error <= bound).all()
    assert bound.max() < 0.1 * exact.std()  # it decides most comparisons
    # Plain single precision, neither centred nor in short runs, breaks it.
    real = labels.astype(np.float32)
    plain = np.einsum("nb,nb->b", real, kernel.astype(np.float32) @ real).astype(np.float64)
    truth = np.einsum("nb,nb->b", labels.astype(np.float64), kernel @ labels.astype(np.float64))
    assert (np.abs(plain - truth) > bound).any()


@pytest.mark.parametrize("keep", [True, False])
def test_exact_gives_the_double_sums_back(keep: bool) -> None:
    labels = random_labels(900, 300, 20)
    double = sums_of(wide_kernel(), tile=256)
    np.testing.assert_array_equal(double.quick(keep=keep).exact().of_real(labels)[0], double.of_real(labels)[0])
    assert sums_of(symmetric(QUICK_ROWS - 1)).quick().sizes is None


def test_centring_leaves_the_unbiased_discrepancy_as_it_is() -> None:
    kernel, labels = wide_kernel(200), random_labels(200, 80, 30)
    found = unbiased_scale(80, 120) * sums_of(kernel).of_real(labels)[0]
    np.testing.assert_allclose(found, unbiased_mmd2(hollow_centred(kernel)[0], labels), rtol=1e-9, atol=1e-14)


def test_what_rounding_could_decide_is_measured_again() -> None:
    labels = random_labels(10, 5, 6)
    truth = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    asked: list[int] = []

    def quick(_: Labels) -> tuple[Matrix, Matrix]:
        return truth[None, :] + 0.4, np.full(6, 0.5)

    def exact(some: Labels) -> Matrix:
        asked.append(some.shape[1])
        return np.full((1, some.shape[1]), 3.0)

    values = settled(quick, exact, labels, 3.0)
    assert asked == [1]
    assert values[0].tolist() == [0.4, 1.4, 2.4, 3.0, 4.4, 5.4]


def reindexed(kernel: Matrix, labels: Labels) -> Matrix:
    """The unbiased discrepancy by cutting the blocks out of the matrix, one relabelling after the other."""
    out = []
    for column in labels.T:
        order = np.concatenate([np.flatnonzero(column), np.flatnonzero(~column)])
        k, n = kernel[np.ix_(order, order)], int(column.sum())
        m = len(order) - n
        xx, yy, xy = k[:n, :n], k[n:, n:], k[:n, n:]
        within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
        out.append(within - 2.0 * xy.mean())
    return np.array(out)


def recorded(relabelling: Relabelling, draws: int) -> tuple[float, Matrix, Labels, Matrix]:
    """The engine's p-value and values, and the masks that it drew."""
    masks: list[Labels] = []

    def statistic(labels: Labels) -> Matrix:
        masks.append(labels)
        return relabelling.statistic(labels)

    null = permutation_null(
        Relabelling(observed=relabelling.observed, statistic=statistic), draws=draws, rng=np.random.default_rng(5)
    )
    return null.p_value, null.tested_null, np.concatenate(masks[1:], axis=1), null.estimates


def two_sides(shift: float, rows: int = 400) -> Comparison:
    rng = np.random.default_rng(3)
    return Comparison(
        real=rng.normal(size=(rows, 16)), fake=rng.normal(size=(rows, 16)) + shift, fit=rng.normal(size=(9, 16))
    )


@pytest.mark.parametrize("shift", [0.0, 0.06])
def test_mmd_has_the_p_value_of_reindexing_in_double_precision(shift: float) -> None:
    pair = two_sides(shift)
    found = mmd.measure(pair, rng=np.random.default_rng(0), joined=False)
    assert isinstance(found.null, Relabelling)
    p, values, masks, _ = recorded(found.null, 120)
    distances = pooled_distances(pair.pooled()[0])
    kernel = gaussian_kernel(distances, float(np.median(off_diagonal(distances))))
    naive = reindexed(kernel, np.column_stack([found.null.observed, masks]))
    size = np.sqrt(np.square(kernel[~np.eye(800, dtype=bool)]).mean())
    assert p == sequential_p_value(naive[0] / size, naive[1:] / size)
    assert found.estimate == pytest.approx(naive[0], rel=1e-9)
    np.testing.assert_allclose(values * size, naive[1:], atol=0.05 * naive.std())
    assert not np.allclose(values * size, naive[1:], rtol=0, atol=1e-14)  # most were answered in single precision


@pytest.mark.parametrize("shift", [0.0, 0.06])
def test_energy_has_the_p_value_of_reindexing_in_double_precision(shift: float) -> None:
    pair = two_sides(shift)
    found = energy.measure(pair, rng=np.random.default_rng(0))
    assert isinstance(found.null, Relabelling)
    p, _, masks, estimates = recorded(found.null, 120)
    distances = pooled_distances(pair.pooled()[0])
    naive = []
    for column in np.column_stack([found.null.observed, masks]).T:
        xx, yy = distances[np.ix_(column, column)], distances[np.ix_(~column, ~column)]
        naive.append(2.0 * distances[np.ix_(column, ~column)].mean() - xx.mean() - yy.mean())
    scaled = np.array(naive) / distances.mean()
    assert p == sequential_p_value(scaled[0], scaled[1:])
    assert found.estimate == pytest.approx(naive[0], rel=1e-9)
    np.testing.assert_allclose(estimates, naive[1:], atol=0.05 * np.std(naive))


def test_twenty_joined_kernels_have_the_p_value_of_double_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = two_sides(0.05, rows=350)
    answers: list[float] = []
    for rows in (QUICK_ROWS, 10_000):  # the second never takes single precision
        monkeypatch.setattr("gandiag.numerics.pair_sums.QUICK_ROWS", rows)
        null = mmd.measure(pair, rng=np.random.default_rng(0)).null
        assert isinstance(null, Relabelling)
        answers.append(recorded(null, 150)[0])
    assert answers[0] == answers[1]


def test_equal_values_are_ties_in_single_precision_too() -> None:
    # Two distinct rows only: many relabellings have exactly the observed statistic.
    rows = np.repeat(np.array([[0.0, 0.1], [1.0, 0.3]]), 350, axis=0)[np.random.default_rng(0).permutation(700)]
    measures: list[Callable[..., object]] = [lambda c: mmd.measure(c, rng=np.random.default_rng(0), joined=False)]
    measures.append(lambda c: energy.measure(c, rng=np.random.default_rng(0)))
    for measure in measures:
        null = measure(Comparison(real=rows[:350], fake=rows[350:], fit=rows)).null  # type: ignore[attr-defined]
        p, _, masks, _ = recorded(null, 200)
        firsts = (rows[:, 0] == 0.0).astype(int) @ np.column_stack([null.observed, masks])
        imbalance = np.abs(firsts - 175.0)
        assert p == sequential_p_value(imbalance[0], imbalance[1:])


def test_tensors_give_the_sums_of_arrays() -> None:
    import torch

    kernel, labels = wide_kernel(300), random_labels(300, 100, 9)
    tensor = torch.from_numpy(kernel)
    found = pair_sums(lambda i, j: tensor[i, j], 300)
    expected = sums_of(kernel)
    np.testing.assert_allclose(found.quick().of_real(labels)[0], expected.of_real(labels)[0], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.row_sums(labels[:, 0]), expected.row_sums(labels[:, 0]), rtol=1e-12)
