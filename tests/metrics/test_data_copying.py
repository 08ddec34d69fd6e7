from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.data_copying import METRIC, c_t, closeness, measure

Matrix = NDArray[np.float64]


def run(real: Matrix, fake: Matrix, train: Matrix, *, draws: int = 199) -> tuple[Measurement, float]:
    found = measure(Comparison(real=real, fake=fake, fit=train, train=train), rng=np.random.default_rng(0))
    null = summarise_null(found, draws=draws, rng=np.random.default_rng(1))
    assert null.p_value is not None
    return found, null.p_value.value


def normal(rng: np.random.Generator, n: int, d: int = 5) -> Matrix:
    return rng.normal(size=(n, d))


@pytest.mark.parametrize("discrete", [False, True])
def test_closeness_is_the_mann_whitney_probability(discrete: bool) -> None:
    rng = np.random.default_rng(2)
    real, fake = (rng.integers(4, size=s).astype(float) if discrete else rng.normal(size=s) for s in (30, 20))
    labels = np.repeat([True, False], [30, 20])[:, None]
    found = closeness(stats.rankdata(np.concatenate([real, fake])), labels)[0]
    less = (fake[:, None] < real[None]).mean()
    assert found == pytest.approx(less + 0.5 * (fake[:, None] == real[None]).mean(), abs=1e-12)
    assert found == pytest.approx(stats.mannwhitneyu(real, fake).statistic / 600, abs=1e-12)
    assert not discrete or found != pytest.approx(less, abs=1e-3), "ties count half"


@pytest.mark.row(74)
def test_a_full_copy_has_the_extreme_c_t() -> None:
    rng = np.random.default_rng(3)
    train = normal(rng, 300)
    found, p = run(normal(rng, 300), train.copy(), train)
    assert (found.estimate, p) == (1.0, 1 / 200)
    # -sqrt(3 n m / (n + m + 1)) with n = m = 300.
    assert found.details["c_t"] == pytest.approx(-21.1955, abs=1e-4)
    without_the_one = -0.5 * np.sqrt(12 * 300 * 300 / 600)
    assert without_the_one != pytest.approx(-21.1955, abs=1e-4)
    assert found.details["exact_copies"] == found.details["copies_fake"] == 300
    assert found.details["copy_p"] < 1e-100
    np.testing.assert_array_equal(found.arrays["pairs"][:, 0], found.arrays["pairs"][:, 1])
    assert (found.arrays["pairs"][:, 2] == 0.0).all()


@pytest.mark.row(74)
def test_c_t_is_standard_normal_under_equal_laws() -> None:
    rng = np.random.default_rng(4)
    labels = np.repeat([True, False], [70, 50])[:, None]
    chances = np.array([closeness(rng.permutation(120) + 1.0, labels)[0] for _ in range(400)])
    scores = np.array([c_t(float(chance), 70, 50) for chance in chances])
    # Four standard errors of a mean and of a standard deviation of 400.
    assert scores.mean() == pytest.approx(0.0, abs=0.2)
    assert scores.std() == pytest.approx(1.0, abs=0.15)
    as_if_pairs_were_independent = (0.5 - chances) * np.sqrt(4 * 70 * 50)
    assert as_if_pairs_were_independent.std() != pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("d", [2, 10, 64])
def test_a_noisy_memoriser_is_caught(d: int) -> None:
    rng = np.random.default_rng(5)
    train = normal(rng, 300, d)
    fake = train[rng.integers(300, size=250)] + 0.01 * normal(rng, 250, d)
    found, p = run(normal(rng, 300, d), fake, train)
    assert p == 1 / 200
    assert found.details["exact_copies"] == 0
    # In the plane the noise is a tenth of the spacing, where honest rows come as close to one row of two now and then.
    assert found.details["copy_rate"] > (0.3 if d == 2 else 0.95)
    assert found.details["copy_rate_real"] < 0.05
    assert found.details["copy_p"] < 1e-30


def test_a_few_copies_are_caught_by_the_pointwise_channel_and_not_by_the_global_number() -> None:
    pointwise, everywhere = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        train = normal(rng, 500)
        fake = np.concatenate([normal(rng, 475), np.repeat(train[[7, 9]], [20, 5], axis=0)])
        found, p = run(normal(rng, 500), fake, train)
        pointwise.append(found.details["copy_p"])
        everywhere.append(p)
        most, next_most = found.details["most_copied"][:2]
        # Chance may add a copy or two.
        assert (most["train"], next_most["train"]) == (7, 9)
        assert (most["count"], next_most["count"]) == pytest.approx((20, 5), abs=2)
    assert max(pointwise) < 0.01
    # The probability moves by .025, 1.4 of its standard deviations: a test at 1 % sees that in 16 % of cases.
    assert np.mean(np.array(everywhere) <= 0.01) < 0.6


def test_dense_samples_are_close_without_being_copies() -> None:
    """Shrunken modes lie nearer to everything; the ratio of both distances does not know the density."""
    rng = np.random.default_rng(7)
    train = normal(rng, 1000, 2)
    found, p = run(normal(rng, 1000, 2), 0.4 * normal(rng, 1000, 2), train)
    assert p == 1 / 200
    assert found.estimate is not None
    assert found.estimate > 0.6
    assert found.details["copy_p"] > 0.01
    near = found.arrays["fake_distances"] <= np.quantile(found.arrays["real_distances"], 0.01)
    assert near.mean() > 0.015, "a mere distance would have called them copies"


