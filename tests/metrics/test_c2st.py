from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from gandiag.core.comparison import Comparison
from gandiag.errors import TooFewSamplesError
from gandiag.inference.nulls import summarise_null
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.c2st import METRIC
from gandiag.numerics.classifiers import LinearCritic
from gandiag.numerics.critics import held_out_critics
from gandiag.numerics.scoring import advantages, areas_under_curve, midranks


def comparison(real, fake, seed=0):
    return Comparison(real=real, fake=fake, fit=real[:2], seed=seed)


def measured(real, fake, seed=0):
    return METRIC.measure(comparison(real, fake, seed), rng=np.random.default_rng(seed))


def null_p_value(n, m, seed):
    rng = np.random.default_rng(seed)
    measurement = measured(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), seed)
    return permutation_null(measurement.null, draws=99, rng=np.random.default_rng(seed + 1)).p_value


def most_rejections(repetitions, level=0.05):
    return stats.binom.ppf(1 - 1e-4, repetitions, level)


@pytest.mark.parametrize(("n", "m"), [(50, 50), (60, 20)])
def test_p_values_keep_their_level_for_equal_and_unequal_sizes(n, m):
    # 18 % of 60 at the level 0.05 are refused; the slow form below refuses 7.5 % of 2000.
    p = np.array([null_p_value(n, m, 2 * seed) for seed in range(60)])
    for level in (0.05, 0.1, 0.5):
        assert (p <= level).sum() <= most_rejections(60, level)
    # Not merely conservative: half of the p-values lie below one half, within the same bound from below.
    assert (p <= 0.5).sum() >= stats.binom.ppf(1e-4, 60, 0.42)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(50, 50), (60, 20), (8, 8), (20, 200)])
def test_p_values_keep_their_level_over_two_thousand_samples(n, m):
    p = np.array([null_p_value(n, m, 100_000 + 2 * seed) for seed in range(2000)])
    for level in (0.01, 0.05, 0.1):
        assert (p <= level).sum() <= most_rejections(2000, level)


def test_a_critic_judged_on_its_own_training_rows_would_reject_nearly_always():
    # Teeth of the null calibration: the same scores, seen before.
    rejected = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        real, fake = rng.normal(size=(50, 20)), rng.normal(size=(50, 20))
        held = held_out_critics(real, fake, rng)
        seen = np.concatenate([real[held.train_real], fake[held.train_fake]])
        labels = np.arange(50) < 25
        ranks = midranks(held.critics["linear"].fitted.scores(seen))
        shuffled = rng.permuted(np.tile(labels, (99, 1)), axis=1).T
        null = areas_under_curve(ranks, shuffled)
        rejected += (1 + (null >= areas_under_curve(ranks, labels)).sum()) / 100 <= 0.05
    assert rejected > 25


def mean_shift_powers(seen, delta=0.15, repetitions=1500):
    """Power of Hotelling's test and of the nearest mean's accuracy: 200 rows per side, 100 columns."""
    rng = np.random.default_rng(23)
    hotelling = accuracy = 0
    for _ in range(repetitions):
        real, fake = rng.normal(size=(2, 200, 100))
        fake[:, 0] += np.sqrt(delta)
        gap = real.mean(axis=0) - fake.mean(axis=0)
        hotelling += 100 * gap @ gap >= stats.chi2.isf(0.05, 100)
        half = slice(0, 200) if seen else slice(100, 200)
        a, b = (side[: 200 if seen else 100].mean(axis=0) for side in (real, fake))
        right = (((real[half] - (a + b) / 2) @ (a - b)) > 0).sum() + (((fake[half] - (a + b) / 2) @ (a - b)) < 0).sum()
        tested = 2 * len(real[half])
        accuracy += (right / tested - 0.5) * 2 * np.sqrt(tested) >= 1.6449
    return hotelling / repetitions, accuracy / repetitions


@pytest.mark.row(23)
def test_accuracy_costs_power_against_hotelling_in_many_dimensions():
    # Tolerance .04 is four standard errors of a power of .2 over 1500 repetitions.
    hotelling, accuracy = mean_shift_powers(seen=False)
    assert hotelling == pytest.approx(0.28, abs=0.04)
    assert accuracy == pytest.approx(0.14, abs=0.04)
    # Judged on the rows that it learned from, the nearest mean rejects where nothing differs.
    assert mean_shift_powers(seen=True, delta=0.0, repetitions=40)[1] == 1.0


