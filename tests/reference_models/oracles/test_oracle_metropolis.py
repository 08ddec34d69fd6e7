"""The walk: balance to the last digit, burn-in by counting, bounds that hold, and the walk without degrees caught."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.errors import ConfigError, ShapeError
from reference_models.oracles.metropolis import (
    burn_in,
    imbalance,
    mixing_bound,
    proposal,
    sample,
    spectral_gap,
    stationary,
    transition,
    without_degrees,
)


def random_graph(n: int, seed: int) -> np.ndarray:
    """A path, so that it is connected, with chords thrown in; degrees differ."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) < 0.15, 1) | np.eye(n, k=1, dtype=bool)
    return (upper | upper.T).astype(int)


GRAPH = random_graph(12, 0)
TARGET = np.random.default_rng(1).gamma(1.0, size=12) + 0.05
RIGHT, WRONG = transition(GRAPH, TARGET), transition(GRAPH, TARGET, accept=without_degrees)
START = np.eye(12)[0]


def test_the_walk_is_in_detailed_balance_and_the_one_without_degrees_is_not() -> None:
    for walk in (RIGHT, WRONG):
        np.testing.assert_allclose(walk.sum(axis=1), 1, rtol=1e-14)
        assert (walk >= 0).all()
        assert (walk[GRAPH + np.eye(12) == 0] == 0).all()  # it moves along edges only
    assert imbalance(RIGHT, TARGET) < 1e-16
    assert imbalance(WRONG, TARGET) > 1e-3
    np.testing.assert_allclose(stationary(RIGHT), TARGET / TARGET.sum(), atol=1e-12)
    # What it samples from instead: the target times the degrees.
    np.testing.assert_allclose(stationary(WRONG), TARGET * GRAPH.sum(0) / (TARGET @ GRAPH.sum(0)), atol=1e-12)


def test_degrees_do_not_matter_where_they_are_equal() -> None:
    cycle = np.roll(np.eye(7), 1, axis=0) + np.roll(np.eye(7), -1, axis=0)
    target = np.arange(1.0, 8.0)
    assert imbalance(transition(cycle, target, accept=without_degrees), target) < 1e-16


def test_acceptance_is_that_of_two_states_by_hand() -> None:
    walk = transition([[0, 1], [1, 0]], [1.0, 3.0])
    np.testing.assert_allclose(walk, [[0.0, 1.0], [1 / 3, 2 / 3]], atol=1e-15)
    assert spectral_gap(walk, [1.0, 3.0]) == pytest.approx(2 / 3, abs=1e-12)  # eigenvalues 1 and -1/3


def test_burn_in_falls_below_its_bound() -> None:
    steps = 400
    found = burn_in(RIGHT, TARGET, START, steps)
    assert found[0] == pytest.approx(1 - (TARGET / TARGET.sum())[0])
    assert (np.diff(found) < 1e-15).all()
    bound = mixing_bound(RIGHT, TARGET, 0, steps)
    assert (found <= bound + 1e-14).all()
    assert found[-1] < 1e-3
    # The rate is the gap's: not faster, and a rate of twice the gap would be broken.
    late = (found[300] / found[200]) ** (1 / 100)
    assert late == pytest.approx(1 - spectral_gap(RIGHT, TARGET), abs=1e-3)
    assert (found > 0.5 * np.sqrt(1 / (TARGET / TARGET.sum())[0]) * (1 - 2 * spectral_gap(RIGHT, TARGET)) ** 400).any()
    # The wrong walk stops at the distance of the two laws.
    apart = 0.5 * np.abs(stationary(WRONG) - TARGET / TARGET.sum()).sum()
    assert burn_in(WRONG, TARGET, START, 3000)[-1] == pytest.approx(apart, abs=1e-6)
    assert apart > 0.02


@pytest.mark.parametrize("steps", [1, 5, 40])
def test_chains_have_the_law_of_the_matrix(steps: int) -> None:
    """Pearson's statistic of 20 000 chains, within 5 standard deviations of its mean."""
    n = 20_000
    at = sample(GRAPH, np.log(TARGET) + 3.0, start=0, steps=steps, n=n, rng=np.random.default_rng(steps))
    seen = np.bincount(at, minlength=12)

    def statistic(walk: np.ndarray) -> tuple[float, float]:
        due = n * (START @ np.linalg.matrix_power(walk, steps))
        often = due >= 5
        found = ((seen - due)[often] ** 2 / due[often]).sum()
        return float(found), often.sum() - 1 + 5 * np.sqrt(2 * often.sum())

    found, bar = statistic(RIGHT)
    assert found < bar
    assert seen[np.linalg.matrix_power(RIGHT, steps)[0] == 0].sum() == 0
    if steps > 1:
        found, bar = statistic(WRONG)
        assert found > bar


def test_what_cannot_be_walked_is_refused() -> None:
    with pytest.raises(ConfigError, match="connected"):
        proposal(np.eye(3))
    with pytest.raises(ConfigError, match="symmetric"):
        proposal([[0, 1], [0, 1]])
    with pytest.raises(ShapeError, match="square"):
        proposal(np.ones((2, 3)))
    with pytest.raises(ConfigError, match="above 0"):
        transition([[0, 1], [1, 0]], [1.0, 0.0])
    with pytest.raises(ShapeError, match="one target per state"):
        transition([[0, 1], [1, 0]], [1.0, 1.0, 1.0])
    with pytest.raises(ConfigError, match="detailed balance"):
        spectral_gap(WRONG, TARGET)
