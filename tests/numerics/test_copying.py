"""Copying by cells: the known extreme, the null law, level, and tests without correction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gandiag.numerics import copying
from gandiag.numerics.histograms import cell_centres, nearest_cell
from gandiag.numerics.nearest import nearest_rows


def cell_tests(*sides, **options):
    return copying.cell_tests(*sides, np.random.default_rng(0), **options)


def zeros(n):
    return np.zeros(n, dtype=np.int64)


@pytest.mark.row(74)
def test_one_cell_of_full_copies_has_the_known_extreme():
    rng = np.random.default_rng(0)
    found = cell_tests(1.0 + rng.random(300), rng.random(300), zeros(300), zeros(300))
    assert found.z[0] == pytest.approx(-21.1955, abs=1e-4)
    assert found.average == found.z[0]
    assert found.p_value[0] < 1e-100
    # Swapped sides have the other sign.
    assert cell_tests(rng.random(300), 1.0 + rng.random(300), zeros(300), zeros(300)).z[0] > 21


@pytest.mark.row(74)
def test_under_equal_laws_z_is_standard_normal_and_the_average_is_narrower():
    rng = np.random.default_rng(1)
    z, averages, sds = [], [], []
    for _ in range(400):
        found = cell_tests(rng.random(120), rng.random(120), rng.integers(6, size=120), rng.integers(6, size=120))
        z += found.z.tolist()
        averages.append(found.average)
        sds.append(found.average_sd)
    # Four standard errors of a mean and of a standard deviation.
    assert np.mean(z) == pytest.approx(0.0, abs=4 / np.sqrt(2400))
    assert np.std(z) == pytest.approx(1.0, abs=4 / np.sqrt(4800))
    assert np.std(averages) == pytest.approx(np.mean(sds), abs=4 * np.mean(sds) / np.sqrt(800))
    assert abs(np.std(averages) - 1.0) > 0.5, "the weighted mean is not standard normal"


def scene(rng, copied, n):
    """Two far blobs: the left one holds copies, the right one is blurred, so that both cancel in one number."""
    side = np.array([[-20.0, 0.0], [20.0, 0.0]])
    train, real, fake = (side[np.arange(n) % 2] + rng.normal(size=(n, 2)) for _ in range(3))
    if copied:
        fake[::2] = np.where(rng.random((n // 2, 1)) < 0.5, train[::2], fake[::2])
        fake[1::2] = side[1] + 1.9 * (fake[1::2] - side[1])
    return train, real, fake


def judged(rng, *, copied, n=400):
    train, real, fake = scene(rng, copied, n)
    centres = cell_centres(train, 2, rng)
    distances = (nearest_rows(side, train)[0][:, 0] for side in (real, fake))
    return cell_tests(*distances, nearest_cell(real, centres), nearest_cell(fake, centres), fewest=1)


def test_copies_that_cancel_globally_are_seen_in_their_cell():
    rng = np.random.default_rng(2)
    found = judged(rng, copied=True)
    assert found.adjusted.min() < 1e-4
    assert abs(found.average) < 3 * found.average_sd, "the average alone would have missed them"


def test_holm_over_the_cells_keeps_the_level_and_the_least_plain_p_value_does_not():
    rng = np.random.default_rng(3)
    held, plain = [], []
    for _ in range(250):
        # Ties too: distances of discrete data.
        found = cell_tests(*rng.integers(9, size=(2, 96)).astype(float), *rng.integers(6, size=(2, 96)))
        held.append(found.adjusted.min() <= 0.05)
        plain.append(found.p_value.min() <= 0.05)
    limit = stats.binom.ppf(1 - 1e-4, 250, 0.05)
    assert sum(held) <= limit < sum(plain)


def test_cells_may_have_any_numbers_and_lack_either_side():
    rng = np.random.default_rng(4)
    real, fake = rng.random(40), rng.random(30)
    at_real, at_fake = np.repeat([3, 7, 900], [10, 20, 10]), np.repeat([1, 7, 900], [10, 10, 10])
    found = cell_tests(real, fake, at_real, at_fake)
    assert found.cell.tolist() == [7, 900]
    assert found.real.tolist() == [20, 10]
    assert found.fake.tolist() == [10, 10]
    assert found.weight == pytest.approx([2 / 3, 1 / 3])
    peer = stats.mannwhitneyu(fake[10:20], real[10:30], alternative="less", method="exact").pvalue
    assert found.p_value[0] == pytest.approx(peer, rel=1e-9)
    assert found.p_value[0] != pytest.approx(1.01 * peer, rel=1e-9)


def test_cells_with_few_rows_are_left_out():
    found = cell_tests(np.arange(9.0), np.arange(9.0), np.arange(9) // 6, np.arange(9) // 6, fewest=5)
    assert found.cell.tolist() == [0]
    assert found.weight.tolist() == [1.0]
    assert len(cell_tests(np.arange(3.0), np.arange(3.0), zeros(3), zeros(3)).z) == 0
