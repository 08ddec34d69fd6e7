from __future__ import annotations

import numpy as np
import pytest

from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull
from gandiag.metrics.overlap import METRIC, measure


def p_of(comparison: Comparison) -> float:
    null = measure(comparison, rng=np.random.default_rng(0)).null
    assert isinstance(null, KnownNull)
    assert null.p_value is not None
    return null.p_value.value


def test_copied_held_out_rows_are_counted_and_found() -> None:
    rng = np.random.default_rng(0)
    real, fit = rng.normal(size=(100, 3)), rng.normal(size=(100, 3))
    fake = np.concatenate([real[:12], rng.normal(size=(88, 3))])
    comparison = Comparison(real=real, fake=fake, fit=fit)
    assert measure(comparison, rng=rng).estimate == pytest.approx(0.12)
    assert p_of(comparison) < 1e-3


def test_negative_zero_equals_zero() -> None:
    real = np.array([[0.0, 1.0], [2.0, 3.0]])
    fake = np.array([[-0.0, 1.0], [5.0, 5.0]])
    assert measure(Comparison(real=real, fake=fake, fit=real + 9), rng=np.random.default_rng(0)).estimate == 0.5


def test_a_discrete_law_overlaps_legitimately() -> None:
    """Counting overlap against zero instead of the rows set aside would reject every time."""
    rng = np.random.default_rng(1)
    p = []
    for _ in range(200):
        real, fake, fit = (rng.integers(0, 30, size=(60, 1)).astype(float) for _ in range(3))
        p.append(p_of(Comparison(real=real, fake=fake, fit=fit)))
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 200)


def test_the_spec_does_not_subsample() -> None:
    assert METRIC.most_rows >= 1_000_000
