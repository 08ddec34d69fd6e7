from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gandiag.numerics.critics import held_out_critics
from gandiag.numerics.telltales import LEAK_AREA, column_importance, format_traits


def importance(real, fake, seed=0):
    held = held_out_critics(real, fake, np.random.default_rng(seed))
    rows = np.concatenate([real[held.real_rows], fake[held.fake_rows]])
    return column_importance(held.critic.fitted, rows, held.labels, rng=np.random.default_rng(seed + 1))


def test_the_shifted_column_leads_and_the_others_stay_within_noise():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(300, 4)), rng.normal(size=(300, 4))
    fake[:, 2] += 1.0
    found = importance(real, fake)
    assert found.columns[0] == 2
    assert found.p_values[0] == 1 / 200
    assert found.importance[0] > found.noise
    assert (found.importance[1:] < found.noise).all()
    assert (found.p_values[1:] > 0.05).all()


def test_the_column_of_a_pure_change_of_scale_leads_too():
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(400, 3)), rng.normal(size=(400, 3))
    fake[:, 1] *= 3.0
    assert importance(real, fake).columns[0] == 1


def test_many_columns_are_narrowed_on_the_training_half():
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(300, 80)), rng.normal(size=(300, 80))
    fake[:, 71] += 1.5
    found = importance(real, fake)
    assert len(found.columns) == 32
    assert found.columns[0] == 71


@pytest.mark.slow
def test_no_column_is_named_more_often_than_the_level_where_nothing_differs():
    # 200 repetitions: the count of the smallest adjusted p at 0.05 stays below the binomial's 1e-4 tail.
    named, unadjusted = 0, 0
    for seed in range(200):
        rng = np.random.default_rng(1000 + seed)
        found = importance(rng.normal(size=(30, 6)), rng.normal(size=(20, 6)), seed)
        named += found.p_values.min() <= 0.05
        unadjusted += found.importance.max() > 0
    limit = stats.binom.ppf(1 - 1e-4, 200, 0.05)
    assert named <= limit
    # Teeth: "some column has a positive importance" is no evidence.
    assert unadjusted > limit


@pytest.mark.parametrize(
    ("write", "trait"),
    [
        (lambda x: np.round(8 * x), "whole_numbers"),
        (lambda x: x.astype(np.float32).astype(np.float64), "single_precision"),
        (lambda x: np.round(x, 1) + 0.01, "repeated_values"),
        (lambda x: np.clip(x, -0.5, 0.5), "end_values"),
        (lambda x: np.where(x > 0, 0.123, -0.456), "few_levels"),
    ],
)
def test_each_way_of_writing_values_is_found(write, trait):
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(100, 5)), rng.normal(size=(80, 5))
    assert format_traits(write(real), fake)[trait] > LEAK_AREA
    assert format_traits(fake, write(real))[trait] > LEAK_AREA
    # Teeth: the same law written alike on both sides is no leak.
    assert max(format_traits(write(real), write(fake)).values()) < LEAK_AREA
    assert max(format_traits(real, fake).values()) == 0.5


def test_shifts_scales_and_duplicated_rows_are_no_format():
    rng = np.random.default_rng(4)
    real = rng.normal(size=(120, 3))
    copies = real[rng.integers(0, 5, size=120)]
    for fake in (5 + rng.normal(size=(120, 3)), 9 * rng.normal(size=(120, 3)), copies):
        assert format_traits(real, fake)["repeated_values"] < LEAK_AREA
        assert format_traits(real, fake)["end_values"] < LEAK_AREA


def test_wide_samples_of_another_scale_do_not_look_clipped():
    rng = np.random.default_rng(5)
    real, fake = rng.normal(size=(50, 3000)), 2 * rng.normal(size=(50, 3000))
    assert max(format_traits(real, fake).values()) == 0.5
