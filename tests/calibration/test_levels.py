"""Every p-value keeps its level at n of about 100: 2000 null repetitions per metric, and wrong tests are caught."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.calibration.null_simulation import level, null_p_values
from gandiag.core.specs import METRICS

Matrix = NDArray[np.float64]


def normal_2d(rng: np.random.Generator, rows: int) -> Matrix:
    return rng.normal(size=(rows, 2))


def heavy_tailed(rng: np.random.Generator, rows: int) -> Matrix:
    return rng.standard_t(2.5, size=(rows, 3))


def four_modes(rng: np.random.Generator, rows: int) -> Matrix:
    centres = np.array([[3.0, 0], [-3, 0], [0, 3], [0, -3]])
    return centres[rng.integers(4, size=rows)] + 0.3 * rng.normal(size=(rows, 2))


def tied(rng: np.random.Generator, rows: int) -> Matrix:
    return rng.poisson(1.0, size=(rows, 2)).astype(float)


@pytest.mark.slow
@pytest.mark.parametrize("law", [normal_2d, four_modes, tied], ids=lambda law: law.__name__)
@pytest.mark.parametrize("metric", METRICS.names())
def test_a_p_value_keeps_its_level_in_2000_repetitions(metric: str, law: object) -> None:
    p = null_p_values(metric, law, n=100, m=100, fit=100, repetitions=2000)  # type: ignore[arg-type]
    rates = [level(p, alpha) for alpha in (0.05, 0.01)]
    assert all(r.kept for r in rates)


@pytest.mark.parametrize("law", [heavy_tailed, tied], ids=lambda law: law.__name__)
@pytest.mark.parametrize("metric", METRICS.names())
def test_a_p_value_keeps_its_level_on_unequal_sizes(metric: str, law: object) -> None:
    """A quick look on every run: 150 repetitions see a test that rejects at several times its level."""
    p = null_p_values(metric, law, n=60, m=30, fit=40, repetitions=150)  # type: ignore[arg-type]
    assert level(p, 0.05).kept


def test_the_limits_reject_a_test_that_forgets_the_observed_labelling() -> None:
    """p = k/B instead of (k + 1)/(B + 1): 0.0185 at 0.01 with B = 100."""
    rng = np.random.default_rng(0)
    rank = rng.integers(0, 101, size=4000)  # number of 100 null draws above the observed one
    assert not level(rank / 100.0, 0.01).kept
    assert level((rank + 1.0) / 101.0, 0.01).kept


def test_the_limits_reject_scaling_by_the_real_side_alone() -> None:
    """Distances in units of the real sample's own spread: the observed labelling is no longer one among equals."""
    rng = np.random.default_rng(1)
    p = []
    for _ in range(2000):
        real, fake = rng.normal(size=(12, 60)), rng.normal(size=(12, 60))
        pool = np.concatenate([real, fake])
        scaled = (pool - real.mean(axis=0)) / real.std(axis=0)
        size = np.square(scaled).sum(axis=1)
        observed = size[12:].mean() - size[:12].mean()
        null = []
        for _ in range(19):
            order = rng.permutation(24)
            null.append(size[order[12:]].mean() - size[order[:12]].mean())
        p.append((1 + sum(t >= observed for t in null)) / 20)
    assert not level(np.array(p), 0.05).kept
