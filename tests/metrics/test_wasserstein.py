"""Wasserstein distance: exact cases, floors, the bracket, level, and wrong variants that must be seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.errors import ConfigError, NotConverged
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.wasserstein import measure, wasserstein_distance
from gandiag.numerics.transport import wasserstein_1d

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, seed: int = 0, **options: Any) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(seed), **options)


def p_value(real: Matrix, fake: Matrix, seed: int = 0, **options: Any) -> float:
    null = measured(real, fake, seed, **options).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=99, rng=np.random.default_rng(seed)).p_value


@pytest.mark.row(40, 42)
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_a_permuted_copy_is_at_zero_and_a_shifted_one_at_the_length_of_the_shift(d: int, p: float) -> None:
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=(30, d)), rng.normal(size=d)
    assert wasserstein_distance(x, rng.permutation(x), p) < 1e-12
    assert wasserstein_distance(x, rng.permutation(x + v), p) == pytest.approx(np.linalg.norm(v), rel=1e-9)
    assert np.linalg.norm(x - rng.permutation(x + v), axis=1).mean() > 1.1 * np.linalg.norm(v)  # without matching


def test_unequal_sizes_and_replication_leave_the_distance_as_it_is() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(9, 2)), rng.normal(size=(6, 2))
    value = wasserstein_distance(x, y, 2.0)
    assert wasserstein_distance(np.repeat(x, 2, axis=0), np.repeat(y, 5, axis=0), 2.0) == pytest.approx(value, rel=1e-9)


def test_it_agrees_with_scipy_in_one_and_in_many_dimensions() -> None:
    from scipy.stats import wasserstein_distance as peer
    from scipy.stats import wasserstein_distance_nd

    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(12, 3)), rng.normal(size=(9, 3)) + 0.5
    assert wasserstein_distance(x[:, :1], y[:, :1]) == pytest.approx(peer(x[:, 0], y[:, 0]), rel=1e-12)
    assert wasserstein_distance(x, y) == pytest.approx(wasserstein_distance_nd(x, y), rel=1e-7)
    padded = np.pad(x[:, :1], ((0, 0), (0, 1))), np.pad(y[:, :1], ((0, 0), (0, 1)))
    assert wasserstein_distance(*padded) == pytest.approx(peer(x[:, 0], y[:, 0]), rel=1e-10)  # by the other route


@pytest.mark.row(41)
def test_normals_of_two_widths_reach_their_closed_form() -> None:
    # At n = 10^4 the floor is 0.018.
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(10_000, 1)), 2.0 * rng.normal(size=(10_000, 1))
    assert wasserstein_distance(x, y, 1.0) == pytest.approx(0.797885, abs=0.03)
    assert wasserstein_distance(x, y, 2.0) == pytest.approx(1.0, abs=0.03)
    # A variance taken for a width: N(0, 4) has width 2, and twice that is told apart.
    assert wasserstein_distance(x, 2.0 * y, 2.0) != pytest.approx(1.0, abs=0.03)


def floors(draw: Any, n: int, p: float, reps: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(4)
    return np.array([wasserstein_distance(draw(rng, n), draw(rng, n), p) ** p for _ in range(reps)])


def uniform(rng: np.random.Generator, n: int) -> Matrix:
    return rng.random((n, 1))


def exponential(rng: np.random.Generator, n: int) -> Matrix:
    return rng.exponential(size=(n, 1))


def normal(rng: np.random.Generator, n: int) -> Matrix:
    return rng.normal(size=(n, 1))


@pytest.mark.parametrize(
    ("draw", "p", "expected"),
    [
        pytest.param(uniform, 2.0, 1 / 303, marks=pytest.mark.row(43)),
        pytest.param(exponential, 2.0, 0.103748, marks=pytest.mark.row(44)),
        pytest.param(uniform, 1.0, 0.4431 / 10, marks=pytest.mark.row(45)),
        pytest.param(normal, 1.0, 1.770 / 10, marks=pytest.mark.row(45)),  # at n = 100
    ],
)
def test_equal_laws_score_their_known_floor(draw: Any, p: float, expected: float) -> None:
    found = floors(draw, 100, p, 4000)
    assert abs(found.mean() - expected) < max(4 * found.std() / np.sqrt(4000), 0.012 * expected)
    assert found.mean() > 0.5 * expected  # not 0, as for a distance of laws


@given(st.integers(2, 9), st.integers(2, 9), st.integers(1, 4), st.integers(0, 10_000))
def test_its_invariances_and_bounds(n: int, m: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, z = rng.normal(size=(n, d)), rng.standard_t(2, size=(m, d)), rng.normal(size=(n, d)).round()
    one, two = (wasserstein_distance(x, y, p) for p in (1.0, 2.0))
    rotation, _ = np.linalg.qr(rng.normal(size=(d, d)))
    assert one <= two * (1 + 1e-9)
    assert np.linalg.norm(x.mean(axis=0) - y.mean(axis=0)) <= one * (1 + 1e-9)
    assert wasserstein_distance(y, x) == pytest.approx(one, rel=1e-9)
    assert wasserstein_distance(rng.permutation(x), rng.permutation(y)) == pytest.approx(one, rel=1e-9)
    assert wasserstein_distance(x @ rotation + 1e3, y @ rotation + 1e3) == pytest.approx(one, rel=1e-8)
    assert wasserstein_distance(1e-6 * x, 1e-6 * y, 2.0) == pytest.approx(1e-6 * two, rel=1e-9)
    assert wasserstein_distance(x, z) <= one + wasserstein_distance(y, z) + 1e-9


def shifted(d: int, shift: float, n: int, seed: int) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(n, d))
    y[:, 0] += shift
    return x, y


@pytest.mark.row(46)
@pytest.mark.parametrize("p", [1.0, 2.0])
@pytest.mark.parametrize(("d", "shift"), [(2, 0.5), (2, 0.0), (16, 2.0)])
def test_the_bracket_holds_the_distance_of_a_shift(d: int, shift: float, p: float) -> None:
    # At 95 %, 25 repetitions miss more than 6 times with probability 2e-4.
    missed = 0
    for seed in range(25):
        interval = measured(*shifted(d, shift, 400, seed), seed, p=p, block=50).interval
        assert interval is not None
        assert interval.low is not None
        assert interval.high is not None
        missed += not interval.low <= shift <= interval.high
    assert missed <= 6


def test_the_bracket_of_a_far_shift_excludes_zero() -> None:
    found = measured(*shifted(2, 2.0, 1000, 0))
    assert found.interval is not None
    assert found.interval.low is not None
    assert 1.5 < found.interval.low <= 2.0 <= found.details["upper"] + found.details["upper_margin"]
    assert found.details["lower"] - found.details["lower_margin"] == pytest.approx(found.interval.low)
    assert found.details["block_size"] == 100
    assert found.details["blocks"] == 10


def test_a_mean_of_roots_is_no_upper_bound_for_p_above_one() -> None:
    # Real rows at 0, fake rows 0 or 1: W_2 = sqrt(1/2). At N = 1 the roots average 1/2, the root of the mean is right.
    rng = np.random.default_rng(5)
    fake = rng.integers(0, 2, size=(400, 1)).astype(float)
    found = measured(np.zeros((400, 1)), fake, p=2.0, block=1)
    assert found.details["upper"] == pytest.approx(np.sqrt(0.5), abs=4 * 0.5 / np.sqrt(400) / (2 * np.sqrt(0.5)))
    assert found.arrays["w_per_block"].mean() < 0.6


@pytest.mark.row(47)
def test_the_debiased_square_is_right_for_translations_in_high_dimension() -> None:
    # 4 for a shift of 2 in 16-d, 20 blocks of 200; the plain square is far above.
    found = measured(*shifted(16, 2.0, 4000, 6), p=2.0, block=200)
    assert found.details["debiased_w2_squared"] == pytest.approx(4.0, abs=0.6)
    assert found.details["upper"] ** 2 > 10.0


def test_the_floor_is_about_the_same_block_size_as_the_estimate() -> None:
    rng = np.random.default_rng(7)
    found = measured(rng.normal(size=(200, 8)), rng.normal(size=(200, 8)), block=50)
    assert isinstance(found.null, Relabelling)
    null = permutation_null(found.null, draws=99, rng=rng)
    assert null.estimate == pytest.approx(found.estimate, rel=1e-12)
    assert null.estimates.mean() == pytest.approx(found.estimate, rel=0.05)
    assert wasserstein_distance(rng.normal(size=(400, 8)), rng.normal(size=(400, 8))) < 0.95 * null.estimates.mean()


def level(reps: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(rng.normal(size=(24, 2)), rng.normal(size=(30, 2)), seed, block=8) <= 0.05
    return count


def test_the_test_holds_its_level() -> None:
    assert 3 <= level(300) <= 31  # binomial limits at 1e-4


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_it_sees_a_shift_in_any_unit(unit: float) -> None:
    x, y = shifted(3, 1.0, 100, 8)
    assert p_value(x * unit, y * unit, block=25) == 0.01


@pytest.mark.parametrize(
    ("n", "m", "block", "blocks"), [(2, 1, 1, 1), (9, 4, 4, 1), (60, 200, 30, 2), (500, 90, 90, 1)]
)
def test_small_and_unequal_samples_get_smaller_blocks(n: int, m: int, block: int, blocks: int) -> None:
    rng = np.random.default_rng(9)
    found = measured(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)))
    assert (found.details["block_size"], found.details["blocks"]) == (block, blocks)
    if blocks == 1:
        assert "one block" in found.reasons["interval"]
        assert found.details["debiased_w2_squared"] is None
    else:
        assert found.interval is not None
        assert found.interval.sided == "upper"  # one pair of real blocks has no spread


def test_equal_rows_on_both_sides_give_zero_and_p_one() -> None:
    rows = np.full((12, 3), 0.1)
    found = measured(rows, rows, block=3)
    assert found.estimate == 0.0
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (0.0, 0.0)
    assert p_value(rows, rows, block=3) == 1.0


def test_a_solver_that_stops_early_fails_the_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    import ot

    honest = ot.emd
    monkeypatch.setattr(ot, "emd", lambda *args, **options: honest(*args, **(options | {"numItermax": 2})))
    x, y = shifted(2, 1.0, 60, 0)
    with pytest.raises(NotConverged, match="must be certified"):
        wasserstein_distance(x, y)
    with pytest.raises(NotConverged, match="must be certified"):
        measured(x, y)


@pytest.mark.parametrize("p", [0.5, np.inf, np.nan])
def test_a_power_below_one_is_refused(p: float) -> None:
    with pytest.raises(ConfigError, match="`p` must be at least 1 and finite"):
        wasserstein_distance(np.ones((2, 1)), np.ones((2, 1)), p)
    with pytest.raises(ConfigError, match="`p` must be at least 1 and finite"):
        measured(np.ones((4, 1)), np.ones((4, 1)), p=p)


def test_an_empty_block_is_refused() -> None:
    with pytest.raises(ConfigError, match="`block` must be at least 1"):
        measured(np.ones((4, 1)), np.ones((4, 1)), block=0)


@pytest.mark.row(54)
@pytest.mark.parametrize("d", [1, 2, 8])
def test_projections_and_lower_powers_never_exceed_the_whole_distance(d: int) -> None:
    """One direction <= W_1 <= W_2, on samples and without tolerance for noise."""
    rng = np.random.default_rng(d)
    real, fake = rng.normal(size=(60, d)), 1.5 * rng.normal(size=(60, d)) + 0.3
    directions = rng.normal(size=(40, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    sliced = [wasserstein_1d(real @ theta, fake @ theta) for theta in directions]
    w1, w2 = (wasserstein_distance(real, fake, p) for p in (1.0, 2.0))
    assert max(sliced) <= w1 * (1 + 1e-9)
    assert w1 <= w2 * (1 + 1e-9)
    # The claims the other way round must fail: the powers are in order, and a projection loses distance.
    assert w2 > w1 * (1 + 1e-3)
    assert d == 1 or max(sliced) < w1 * (1 - 1e-3)


@pytest.mark.row(46)
def test_the_bracket_holds_at_every_size_and_narrows() -> None:
    """A shift by 0.5: bounds hold together at one size with 95 %, so at most 5 % of 40 sets per size may miss."""
    missed = np.zeros(4)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        real, fake = rng.normal(size=(128, 2)), rng.normal(size=(128, 2)) + np.array([0.5, 0.0])
        found = measured(real, fake, seed, block=16)
        table = found.arrays["by_size"]
        assert table[:, 0].tolist() == [2.0, 4.0, 8.0, 16.0, 32.0]
        at = table[3]
        assert at[1] == found.details["upper"]
        assert at[3] == found.details["lower"]
        assert np.all((table[:, 2] >= table[:, 1]) & (table[:, 3] >= table[:, 4]))
        missed += (table[:4, 2] < 0.5) | (table[:4, 4] > 0.5)
    assert np.all(missed <= 8)  # the binomial limit of 40 at 5 % and 1e-4 is 9
    assert table[0, 1] > table[-1, 1]


def test_a_bracket_without_its_margins_misses_more_often() -> None:
    """The bare upper end at the largest size is a mean of few blocks; that it lies below W is what margins are for."""
    below = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(32, 1))
        table = measured(x, rng.normal(size=(32, 1)) + 3.0, seed, block=8).arrays["by_size"]
        below += int(table[-1, 1] < 3.0)
    assert below >= 15


def test_sizes_that_leave_too_few_blocks_for_margins_are_left_out() -> None:
    rng = np.random.default_rng(0)
    assert "by_size" not in measured(rng.normal(size=(3, 1)), rng.normal(size=(3, 1))).arrays
    table = measured(rng.normal(size=(50, 2)), rng.normal(size=(30, 2))).arrays["by_size"]
    assert table[:, 0].max() * 4 <= 30
