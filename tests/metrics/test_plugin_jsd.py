"""Plug-in JSD: known values over each kind of cell, the bias, level, power, and cells that break the test."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.errors import ConfigError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.plugin_jsd import METRIC

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, fit: Matrix | None = None, seed: int = 0, **options: Any) -> Measurement:
    real, fake = (x[:, None] if x.ndim == 1 else x for x in (real.astype(float), fake.astype(float)))
    pair = Comparison(real=real, fake=fake, fit=real if fit is None else fit)
    return METRIC.measure(pair, rng=np.random.default_rng(seed), **options)


def p_of(found: Measurement, draws: int = 199) -> float:
    null = summarise_null(found, draws=draws, rng=np.random.default_rng(1))
    assert null.p_value is not None
    return null.p_value.value


@pytest.mark.row(55, 56, 81)
def test_known_values_on_rows() -> None:
    """Rows 55, 56 and 81 as samples with exactly these shares."""
    thirds = measured(np.array([0, 0, 1, 2]), np.array([0, 1, 2, 2]), by="rows")
    assert thirds.estimate == pytest.approx(0.042475, abs=1e-6)
    assert thirds.details["total_variation"] == pytest.approx(0.25)
    assert measured(np.zeros(4), np.array([0, 1]), by="rows").estimate == pytest.approx(0.215762, abs=1e-6)
    apart = measured(np.zeros(4), np.ones(3), by="rows")
    assert apart.estimate == pytest.approx(math.log(2), rel=1e-12)
    assert apart.details["bits"] == pytest.approx(1.0)
    assert apart.details["js_distance"] == pytest.approx(0.832555, abs=1e-6)  # 0.064 where 1 is added to each share
    modes = measured(np.arange(8), np.arange(1, 8), by="rows")
    assert modes.estimate == pytest.approx(0.045407, abs=1e-6)
    assert modes.details["only_real"] == 1


@pytest.mark.row(60)
def test_the_floor_is_the_known_bias_and_the_correction_takes_it_off() -> None:
    rng = np.random.default_rng(0)
    found = measured(rng.integers(100, size=5000), rng.integers(100, size=2000), by="rows")
    null = summarise_null(found, draws=199, rng=rng)
    assert null.floor is not None
    expected = 99 / 8 * (1 / 5000 + 1 / 2000)
    assert found.details["bias"] == pytest.approx(expected, rel=1e-12)
    # 200 draws of a spread of 14 %: one percent; second-order terms at 20 rows a cell: two percent.
    assert null.floor.mean == pytest.approx(expected, rel=0.06)
    assert null.floor.mean != pytest.approx(99 / 2 * (1 / 5000 + 1 / 2000), rel=0.5)  # Miller's term of an entropy
    assert found.details["corrected"] < 0.5 * expected


def test_the_g_test_agrees_with_scipy_and_with_the_permutations() -> None:
    from scipy.stats import chi2_contingency

    rng = np.random.default_rng(1)
    real, fake = rng.integers(8, size=900), np.minimum(rng.integers(9, size=600), 7)
    found = measured(real, fake, by="rows")
    table = np.stack([np.bincount(x, minlength=8) for x in (real, fake)])
    peer = chi2_contingency(table, lambda_="log-likelihood")
    assert found.details["g"] == pytest.approx(peer.statistic, rel=1e-10)
    assert found.details["g_p"] == pytest.approx(peer.pvalue, rel=1e-8)
    assert found.details["g_p"] != pytest.approx(chi2_contingency(table).pvalue, rel=1e-3)  # Pearson's form
    close = measured(real, rng.integers(8, size=600), by="rows")
    assert abs(p_of(close, 1999) - close.details["g_p"]) < 0.06  # 4 sd of the share among 100 or more draws, and chi2


def test_proportions_in_place_of_counts_lose_the_test() -> None:
    """The chi-square of *proportions*, as known packages compute it, does not see 1000 rows: p = 0.9, not 1e-51."""
    from scipy.stats import chi2

    real, fake = np.array([500, 300, 200]), np.array([318, 300, 382])
    found = measured(np.repeat(np.arange(3), real), np.repeat(np.arange(3), fake), by="rows")
    assert found.details["g_p"] < 1e-20
    one_sided = float(((fake - real) ** 2 / real).sum())
    assert chi2.sf(one_sided, 2) == pytest.approx(4.4e-51, rel=0.1)
    assert chi2.sf(one_sided / 1000, 2) == pytest.approx(0.89, abs=0.01)


def normal(rng: np.random.Generator, rows: int) -> Matrix:
    out: Matrix = rng.normal(size=(rows, 2))
    return out


def rejections(reps: int, seed: int, by: str, own: bool = False, bins: int = 6) -> int:
    rng, hits = np.random.default_rng(seed), 0
    for i in range(reps):
        real, fake, fit = normal(rng, 60), normal(rng, 60), normal(rng, 60)
        hits += p_of(measured(real, fake, real if own else fit, i, by=by, bins=bins), 99) <= 0.05
    return hits


@pytest.mark.parametrize("by", ["clusters", "grid"])
def test_the_test_keeps_its_level(by: str) -> None:
    assert rejections(150, 2, by) <= 20  # exact binomial limit at 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("by", ["clusters", "grid"])
def test_the_test_keeps_its_level_over_many_repetitions(by: str) -> None:
    assert 64 <= rejections(2000, 3, by) <= 140


def test_clusters_of_the_real_rows_break_the_test() -> None:
    """Cut around the real rows, three to a cell, cells balance their counts: under 1 % of rejections, and less power.

    150 repetitions at 0.8 % exceed 2 once in a hundred; at a level of 5 % they stay at 2 or below once in fifty.
    """
    assert rejections(150, 6, "clusters", own=True, bins=20) <= 2
    assert rejections(150, 6, "clusters", bins=20) > 2


@pytest.mark.parametrize("by", ["clusters", "grid"])
def test_a_missing_mode_is_found(by: str) -> None:
    rng = np.random.default_rng(4)
    centres = 6.0 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])

    def modes(rows: int, count: int) -> Matrix:
        out: Matrix = centres[rng.integers(count, size=rows)] + rng.normal(size=(rows, 2))
        return out

    found = measured(modes(400, 4), modes(400, 3), modes(400, 4), by=by, bins=16)
    assert p_of(found) <= 0.01
    # Half of a quarter's mass against none: JSD of (3/4, 1/4) and (1, 0) is .0957 without merged cells.
    assert found.estimate is not None
    assert found.estimate - found.details["bias"] == pytest.approx(0.0957, abs=0.03)


def test_classes_and_wrong_choices() -> None:
    rng = np.random.default_rng(5)
    rows = normal(rng, 40)
    pair = Comparison(real=rows, fake=rows, fit=rows, real_labels=np.arange(40) % 4, fake_labels=np.arange(40) % 2)
    found = METRIC.measure(pair, rng=rng, by="labels")  # type: ignore[call-arg]
    assert found.estimate == pytest.approx(0.215762, abs=1e-6)  # half of the classes are empty
    assert "classes" in measured(rows, rows, by="labels").reasons["estimate"]
    with pytest.raises(ConfigError, match="`bins` must be at least 1; got 0"):
        measured(rows, rows, bins=0)
    with pytest.raises(ConfigError, match="Did you mean 'clusters'"):
        measured(rows, rows, by="cluster")
