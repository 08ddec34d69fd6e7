"""Frequencies of points: both error laws as measured, and the stated numbers of draws are enough but not wasteful."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.errors import ConfigError
from gandiag.numerics.frequencies import draws_for_absolute_error, draws_for_relative_error, error_curves


def test_the_curves_have_the_two_error_laws() -> None:
    """Root mean squares over 4000 repetitions: 1.1 % each, more where few draws are expected; four of them."""
    p, sizes = np.array([0.5, 0.05, 0.005]), np.array([1000, 4000, 16_000, 64_000])
    absolute, relative = error_curves(p, sizes, 4000, np.random.default_rng(0))
    exact = np.sqrt(p[:, None] * (1 - p[:, None]) / sizes)
    np.testing.assert_allclose(absolute, exact, rtol=0.06)
    np.testing.assert_allclose(relative, exact / p[:, None], rtol=0.06)
    slopes = np.polyfit(np.log(sizes), np.log(relative).T, 1)[0]
    np.testing.assert_allclose(slopes, -0.5, atol=0.03)
    # At equal numbers of draws the relative error grows like p^(-1/2), the absolute one falls.
    assert (relative[2] / relative[1]).mean() == pytest.approx(np.sqrt(10), rel=0.06)
    assert (absolute[2] / absolute[1]).mean() == pytest.approx(1 / np.sqrt(10), rel=0.06)
    assert (relative[2] / relative[1]).mean() != pytest.approx(10, rel=0.3)  # the law 1/(p^2 eps^2)


def test_the_stated_draws_are_enough() -> None:
    """2000 repetitions: at most 5 % miss the wished error, and a twentieth of the draws misses it often."""
    rng = np.random.default_rng(1)
    for p in (0.5, 0.1, 0.01):
        m = draws_for_absolute_error(0.03)
        assert (np.abs(rng.binomial(m, p, size=2000) / m - p) > 0.03).mean() <= 0.05 + 3 * 0.0049
        m = draws_for_relative_error(0.3, p)
        assert (np.abs(rng.binomial(m, p, size=2000) / m / p - 1) > 0.3).mean() <= 0.05 + 3 * 0.0049
    few = m // 20
    assert (np.abs(rng.binomial(few, 0.01, size=2000) / few / 0.01 - 1) > 0.3).mean() > 0.2
    absolute = draws_for_absolute_error(0.3)
    assert (np.abs(rng.binomial(absolute, 0.01, size=2000) / absolute / 0.01 - 1) > 0.3).mean() > 0.8


def test_the_numbers_grow_as_the_laws_say() -> None:
    assert draws_for_absolute_error(0.005) == pytest.approx(4 * draws_for_absolute_error(0.01), rel=1e-3)
    assert draws_for_relative_error(0.1, 0.001) == pytest.approx(10 * draws_for_relative_error(0.1, 0.01), rel=1e-3)
    with pytest.raises(ConfigError, match="an error lies in"):
        draws_for_absolute_error(0.0)
    with pytest.raises(ConfigError, match="a relative error needs a probability"):
        draws_for_relative_error(0.1, 0.0)