@pytest.mark.differential("D19")
def test_it_predicts_what_a_plain_pipeline_with_the_same_split_predicts():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(19)
    real, fake = rng.normal(size=(80, 4)), rng.normal(0.4, 1.3, size=(80, 4))
    held = held_out_critics(real, fake, np.random.default_rng(1))

    def pipeline(train_real, train_fake):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
        rows = np.concatenate([real[train_real], fake[train_fake]])
        model.fit(rows, np.arange(len(rows)) < len(train_real))
        return model.decision_function(np.concatenate([real[held.real_rows], fake[held.fake_rows]]))

    ours = held.critics["linear"].fitted.scores(np.concatenate([real[held.real_rows], fake[held.fake_rows]]))
    np.testing.assert_allclose(ours, pipeline(held.train_real, held.train_fake), rtol=1e-6, atol=1e-8)
    assert not np.allclose(1.01 * ours, pipeline(held.train_real, held.train_fake), rtol=1e-6, atol=1e-8)
    # Another split learns another critic.
    assert not np.allclose(ours, pipeline(held.real_rows, held.fake_rows), rtol=1e-2)


@pytest.mark.row(12)
def test_cross_validated_accuracy_against_a_binomial_rejects_too_often():
    # Row 12, a negative control: nearest mean, 50 per class in 50 dimensions, 10 stratified folds. Nominal size .044.
    rng = np.random.default_rng(0)
    repetitions, correct = 1000, []
    labels = np.repeat([True, False], 50)
    for _ in range(repetitions):
        rows = rng.normal(size=(100, 50))
        fold = np.concatenate([rng.permutation(50) % 10, rng.permutation(50) % 10])
        hits = 0
        for k in range(10):
            inside = fold != k
            a, b = rows[inside & labels].mean(axis=0), rows[inside & ~labels].mean(axis=0)
            hits += int((((rows[~inside] - (a + b) / 2) @ (a - b) > 0) == labels[~inside]).sum())
        correct.append(hits)
    critical = stats.binom.isf(0.05, 100, 0.5) + 1
    rejected = (np.array(correct) >= critical).sum()
    assert rejected > most_rejections(repetitions, stats.binom.sf(critical - 1, 100, 0.5))
    assert 1.15 < np.std(correct) / 5.0 < 1.4  # 5 is the binomial standard deviation


def test_accuracy_against_one_half_is_wrong_for_unequal_sizes_and_is_not_used():
    # 500 real against 50 fake of one law: calling everything real is right in 91 % of cases.
    plain, ours = 0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        result = measured(rng.normal(size=(500, 2)), rng.normal(size=(50, 2)), seed)
        right = round(result.details["majority_rate"] * result.details["n_test"])
        plain += stats.binom.sf(right - 1, result.details["n_test"], 0.5) <= 0.05
        ours += result.details["fisher_p"] <= 0.05
    assert plain == 40
    assert ours <= most_rejections(40)


def test_majority_rate_is_shown():
    rng = np.random.default_rng(0)
    details = measured(rng.normal(size=(90, 2)), rng.normal(size=(30, 2))).details
    assert details["majority_rate"] == 0.75
    assert (details["n_test_real"], details["n_test_fake"], details["n_test"]) == (45, 15, 60)


def test_estimate_and_area_are_those_of_the_chosen_critic():
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(300, 2)), rng.normal(0.8, 1.0, size=(200, 2))
    both = comparison(real, fake)
    result = METRIC.measure(both, rng=rng)
    held = both.once("held_out_critics", lambda _: pytest.fail("the critics must be shared"))
    observed = held.labels[:, None]
    assert result.estimate == pytest.approx(advantages(held.critic.says_real, observed)[0], abs=1e-12)
    assert result.details["accuracy"] == pytest.approx((1 + result.estimate) / 2, abs=1e-12)
    rows = result.null.statistic(observed)
    assert rows[0, 0] == pytest.approx(result.estimate, abs=1e-12)
    assert rows[-1, 0] == pytest.approx(result.details["auc"], abs=1e-12)
    assert result.details["total_variation_from_auc"] <= 0.7


def test_the_roc_curve_travels_with_its_threshold_and_the_band_of_guessing():
    rng = np.random.default_rng(1)
    result = measured(rng.normal(size=(300, 2)), rng.normal(0.8, 1.0, size=(200, 2)))
    alarms, hits = result.arrays["roc"]
    told = result.details
    assert np.trapezoid(hits, alarms) == pytest.approx(told["auc"], abs=1e-12)
    assert told["hit_rate"] - told["alarm_rate"] == pytest.approx(result.estimate, abs=1e-12)
    assert np.any(np.isclose(hits, told["hit_rate"]) & np.isclose(alarms, told["alarm_rate"]))
    assert told["guessing_band"] == pytest.approx(1.3581 * np.sqrt(1 / 150 + 1 / 100), rel=1e-4)
    assert told["guessing_band_level"] == 0.95


