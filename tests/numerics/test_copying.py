"""Copying by cells: the known extreme, the null law, level, and tests without correction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gandiag.numerics.copying import cell_tests
from gandiag.numerics.histograms import cell_centres, nearest_cell
from gandiag.numerics.nearest import nearest_rows


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
        cells = rng.integers(6, size=120)
        found = cell_tests(rng.random(120), rng.random(120), cells, rng.integers(6, size=120))
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


def test_holm_over_the_cells_keeps_the_level():
    rng = np.random.default_rng(3)
    p = np.array([judged(rng, copied=False, n=120).adjusted.min() for _ in range(200)])
    assert (p <= 0.05).sum() <= stats.binom.ppf(1 - 1e-4, 200, 0.05)
    plain = np.array([rng.random(6).min() for _ in range(200)])
    assert (plain <= 0.05).sum() > stats.binom.ppf(1 - 1e-4, 200, 0.05), "six tests without correction"


def test_cells_with_few_rows_are_left_out():
    found = cell_tests(np.arange(9.0), np.arange(9.0), np.arange(9) // 6, np.arange(9) // 6, fewest=5)
    assert found.cell.tolist() == [0]
    assert found.weight.tolist() == [1.0]
    assert len(cell_tests(np.arange(3.0), np.arange(3.0), zeros(3), zeros(3)).z) == 0
