"""Divergence of the modes' shares: exact values, its floor, its range, its level."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.samples import KnownModes
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.mode_kl import divergences, measure
from gandiag.numerics.mode_protocols import kl_floor, kl_range

Matrix = NDArray[np.float64]

ANGLES = 2 * np.pi * np.arange(8) / 8
CENTRES = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)])
KNOWN = KnownModes(centres=CENTRES, covariances=np.tile(1e-4 * np.eye(2), (8, 1, 1)), weights=np.full(8, 1 / 8))


def ring(rng: np.random.Generator, n: int, held: int = 8) -> Matrix:
    return CENTRES[rng.integers(held, size=n)] + 0.01 * rng.normal(size=(n, 2))


def run(fake: Matrix, seed: int = 0, known: bool = True) -> tuple[Any, Any]:
    rng = np.random.default_rng([seed, 1])
    modes = KNOWN if known else None
    pair = Comparison(real=ring(rng, len(fake)), fake=fake, fit=ring(rng, 200), modes=modes)
    found = measure(pair, rng=rng)
    return found, summarise_null(found, draws=99, rng=np.random.default_rng(seed))


@pytest.mark.row(79)
def test_half_of_the_modes_give_log_two_and_the_other_direction_does_not() -> None:
    counts, target = np.array([[5.0], [5.0], [0.0], [0.0]]), np.full((4, 1), 0.25)
    assert divergences(counts, target)[0] == pytest.approx(math.log(2), abs=1e-12)
    assert divergences(target, np.maximum(counts, 1e-9))[0] > 5  # the forward divergence is infinite


@pytest.mark.row(77)
def test_a_perfect_sampler_scores_the_floor_and_not_zero() -> None:
    rng = np.random.default_rng(0)
    found = [
        float(divergences(rng.multinomial(26_000, np.full(1000, 1e-3))[:, None] * 1.0, np.ones((1000, 1)))[0])
        for _ in range(40)
    ]
    error = np.std(found) / np.sqrt(40)
    assert kl_floor(1000, 26_000) == pytest.approx(0.019212, abs=1e-6)
    # Second order, about K^2 / (12 M^2): 0.0001.
    assert abs(np.mean(found) - 0.019212) < 4 * error + 1e-4
    assert np.mean(found) > 50 * error


@pytest.mark.row(78)
def test_no_histogram_leaves_the_range() -> None:
    rng = np.random.default_rng(1)
    for captured in (1, 7, 99, 1000):
        shares = np.zeros((1000, 1))
        shares[:captured, 0] = rng.dirichlet(np.full(captured, 0.5)) * 1e6 + 1
        low, high = kl_range(1000, captured)
        assert low - 1e-9 <= divergences(shares, np.ones((1000, 1)))[0] <= high + 1e-9
    assert not kl_range(1000, 392)[0] <= 8.012 <= kl_range(1000, 392)[1]  # a published value of another definition


def test_dropped_modes_are_seen_with_their_value() -> None:
    found, null = run(ring(np.random.default_rng(2), 2500, held=4))
    assert found.estimate == pytest.approx(math.log(2), abs=4 * 0.001)
    assert null.p_value.value == 0.01
    assert found.details["largest_possible"] == pytest.approx(math.log(8))


@pytest.mark.parametrize("known", [True, False])
def test_the_permutation_floor_agrees_with_the_closed_form(known: bool) -> None:
    found, null = run(ring(np.random.default_rng(3), 2000), known=known)
    assert null.floor.mean == pytest.approx(found.details["floor_closed_form"], rel=0.35)


def test_it_keeps_its_level() -> None:
    p = [run(ring(np.random.default_rng(i), 120), seed=i)[1].p_value.value for i in range(120)]
    assert sum(np.array(p) <= 0.05) <= 17  # binomial limit at 1e-4
