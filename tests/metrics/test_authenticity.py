"""Authenticity: exact nulls on the torus, exact copies, level, power, and the published indexing error."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull, Measurement
from gandiag.metrics.authenticity import METRIC, authentic, measure

Matrix = NDArray[np.float64]

# 1 - P(mutual nearest neighbours): the volume of one ball over that of two whose centres lie one radius apart.
HOMOGENEOUS = {1: 1 / 3, 2: 1 - 1 / (4 / 3 + np.sqrt(3) / (2 * np.pi)), 3: 11 / 27}


def torus(rng: np.random.Generator, n: int, d: int) -> Matrix:
    """Uniform on a flat torus: no edges, and locally the Euclidean distances of the angles."""
    angles = rng.uniform(0.0, 2.0 * np.pi, size=(n, d))
    return np.hstack([np.cos(angles), np.sin(angles)])


def run(real: Matrix, fake: Matrix, train: Matrix) -> tuple[Measurement, float]:
    found = measure(Comparison(real=real, fake=fake, fit=real[:2], train=train), rng=np.random.default_rng(0))
    assert isinstance(found.null, KnownNull)
    assert found.null.p_value is not None
    return found, found.null.p_value.value


def indexed_by_generated_rows(fake: Matrix, train: Matrix) -> float:
    """The published code: distances between training rows, looked up by the number of a generated row."""
    to_fake = np.linalg.norm(train[:, None] - fake[None], axis=2)
    own = np.linalg.norm(train[:, None] - train[None], axis=2)
    np.fill_diagonal(own, np.inf)
    return float((own.min(axis=1)[to_fake.argmin(axis=1)] < to_fake.min(axis=1)).mean())


@pytest.mark.row(73)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_perfect_sampler_on_the_torus_has_the_known_score(d: int) -> None:
    rng = np.random.default_rng(d)
    shares = [authentic(torus(rng, 2000, d), torus(rng, 2000, d)).mean() for _ in range(60)]
    # The flags of one training set hang together: the spread over repetitions says how exact their mean is.
    assert 4 * np.std(shares) / np.sqrt(60) < 0.01
    assert np.mean(shares) == pytest.approx(HOMOGENEOUS[d], abs=0.01)
    assert HOMOGENEOUS[d] == pytest.approx([0.3333, 0.3785, 0.4074][d - 1], abs=1e-4)
    wrong = [indexed_by_generated_rows(torus(rng, 300, d), torus(rng, 300, d)) for _ in range(10)]
    assert abs(np.mean(wrong) - HOMOGENEOUS[d]) > 0.05, "the wrong lookup compares unrelated rows"


def test_it_agrees_with_a_double_loop() -> None:
    rng = np.random.default_rng(4)
    train, rows = rng.normal(size=(40, 3)), rng.normal(size=(60, 3))
    for row, flag in zip(rows, authentic(rows, train), strict=True):
        to_train = np.linalg.norm(train - row, axis=1)
        nearest = int(to_train.argmin())
        others = np.linalg.norm(np.delete(train, nearest, axis=0) - train[nearest], axis=1)
        assert flag == (to_train[nearest] > others.min())


def test_an_exact_copy_scores_zero_which_is_the_worst() -> None:
    rng = np.random.default_rng(5)
    train, real, honest = (rng.normal(size=(200, 4)) for _ in range(3))
    scores = []
    for copied in (0, 50, 100, 150, 200):
        found, _ = run(real, np.concatenate([train[:copied], honest[copied:]]), train)
        scores.append(found.estimate)
    assert scores[-1] == 0.0
    assert scores == sorted(scores, reverse=True)
    found, p = run(real, train.copy(), train)
    assert p < 1e-40
    assert found.interval is not None
    assert found.interval.high is not None
    assert found.interval.high < 0.02
    assert found.details["excess_copies_low"] > 0.3


def test_copies_of_repeated_training_rows_are_inauthentic() -> None:
    rng = np.random.default_rng(6)
    once = rng.normal(size=(50, 3))
    train = np.repeat(once, 2, axis=0)
    assert not authentic(once + 1e-6, train).any()
    # Without counting repeated rows once, their distance 0 to each other would make every near copy authentic.
    own = np.linalg.norm(train[:, None] - train[None], axis=2)
    np.fill_diagonal(own, np.inf)
    assert (own.min(axis=1) == 0.0).all()


def test_whole_numbers_at_equal_distances_are_ties() -> None:
    # d(y, t) = d(t, its fellow) = 1: y is as close as the fellow is, so it is no more authentic than that.
    assert not authentic(np.array([[3.0]]), np.array([[0.0], [1.0], [2.0]]))[0]
    assert authentic(np.array([[3.1]]), np.array([[0.0], [1.0], [2.0]]))[0]
    assert authentic(np.array([[2.0], [1.0]]), np.array([[1.0], [1.0]])).tolist() == [True, False]


def level(reps: int, *, leaky: bool = False) -> int:
    rejected = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        real, fake, train = (rng.standard_t(4, size=(size, 2)) for size in (80, 60, 70))
        rejected += run(real, fake, np.concatenate([train, fake[:20]]) if leaky else train)[1] <= 0.05
    return rejected


def test_the_test_holds_its_level_and_a_leak_breaks_it() -> None:
    # Exact and discrete: at most 5 %; not empty either.
    assert 1 <= level(300) <= stats.binom.ppf(1 - 1e-4, 300, 0.05)
    assert level(60, leaky=True) > stats.binom.ppf(1 - 1e-4, 60, 0.05)


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 20 <= level(2000) <= stats.binom.ppf(1 - 1e-4, 2000, 0.05)


def test_the_floor_and_the_interval_cover() -> None:
    rng = np.random.default_rng(7)
    train = torus(rng, 400, 2)
    truth = authentic(torus(rng, 100_000, 2), train).mean()
    within = floors = 0
    for _ in range(200):
        found, _ = run(torus(rng, 150, 2), torus(rng, 100, 2), train)
        assert found.interval is not None
        assert isinstance(found.null, KnownNull)
        assert found.null.floor is not None
        within += found.interval.low <= truth <= found.interval.high
        floors += abs(found.estimate - found.null.floor.mean) <= 3 * found.null.floor.sd
    assert within >= stats.binom.ppf(1e-4, 200, 0.95)
    assert floors >= stats.binom.ppf(1e-4, 200, 0.99)


@pytest.mark.parametrize("d", [2, 10])
def test_it_sees_a_noisy_memoriser(d: int) -> None:
    caught = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        real, train = rng.normal(size=(200, d)), rng.normal(size=(200, d))
        honest = rng.normal(size=(80, d))
        fake = np.concatenate([honest, train[rng.integers(200, size=120)] + 0.02 * rng.normal(size=(120, d))])
        caught += run(real, fake, train)[1] <= 0.01
    # In the plane 62 % of honest rows are inauthentic, so 60 % of copies add .23 of standard error .045: power .99.
    assert caught >= 18


def test_it_needs_training_rows() -> None:
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(9, 2))
    found = measure(Comparison(real=rows, fake=rows, fit=rows), rng=rng)
    assert found.status == "undefined"
    assert METRIC.needs == {"train"}
    assert not METRIC.default
