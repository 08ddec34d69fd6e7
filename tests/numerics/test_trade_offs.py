"""Curves of precision against recall: exact laws, the paper's own cases, the ratio form, and wrong variants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gandiag.numerics.divergences import total_variation
from gandiag.numerics.trade_offs import best_f, clipped, judged_trade_off, overlap_area, slopes, trade_off

AT = slopes()


def curve(p, q):
    alpha = trade_off(np.array(p), np.array(q), AT)
    return alpha, alpha / AT


@pytest.mark.row(70)
def test_uniform_on_four_of_ten_has_the_published_curve():
    p, q = np.full(10, 0.1), np.r_[np.full(4, 0.25), np.zeros(6)]
    alpha, beta = curve(p, q)
    assert alpha.max() == pytest.approx(1.0, abs=1e-9)
    assert beta.max() == pytest.approx(0.4, abs=1e-9)
    assert (alpha[500], beta[500]) == pytest.approx((0.4, 0.4), abs=1e-6)
    assert float(best_f(alpha, AT, 8.0)) == pytest.approx(0.4037, abs=1e-3)
    assert float(best_f(alpha, AT, 1 / 8)) == pytest.approx(0.9774, abs=1e-3)
    # Swapped arguments exchange precision and recall, and must be seen.
    swapped = trade_off(q, p, AT)
    assert float(best_f(swapped, AT, 8.0)) == pytest.approx(0.9774, abs=1e-3)


@pytest.mark.row(70)
def test_the_cases_of_the_authors():
    alpha, beta = curve([1.0, 0.0], [0.0, 1.0])
    assert (alpha == 0.0).all(), "no overlap, no precision at any slope"
    assert float(best_f(alpha, AT, 8.0)) == 0.0
    alpha, beta = curve([1.0, 0.0], [0.5, 0.5])
    assert alpha[500] == pytest.approx(0.5, abs=1e-6)
    assert beta[0] == pytest.approx(1.0, abs=1e-9)
    assert alpha.max() == pytest.approx(0.5, abs=1e-9)
    alpha, beta = curve([0.3, 0.7], [0.3, 0.7])
    np.testing.assert_allclose(alpha, np.minimum(AT, 1.0), atol=1e-12)


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=2, max_size=6))
def test_curves_keep_their_laws(weights):
    p, q = np.array(weights).T + 1e-6
    p, q = p / p.sum(), q / q.sum()
    alpha, beta = curve(p, q)
    assert alpha[500] == pytest.approx(1 - total_variation(p, q), abs=1e-6)
    assert (np.diff(alpha) >= -1e-12).all()
    assert (np.diff(beta) <= 1e-9).all()
    assert (alpha <= np.minimum(AT, 1.0) + 1e-12).all()
    np.testing.assert_allclose(trade_off(q, p, AT)[::-1], beta, rtol=1e-5, atol=1e-7)
    one = np.nan_to_num(2 * alpha * beta / np.maximum(alpha + beta, 1e-300))
    assert float(best_f(alpha, AT, 1.0)) == pytest.approx(one.max(), abs=1e-9)


def test_the_ratio_form_reaches_the_curve_of_shifted_gaussians_and_a_reversed_one_does_not():
    rng = np.random.default_rng(0)
    n = 40_000
    real, fake = rng.normal(size=n), rng.normal(1.0, 1.0, size=n)
    ratios = 0.5 - np.concatenate([real, fake])  # log p / q
    labels = np.arange(2 * n)[:, None] < n
    found = judged_trade_off(ratios, labels, AT)[:, 0]
    # A = {x >= 1/2 + log l}: alpha = l P(A) + Q(not A).
    cut = 0.5 + np.log(AT)
    truth = AT * stats.norm.sf(cut) + stats.norm.cdf(cut - 1.0)
    error = np.sqrt(AT**2 * stats.norm.sf(cut) * stats.norm.cdf(cut) + stats.norm.cdf(cut - 1) * stats.norm.sf(cut - 1))
    near = (AT > 0.02) & (AT < 50)
    assert (np.abs(found - truth)[near] <= 4.5 * error[near] / np.sqrt(n) + 1e-12).all()
    assert found[500] == pytest.approx(1 - 0.382925, abs=4 * 0.7 / np.sqrt(n))
    reversed_ratio = judged_trade_off(-ratios, labels, AT)[:, 0]
    assert reversed_ratio[500] > 1.3


def test_a_fixed_ratio_is_an_upper_bound_and_one_tuned_on_the_judging_rows_is_not():
    rng = np.random.default_rng(1)
    fixed, tuned = [], []
    for _ in range(200):
        scores = rng.normal(size=60)
        labels = (rng.permutation(60) < 30)[:, None]
        fixed.append(judged_trade_off(scores, labels, np.array([1.0]))[0, 0])
        best = [(labels[scores <= t].sum() + (~labels[scores > t]).sum()) / 30 for t in [-np.inf, *scores]]
        tuned.append(min(best))
    # Equal laws: alpha(1) = 1.
    assert np.mean(fixed) >= 1.0 - 4 * np.std(fixed) / np.sqrt(200)
    assert np.mean(tuned) < 1.0 - 4 * np.std(tuned) / np.sqrt(200)


def test_columns_are_judged_alike():
    rng = np.random.default_rng(2)
    ratios = rng.normal(size=50).round(1)
    labels = np.stack([rng.permutation(50) < 20 for _ in range(5)], axis=1)
    together = judged_trade_off(ratios, labels, AT)
    for b in range(5):
        in_a = ratios[:, None] <= -np.log(AT)
        alone = AT * in_a[labels[:, b]].mean(axis=0) + (~in_a)[~labels[:, b]].mean(axis=0)
        np.testing.assert_allclose(together[:, b], alone, rtol=1e-12)
    area = overlap_area(together, AT)
    np.testing.assert_allclose(area, (together / np.maximum(1, AT)[:, None]).mean(axis=0), rtol=1e-12)
    assert (clipped(together, AT) <= np.minimum(1, AT)[:, None]).all()
