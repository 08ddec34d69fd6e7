"""Variational bounds with the optimal critic and with poor ones, and the sample form that is no bound."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gandiag.numerics.critic_bounds import confident_jsd, confident_kl, equilibrium_value, nwj
from gandiag.numerics.critics import held_out_critics
from gandiag.numerics.scoring import information


def donsker_varadhan(first, second):
    """The form whose sample version is not below the divergence on average."""
    return first.mean() - np.log(np.exp(second).mean())


@pytest.mark.row(57)
def test_the_optimal_critic_reaches_the_divergences_of_shifted_gaussians():
    rng = np.random.default_rng(0)
    n = 200_000
    p, q = rng.normal(1.0, 1.0, size=n), rng.normal(size=n)
    ratio_p, ratio_q = p - 0.5, q - 0.5
    # Standard errors: 1 / sqrt(n) = .0022 for the mean over p, sd(e^T) / sqrt(n) = .0029 for that over q.
    assert nwj(ratio_p, ratio_q) == pytest.approx(0.5, abs=4 * math.hypot(0.0022, 0.0029))
    assert nwj(ratio_p, ratio_q) == pytest.approx(0.4967, abs=0.02)
    assert donsker_varadhan(ratio_p, ratio_q) == pytest.approx(0.4967, abs=0.02)
    probabilities = 1.0 / (1.0 + np.exp(-np.concatenate([ratio_p, ratio_q])))
    found = float(information(probabilities, np.arange(2 * n)[:, None] < n)[0])
    assert found == pytest.approx(0.11142, abs=0.003)
    assert nwj(ratio_q, ratio_p) < 0.5 - 0.2, "the roles of both laws are not exchangeable"
    assert nwj(ratio_p + 1.0, ratio_q + 1.0) < 0.4, "T without the -1 of the exponent"


@pytest.mark.row(57)
def test_the_sample_form_of_donsker_and_varadhan_is_no_bound():
    # Equal laws, a wild critic fixed beforehand: every bound must be at most 0 on average.
    rng = np.random.default_rng(1)
    nwj_values, dv_values = [], []
    for _ in range(4000):
        first, second = 3.0 * rng.normal(size=5), 3.0 * rng.normal(size=5)
        nwj_values.append(nwj(first, second))
        dv_values.append(donsker_varadhan(first, second))
    # For T ~ N(0, 9) the true Donsker-Varadhan value is -4.5: its sample form from 5 rows is far above that,
    assert np.mean(dv_values) > -4.5 + 50 * np.std(dv_values) / np.sqrt(4000)
    # and for a critic that is constant on one law and learned nothing about the other it is above the divergence.
    shifted = [donsker_varadhan(np.full(5, 0.0), t) for t in np.log(rng.standard_exponential(size=(4000, 5)))]
    error = np.std(shifted) / np.sqrt(4000)
    assert np.mean(shifted) > 10 * error, "log E r = 0 here, so the truth is 0"
    honest = [nwj(np.full(5, 0.0), t) for t in np.log(rng.standard_exponential(size=(4000, 5)))]
    assert abs(np.mean(honest)) < 4 * np.std(honest) / np.sqrt(4000)


@pytest.mark.parametrize(("n", "m"), [(300, 300), (400, 200)])
def test_confidence_bounds_stay_below_the_truth(n, m):
    # Shift 2: JSD .336831, KL 2 in both directions.
    above_jsd = above_kl = above_reverse = positive = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        held = held_out_critics(rng.normal(size=(n, 1)), rng.normal(2.0, 1.0, size=(m, 1)), rng)
        jsd, kl = confident_jsd(held, level=0.95), confident_kl(held, level=0.95)
        reverse = confident_kl(held, level=0.95, reverse=True)
        above_jsd, above_kl = above_jsd + (jsd > 0.336831), above_kl + (kl > 2.0)
        above_reverse += reverse > 2.0
        positive += min(jsd, kl, reverse) > 0.0
    limit = stats.binom.ppf(1 - 1e-4, 25, 0.05)
    assert max(above_jsd, above_kl, above_reverse) <= limit
    assert positive > 20, "a bound that is always 0 would pass the line above"


def test_the_value_of_the_game_is_minus_log_four_at_the_equilibrium():
    assert equilibrium_value(0.0) == pytest.approx(-1.386294, abs=1e-6)
    assert equilibrium_value(math.log(2.0)) == pytest.approx(0.0, abs=1e-12)
    # It is the critic's own objective, E log D + E log(1 - D).
    d = np.random.default_rng(2).uniform(0.1, 0.9, size=40)
    plain = float(information(d, np.arange(40)[:, None] < 20)[0])
    assert equilibrium_value(plain) == pytest.approx(np.log(d[:20]).mean() + np.log(1 - d[20:]).mean(), abs=1e-12)
