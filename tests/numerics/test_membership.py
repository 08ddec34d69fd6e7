"""Attacks on membership: brute-force agreement, honesty of the halves, rank statistics, intervals of areas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gandiag.errors import ConfigError
from gandiag.numerics.membership import area_interval, judged_attacks, separations, threshold_for_alarms


def by_hand(scores, choosing, labels):
    """Try every distinct score of every attack as threshold, the slow way."""
    best = (0.0, 0, np.inf)
    for attack, row in enumerate(scores):
        for threshold in np.unique(row[choosing])[::-1]:
            called = row[choosing] >= threshold
            gain = called[labels[choosing]].mean() - called[~labels[choosing]].mean()
            if gain > best[0] + 1e-12:
                best = (gain, attack, threshold)
    called = scores[best[1]][~choosing] >= best[2]
    held = labels[~choosing]
    return best[0], called[held].mean() - called[~held].mean()


@pytest.mark.parametrize("whole", [False, True])
def test_it_agrees_with_trying_every_threshold(whole: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        scores = rng.normal(size=(2, 60))
        scores = scores.round() if whole else scores
        choosing = rng.permutation(60) < 30
        labels = np.stack([rng.permutation(60) < 25 for _ in range(3)], axis=1)
        found = judged_attacks(scores, choosing, labels)
        for column in range(3):
            gain, advantage = by_hand(scores, choosing, labels[:, column])
            assert found.gain[column] == pytest.approx(gain, abs=1e-12)
            assert found.advantage[column] == pytest.approx(advantage, abs=1e-12)


def test_held_out_advantage_is_honest_and_the_gap_of_the_same_rows_is_not() -> None:
    rng = np.random.default_rng(1)
    labels = np.stack([rng.permutation(200) < 100 for _ in range(400)], axis=1)
    found = judged_attacks(rng.normal(size=(2, 200)), np.arange(200) % 2 == 0, labels)
    error = found.advantage.std() / 20
    assert abs(found.advantage.mean()) < 4 * error
    # The largest gap of the choosing half itself: what a threshold tuned on the judging rows would report.
    assert found.gain.mean() > 20 * error


def test_nobody_is_called_where_no_threshold_gains() -> None:
    scores = np.array([[1.0, 0.0, 1.0, 0.0]])
    labels = np.array([[False], [True], [False], [True]])
    found = judged_attacks(scores, np.array([True, True, False, False]), labels)
    assert (found.gain[0], found.advantage[0]) == (0.0, 0.0)
    assert found.threshold[0] == np.finfo(float).max


def test_equal_scores_are_never_split() -> None:
    labels = (np.arange(40) % 4 < 2)[:, None]
    found = judged_attacks(np.zeros((1, 40)), np.arange(40) < 20, labels)
    assert found.advantage[0] == 0.0
    assert separations(np.zeros((1, 40)), labels)[0] == 0.0


def test_both_halves_need_rows() -> None:
    with pytest.raises(ConfigError, match="both halves"):
        judged_attacks(np.zeros((1, 4)), np.ones(4, dtype=bool), np.ones((4, 1), dtype=bool))


def test_separations_are_standardised_rank_sums() -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(1, 100))
    labels = np.stack([rng.permutation(100) < 40 for _ in range(4000)], axis=1)
    found = separations(scores, labels)
    areas = np.array([stats.mannwhitneyu(scores[0, c], scores[0, ~c]).statistic for c in labels.T[:200]])
    z = (areas - 40 * 60 / 2) / np.sqrt(40 * 60 * 101 / 12)
    assert (found[:200] >= z - 1e-12).all()
    assert np.isclose(found[:200], z).mean() > 0.3, "one of the two sums is that of all ranks"
    # The larger of two positively dependent standardised sums: between one of them and that of independent ones.
    assert 0.0 < found.mean() < 1 / np.sqrt(np.pi)
    assert np.sqrt(1 - 1 / np.pi) - 0.05 < found.std() < 1.05


def test_few_members_given_away_entirely_are_seen_by_the_top_ranks() -> None:
    rng = np.random.default_rng(3)
    scores = rng.normal(size=400)
    labels = np.arange(400)[:, None] < 200
    scores[:8] = 10.0
    area_alone = stats.norm.isf(stats.mannwhitneyu(scores[:200], scores[200:], alternative="greater").pvalue)
    assert separations(scores[None], labels)[0] > area_alone + 0.5


def test_the_threshold_for_alarms_keeps_the_rate() -> None:
    scores, labels = np.arange(200.0), np.arange(200) % 2 == 0
    threshold = threshold_for_alarms(scores, labels, 0.01)
    assert (scores[~labels] > threshold).mean() == 0.01
    assert threshold_for_alarms(scores[:20], labels[:20], 0.01) == 19.0, "with few others, above them all"


@pytest.mark.parametrize(("shift", "n", "m"), [(0.0, 40, 40), (1.0, 40, 40), (1.0, 25, 70), (3.0, 30, 30)])
def test_the_interval_of_an_area_covers(shift: float, n: int, m: int) -> None:
    rng = np.random.default_rng(4)
    truth, covered, naive = stats.norm.cdf(shift / np.sqrt(2)), 0, 0
    for _ in range(400):
        x, y = rng.normal(shift, 1.0, size=n), rng.normal(size=m)
        area = (x[:, None] > y[None]).mean()
        low, high = area_interval(area, n, m)
        assert 0.0 <= low <= area <= high <= 1.0
        covered += low <= truth <= high
        half = 1.96 * np.sqrt(area * (1 - area) / (n * m))
        naive += area - half <= truth <= area + half
    # Nominal .95; a score interval may run a little short at the ends: .93.
    least = stats.binom.ppf(1e-4, 400, 0.93)
    assert covered >= least
    if shift < 2:
        assert naive < least, "the n m pairs are not independent"