def test_intervals_cover_the_true_advantage_of_the_frozen_critic():
    # One column: the linear critic is a cut, whose advantage under N(0, 1) and N(1, 1) is known.
    def miss_count(n, m):
        misses = narrow = used = 0
        for seed in range(80):
            rng = np.random.default_rng(seed)
            both = comparison(rng.normal(size=(n, 1)), rng.normal(1.0, 1.0, size=(m, 1)), seed)
            held = both.once("held_out_critics", lambda r, c=both: held_out_critics(c.real, c.fake, r))
            if held.chosen != "linear" or not isinstance(held.critic.fitted, LinearCritic):
                continue  # chosen on the training half: the held-out rows know nothing of it
            critic = held.critic.fitted
            slope = critic.weights[0] / critic.scale[0]
            cut = critic.centre[0] - (critic.offset - held.critic.threshold) / slope
            truth = np.sign(-slope) * (stats.norm.cdf(cut) - stats.norm.cdf(cut - 1.0))
            interval = METRIC.measure(both, rng=rng).interval
            middle = (interval.low + interval.high) / 2
            reach = (interval.high - interval.low) / 2
            misses += not middle - reach <= truth <= middle + reach
            narrow += not middle - reach / 3 <= truth <= middle + reach / 3
            used += 1
        return misses, narrow, used

    for n, m in ((40, 40), (60, 30)):
        misses, narrow, used = miss_count(n, m)
        assert used > 25
        assert misses <= most_rejections(used)
        assert narrow > most_rejections(used)  # teeth: intervals of a third of the width miss


def test_a_real_difference_is_found_with_its_column_and_its_rows():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(300, 4)), rng.normal(size=(260, 4))
    fake[:, 3] += 1.5
    result = measured(real, fake)
    assert permutation_null(result.null, draws=199, rng=rng).p_value == 1 / 200
    first = result.details["gave_it_away"][0]
    assert (first["column"], first["above_noise"]) == (3, True)
    assert not any(entry["above_noise"] for entry in result.details["gave_it_away"][1:])
    arrays = result.arrays
    assert np.array_equal(arrays["telling_fake_rows"], fake[arrays["telling_fake"]])
    assert np.array_equal(arrays["telling_real_rows"], real[arrays["telling_real"]])
    assert arrays["telling_fake_rows"][:, 3].mean() > 2.0 > 0.0 > arrays["telling_real_rows"][:, 3].mean()
    held_fake = arrays["scores"][~arrays["labels"]]
    assert held_fake.min() == pytest.approx(held_out_scores(result)[0], abs=1e-12)


def held_out_scores(result):
    return np.sort(result.arrays["scores"][~result.arrays["labels"]])


def test_a_difference_of_format_is_called_a_leak():
    rng = np.random.default_rng(4)
    real, fake = rng.normal(size=(100, 3)), rng.normal(size=(100, 3))
    leaky = measured(np.round(real, 1), fake)
    assert any("format leak" in w and "repeated values" in w for w in leaky.warnings)
    assert leaky.details["format_leak"]["repeated_values"] > 0.9
    assert measured(np.round(real, 1), np.round(fake, 1)).warnings == ()


def test_perfect_separation_is_called_suspicious():
    rng = np.random.default_rng(5)
    result = measured(rng.normal(size=(40, 2)), rng.normal(50.0, 1.0, size=(40, 2)))
    assert result.estimate == 1.0
    assert result.warnings == (
        "every held-out row is told apart: look for a difference of format before one of quality",
    )
    assert measured(rng.normal(size=(40, 2)), rng.normal(1.0, 1.0, size=(40, 2))).warnings == ()


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        (np.ones((8, 2)), np.ones((12, 2))),
        (np.random.default_rng(0).normal(size=(8, 60)), np.random.default_rng(1).normal(size=(9, 60))),
        (np.repeat([[1.0, 2.0], [3.0, 4.0]], 10, axis=0), np.repeat([[1.0, 2.0], [3.0, 4.5]], 8, axis=0)),
    ],
)
def test_awkward_samples_give_plain_finite_results(real, fake):
    result = measured(real, fake)
    json.dumps(dict(result.details), allow_nan=False)
    summary = summarise_null(result, draws=99, rng=np.random.default_rng(0))
    assert summary.p_value.value >= 1 / 100
    assert METRIC.low <= result.interval.low <= result.estimate <= result.interval.high <= METRIC.high


def test_equal_rows_everywhere_give_p_one_and_advantage_zero():
    result = measured(np.full((10, 3), 2.5), np.full((20, 3), 2.5))
    assert result.estimate == 0.0
    assert permutation_null(result.null, draws=99, rng=np.random.default_rng(0)).p_value == 1.0
    assert result.details["fisher_p"] == 1.0


def test_a_common_factor_changes_nothing():
    rng = np.random.default_rng(6)
    real, fake = rng.normal(size=(50, 3)), rng.normal(0.4, 1.0, size=(50, 3))
    assert measured(real, fake).estimate == measured(1024 * real, 1024 * fake).estimate
    assert measured(real, fake).estimate == measured(real / 1e5, fake / 1e5).estimate
    # Teeth: a factor on one side alone does.
    assert measured(real, fake).estimate != measured(real, 1024 * fake).estimate


def test_fewer_than_eight_rows_are_refused():
    with pytest.raises(TooFewSamplesError, match="at least 8 rows of each side"):
        measured(np.ones((7, 1)), np.ones((20, 1)))
