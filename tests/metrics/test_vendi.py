"""Vendi score: exact counts, its null, lost variety seen, and variants that would miss it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.errors import ConfigError
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.vendi import measure, vendi_score

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, **options: Any) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(0), **options)


def p_value(real: Matrix, fake: Matrix, seed: int = 0, draws: int = 99, **options: Any) -> float:
    null = measured(real, fake, **options).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed)).p_value


def ring(rng: np.random.Generator, n: int, modes: int = 8) -> Matrix:
    turn = 2 * np.pi * rng.integers(modes, size=n) / 8
    return np.column_stack([np.cos(turn), np.sin(turn)]) + 0.02 * rng.normal(size=(n, 2))


def test_kinds_far_apart_are_counted() -> None:
    kinds = np.repeat(100.0 * np.eye(5), 6, axis=0)
    found = measured(kinds, kinds[:12], bandwidth=1.0)
    assert found.estimate == pytest.approx(2.0, rel=1e-9)
    assert vendi_score(kinds) == pytest.approx(5.0, rel=1e-9)
    assert vendi_score(kinds[:9], q=math.inf) == pytest.approx(1.5, rel=1e-9)


def test_the_order_is_used_and_the_cosine_kernel_looks_at_directions() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(30, 3))
    numbers = [measured(x, y, q=q).estimate for q in (0.5, 1.0, 2.0, "inf")]
    assert all(a > b + 0.1 for a, b in pairwise(numbers))  # type: ignore[operator]
    assert measured(x, y, kernel="cosine").estimate == pytest.approx(vendi_score(y), rel=1e-9)
    lengths = rng.uniform(1.0, 9.0, size=(30, 1))
    assert measured(x, y * lengths, kernel="cosine").estimate == pytest.approx(vendi_score(y), rel=1e-9)
    assert measured(x, y * lengths).estimate != pytest.approx(measured(x, y).estimate, rel=1e-2)


def test_real_stands_beside_it_at_the_same_number_of_rows() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(150, 6)), rng.normal(size=(50, 6))
    found = measured(x, y)
    assert found.details["rows"] == 50
    assert found.details["fake"] == pytest.approx(found.estimate, rel=1e-12)
    assert found.details["real"] == pytest.approx(found.details["fake"], rel=0.15)
    # The score of all 150 real rows is no yardstick for 50: it is larger for its number alone.
    more = measured(y, x).estimate
    assert more is not None
    assert more > 1.3 * found.details["real"]
    assert found.details["truncated"] <= min(50.0, found.estimate + 1e-9)  # type: ignore[operator]


def level(reps: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(rng.normal(size=(16, 2)), rng.normal(size=(12, 2)), seed, draws=19) <= 0.05
    return count


def test_the_test_holds_its_level() -> None:
    assert 1 <= level(200) <= 23  # binomial limits at 1e-4


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


def test_it_sees_missing_modes_and_repeated_samples_and_not_more_variety() -> None:
    rng = np.random.default_rng(3)
    real = ring(rng, 100)
    assert p_value(real, ring(rng, 100, modes=4)) == 0.01
    cloud = rng.normal(size=(60, 8))
    assert p_value(cloud, np.repeat(rng.normal(size=(12, 8)), 5, axis=0)) == 0.01
    assert p_value(cloud, 3.0 * rng.normal(size=(60, 8))) > 0.5
    assert p_value(real, ring(rng, 100)) > 0.05


def test_a_bandwidth_of_the_real_rows_alone_would_spoil_the_null() -> None:
    """Swapping sides moves nothing but the labels: the pool's bandwidth stays, real's own would not."""
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(30, 2)), 0.3 * rng.normal(size=(30, 2))
    assert measured(x, y).details["bandwidth"] == pytest.approx(measured(y, x).details["bandwidth"], rel=1e-12)
    alone = [measured(side, side).details["bandwidth"] for side in (x, y)]
    assert alone[0] > 2.0 * alone[1]


def test_wrong_options_are_refused() -> None:
    rows = np.ones((4, 1))
    with pytest.raises(ConfigError, match="`q` must be a finite number, above 0"):
        measured(rows, rows, q=0)
    with pytest.raises(ConfigError, match="`kernel` must be one of cosine, gaussian"):
        measured(rows, rows, kernel="linear")
    with pytest.raises(ConfigError, match="`bandwidth` must be a finite number, above 0"):
        measured(rows, rows, bandwidth=-1.0)
    with pytest.raises(ConfigError, match="`t` must be a whole number, at least 1"):
        measured(rows, rows, t=0)
