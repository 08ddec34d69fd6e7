"""Label matrices: weights and sums against slices."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.numerics.labels import group_sums, signed_weights


def random_labels(rows: int, n: int, columns: int, seed: int = 0) -> np.ndarray:
    start = np.repeat((np.arange(rows) < n)[None, :], columns, axis=0)
    return np.random.default_rng(seed).permuted(start, axis=1).T


def test_group_sums_are_the_sums_of_the_blocks() -> None:
    kernel = np.random.default_rng(0).normal(size=(13, 13))
    kernel = kernel + kernel.T
    labels = random_labels(13, 5, 20)
    real_real, fake_fake, real_fake = group_sums(kernel, labels)
    for b, column in enumerate(labels.T):
        assert real_real[b] == pytest.approx(kernel[np.ix_(column, column)].sum(), abs=1e-11)
        assert fake_fake[b] == pytest.approx(kernel[np.ix_(~column, ~column)].sum(), abs=1e-11)
        assert real_fake[b] == pytest.approx(kernel[np.ix_(column, ~column)].sum(), abs=1e-11)
        assert 2 * real_fake[b] != pytest.approx(kernel[np.ix_(column, ~column)].sum(), abs=1e-11)


def test_signed_weights_give_differences_of_means() -> None:
    labels = random_labels(11, 4, 6)
    feature = np.random.default_rng(1).normal(size=11)
    expected = [feature[c].mean() - feature[~c].mean() for c in labels.T]
    np.testing.assert_allclose(signed_weights(labels).T @ feature, expected, atol=1e-14)
    np.testing.assert_allclose(signed_weights(labels).sum(axis=0), 0.0, atol=1e-15)


def test_centring_the_kernel_keeps_float32_digits_of_a_wide_kernel() -> None:
    # An entry of a wide kernel is nearly 1: float32 sums of it lose what tells the sides apart.
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(400, 4))
    kernel = np.exp(-np.square(rows[:, None] - rows[None]).sum(axis=2) / 2e4)
    labels = random_labels(400, 200, 50)

    def discrepancy(matrix: np.ndarray) -> np.ndarray:
        real_real, fake_fake, real_fake = group_sums(matrix, labels)
        return np.asarray((real_real + fake_fake - 2 * real_fake) / 200**2, dtype=float)

    exact = discrepancy(kernel)
    centred = discrepancy((kernel - kernel.mean()).astype(np.float32))
    plain = discrepancy(kernel.astype(np.float32))
    spread = exact.std()
    assert np.abs(centred - exact).max() < 0.02 * spread
    assert np.abs(plain - exact).max() > 0.02 * spread
