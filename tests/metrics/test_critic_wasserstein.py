"""Critic bound on W_1: certificates hold, the bound is below the truth, level, power; uncertified ones overstate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.critic_wasserstein import CertifiedCritic, certified_critic, measure
from gandiag.numerics.distances import exact_distances
from gandiag.numerics.lipschitz import Critic, LineCritic, cone_critics, line_critic
from gandiag.numerics.transport import exact_transport

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed))


def p_value(real: Matrix, fake: Matrix, seed: int = 0, draws: int = 99) -> float:
    null = measured(real, fake, seed).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed)).p_value


def pair(n: int, d: int, shift: float, seed: int = 0) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(n, d))
    y[:, 0] += shift
    return x, y


def steepest(critic: Callable[[Matrix], Matrix], rows: Matrix, rng: np.random.Generator) -> float:
    """Look for the steepest slope: between far pairs, and over small steps in many directions."""
    far = rng.permutation(rows)
    slopes = [np.abs(critic(rows) - critic(far)) / np.maximum(np.linalg.norm(rows - far, axis=1), 1e-12)]
    for _ in range(20):
        step = rng.normal(size=rows.shape)
        step *= 1e-4 / np.linalg.norm(step, axis=1, keepdims=True)
        slopes.append(np.abs(critic(rows + step) - critic(rows)) / 1e-4)
    return float(np.max(slopes))


@pytest.mark.parametrize("d", [1, 2, 12])
def test_no_slope_of_a_critic_exceeds_its_certificate(d: int) -> None:
    x, y = pair(80, d, 1.0)
    rng = np.random.default_rng(1)
    rows = 3.0 * rng.normal(size=(1000, d))
    critics: list[Critic] = [line_critic(x, y, rng), *cone_critics(x, y)]
    for critic in critics:
        bound, certified = critic.lipschitz_bound(), CertifiedCritic.of(critic, np.concatenate([x, y]))
        found = steepest(critic, rows, rng)
        assert 0.5 * bound < found <= bound * (1 + 1e-7)
        assert steepest(certified, rows, rng) <= 1 + 1e-7


def test_the_same_look_finds_a_function_without_a_certificate() -> None:
    x, y = pair(80, 2, 1.0)
    rng = np.random.default_rng(1)
    rows = 3.0 * rng.normal(size=(1000, 2))
    cones, _ = cone_critics(x, y)
    # The same heights without cones: the value of the nearest anchor jumps between its neighbours.
    assert steepest(lambda at: cones.heights[exact_distances(at, cones.anchors).argmin(axis=1)], rows, rng) > 10.0
    # The slope along a line bounds nothing where the direction is not of length 1.
    line = LineCritic(direction=np.array([3.0, 4.0]), knots=np.array([-1.0, 1.0]), values=np.array([-1.0, 1.0]))
    assert steepest(line, rows, rng) == pytest.approx(5.0, rel=1e-2)
    assert line.lipschitz_bound() == pytest.approx(5.0)


@pytest.mark.parametrize("d", [1, 3])
def test_the_cones_attain_the_exact_distance_of_the_rows_they_learned(d: int) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(60, d)), rng.standard_t(3, size=(40, d)) * 1.5
        exact = exact_transport(exact_distances(x, y)).cost
        for critic in cone_critics(x, y):
            assert float(critic(x).mean() - critic(y).mean()) == pytest.approx(exact, rel=1e-7)
        line = line_critic(x, y, rng)
        value = float(line(x).mean() - line(y).mean())
        assert value <= exact * (1 + 1e-9)
        assert d > 1 or value == pytest.approx(exact, rel=1e-7)
        # Divided by half of its constant any of them would overstate.
        assert 2.0 * value > exact
        # Whatever the heights, cones stay 1-Lipschitz and below the distance.
        wild = replace(cone_critics(x, y)[0], heights=rng.normal(size=60))
        assert float(wild(x).mean() - wild(y).mean()) <= exact * (1 + 1e-9)


def test_without_the_certificate_the_distance_is_overstated() -> None:
    """A penalty on the gradient leaves a slope of ``1 + W / (2 weight)``: for a shift by 4 it claims 4.8."""
    torch = pytest.importorskip("torch")
    shift, weight = 4.0, 10.0
    rng = np.random.default_rng(2)
    x, y = (torch.tensor(rows) for rows in (rng.normal(size=500) + shift, rng.normal(size=500)))
    slope = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([slope], lr=0.05)
    for _ in range(400):
        loss = slope * (y.mean() - x.mean()) + weight * (slope - 1.0) ** 2
        adam.zero_grad()
        loss.backward()
        adam.step()
    difference = float(x.mean() - y.mean())
    claimed = slope.item() * difference
    assert claimed == pytest.approx(difference * (1 + difference / (2 * weight)), rel=1e-3)
    assert claimed > 1.15 * shift
    found = measured(x.numpy()[:, None], y.numpy()[:, None])
    assert found.estimate == pytest.approx(shift, abs=4 * np.sqrt(2 / 250))
    assert found.interval is not None
    assert found.interval.low is not None
    assert found.interval.low <= shift


@pytest.mark.parametrize(("d", "least"), [(1, 2.5), (20, 2.2)])
def test_it_finds_most_of_a_shift(d: int, least: float) -> None:
    found = measured(*pair(600, d, 3.0))
    assert found.estimate is not None
    assert least < found.estimate < 3.0 + 4 * np.sqrt(2 / 300)
    assert found.interval is not None
    assert found.interval.low is not None
    assert 1.0 < found.interval.low < found.estimate


def ring(n: int, seed: int = 3) -> tuple[Matrix, Matrix, float]:
    """Draw a circle and a normal law of the same covariance, with the exact W_1 between them.

    Both are rotationally symmetric: moving rows along rays costs E|R - 1|, and the 1-Lipschitz ``-||x| - 1|`` attains
    it. R has density ``2 r exp(-r^2)``.
    """
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, size=n)
    exact = math.sqrt(math.pi) * (0.5 - math.erf(1.0)) + 1.0
    return np.stack([np.cos(angle), np.sin(angle)], axis=1), rng.normal(size=(n, 2)) / np.sqrt(2), exact


def test_it_finds_what_no_line_shows() -> None:
    from scipy.integrate import quad

    *sides, exact = ring(800)
    assert exact == pytest.approx(quad(lambda r: abs(r - 1) * 2 * r * math.exp(-r * r), 0, 9, points=[1])[0], rel=1e-8)
    found = measured(*sides)
    inner = found.details["inner"]
    assert found.details["critic"] in {"cones_of_real", "cones_of_fake"}
    assert max(inner.values()) > 1.5 * inner["line"]
    assert found.estimate is not None
    # Values on fake rows vary by the spread of |R - 1|, at most 0.5, on real ones by little: 400 rows each.
    assert 0.75 * exact < found.estimate < exact + 4 * 0.5 / np.sqrt(400)
    assert found.interval is not None
    assert found.interval.low is not None
    assert 0.1 < found.interval.low < exact


def test_fresh_rows_give_no_more_than_the_exact_distance_on_average() -> None:
    differences, uncertified = [], []
    for seed in range(20):
        *sides, exact = ring(120, seed)
        *fresh, _ = ring(1500, 1000 + seed)
        critic, _, _ = certified_critic(*sides, np.random.default_rng(seed))
        difference = float(critic(fresh[0]).mean() - critic(fresh[1]).mean())
        differences.append(difference)
        uncertified.append(1.5 * difference)
    error = float(np.std(differences)) / np.sqrt(20)
    assert 0.6 * exact < np.mean(differences) < exact + 4 * error
    assert np.mean(uncertified) > exact + 4 * error  # the same critics, divided by two thirds of their constant


def level(reps: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(rng.normal(size=(24, 3)), rng.normal(size=(30, 3)), seed, 39) <= 0.05
    return count


def test_the_test_holds_its_level_and_one_on_the_learning_rows_does_not() -> None:
    assert 1 <= level(120) <= 16  # binomial limits at 1e-4
    count = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        pool = rng.normal(size=(60, 5))
        is_real = np.arange(60) < 30
        values = line_critic(pool[:30], pool[30:], rng)(pool)
        null = Relabelling(
            observed=is_real,
            statistic=lambda labels, values=values: (values @ labels / 30 - values @ ~labels / 30)[None],
        )
        count += permutation_null(null, draws=39, rng=rng).p_value <= 0.05
    assert count > 8


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


def test_the_confident_bound_stays_below_the_distance() -> None:
    # One-sided 95 %: 100 runs may miss at most 14 times (binomial limit at 1e-4); Bernstein's bound is far safer.
    missed = 0
    for seed in range(100):
        interval = measured(*pair(60, 2, 0.5, seed), seed).interval
        assert interval is not None
        assert interval.low is not None
        missed += interval.low > 0.5
    assert missed <= 14


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_it_sees_a_shift_in_any_unit(unit: float) -> None:
    x, y = pair(150, 4, 1.0, 4)
    found = measured(unit * x, unit * y)
    assert found.estimate == pytest.approx(unit * 1.0, abs=0.5 * unit)
    assert p_value(unit * x, unit * y) == 0.01


def test_equal_rows_give_zero_and_p_one() -> None:
    rows = np.full((20, 3), 0.1)
    found = measured(rows, rows[:12])
    assert found.estimate == 0.0
    assert p_value(rows, rows[:12]) == 1.0
