"""Matrix games: known values, both orders of play, and certificates that wrong mixtures do not get."""

from __future__ import annotations

import numpy as np
import pytest

from gandiag.errors import ConfigError, ShapeError
from reference_models.oracles.matrix_games import (
    MATCHING_PENNIES,
    ROCK_PAPER_SCISSORS,
    bilinear_orders,
    modes_game,
    pure_orders,
    solve,
)


def exploitable(payoff: np.ndarray, row: np.ndarray, column: np.ndarray) -> float:
    return float((payoff.T @ row).max() - (payoff @ column).min())


@pytest.mark.row(82)
@pytest.mark.parametrize(
    ("payoff", "expected", "row"),
    [
        (ROCK_PAPER_SCISSORS, 0.0, [1 / 3, 1 / 3, 1 / 3]),
        (MATCHING_PENNIES, 0.0, [0.5, 0.5]),
        (np.array([[3.0, -1.0], [-2.0, 1.0]]), 1 / 7, [3 / 7, 4 / 7]),
    ],
    ids=["rock-paper-scissors", "pennies", "row 82"],
)
def test_games_of_row_82(payoff: np.ndarray, expected: float, row: list[float]) -> None:
    found = solve(payoff)
    assert found.value == pytest.approx(expected, abs=1e-9)
    np.testing.assert_allclose(found.row, row, atol=1e-9)
    assert found.gap == pytest.approx(0.0, abs=1e-9)
    # The certificate rejects mixtures that are not optimal, and the row player who maximises by mistake.
    assert exploitable(payoff, np.eye(len(row))[0], found.column) > 0.5
    swapped = solve(-payoff)
    assert expected == 0 or abs(swapped.value - expected) > 0.1


def test_random_games_have_one_value_in_mixed_strategies() -> None:
    """Weak duality in pure strategies, equality in mixed ones, 40 games of all shapes."""
    rng = np.random.default_rng(0)
    differ = 0
    for _ in range(40):
        payoff = rng.standard_normal(rng.integers(1, 7, size=2))
        orders, found = pure_orders(payoff), solve(payoff)
        assert orders.column_leads - 1e-12 <= found.value <= orders.row_leads + 1e-12
        assert found.gap == pytest.approx(0.0, abs=1e-9)
        assert found.row.sum() == pytest.approx(1)
        assert (found.row >= 0).all()
        assert (found.column >= 0).all()
        assert bool(orders.saddles) == (orders.cost_of_leading < 1e-12)
        differ += not orders.saddles
        if orders.saddles:
            assert payoff[orders.saddles[0]] == pytest.approx(found.value, abs=1e-9)
    assert differ >= 5  # the order of play mattered in some of them


def test_the_value_moves_with_the_payoffs() -> None:
    rng = np.random.default_rng(1)
    payoff = rng.standard_normal((4, 3))
    v = solve(payoff).value
    assert solve(3 * payoff + 2).value == pytest.approx(3 * v + 2, abs=1e-9)
    assert solve(-payoff.T).value == pytest.approx(-v, abs=1e-9)  # the players change seats
    assert abs(solve(payoff.T).value - v) > 1e-3  # and not like this


@pytest.mark.parametrize("modes", [2, 5, 8])
def test_mode_collapse_is_a_matter_of_order(modes: int) -> None:
    orders, found = pure_orders(modes_game(modes)), solve(modes_game(modes))
    assert (orders.row_leads, orders.column_leads) == (1.0, 0.0)
    assert found.value == pytest.approx(1 / modes, abs=1e-9)
    np.testing.assert_allclose(found.row, 1 / modes, atol=1e-9)  # covers all modes alike


def corners(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, 3))


def test_order_of_play_does_not_matter_for_the_linear_model() -> None:
    """Convex sets: the two orders agree. The same sets without their insides: they do not."""
    u, w = corners(5, 0), corners(6, 3)
    hull = bilinear_orders(u, w, convex=True)
    assert hull.cost_of_leading == pytest.approx(0.0, abs=1e-9)
    assert bilinear_orders(u, w, convex=False).cost_of_leading > 0.1


def test_mean_matching_on_boxes_is_solved_at_the_true_mean() -> None:
    """w' (mu - theta) on boxes: value 0, whoever moves first, because theta = mu is in the generator's set."""
    box = np.array([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
    mean = np.array([0.3, -0.2])
    generators = np.column_stack([np.ones(4), box])
    coupling = np.vstack([mean, -np.eye(2)])
    inside = bilinear_orders(generators, box, coupling, convex=True)
    assert inside.row_leads == pytest.approx(0.0, abs=1e-9)
    assert inside.column_leads == pytest.approx(0.0, abs=1e-9)
    # Only the corners: the nearest is off by (.7, .8), and the critic answers with |.7| + |.8|.
    assert bilinear_orders(generators, box, coupling, convex=False).row_leads == pytest.approx(1.5, abs=1e-9)


def test_order_matters_where_the_payoff_is_not_concave_in_the_discriminator() -> None:
    """(x - y)^2 on [-1, 1]: the pursued moves last or loses; min max = 1, max min = 0, and mixing gives 1."""
    grid = np.linspace(-1, 1, 41)
    payoff = np.square(grid[:, None] - grid[None, :])
    orders = pure_orders(payoff)
    assert orders.row_leads == pytest.approx(1.0, abs=1e-12)
    assert orders.column_leads == pytest.approx(0.0, abs=1e-12)
    assert solve(payoff).value == pytest.approx(1.0, abs=1e-9)
    # x^2 - y^2 is convex and concave: one value.
    assert pure_orders(np.square(grid)[:, None] - np.square(grid)[None, :]).cost_of_leading == 0.0


def test_what_is_no_game_is_refused() -> None:
    with pytest.raises(ShapeError, match="must be a matrix"):
        solve(np.ones(3))
    with pytest.raises(ConfigError, match="finite"):
        pure_orders([[np.inf, 1.0]])
