from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.core.samples import KnownModes
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.mode_spread import measure

Matrix = NDArray[np.float64]

ANGLES = 2 * np.pi * np.arange(8) / 8
CENTRES = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)])
SIGMA = 0.05
KNOWN = KnownModes(centres=CENTRES, covariances=np.tile(SIGMA**2 * np.eye(2), (8, 1, 1)), weights=np.full(8, 1 / 8))


def ring(
    rng: np.random.Generator, n: int, *, sigma: float = SIGMA, shares: Matrix | None = None, shift: float = 0.0
) -> Matrix:
    modes = rng.choice(8, size=n, p=shares)
    return CENTRES[modes] + sigma * rng.normal(size=(n, 2)) + shift


def run(comparison: Comparison, *, draws: int = 199) -> tuple[Measurement, float]:
    found = measure(comparison, rng=np.random.default_rng(0))
    null = summarise_null(found, draws=draws, rng=np.random.default_rng(1))
    assert null.p_value is not None
    return found, null.p_value.value


def ring_against(fake: Matrix, *, known: bool = False) -> tuple[Measurement, float]:
    rng = np.random.default_rng(2)
    return run(Comparison(real=ring(rng, 1000), fake=fake, fit=ring(rng, 400), modes=KNOWN if known else None))


def estimate(found: Measurement) -> float:
    assert found.estimate is not None
    return found.estimate


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("factor", [0.3, 0.5, 0.8, 1.25])
def test_the_ratio_is_that_of_the_standard_deviations(known: bool, factor: float) -> None:
    found, p = ring_against(ring(np.random.default_rng(3), 1000, sigma=factor * SIGMA), known=known)
    # A standard deviation from 2000 coordinates has a relative standard error of .016, the ratio of two .022.
    assert estimate(found) == pytest.approx(factor, rel=0.08)
    assert p == 2 / 400
    assert found.details["median_ratio"] == pytest.approx(factor, rel=0.12)


def test_equal_spreads_give_one() -> None:
    found, p = ring_against(ring(np.random.default_rng(4), 1000))
    assert estimate(found) == pytest.approx(1.0, abs=0.07)
    assert p > 0.01


def check_unmoved(value: float) -> None:
    assert value == pytest.approx(1.0, abs=0.07)


@pytest.mark.parametrize("kind", ["missing", "reweighted", "shifted"])
def test_shares_and_places_of_the_modes_do_not_pose_as_spread(kind: str) -> None:
    rng = np.random.default_rng(5)
    shares = np.array([30.0, 1, 1, 1, 1, 0, 0, 0]) if kind == "missing" else np.array([9.0, 1, 1, 1, 1, 1, 1, 1])
    shift = 0.5 * SIGMA if kind == "shifted" else 0.0
    fake = ring(rng, 1000, shares=None if kind == "shifted" else shares / shares.sum(), shift=shift)
    found, p = ring_against(fake, known=True)
    check_unmoved(estimate(found))
    assert p > 0.01
    real = ring(rng, 1000)
    if kind == "shifted":  # distances from the real centres would have grown
        wrong = np.sqrt(np.mean(squares_from_centres(fake)) / np.mean(squares_from_centres(real)))
    else:  # and so would the whole spread with the shares
        wrong = np.sqrt(fake.var(axis=0).sum() / real.var(axis=0).sum())
    with pytest.raises(AssertionError, match=r"assert|equal"):
        check_unmoved(float(wrong))


def squares_from_centres(rows: Matrix) -> Matrix:
    return np.square(rows[:, None] - CENTRES[None]).sum(axis=2).min(axis=1)


def test_one_sample_per_mode_has_no_spread_wherever_it_lies() -> None:
    rng = np.random.default_rng(6)
    fake = np.repeat(CENTRES + SIGMA * rng.normal(size=(8, 2)), 100, axis=0)
    found, p = ring_against(fake, known=True)
    assert estimate(found) < 1e-4
    assert p == 2 / 400


def test_a_typical_point_in_many_dimensions_has_no_spread() -> None:
    """Distances from the centre cannot see this: a typical point lies as far from it as all real rows do."""
    rng = np.random.default_rng(7)
    fake = np.repeat(rng.normal(size=(1, 40)), 200, axis=0)
    found, _ = run(Comparison(real=rng.normal(size=(200, 40)), fake=fake, fit=rng.normal(size=(200, 40))))
    assert estimate(found) < 1e-4
    assert np.linalg.norm(fake[0]) == pytest.approx(np.sqrt(40), rel=0.3)


