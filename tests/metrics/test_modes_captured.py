"""Modes captured: exact counts, the correction for a leaking classifier, level, and the raw count's inflation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.samples import KnownModes
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.modes_captured import measure
from gandiag.numerics.mode_protocols import fewest_rows

Matrix = NDArray[np.float64]

GRID = np.stack(np.meshgrid(*[np.arange(5.0) * 2] * 2), axis=-1).reshape(-1, 2)
KNOWN = KnownModes(centres=GRID, covariances=np.tile(0.05**2 * np.eye(2), (25, 1, 1)), weights=np.full(25, 0.04))


def grid(rng: np.random.Generator, n: int, held: int = 25) -> Matrix:
    return GRID[rng.integers(held, size=n)] + 0.05 * rng.normal(size=(n, 2))


def run(fake: Matrix, seed: int = 0, **more: Any) -> tuple[Any, float]:
    rng = np.random.default_rng([seed, 1])
    pair = Comparison(real=grid(rng, len(fake)), fake=fake, fit=grid(rng, 50), modes=KNOWN, **more)
    found = measure(pair, rng=rng)
    null = summarise_null(found, draws=99, rng=np.random.default_rng(seed))
    assert null.p_value is not None
    return found, null.p_value.value


def test_without_leak_the_count_is_the_literatures() -> None:
    found, p = run(grid(np.random.default_rng(0), 2500, held=20))
    assert found.estimate == found.details["captured_raw"] == 20
    assert len(found.details["not_captured"]) == 5
    assert p == 0.01
    assert found.details["missing_for_a_perfect_sampler"] == pytest.approx(25 * 0.96**2500, rel=1e-6)


@pytest.mark.row(80)
def test_a_leaking_rule_inflates_the_raw_count_and_not_the_corrected_one() -> None:
    """100 of 1000 modes, one of three digits misread in 1 % of cases each: 26 000 rows reach 533 modes raw."""
    rng = np.random.default_rng(3)
    true = rng.choice(1000, 100, replace=False)[rng.integers(100, size=26_000)]
    digits = np.stack([true // 100, true // 10 % 10, true % 10], axis=1)
    wrong = rng.random(digits.shape) < 0.01
    digits[wrong] = (digits[wrong] + rng.integers(1, 10, size=int(wrong.sum()))) % 10
    counts = np.bincount(digits @ np.array([100, 10, 1]), minlength=1000)
    # Each mode has 27 neighbours that differ in one digit; real rows, even over all modes, leak this much into each.
    leak = np.full(1000, 27 * 0.01 / 9 / 1000)
    held = int((counts > 0).sum())
    corrected = int((counts >= fewest_rows(leak, 26_000)).sum())
    assert abs(held - 533) <= 40  # the wrong variant: one row is enough; its sd is about 10
    assert abs(corrected - 100) <= 5


def test_the_rule_needs_as_many_rows_as_its_level_says() -> None:
    from scipy.stats import binom

    needed = fewest_rows(np.array([0.0, 0.001, 0.01]), 1000)
    assert needed[0] == 1
    for leak, count in zip([0.001, 0.01], needed[1:], strict=True):
        assert binom.sf(count - 1, 1000, leak) <= 0.05 / 3 < binom.sf(count - 2, 1000, leak)


def test_classes_of_real_rows_set_the_bar() -> None:
    rng = np.random.default_rng(5)
    sides = {side: rng.normal(size=(600, 2)) for side in ("real", "fake", "fit")}
    labels = {side: (rows[:, 0] > 0).astype(int) for side, rows in sides.items()}
    noisy = np.where(rng.random(600) < 0.2, 1 - labels["real"], labels["real"])
    found = measure(Comparison(**sides, fit_labels=labels["fit"], real_labels=noisy), rng=np.random.default_rng(0))
    assert found.details["largest_leak"] > 0.1
    assert found.details["most_rows_needed"] > 60
    assert found.estimate == 2


def test_it_keeps_its_level() -> None:
    p = [run(grid(np.random.default_rng(i), 150), seed=i)[1] for i in range(120)]
    assert sum(np.array(p) <= 0.05) <= 17  # binomial limit at 1e-4
