"""The permutation engine: exactness by enumeration, ties, groups, strata, and wrong engines that must be rejected."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.core.results import Relabelling
from gandiag.errors import ConfigError, DataError, NumericalError
from gandiag.inference.permutation import ENOUGH, FEWEST_DRAWS, p_value, permutation_null, sequential_p_value

Statistic = NDArray[np.float64]


def mean_difference(values: NDArray[np.float64], labels: NDArray[np.bool_]) -> Statistic:
    """Fake mean less real mean."""
    n = labels.sum(axis=0)
    return (values @ ~labels / (len(values) - n) - values @ labels / n)[None, :]


def problem(values: list[float], n: int, **more: object) -> Relabelling:
    array = np.asarray(values, dtype=float)
    observed = np.arange(len(array)) < n
    return Relabelling(observed=observed, statistic=lambda labels: mean_difference(array, labels), **more)  # type: ignore[arg-type]


def p_of(relabelling: Relabelling, draws: int = 999, seed: int = 0) -> float:
    return permutation_null(relabelling, draws=draws, rng=np.random.default_rng(seed)).p_value


def all_p_values(values: list[float], n: int) -> list[float]:
    """P-value of every possible observed labelling."""
    found = []
    for chosen in combinations(range(len(values)), n):
        order = [*chosen, *(i for i in range(len(values)) if i not in chosen)]
        found.append(p_of(problem([values[i] for i in order], n), draws=10_000))
    return found


@pytest.mark.row(1)
def test_six_numbers_give_the_textbook_p_values() -> None:
    one_sided = permutation_null(problem([1, 2, 3, 4, 5, 6], 3), draws=999, rng=np.random.default_rng(0))
    assert one_sided.exact
    assert len(one_sided.estimates) == 20
    assert one_sided.p_value == 0.05
    assert p_of(problem([1, 2, 3, 4, 5, 6], 3, alternative="two-sided")) == 0.1
    assert p_of(problem([1, 2, 3, 4, 5, 6], 3, alternative="less")) == 1.0


@pytest.mark.row(2)
@pytest.mark.parametrize("constant", [0.0, 0.1, -7.3, 1e-8])
@pytest.mark.parametrize("sizes", [(3, 3), (40, 25)])
def test_equal_values_on_both_sides_give_p_one(constant: float, sizes: tuple[int, int]) -> None:
    assert p_of(problem([constant] * sum(sizes), sizes[0])) == 1.0


@pytest.mark.parametrize(("n", "m"), [(3, 3), (4, 5), (5, 2)])
@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_tiny_samples_agree_with_scipy_exactly(n: int, m: int, alternative: str) -> None:
    from scipy.stats import permutation_test

    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.normal(size=m)
    peer = permutation_test(
        (y, x),
        lambda a, b: a.mean() - b.mean(),
        alternative=alternative,
        n_resamples=10_000,
        permutation_type="independent",
    )
    assert p_of(problem([*x, *y], n, alternative=alternative)) == pytest.approx(peer.pvalue, abs=1e-15)


@given(st.lists(st.integers(-2, 2), min_size=4, max_size=7), st.integers(1, 3))
def test_no_more_than_k_of_all_relabellings_have_p_at_most_k_in_all(values: list[int], n: int) -> None:
    found = np.sort(all_p_values([float(v) for v in values], n))
    total = len(found)
    for k in range(1, total + 1):
        assert (found <= k / total + 1e-12).sum() <= k


def test_counting_ties_as_smaller_would_break_that_bound() -> None:
    values = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    labels = np.array([[i in chosen for i in range(6)] for chosen in combinations(range(6), 3)]).T
    statistics = mean_difference(values, labels)[0]
    strict = np.array([np.mean(statistics > t) for t in statistics])
    honest = np.array([p_value(t, statistics, includes_observed=True) for t in statistics])
    assert (strict <= 1 / 20).sum() > 1
    assert (honest <= 1 / 20 + 1e-12).sum() <= 1


def test_ties_split_by_rounding_still_count_as_ties() -> None:
    null = np.array([0.3, 0.1 + 0.2, 0.30000000000000004, 0.2])
    assert p_value(0.30000000000000004, null) == 4 / 5
    assert (1 + (null >= 0.30000000000000004).sum()) / 5 < 4 / 5  # without the tolerance


def test_a_p_value_is_never_zero() -> None:
    separated = problem([*range(30), *range(1000, 1030)], 30)
    assert p_of(separated, draws=99) == 1 / 100
    assert p_value(9.0, np.zeros(99)) == 1 / 100
    assert np.mean(np.zeros(99) >= 9.0) == 0.0  # the k/B rule


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=40), st.integers(-50, 50))
def test_a_p_value_is_a_rank_and_falls_as_the_statistic_grows(null: list[int], observed: int) -> None:
    draws = np.asarray(null, dtype=float)
    expected = (1 + sum(v >= observed for v in null)) / (len(null) + 1)
    assert p_value(float(observed), draws) == expected
    assert p_value(float(observed) + 1.0, draws) <= expected
    # Any strictly increasing change of the statistic leaves it as it is.
    assert p_value(float(np.exp(observed / 10)), np.exp(draws / 10)) == expected
    assert p_value(float(-observed), -draws, "less") == expected


def test_two_sided_is_twice_the_smaller_tail_and_at_most_one() -> None:
    null = np.arange(99.0)
    assert p_value(98.0, null, "two-sided") == pytest.approx(2 * 2 / 100)
    assert p_value(49.0, null, "two-sided") == 1.0


def test_more_draws_never_change_the_statistic() -> None:
    rng = np.random.default_rng(1)
    relabelling = problem(list(rng.normal(size=60)), 30)
    few, many = (permutation_null(relabelling, draws=b, rng=np.random.default_rng(2)) for b in (50, 500))
    assert few.estimate == many.estimate
    assert few.tested == many.tested
    np.testing.assert_allclose(few.estimates, many.estimates[:50], rtol=0, atol=1e-14)


def test_every_column_holds_as_many_real_rows_as_observed() -> None:
    seen: list[NDArray[np.bool_]] = []

    def record(labels: NDArray[np.bool_]) -> Statistic:
        seen.append(labels)
        return np.zeros((1, labels.shape[1]))

    observed = np.arange(50) < 13
    permutation_null(Relabelling(observed=observed, statistic=record), draws=200, rng=np.random.default_rng(0))
    columns = np.concatenate(seen, axis=1)
    assert (columns.sum(axis=0) == 13).all()
    # Each row is real in 13/50 of the draws, standard error sqrt(.26 * .74 / 200) = .031; five of them at most.
    assert np.abs(columns[:, 1:].mean(axis=1) - 13 / 50).max() < 5 * 0.031


def test_the_reported_estimate_is_the_first_row_and_the_tested_one_the_last() -> None:
    def two(labels: NDArray[np.bool_]) -> Statistic:
        first = mean_difference(np.arange(10.0), labels)[0]
        return np.stack([first, -first])

    null = permutation_null(
        Relabelling(observed=np.arange(10) < 5, statistic=two), draws=999, rng=np.random.default_rng(0)
    )
    assert null.exact
    assert null.estimate == 5.0
    assert null.tested == -5.0
    assert null.p_value == 1.0


def test_blocks_of_labels_leave_enumeration_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    import gandiag.inference.permutation as engine

    whole = permutation_null(problem([1, 5, 2, 8, 3, 9, 4], 3), draws=99, rng=np.random.default_rng(0))
    monkeypatch.setattr(engine, "_BLOCK_BYTES", 8 * 7 * 4)  # four columns at a time
    split = permutation_null(problem([1, 5, 2, 8, 3, 9, 4], 3), draws=99, rng=np.random.default_rng(0))
    np.testing.assert_allclose(np.sort(split.estimates), np.sort(whole.estimates))
    assert split.p_value == whole.p_value


def grouped_p_values(keep_groups: bool, reps: int = 300) -> NDArray[np.float64]:
    """Null p-values for rows that come in groups of four with one group effect."""
    found = []
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        values = np.repeat(rng.normal(size=20), 4) + 0.1 * rng.normal(size=80)
        groups = np.repeat(np.arange(20), 4) if keep_groups else None
        found.append(p_of(problem(list(values), 40, groups=groups), draws=99, seed=seed))
    return np.asarray(found)


def test_groups_that_keep_one_label_hold_the_level_and_single_rows_do_not() -> None:
    # 300 repetitions at 0.05: binomial limits at 1e-4 are 5 to 33.
    assert 5 <= (grouped_p_values(True) <= 0.05).sum() <= 33
    assert (grouped_p_values(False) <= 0.05).sum() > 60


def test_rows_of_a_group_move_together_and_only_with_groups_of_their_size() -> None:
    columns: list[NDArray[np.bool_]] = []

    def record(labels: NDArray[np.bool_]) -> Statistic:
        columns.append(labels)
        return np.zeros((1, labels.shape[1]))

    groups = np.array([0, 0, 1, 1, 1, 2, 2, 3, 3, 3])
    observed = np.isin(groups, [0, 1])
    permutation_null(
        Relabelling(observed=observed, statistic=record, groups=groups), draws=64, rng=np.random.default_rng(0)
    )
    labels = np.concatenate(columns, axis=1)
    for group in range(4):
        rows = labels[groups == group]
        assert (rows == rows[0]).all()
    assert (labels.sum(axis=0) == 5).all()
    assert len(np.unique(labels, axis=1).T) == 4


def test_labels_stay_within_their_stratum_and_hold_the_level_there() -> None:
    rejections = {True: 0, False: 0}
    for seed in range(300):
        rng = np.random.default_rng(seed)
        strata = np.array([0] * 30 + [1] * 10 + [0] * 10 + [1] * 30)  # real first: class shares differ, laws do not
        values = 2.0 * strata + rng.normal(size=80)
        for within in (True, False):
            p = p_of(problem(list(values), 40, strata=strata if within else None), draws=99, seed=seed)
            rejections[within] += p <= 0.05
    assert 5 <= rejections[True] <= 33
    assert rejections[False] > 200


@pytest.mark.row(3)
def test_the_level_is_exact_for_ten_normal_numbers_per_side() -> None:
    # Verification row 3: 0.05 within 0.02 over 2000 repetitions.
    rng = np.random.default_rng(7)
    found = np.array([p_of(problem(list(rng.normal(size=20)), 10), draws=99, seed=i) for i in range(2000)])
    assert abs((found <= 0.05).mean() - 0.05) < 0.02
    # Uniform on the grid 1/100 .. 1: Kolmogorov distance below 1.95/sqrt(2000) with probability 0.999.
    assert np.abs(np.arange(1, 2001) / 2000 - np.sort(found)).max() < 1.95 / np.sqrt(2000) + 0.01


def test_strict_inequality_and_k_over_b_lose_the_level_on_discrete_data() -> None:
    rng = np.random.default_rng(8)
    honest, wrong = 0, 0
    for seed in range(500):
        relabelling = problem(list(rng.integers(0, 2, size=14).astype(float)), 7)
        null = permutation_null(relabelling, draws=99, rng=np.random.default_rng(seed))
        honest += null.p_value <= 0.05
        wrong += np.mean(null.tested_null > null.tested) <= 0.05
    assert honest <= 46  # the upper binomial limit at 1e-4
    assert wrong > 46


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"groups": np.array([0, 0, 1, 1, 1, 2])}, DataError, "rows of one group must lie on one side"),
        ({"strata": np.array([0, 0, 0, 1, 1, 1])}, DataError, "at least one stratum must hold groups of both sides"),
        (
            {"groups": np.array([0, 0, 1, 2, 2, 3]), "strata": np.array([0, 1, 1, 0, 0, 1])},
            DataError,
            "rows of one group must lie in one stratum",
        ),
    ],
)
def test_labels_that_cannot_move_are_refused(change: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        p_of(problem([1, 2, 3, 4, 5, 6], 3, **change))


def test_one_sided_data_and_no_draws_are_refused() -> None:
    with pytest.raises(DataError, match="rows of both sides"):
        p_of(Relabelling(observed=np.ones(5, dtype=bool), statistic=lambda labels: np.zeros((1, labels.shape[1]))))
    with pytest.raises(ConfigError, match="`draws` must be at least 1"):
        p_of(problem([1, 2, 3, 4], 2), draws=0)


def test_a_statistic_that_is_not_finite_is_refused() -> None:
    bad = Relabelling(observed=np.arange(4) < 2, statistic=lambda labels: np.full((1, labels.shape[1]), np.nan))
    with pytest.raises(NumericalError, match="finite under every relabelling"):
        p_of(bad)


def test_a_full_tail_gives_its_share_at_the_draw_that_filled_it() -> None:
    null = np.tile([1.0, -1.0, -1.0, -1.0], 100)  # every fourth draw is as extreme, from the first on
    assert sequential_p_value(0.0, null, enough=10) == 10 / 37
    assert sequential_p_value(0.0, null[:37], enough=10) == 10 / 37  # later draws do not count
    assert sequential_p_value(0.0, null[:36], enough=10) == 10 / 37  # 9 found: (1 + 9) / (1 + 36)
    assert sequential_p_value(0.0, null[:20], enough=10) == p_value(0.0, null[:20])
    assert sequential_p_value(0.0, np.zeros(500), "two-sided", enough=10) == 1.0


def sequential_level(statistics: NDArray[np.float64], null: NDArray[np.float64], at: float) -> int:
    return sum(sequential_p_value(t, row, enough=20) <= at for t, row in zip(statistics, null, strict=True))


def test_stopping_early_keeps_the_level_and_stopping_at_the_best_moment_does_not() -> None:
    rng = np.random.default_rng(9)
    statistics, null = rng.random(2000), rng.random((2000, 399))
    assert 64 <= sequential_level(statistics, null, 0.05) <= 140  # binomial limits at 1e-4
    assert 332 <= sequential_level(statistics, null, 0.2) <= 470
    extreme = np.cumsum(null >= statistics[:, None], axis=1)
    best = ((1 + extreme) / np.arange(2, 401)).min(axis=1)  # the smallest p-value on the way
    assert (best <= 0.05).sum() > 140


def test_draws_end_early_where_nothing_is_seen_and_go_on_where_something_is() -> None:
    rng = np.random.default_rng(10)
    values = rng.normal(size=60)
    values[:30] += values[30:].mean() - values[:30].mean()
    quiet = permutation_null(problem(list(values), 30), draws=1999, rng=np.random.default_rng(0))
    assert len(quiet.estimates) == FEWEST_DRAWS
    assert (quiet.tested_null >= quiet.tested).sum() > ENOUGH
    values[30:] += 3.0
    loud = permutation_null(problem(list(values), 30), draws=1999, rng=np.random.default_rng(0))
    assert len(loud.estimates) == 1999
    assert loud.p_value == 1 / 2000
