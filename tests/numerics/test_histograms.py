"""Plug-in divergences: closed forms, the known bias, the G test, cells that nobody chose, and wrong variants."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.errors import ConfigError
from gandiag.numerics.histograms import (
    cell_centres,
    cells_of,
    g_statistic,
    grid_cell,
    grid_edges,
    jensen_shannon_floor,
    jensen_shannon_shares,
    nearest_cell,
    total_variation_shares,
)

Matrix = NDArray[np.float64]


def column(*counts: float) -> Matrix:
    return np.array(counts)[:, None]


def test_counts_under_every_labelling() -> None:
    rng = np.random.default_rng(0)
    ids, labels = rng.integers(0, 9, size=40) * 3, rng.random((40, 25)) < 0.4
    cells = cells_of(ids)
    for b in range(25):
        expected = [int((ids[labels[:, b]] == cell).sum()) for cell in cells.held]
        assert cells.real(labels)[:, b].tolist() == expected
    repeated = cells_of(np.array([4, 1, 4, 2]), least=2)
    assert repeated.held.tolist() == [4]
    assert repeated.real(np.array([[True], [True], [False], [True]])).tolist() == [[1.0]]
    assert cells_of(np.arange(5), least=2).real(np.ones((5, 3), dtype=bool)).shape == (0, 3)


@pytest.mark.row(55)
def test_divergences_of_small_laws() -> None:
    """Row 55: (1/2, 1/4, 1/4) against (1/4, 1/4, 1/2) has TV .25 and JSD .042475."""
    p, q = column(2, 1, 1), column(1, 1, 2)
    assert total_variation_shares(p, q)[0] == pytest.approx(0.25, rel=1e-12)
    assert jensen_shannon_shares(p, q)[0] == pytest.approx(0.042475, abs=1e-6)
    assert jensen_shannon_shares(p, q)[0] != pytest.approx(0.042475 / math.log(2), rel=0.1)  # bits


@pytest.mark.row(56, 81)
def test_divergence_of_half_and_of_no_overlap_and_of_a_missing_mode() -> None:
    """Row 56: .215762 and log 2. Row 81: seven of eight equal modes, .045407."""
    assert jensen_shannon_shares(column(1, 0), column(1, 1))[0] == pytest.approx(0.215762, abs=1e-6)
    assert jensen_shannon_shares(column(3, 0), column(0, 5))[0] == pytest.approx(math.log(2), rel=1e-12)
    modes = np.ones((8, 1))
    fewer = modes.copy()
    fewer[0] = 0
    assert jensen_shannon_shares(modes, fewer)[0] == pytest.approx(0.045407, abs=1e-6)
    # The distance is the root: what other packages return under this name.
    from scipy.spatial.distance import jensenshannon

    assert jensen_shannon_shares(modes, fewer)[0] == pytest.approx(jensenshannon(modes[:, 0], fewer[:, 0]) ** 2)


@pytest.mark.parametrize(("bins", "wrong_value"), [(10, 0.064), (50, 0.014)])
def test_disjoint_columns_are_as_far_apart_as_can_be(bins: int, wrong_value: float) -> None:
    """Adding 1 to each *proportion*, as a known package does, scores two disjoint columns as nearly equal."""
    from scipy.spatial.distance import jensenshannon

    one, other = np.zeros((bins, 1)), np.zeros((bins, 1))
    one[: bins // 2], other[bins // 2 :] = 7, 3
    ours = math.sqrt(jensen_shannon_shares(one, other)[0])
    assert ours == pytest.approx(0.832555, abs=1e-6)
    wrong = jensenshannon(*(1.0 + x[:, 0] / x.sum() for x in (one, other)))
    assert wrong == pytest.approx(wrong_value, rel=0.15)
    assert wrong < 0.1


@pytest.mark.row(60)
def test_the_floor_of_the_plug_in_is_the_known_bias() -> None:
    """Row 60: K = 100, n = 50 000, m = 10 000: .001485. Spread of chi2_99 is 14 %, so 400 means have 0.7 %."""
    rng = np.random.default_rng(1)
    law = rng.dirichlet(np.full(100, 20.0))
    x, y = (rng.multinomial(size, law, size=400).T.astype(float) for size in (50_000, 10_000))
    found = jensen_shannon_shares(x, y).mean()
    assert jensen_shannon_floor(100, 50_000, 10_000) == pytest.approx(0.001485, rel=1e-6)
    assert found == pytest.approx(0.001485, rel=0.05)
    assert found != pytest.approx(jensen_shannon_floor(100, 60_000, 60_000), rel=0.5)  # one pooled sample of 60 000


def test_the_g_statistic_is_chi_square_under_equal_laws_and_matches_scipy() -> None:
    from scipy.stats import chi2_contingency, kstest

    rng = np.random.default_rng(2)
    law = np.full(12, 1 / 12)
    x, y = (rng.multinomial(size, law, size=1000).T.astype(float) for size in (900, 600))
    found = g_statistic(x, y)
    assert kstest(found, "chi2", args=(11,)).pvalue > 1e-4
    assert kstest(found / 2, "chi2", args=(11,)).pvalue < 1e-10  # N JSD instead of 2 N JSD
    peer = chi2_contingency(np.stack([x[:, 0], y[:, 0]]), lambda_="log-likelihood").statistic
    assert found[0] == pytest.approx(peer, rel=1e-10)
    assert found[0] != pytest.approx(peer * 1.01, rel=1e-3)
    # With weights of a half it is not the G statistic of an unbalanced table.
    assert 2 * 1500 * jensen_shannon_shares(x, y)[0] != pytest.approx(peer, rel=1e-3)


def test_clusters_find_separate_groups_and_stop_at_distinct_rows() -> None:
    rng = np.random.default_rng(3)
    centres = 20.0 * np.array([[0, 0], [1, 0], [0, 1], [1, 1.0]])
    rows = centres[rng.integers(4, size=400)] + rng.normal(size=(400, 2))
    found = cell_centres(rows, 4, rng)
    assert np.sort(squared(found, centres).min(axis=0)).max() < 0.1
    assert len(cell_centres(np.repeat([[1.0], [2.0]], 9, axis=0), 5, rng)) == 2
    assert len(cell_centres(np.full((7, 3), 1e6), 5, rng)) == 1
    ids = nearest_cell(np.tile(rows, (15, 1)), found)
    assert ids.shape == (6000,)
    assert len(np.unique(ids)) == 4
    with pytest.raises(ConfigError, match="a partition has at least one cell; got 0"):
        cell_centres(rows, 0, rng)


def squared(a: Matrix, b: Matrix) -> Matrix:
    out: Matrix = np.square(a[:, None] - b[None]).sum(axis=2)
    return out


def test_a_grid_has_cells_of_like_weight_and_takes_many_columns() -> None:
    rng = np.random.default_rng(4)
    fit = rng.normal(size=(4000, 2))
    ids = grid_cell(rng.normal(size=(4000, 2)), grid_edges(fit, 5))
    counts = np.bincount(ids)
    assert len(counts) == 25
    # Binomial spread of 160 is 12.5, and that of the edges adds as much.
    assert np.abs(counts - 160).max() < 5 * 25
    wide = rng.normal(size=(30, 100))
    assert len(np.unique(grid_cell(wide, grid_edges(rng.normal(size=(50, 100)), 2)))) == 30
    constant = np.ones((5, 1))
    assert grid_cell(constant, grid_edges(constant, 4)).tolist() == [0] * 5
    assert grid_cell(np.array([[0.0], [1.0], [2.0]]), [np.array([1.0])]).tolist() == [0, 0, 1]


def test_cells_cut_around_one_side_do_not_have_the_floor() -> None:
    """K-means on the real rows under test, four to a cell, balances their counts: the number is a sixth too low."""
    rng = np.random.default_rng(5)
    values: dict[str, list[float]] = {"other": [], "own": []}
    for _ in range(60):
        real, fake, fit = rng.normal(size=(3, 240, 8))
        for name, base in (("other", fit), ("own", real)):
            centres = cell_centres(base, 60, rng)
            counts = [np.bincount(nearest_cell(x, centres), minlength=60)[:, None].astype(float) for x in (real, fake)]
            values[name].append(float(jensen_shannon_shares(*counts)[0]))
    # Sd of chi2_59 over its mean is 0.18, so 60 means have 2.4 %; at four rows a cell the floor is a tenth too low.
    assert np.mean(values["other"]) == pytest.approx(1.1 * jensen_shannon_floor(60, 240, 240), rel=0.1)
    gap = np.array(values["other"]) - np.array(values["own"])
    assert gap.mean() > 4 * gap.std() / math.sqrt(60)