def test_copies_of_one_region_do_not_hide_behind_underfitting_of_another() -> None:
    rng = np.random.default_rng(16)
    side = np.array([[-20.0, 0.0], [20.0, 0.0]])
    train, real, fake = (side[np.arange(400) % 2] + normal(rng, 400, 2) for _ in range(3))
    fake[::2] = np.where(rng.random((200, 1)) < 0.5, train[::2], fake[::2])
    fake[1::2] = side[1] + 1.9 * (fake[1::2] - side[1])
    found, p = run(real, fake, train)
    assert p > 0.05, "copying and underfitting cancel in the global number"
    assert run(real[::2], fake[::2], train[::2])[1] == 1 / 200, "where nothing cancels the same number sees it"
    assert found.details["cells_p"] < 1e-4
    assert found.details["worst_cell_z"] < -4
    assert found.arrays["cell_weight"].sum() == pytest.approx(1.0)


def test_underfitting_is_below_one_half() -> None:
    rng = np.random.default_rng(8)
    found, p = run(normal(rng, 200), 3.0 * normal(rng, 200), normal(rng, 200))
    assert found.estimate is not None
    assert found.estimate < 0.2
    assert p == 1.0


def test_duplicates_shared_with_honest_data_raise_no_alarm() -> None:
    rng = np.random.default_rng(9)
    pool = normal(rng, 60)
    real, fake, train = (pool[rng.integers(60, size=200)] for _ in range(3))
    found, p = run(real, fake, train)
    assert found.details["exact_copies"] > 150
    assert found.details["exact_copies_real"] > 150
    assert found.estimate == pytest.approx(0.5, abs=0.1)
    assert p > 0.01
    assert found.details["copy_p"] > 0.01


def test_copies_of_repeated_training_rows_are_copies() -> None:
    rng = np.random.default_rng(10)
    train = np.repeat(normal(rng, 100), 3, axis=0)
    found, _ = run(normal(rng, 100), train[::3] + 1e-6, train)
    assert found.details["n_train"] == 300
    assert found.details["n_train_distinct"] == 100
    assert found.details["copies_fake"] == 100
    assert {m["train"] % 3 for m in found.details["most_copied"]} == {0}, "indices are those of the given rows"


def test_signed_zeros_are_equal() -> None:
    train = np.array([[0.0, 1.0], [-0.0, 1.0], [2.0, 0.0], [3.0, 5.0]])
    found, _ = run(np.ones((5, 2)), np.tile([[-0.0, 1.0]], (5, 1)), train)
    assert found.details["n_train_distinct"] == 3
    assert found.details["exact_copies"] == 5


def test_it_needs_training_rows() -> None:
    rng = np.random.default_rng(11)
    found = measure(Comparison(real=normal(rng, 9), fake=normal(rng, 9), fit=normal(rng, 9)), rng=rng)
    assert found.status == "undefined"
    assert found.reasons["estimate"] == "no training rows were given"
    assert METRIC.needs == {"train"}


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_training_rows_are_enough(rows: int) -> None:
    rng = np.random.default_rng(12)
    train = normal(rng, rows)
    found, _ = run(normal(rng, 30), np.concatenate([train, normal(rng, 20)]), train)
    assert found.details["exact_copies"] == rows
    json.dumps(found.details, allow_nan=False)


def test_all_equal_rows_say_nothing() -> None:
    found, p = run(np.ones((20, 3)), np.ones((30, 3)), np.ones((10, 3)))
    assert (found.estimate, p, found.details["copy_p"]) == (0.5, 1.0, 1.0)


def null_p_values(reps: int, *, d: int, seed: int, leaky: bool = False) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(reps):
        real, fake, train = (normal(rng, 100, d) for _ in range(3))
        found, p = run(real, fake, fake if leaky else train, draws=99)
        out.append((p, found.details["copy_p"]))
    values = np.array(out)
    return values[:, 0], values[:, 1]


def check_level(p: Matrix, *, exact: bool) -> None:
    for alpha in (0.01, 0.05, 0.1):
        margin = 3 * np.sqrt(alpha * (1 - alpha) / len(p))
        rate = np.mean(p <= alpha + 1e-12)
        assert rate <= alpha + margin
        assert not exact or rate >= alpha - margin


@pytest.mark.parametrize("d", [2, 20])
def test_p_values_hold_their_level(d: int) -> None:
    close, copies = null_p_values(200, d=d, seed=13)
    check_level(close, exact=True)
    check_level(copies, exact=False)


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 20])
def test_p_values_hold_their_level_in_many_repetitions(d: int) -> None:
    close, copies = null_p_values(2000, d=d, seed=14)
    check_level(close, exact=True)
    check_level(copies, exact=False)


def test_a_leak_breaks_the_level() -> None:
    close, copies = null_p_values(20, d=2, seed=15, leaky=True)
    for values in (close, copies):
        with pytest.raises(AssertionError, match=r"<= \(0\.01 \+"):
            check_level(values, exact=False)
