"""Membership inference: exact advantages, level, power, honest halves, and attackers that cheat."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.inference.nulls import NullSummary, summarise_null
from gandiag.metrics.membership_inference import METRIC, attack_scores, measure
from gandiag.numerics.binomial import advantage_interval

Matrix = NDArray[np.float64]


def run(
    train: Matrix, real: Matrix, fake: Matrix, fit: Matrix, seed: int = 0, draws: int = 99
) -> tuple[Measurement, NullSummary]:
    found = measure(Comparison(real=real, fake=fake, fit=fit, train=train), rng=np.random.default_rng(seed))
    return found, summarise_null(found, draws=draws, rng=np.random.default_rng(seed + 1))


def p_of(null: NullSummary) -> float:
    assert null.p_value is not None
    return null.p_value.value


def sides(seed: int, n: int = 300, d: int = 4) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(n, d)) for _ in range(4))  # type: ignore[return-value]


@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
def test_a_generator_that_returns_a_share_of_its_rows_gives_that_share_away(share: float) -> None:
    # Returned members are at distance 0 and no fresh row is: the best attack has exactly this advantage.
    train, real, _, fit = sides(1, n=1000)
    fake = train[np.random.default_rng(2).permutation(1000)[: int(1000 * share)]]
    found, null = run(train, real, fake, fit)
    # 500 held-out members: 4 standard errors, and the rest may be told a little better than chance or a little worse.
    assert found.details["plain_advantage"] == pytest.approx(share, abs=4 * np.sqrt(0.3 / 500))
    assert found.details["tpr_at_one_percent"] == pytest.approx(share, abs=4 * np.sqrt(0.25 / 500))
    assert p_of(null) == 0.01
    assert found.interval is not None
    assert found.interval.low is not None
    assert share - 0.12 < found.interval.low < share


def test_an_exact_copy_is_the_worst_score() -> None:
    train, real, honest, fit = sides(3)
    scores = []
    for copied in (0, 100, 200, 300):
        found, _ = run(train, real, np.concatenate([train[:copied], honest[copied:]]), fit)
        scores.append(found.estimate)
    assert scores == sorted(scores)
    assert scores[-1] == 1.0


def test_scores_are_those_of_the_nearest_rows() -> None:
    rng = np.random.default_rng(4)
    rows, fake, fit = (rng.normal(size=(s, 3)) for s in (20, 30, 25))
    found = attack_scores(rows, fake, fit)
    to_fake = np.linalg.norm(rows[:, None] - fake[None], axis=2).min(axis=1)
    to_fit = np.linalg.norm(rows[:, None] - fit[None], axis=2).min(axis=1)
    np.testing.assert_allclose(found[0], -to_fake, atol=1e-12)
    assert stats.spearmanr(found[1], to_fit / to_fake).statistic == pytest.approx(1.0)


def test_relative_scores_discount_dense_regions() -> None:
    # Two blobs of very different width: in the dense one every row is near samples, member or not.
    rng = np.random.default_rng(5)
    width = np.array([0.01, 1.0])
    rows = [rng.normal(size=(400, 3)) * width[rng.integers(2, size=400)][:, None] for _ in range(4)]
    train, real, honest, fit = rows
    fake = np.concatenate([honest[:200], train[:200] * (1 + 0.05 * rng.normal(size=(200, 3)))])
    found, null = run(train, real, fake, fit)
    assert p_of(null) == 0.01
    assert found.details["auc_relative"] > found.details["auc_distance"] + 0.05


def rejections(reps: int, *, leaky: bool = False, share: float = 0.0) -> int:
    count = 0
    for seed in range(reps):
        train, real, fake, fit = sides(seed, n=40, d=2)
        rng = np.random.default_rng(seed)
        fake = np.where(rng.random((40, 1)) < share, train[rng.permutation(40)], fake)
        count += p_of(run(fake if leaky else train, real, fake, fit, seed)[1]) <= 0.05
    return count


def test_the_test_holds_its_level_and_members_shown_to_the_attacker_break_it() -> None:
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], 300, 0.05)
    assert low <= rejections(300) <= high
    assert rejections(20, leaky=True) == 20


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], 2000, 0.05)
    assert low <= rejections(2000) <= high


def test_a_poor_generator_that_ignores_its_data_passes() -> None:
    # Far from the data, but independent of who was in it: the null holds although real and fake differ wholly.
    count = 0
    for seed in range(150):
        train, real, fake, fit = sides(seed, n=40, d=2)
        count += p_of(run(train, real, 0.3 * fake + 1.0, fit, seed)[1]) <= 0.05
    assert count <= stats.binom.ppf(1 - 1e-4, 150, 0.05)


def test_it_sees_near_copies_of_a_quarter() -> None:
    caught = 0
    for seed in range(20):
        train, real, honest, fit = sides(seed, n=200)
        fake = np.concatenate([train[:50] + 0.05 * honest[:50], honest[50:]])
        caught += p_of(run(train, real, fake, fit, seed)[1]) <= 0.05
    assert caught >= 19


def test_the_lower_bound_holds_where_nothing_is_given_away() -> None:
    above = tuned = 0
    for seed in range(200):
        found, _ = run(*sides(seed, n=50, d=2), seed=seed, draws=1)
        assert found.interval is not None
        above += (found.interval.low or 0.0) > 0.0
        scores, member = found.arrays["scores"][0], found.arrays["is_member"]
        gap = stats.ks_2samp(scores[member], scores[~member], alternative="less").statistic
        # The same bound for a threshold tuned on the rows that judge it.
        threshold = max(scores, key=lambda t: (scores[member] >= t).mean() - (scores[~member] >= t).mean())
        hits, alarms = int((scores[member] >= threshold).sum()), int((scores[~member] >= threshold).sum())
        assert hits / 50 - alarms / 50 == pytest.approx(gap, abs=1e-12)
        tuned += advantage_interval(hits, 50, alarms, 50, sided="lower")[0] > 0.0
    limit = stats.binom.ppf(1 - 1e-4, 200, 0.05)
    assert above <= limit < tuned


def test_few_training_rows_are_refused_in_words() -> None:
    train, real, fake, fit = sides(6, n=30)
    assert measure(Comparison(real=real, fake=fake, fit=fit), rng=np.random.default_rng(0)).status == "undefined"
    found = measure(Comparison(real=real, fake=fake, fit=fit, train=train[:3]), rng=np.random.default_rng(0))
    assert found.reasons["estimate"] == "3 training rows are too few"
    full = measure(Comparison(real=real, fake=fake, fit=fit, train=train), rng=np.random.default_rng(0))
    json.dumps(dict(full.details), allow_nan=False)
    assert METRIC.needs == {"train"}


def reference_is_train(seed: int, copied: int) -> tuple[Measurement, NullSummary]:
    """Score as `gandiag.score(train=)` does: the rows set aside are the training rows."""
    train, real, fake, _ = sides(seed, n=200)
    noise = np.random.default_rng(seed + 1).normal(size=(copied, 4))
    fake[:copied] = train[:copied] + 0.05 * noise
    return run(train, real, fake, train, seed=seed)


def test_members_are_no_reference_where_training_rows_are_all_that_was_set_aside() -> None:
    # Members at distance 0 from the reference scored -1 in every case: an area of exactly 0 and a dead attack.
    null = [reference_is_train(seed, 0)[0].details for seed in range(20)]
    areas = np.array([found["auc_relative"] for found in null])
    # The standard deviation of an area of 200 against 150 rows is 0.031.
    assert abs(areas.mean() - 0.5) < 4 * 0.031 / np.sqrt(20)
    assert null[0]["n_reference"] == 50
    assert null[0]["n_others"] == 150
    found, _ = reference_is_train(0, 200)
    assert found.details["auc_relative"] > 0.9


def test_the_level_holds_where_training_rows_are_all_that_was_set_aside() -> None:
    values = np.array([p_of(reference_is_train(seed, 0)[1]) for seed in range(80)])
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], 80, 0.25)
    assert low <= (values <= 0.25).sum() <= high