def test_noise_is_not_spread() -> None:
    rng = np.random.default_rng(8)
    fake = ring(rng, 1000, sigma=SIGMA)
    fake[:50] = rng.uniform(-1.3, 1.3, size=(50, 2))
    found, _ = ring_against(fake, known=True)
    # A few of the noise rows fall within twice a radius.
    assert estimate(found) == pytest.approx(1.0, abs=0.12)
    whole = np.sqrt(np.mean(squares_from_centres(fake)) / (2 * SIGMA**2))
    assert whole > 1.25, "noise within the mean would have counted"


def test_a_law_without_modes_is_compared_as_a_whole() -> None:
    rng = np.random.default_rng(9)
    real, fit = rng.normal(size=(500, 3)), rng.normal(size=(500, 3))
    found, p = run(Comparison(real=real, fake=0.6 * rng.normal(size=(500, 3)), fit=fit))
    assert found.details["source"] == "whole"
    assert estimate(found) == pytest.approx(0.6, rel=0.1)
    assert p == 2 / 400


def test_the_unit_does_not_matter() -> None:
    rng = np.random.default_rng(10)
    sides = {"real": ring(rng, 200), "fake": ring(rng, 200, sigma=0.03), "fit": ring(rng, 200)}
    first, _ = run(Comparison(**sides))
    second, _ = run(Comparison(**{side: 1e4 * rows for side, rows in sides.items()}))
    assert estimate(second) == pytest.approx(estimate(first), rel=1e-9)


def test_it_is_undefined_away_from_all_modes() -> None:
    rng = np.random.default_rng(11)
    found = measure(Comparison(real=ring(rng, 200), fake=ring(rng, 200) + 50.0, fit=ring(rng, 200)), rng=rng)
    assert found.status == "undefined"
    assert found.reasons["estimate"] == "only 0 of 200 fake rows lie near a mode; 10 are needed"


def test_point_masses_are_equally_wide() -> None:
    rng = np.random.default_rng(12)
    real, fake, fit = (np.eye(4)[rng.integers(4, size=80)] for _ in range(3))
    found, p = run(Comparison(real=real, fake=fake, fit=fit))
    assert (found.estimate, p, found.status) == (1.0, 1.0, "degraded")


def test_details_are_plain_json() -> None:
    found, _ = ring_against(ring(np.random.default_rng(13), 300))
    json.dumps(found.details, allow_nan=False)
    assert set(found.details["modes"][0]) == {"name", "real", "fake", "ratio"}


def null_p_values(kind: str, reps: int, *, seed: int) -> Matrix:
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(reps):
        if kind == "whole":
            sides = [rng.standard_t(3, size=(100, 2)) for _ in range(3)]
        else:
            sides = [ring(rng, 100) for _ in range(3)]
        comparison = Comparison(real=sides[0], fake=sides[1], fit=sides[2], modes=KNOWN if kind == "known" else None)
        null = summarise_null(measure(comparison, rng=rng), draws=99, rng=rng)
        assert null.p_value is not None
        out.append(null.p_value.value)
    return np.array(out)


def check_level(p: Matrix) -> None:
    for alpha in (0.02, 0.05, 0.1):  # two-sided tests get 199 draws: twice the smaller tail is a multiple of 1 / 100
        assert abs(np.mean(p <= alpha + 1e-12) - alpha) <= 3 * np.sqrt(alpha * (1 - alpha) / len(p))


@pytest.mark.parametrize("kind", ["known"])  # the others take long: they are among the many repetitions below
def test_p_values_hold_their_level(kind: str) -> None:
    check_level(null_p_values(kind, 300, seed=14))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["known", "clusters", "whole"])
def test_p_values_hold_their_level_in_many_repetitions(kind: str) -> None:
    check_level(null_p_values(kind, 2000, seed=15))


def test_many_shrunken_modes_stay_significant_among_twenty_tests() -> None:
    """With 499 draws the least two-sided p-value is 0.004, which no panel of twenty lets pass at 0.01."""
    from gandiag.core.specs import METRICS
    from gandiag.measuring import measured
    from gandiag.settings import Settings

    rng = np.random.default_rng(0)
    centres = 20 * rng.normal(size=(101, 3))

    def draw(rows: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
        mode = rng.integers(0, 101, rows)
        return centres[mode] + spread * rng.normal(size=(rows, 3)), mode

    fit, labels = draw(1500, 1.0)
    comparison = Comparison(real=draw(1000, 1.0)[0], fake=draw(1000, 0.7)[0], fit=fit, fit_labels=labels)
    result = measured(METRICS.get("mode_spread"), comparison, settings=Settings())
    assert result.p_value is not None
    assert 20 * result.p_value.value <= 0.01
