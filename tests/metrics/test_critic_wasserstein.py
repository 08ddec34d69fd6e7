"""Critic bound on W_1: certificates hold, the bound is below the truth, level, power; uncertified critics overstate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.errors import ConfigError
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.critic_wasserstein import certified_critic, measure
from gandiag.numerics.lipschitz import LipschitzNetwork, line_critic, trained_critic
from gandiag.numerics.transport import wasserstein_1d

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0, **options: Any) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed), **options)


def p_value(real: Matrix, fake: Matrix, seed: int = 0, draws: int = 99, **options: Any) -> float:
    null = measured(real, fake, seed, **options).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed)).p_value


def pair(n: int, d: int, shift: float, seed: int = 0) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(n, d))
    y[:, 0] += shift
    return x, y


def steepest(critic: Any, rows: Matrix, rng: np.random.Generator) -> float:
    """Look for the steepest slope: between far pairs, and by climbing at small steps."""
    far = rng.permutation(rows)
    slopes = [np.abs(critic(rows) - critic(far)) / np.maximum(np.linalg.norm(rows - far, axis=1), 1e-12)]
    for _ in range(20):
        step = rng.normal(size=rows.shape)
        step *= 1e-4 / np.linalg.norm(step, axis=1, keepdims=True)
        slopes.append(np.abs(critic(rows + step) - critic(rows)) / 1e-4)
    return float(np.max(slopes))


@pytest.mark.parametrize("d", [1, 2, 12])
def test_no_slope_of_a_trained_critic_exceeds_its_certificate(d: int) -> None:
    x, y = pair(80, d, 1.0)
    rng = np.random.default_rng(1)
    rows = 3.0 * rng.normal(size=(2000, d))
    for critic in (trained_critic(x, y, rng, steps=40), line_critic(x, y, rng)):
        bound = critic.lipschitz_bound()
        found = steepest(critic, rows, rng)
        assert 0.5 * bound < found <= bound * (1 + 1e-7)
    # The entrywise norm of the largest layer alone is no bound.
    heavy = LipschitzNetwork(
        weights=(np.full((2, 2), 1.0), np.full((2, 1), 1.0)),
        biases=(np.zeros(2), np.zeros(1)),
        centre=np.zeros(2),
        scale=1.0,
    )
    plane = rng.normal(size=(500, 2))
    assert np.abs(heavy.weights[0]).max() < steepest(heavy, plane, rng) <= heavy.lipschitz_bound() * (1 + 1e-7)


def test_the_certified_value_on_the_same_rows_never_exceeds_the_exact_distance() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(60, 1)), rng.standard_t(3, size=(40, 1)) * 1.5
        critic, _ = certified_critic(x, y, rng, steps=40)
        exact = wasserstein_1d(x[:, 0], y[:, 0])
        value = float(critic(x).mean() - critic(y).mean())
        assert value <= exact * (1 + 1e-9)
        assert 3.0 * value > exact  # a critic that is divided by a third of its constant overstates


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


def test_the_network_finds_what_no_line_shows() -> None:
    rng = np.random.default_rng(3)
    angle = rng.uniform(0, 2 * np.pi, size=800)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    # E | R - 1 | for a normal law of the same second moment bounds W_1 from above by about 0.4.
    found = measured(ring, rng.normal(size=(800, 2)) / np.sqrt(2))
    assert found.details["critic"] == "network"
    assert found.details["inner"]["network"] > 1.3 * found.details["inner"]["line"]
    assert found.estimate is not None
    assert 0.1 < found.estimate < 0.45


def level(reps: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(rng.normal(size=(24, 3)), rng.normal(size=(30, 3)), seed, 39, steps=5) <= 0.05
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
        interval = measured(*pair(60, 2, 0.5, seed), seed, steps=5).interval
        assert interval is not None
        assert interval.low is not None
        missed += interval.low > 0.5
    assert missed <= 14


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_it_sees_a_shift_in_any_unit(unit: float) -> None:
    x, y = pair(150, 4, 1.0, 4)
    found = measured(unit * x, unit * y, steps=20)
    assert found.estimate == pytest.approx(unit * 1.0, abs=0.5 * unit)
    assert p_value(unit * x, unit * y, steps=20) == 0.01


def test_equal_rows_give_zero_and_p_one() -> None:
    rows = np.full((20, 3), 0.1)
    found = measured(rows, rows[:12], steps=5)
    assert found.estimate == 0.0
    assert p_value(rows, rows[:12], steps=5) == 1.0


def test_no_steps_are_refused() -> None:
    with pytest.raises(ConfigError, match="`steps` must be at least 1"):
        measured(np.ones((9, 2)), np.ones((9, 2)), steps=0)
