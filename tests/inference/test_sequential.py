"""Sequential p-values (Besag & Clifford): the level holds with early stopping, and wrong stopping rules lose it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.results import Relabelling
from gandiag.inference.permutation import ENOUGH, FEWEST_DRAWS, permutation_null, sequential_p_value


def stopped(rng: np.random.Generator, most: int, enough: int) -> tuple[float, NDArray[np.float64]]:
    """One observed statistic and its null draws, stopped when ``enough`` of them are at least as large."""
    observed, null = rng.normal(), rng.normal(size=most)
    full = np.flatnonzero(np.cumsum(null >= observed) >= enough)
    return observed, null[: full[0] + 1] if len(full) else null


def rejected(wrong: bool, alpha: float = 0.05, repetitions: int = 4000) -> float:
    rng = np.random.default_rng(0)
    count = 0
    for _ in range(repetitions):
        observed, null = stopped(rng, most=99, enough=2)
        p = sequential_p_value(observed, null, enough=2)
        if wrong:  # the hits before the stop over the draws: forgets that the stop was chosen
            p = (np.count_nonzero(null >= observed) - 1) / len(null)
        count += p <= alpha
    return count / repetitions


def test_early_stopping_keeps_the_level() -> None:
    assert rejected(wrong=False) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 4000)


def test_a_rank_that_forgets_the_stopping_rule_loses_the_level() -> None:
    assert rejected(wrong=True) > 0.05 + 4 * np.sqrt(0.05 * 0.95 / 4000)


def test_draws_after_the_stop_do_not_count() -> None:
    null = np.array([1.0] * 5 + [-1.0] * 95)
    assert sequential_p_value(0.0, null, enough=5) == 1.0
    assert sequential_p_value(0.0, null[:5], enough=5) == 1.0
    assert sequential_p_value(0.0, null, enough=6) == pytest.approx(6 / 101)


@pytest.mark.parametrize(("alternative", "most"), [("greater", 999), ("less", 999), ("two-sided", 1999)])
def test_a_healthy_sample_is_answered_early_and_a_bad_one_gets_all_draws(alternative: str, most: int) -> None:
    rng = np.random.default_rng(1)

    def draws(shift: float) -> tuple[int, float]:
        values = np.concatenate([rng.normal(size=60), rng.normal(size=60) + shift])
        relabelling = Relabelling(
            observed=np.arange(120) < 60,
            statistic=lambda labels: (values @ ~labels / 60 - values @ labels / 60)[None, :],
            alternative=alternative,  # type: ignore[arg-type]
        )
        null = permutation_null(relabelling, draws=9999, rng=rng)
        return len(null.estimates), null.p_value

    used, p = draws(0.0)
    assert FEWEST_DRAWS <= used <= most
    assert p > ENOUGH / 9999
    used, p = draws(3.0 if alternative != "less" else -3.0)
    assert used == 9999
    assert p <= 2 / 10_000
