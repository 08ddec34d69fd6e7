"""Identity: the reduction to uniformity is exact and keeps distances, the simulated test keeps its level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gandiag.errors import ConfigError
from gandiag.numerics.known_law import (
    LEAST_SHRINK,
    as_law,
    identity_p,
    pearson_identity,
    reduced_to_uniform,
    uniform_pushforward,
)

Vector = NDArray[np.float64]

weights = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12).filter(lambda w: sum(w) > 1e-3)


def law_of(w: list[float]) -> Vector:
    out: Vector = np.array(w) / sum(w)
    return out


@given(weights, st.integers(0, 10_000))
def test_the_reduction_is_exactly_uniform_and_keeps_three_eighths_of_every_distance(w: list[float], seed: int) -> None:
    q = law_of(w)
    p = np.random.default_rng(seed).dirichlet(np.full(len(q), 0.3))
    cells = 6 * len(q)
    np.testing.assert_allclose(uniform_pushforward(q, q), 1 / cells, rtol=1e-9)
    sent = uniform_pushforward(p, q)
    assert sent.sum() == pytest.approx(1.0, rel=1e-9)
    assert len(sent) == cells
    far, kept = 0.5 * np.abs(p - q).sum(), 0.5 * np.abs(sent - 1 / cells).sum()
    assert kept >= LEAST_SHRINK * far - 1e-9
    assert kept <= 0.5 * far + 1e-9  # half of the draws are replaced


@given(weights)
def test_without_the_filter_the_pushforward_is_not_uniform(w: list[float]) -> None:
    """Rounding masses to cells and dropping the filter leaves unequal cells, unless every mass is a whole multiple."""
    q = law_of(w)
    k = len(q)
    mixed = 0.5 * q + 0.5 / k
    cells = np.floor(6 * k * mixed * (1 - 1e-12))
    unfiltered = mixed / cells
    if np.abs(6 * k * mixed - np.rint(6 * k * mixed)).max() > 1e-6:
        assert np.ptp(unfiltered) > 0 or not np.allclose(unfiltered, 1 / (6 * k), rtol=1e-9)


def test_draws_follow_the_pushforward() -> None:
    """200 000 draws, 24 cells of some 8000: a chi-square of 23 degrees of freedom exceeds 63 once in 100 000."""
    rng = np.random.default_rng(0)
    q, p = np.array([0.5, 0.3, 0.15, 0.05]), np.array([0.1, 0.2, 0.3, 0.4])
    for law in (q, p):
        sent = reduced_to_uniform(rng.choice(4, size=200_000, p=law), q, rng)
        counts, expected = np.bincount(sent, minlength=24), 200_000 * uniform_pushforward(law, q)
        assert ((counts - expected) ** 2 / expected).sum() < 63
    assert ((counts - 200_000 / 24) ** 2 / (200_000 / 24)).sum() > 1000  # p is not sent to the uniform law
    whole = reduced_to_uniform(np.zeros(100, dtype=np.int64), np.array([1.0]), rng)
    assert 0 <= whole.min() <= whole.max() < 6


def test_pearsons_statistic_without_noise_is_centred() -> None:
    """Poisson counts under q: mean 0; with p: m sum (p - q)^2/q. 4000 repetitions, four standard errors."""
    rng = np.random.default_rng(1)
    q, p = np.array([0.5, 0.3, 0.15, 0.05]), np.array([0.45, 0.3, 0.15, 0.1])
    for law in (q, p):
        counts = rng.poisson(200 * law[:, None], size=(4, 4000)).astype(float)
        expected = 200 * q[:, None]
        found = (((counts - expected) ** 2 - counts) / expected).sum(axis=0)
        chi = 200 * float(((law - q) ** 2 / q).sum())
        # The noise of the counts has mean sum p/q - K over the terms that are taken off.
        assert abs(found.mean() - chi) < 4 * found.std() / np.sqrt(4000)
    plain = (np.square(counts - expected) / expected).sum(axis=0)
    assert plain.mean() > chi + 20 * plain.std() / np.sqrt(4000)  # Pearson's own has the noise on top
    fixed = rng.multinomial(50, q, size=3).T.astype(float)
    by_hand = [(((f - 50 * q) ** 2 - f) / (50 * q)).sum() for f in fixed.T]
    np.testing.assert_allclose(pearson_identity(fixed, q), by_hand, rtol=1e-12)


def test_the_simulated_test_keeps_its_level_and_one_against_estimated_shares_does_not() -> None:
    """300 repetitions at 5 %: binomial limit at 1e-4 is 31. Shares of another sample are no law to test against."""
    rng = np.random.default_rng(2)
    q = 1 / np.arange(1.0, 31)
    q /= q.sum()
    hits, wrong = 0, 0
    for _ in range(300):
        fake = rng.multinomial(80, q)
        hits += identity_p(fake, q, rng, draws=199) <= 0.05
        estimated = rng.multinomial(80, q) + 0.5
        wrong += identity_p(fake, estimated / estimated.sum(), rng, draws=199) <= 0.05
    assert hits <= 31
    assert wrong > 90


def test_an_impossible_value_is_never_forgiven() -> None:
    rng = np.random.default_rng(3)
    law = np.array([0.5, 0.5, 0.0])
    assert identity_p(np.array([50, 49, 1]), law, rng, draws=199) == 1 / 200
    assert identity_p(np.array([50, 50, 0]), law, rng, draws=199) > 0.2


def test_what_is_no_law_is_refused() -> None:
    assert as_law([1, 0, 0]).tolist() == [1.0, 0.0, 0.0]
    for bad in ([0.5, 0.6], [1.5, -0.5], [], [float("nan"), 1.0]):
        with pytest.raises(ConfigError, match="a law is a list of probabilities"):
            as_law(bad)
