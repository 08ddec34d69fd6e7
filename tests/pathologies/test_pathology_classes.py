"""Dropped and reweighted modes: which rows are left, and in which proportions."""

from __future__ import annotations

import numpy as np
import pytest
from pathology_sources import WEIGHTS, Blobs, draw, finite, same_rows, wrapped
from scipy import stats

from gandiag.core.specs import DATASETS
from gandiag.errors import ConfigError, SamplerExhausted


def check_shares(labels: np.ndarray, shares: np.ndarray) -> None:
    counts = np.bincount(labels, minlength=len(shares))
    assert counts[shares == 0].sum() == 0
    kept = shares > 0
    assert (
        kept.sum() == 1 or stats.chisquare(counts[kept], shares[kept] / shares[kept].sum() * len(labels)).pvalue > 1e-5
    )


@pytest.mark.parametrize("count", [1, 2, 3])
def test_dropped_modes_never_occur_and_the_others_keep_their_proportions(count: int) -> None:
    ill = wrapped("drop_modes", Blobs(modes=True), count)
    assert len(ill.dropped) == count
    shares = WEIGHTS.copy()
    shares[ill.dropped] = 0
    labels = draw(ill, 20_000).labels
    check_shares(labels, shares)
    if count < 3:
        with pytest.raises(AssertionError, match="> 1e-05"):
            check_shares(labels, (shares > 0).astype(float))  # as if the others were made equal


def test_the_kept_rows_of_an_endless_source_follow_its_law_within_modes() -> None:
    samples = draw(wrapped("drop_modes", Blobs(), 2), 8000)
    source = draw(Blobs(), 20_000, seed=1)
    for label in np.unique(samples.labels):
        ours, theirs = samples.values[samples.labels == label], source.values[source.labels == label]
        for column in range(2):
            assert stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue > 1e-4


def test_a_finite_source_loses_the_rows_of_dropped_classes_and_no_other() -> None:
    source = finite()
    ill = wrapped("drop_modes", source, 3)
    assert ill.size == 140
    samples = draw(ill, 140)
    expected = source.values[~np.isin(source.labels, ill.dropped)]
    np.testing.assert_array_equal(np.sort(samples.values, axis=0), np.sort(expected, axis=0))
    assert len(np.unique(samples.values, axis=0)) == 140
    with pytest.raises(SamplerExhausted, match=r"140 of 141.*never drawn twice"):
        draw(ill, 141)


def test_the_seed_chooses_which_classes_are_dropped() -> None:
    chosen = {tuple(wrapped("drop_modes", finite(), 2, seed=s).dropped) for s in range(12)}
    assert len(chosen) > 5
    assert wrapped("drop_modes", finite(), 2, seed=4).dropped == wrapped("drop_modes", finite(), 2, seed=4).dropped


def test_a_mode_too_rare_to_be_seen_counts_all_the_same() -> None:
    """The thousand classes of the stacked digits: those that the look missed are known from no list, and kept."""
    ill = wrapped("drop_modes", DATASETS.get("stacked_digits").open(), 500)
    labels = draw(ill, 3000).labels
    assert not set(labels) & set(ill.dropped)
    assert len(ill.dropped) == 500


def test_all_classes_cannot_be_dropped() -> None:
    with pytest.raises(ConfigError, match=r"must leave at least one class; got 4 of 4 classes\. Drop at most 3"):
        draw(wrapped("drop_modes", Blobs(), 4), 5)
    with pytest.raises(ConfigError, match="`severity` must be a whole number"):
        wrapped("drop_modes", Blobs(), 0.5)


def test_reweighted_modes_have_the_declared_weights() -> None:
    ill = wrapped("reweight_modes", Blobs(), 0.8)
    factors = np.array([ill.kept_shares[c] for c in range(4)])
    np.testing.assert_allclose(np.sort(factors), 0.2 ** (np.array([3, 2, 1, 0]) / 3), rtol=1e-12)
    labels = draw(ill, 20_000).labels
    check_shares(labels, WEIGHTS * factors)
    with pytest.raises(AssertionError, match="> 1e-05"):
        check_shares(labels, WEIGHTS)
    with pytest.raises(AssertionError, match="> 1e-05"):
        check_shares(labels, WEIGHTS * factors[::-1])


def test_a_reweighted_finite_source_keeps_an_exact_share_of_each_class() -> None:
    source = finite()
    ill = wrapped("reweight_modes", source, 0.75)
    counts = np.bincount(draw(ill, ill.size).labels, minlength=10)
    expected = [int(20 * ill.kept_shares[c] + 1e-9) for c in range(10)]
    assert counts.tolist() == expected
    assert sorted(counts)[0] == 5
    assert sorted(counts)[-1] == 20
    assert (draw(ill, 20).values[:, None] == source.values[None]).all(axis=2).any(axis=1).all()


def test_a_small_draw_of_a_finite_source_is_in_random_order() -> None:
    first, second = (draw(wrapped("drop_modes", finite(), 2), 30, seed=s) for s in (0, 1))
    assert same_rows(first, second).mean() < 0.2


def test_the_number_of_rows_is_checked() -> None:
    for name, severity in (("drop_modes", 1), ("reweight_modes", 0.5), ("memorise", 1)):
        with pytest.raises(ConfigError, match="`n` must be a whole number, at least 1; got 0"):
            draw(wrapped(name, Blobs(), severity), 0)
