"""High-quality share: the perfect sampler's value in any dimension, its level, and what three sigma get wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.samples import KnownModes
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.high_quality import measure
from gandiag.numerics.mode_protocols import PROTOCOLS, perfect, within_sigmas

Matrix = NDArray[np.float64]


def modes(d: int, sigma: float = 1.0) -> KnownModes:
    centres = np.zeros((2, d))
    centres[:, 0] = (-40.0, 40.0)
    return KnownModes(centres=centres, covariances=np.tile(sigma**2 * np.eye(d), (2, 1, 1)), weights=np.full(2, 0.5))


def draw(rng: np.random.Generator, n: int, d: int, sigma: float = 1.0) -> Matrix:
    return modes(d).centres[rng.integers(2, size=n)] + sigma * rng.normal(size=(n, d))


def run(fake: Matrix, seed: int = 0, **more: Any) -> tuple[Any, float]:
    rng, d = np.random.default_rng([seed, 1]), fake.shape[1]
    pair = Comparison(real=draw(rng, len(fake), d), fake=fake, fit=draw(rng, 50, d), modes=modes(d), **more)
    found = measure(pair, rng=rng)
    null = summarise_null(found, draws=99, rng=np.random.default_rng(seed))
    assert null.p_value is not None
    return found, null.p_value.value


@pytest.mark.row(76)
@pytest.mark.parametrize(("d", "three_sigma"), [(1, 0.997300), (2, 0.988891), (10, 0.467896)])
def test_a_perfect_sampler_scores_the_level_in_every_dimension(d: int, three_sigma: float) -> None:
    found, _ = run(draw(np.random.default_rng(0), 8000, d))
    error = np.sqrt(0.989 * 0.011 / 8000)
    assert abs(found.estimate - 0.989) < 4 * error
    assert within_sigmas(d) == pytest.approx(three_sigma, abs=1e-6)
    wide = np.sqrt(three_sigma * (1 - three_sigma) / 8000)
    assert abs(found.details["within_sigmas_fake"] - three_sigma) < 4 * wide + 1e-9
    # The wrong variant: three sigma as "high quality" condemn a perfect sampler in ten dimensions.
    assert (abs(found.details["within_sigmas_fake"] - 0.989) > 0.05) == (d == 10)
    assert found.details["dispersion_fake"] == pytest.approx(1.0, abs=4 * np.sqrt(2 / d / 8000))


def test_shrunken_modes_score_above_the_floor_and_show_as_narrow() -> None:
    found, p = run(draw(np.random.default_rng(1), 2000, 3, sigma=0.5))
    assert found.estimate > 0.999
    assert p <= 0.02
    assert found.details["dispersion_fake"] == pytest.approx(0.25, rel=0.1)


def test_noise_scores_below_the_floor() -> None:
    rng = np.random.default_rng(2)
    fake = np.concatenate([draw(rng, 900, 3), rng.uniform(-60, 60, size=(100, 3))])
    found, p = run(fake)
    assert found.estimate < 0.92
    assert p == 0.01  # two-sided tests get twice the draws, and one: 2 / 200


def test_it_keeps_its_level() -> None:
    p = [run(draw(np.random.default_rng(i), 120, 2), seed=i)[1] for i in range(120)]
    assert sum(np.array(p) <= 0.05) <= 17  # binomial limit at 1e-4


def test_the_protocols_print_what_a_perfect_sampler_scores() -> None:
    found = {p.name: perfect(p) for p in PROTOCOLS}
    assert found["ring"].high_quality == found["grid"].high_quality == pytest.approx(0.988891, abs=1e-6)
    assert found["1200-d"].high_quality == pytest.approx(0.0, abs=1e-12)
    assert found["stacked digits"].high_quality is None
    assert found["stacked digits"].kl == pytest.approx(0.019212, abs=1e-6)
    assert found["ring"].kl == pytest.approx(0.0014, abs=1e-6)
    assert found["grid"].kl == pytest.approx(0.0048, abs=1e-6)
    assert found["stacked digits"].missing == pytest.approx(5e-9, rel=0.1)
