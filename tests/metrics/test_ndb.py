"""NDB: about alpha under equal laws, an exact test, cells by name, and the uncontrolled variants rejected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.errors import ConfigError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.ndb import METRIC
from gandiag.numerics.contingency import two_proportion_scores

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, fit: Matrix, seed: int = 0, **options: Any) -> Measurement:
    pair = Comparison(real=real, fake=fake, fit=fit)
    return METRIC.measure(pair, rng=np.random.default_rng(seed), **options)


def p_of(found: Measurement, draws: int = 99) -> float:
    null = summarise_null(found, draws=draws, rng=np.random.default_rng(1))
    assert null.p_value is not None
    return null.p_value.value


@pytest.mark.row(75)
def test_under_equal_laws_it_is_about_alpha() -> None:
    """Row 75: K = 100 cells of 20 rows a side; 20 repetitions of 100 tests have a standard error of half a percent."""
    rng = np.random.default_rng(0)
    found, one_sided, own = [], [], []
    for i in range(20):
        real, fake, fit = rng.normal(size=(3, 2000, 2))
        result = measured(real, fake, fit, i, bins=100)
        found.append(result.estimate or 0.0)
        # Real shares taken for exact: the variance lacks its half, and 17 % of the cells differ.
        one_sided.append(np.mean(np.abs(result.arrays["scores"]) * np.sqrt(2) > 1.96))
        own.append(measured(real[:500], fake[:500], real[:500], i, bins=100).estimate or 0.0)
    assert np.mean(found) == pytest.approx(0.05, abs=0.02)
    assert np.mean(one_sided) > 0.12
    # Cells cut around the real rows balance their counts: half of the differences are gone.
    assert np.mean(own) < 0.04


@pytest.mark.slow
@pytest.mark.row(75)
def test_under_equal_laws_it_is_about_alpha_to_a_hundredth() -> None:
    """200 repetitions: a standard error of 0.16 %."""
    rng = np.random.default_rng(1)
    found = []
    for i in range(200):
        real, fake, fit = rng.normal(size=(3, 4000, 2))
        found.append(measured(real, fake, fit, i, bins=100).estimate or 0.0)
    assert np.mean(found) == pytest.approx(0.05, abs=0.01)


def test_the_floor_by_relabelling_is_about_alpha_too() -> None:
    rng = np.random.default_rng(2)
    real, fake, fit = rng.normal(size=(3, 2000, 2))
    null = summarise_null(measured(real, fake, fit, bins=50), draws=199, rng=rng)
    assert null.floor is not None
    assert null.floor.mean == pytest.approx(0.05, abs=0.01)  # 200 draws of 50 tests: 0.2 %, and discreteness


def test_the_scores_are_those_of_the_textbook() -> None:
    real, fake = np.array([10.0, 30.0, 60.0]), np.array([30.0, 80.0, 90.0])
    found = two_proportion_scores(real[:, None], real + fake)[:, 0]
    for k in range(3):
        share = (real[k] + fake[k]) / 300
        z = (fake[k] / 200 - real[k] / 100) / np.sqrt(share * (1 - share) * (1 / 100 + 1 / 200))
        assert found[k] == pytest.approx(z, rel=1e-12)
    unpooled = (fake / 200 - real / 100) / np.sqrt(
        real / 100 * (1 - real / 100) / 100 + fake / 200 * (1 - fake / 200) / 200
    )
    assert not np.allclose(found, unpooled, rtol=1e-3)
    assert two_proportion_scores(np.array([[0.0], [5.0]]), np.array([0.0, 10.0]))[:, 0].tolist() == [0.0, 0.0]


def level(reps: int, seed: int) -> tuple[int, int, int]:
    """Count rejections at 5 %: of the exact table test, of the named cells, and of "any cell differs"."""
    rng, hits, named, any_cell = np.random.default_rng(seed), 0, 0, 0
    for i in range(reps):
        found = measured(rng.normal(size=(150, 2)), rng.normal(size=(150, 2)), rng.normal(size=(150, 2)), i, bins=15)
        hits += p_of(found) <= 0.05
        named += bool(found.details["too_few"] or found.details["too_many"])
        any_cell += found.details["ndb"] > 0
    return hits, named, any_cell


def test_the_tests_keep_their_level_and_the_raw_count_alarms_every_other_time() -> None:
    hits, named, any_cell = level(100, 3)
    assert hits <= 15  # exact binomial limit at 1e-4 for 100 repetitions at 5 %
    assert named <= 15
    assert any_cell > 30


@pytest.mark.slow
def test_the_tests_keep_their_level_over_many_repetitions() -> None:
    hits, named, _ = level(2000, 4)
    assert 64 <= hits <= 140
    assert named <= 140


def four_modes(rng: np.random.Generator, rows: int, modes: int = 4) -> Matrix:
    centres = 8.0 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    out: Matrix = centres[rng.integers(modes, size=rows)] + rng.normal(size=(rows, 2))
    return out


def test_a_missing_mode_is_named() -> None:
    rng = np.random.default_rng(5)
    real, fit = four_modes(rng, 400), four_modes(rng, 400)
    found = measured(real, four_modes(rng, 400, 3), fit, bins=12)
    assert p_of(found) == 0.01
    assert found.details["holm_p"] < 1e-6
    lost = found.details["too_few"]
    assert lost
    assert (found.arrays["counts"][1][lost] == 0).all()
    inside = np.isin(found.arrays["real_cells"], lost)
    assert (real[inside][:, 1] < -3).all()  # the fourth mode lies below
    assert found.estimate is not None
    assert found.estimate > 0.3
    assert found.details["jsd"] > 3 * found.details["jsd_floor"]


def test_cells_without_any_row_are_left_out() -> None:
    rng = np.random.default_rng(6)
    fit = np.concatenate([rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + 100.0])
    found = measured(rng.normal(size=(200, 2)), rng.normal(size=(200, 2)), fit, bins=20)
    assert found.details["cells"] < 20
    assert found.estimate == pytest.approx(found.details["ndb"] / found.details["cells"])
    thin = measured(rng.normal(size=(20, 2)), rng.normal(size=(20, 2)), fit[:100], bins=10)
    assert "take fewer bins" in thin.warnings[0]


def test_wrong_options_are_refused() -> None:
    rows = np.random.default_rng(7).normal(size=(30, 2))
    with pytest.raises(ConfigError, match="`alpha` must lie strictly between 0 and 1; got 1"):
        measured(rows, rows, rows, alpha=1.0)
    assert "classes" in measured(rows, rows, rows, by="labels").reasons["estimate"]
