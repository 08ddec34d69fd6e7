"""Copies, collapse, memory and noise: rows that are replaced by others."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pathology_sources import Blobs, Rows, dice, draw, finite, images, same_rows, wrapped
from scipy import stats

from gandiag.core.specs import DATASETS
from gandiag.errors import ConfigError


def check_share(count: int, n: int, share: float) -> None:
    """Exact binomial test, two-sided."""
    assert stats.binomtest(count, n, share).pvalue > 1e-5


@pytest.mark.parametrize("severity", [0.1, 0.3, 0.75])
def test_exactly_the_asked_for_share_of_rows_are_copies(severity: float) -> None:
    ours, theirs = draw(wrapped("duplicate", Blobs(), severity), 200), draw(Blobs(), 200)
    untouched = same_rows(ours, theirs)
    assert (~untouched).sum() == round(severity * 200)
    kept = {row.tobytes() for row in theirs.matrix()[untouched]}
    assert all(row.tobytes() in kept for row in ours.matrix()[~untouched])
    assert len(np.unique(ours.matrix(), axis=0)) == 200 - round(severity * 200)


def test_copies_carry_the_label_of_what_was_copied() -> None:
    ours, theirs = draw(wrapped("duplicate", Blobs(), 0.5), 200), draw(Blobs(), 200)
    label_of = {row.tobytes(): label for row, label in zip(theirs.matrix(), theirs.labels, strict=True)}
    assert [label_of[row.tobytes()] for row in ours.matrix()] == ours.labels.tolist()


@pytest.mark.parametrize("name", ["duplicate", "collapse", "memorise", "noise"])
def test_a_draw_in_which_no_row_was_to_be_replaced_is_left_alone(name: str) -> None:
    for source in (Blobs(), dice()):
        ours, theirs = draw(wrapped(name, source, 1e-9), 5), draw(source, 5)
        np.testing.assert_array_equal(ours.values, theirs.values)


def test_full_duplication_leaves_one_row() -> None:
    assert len(np.unique(draw(wrapped("duplicate", finite(), 1), 50).matrix(), axis=0)) == 1
    assert len(draw(wrapped("duplicate", finite(), 1), 1)) == 1


def test_jitter_moves_copies_by_its_share_of_the_spread() -> None:
    exact = draw(wrapped("duplicate", Blobs(), 0.5), 4000)
    moved = draw(wrapped("duplicate", Blobs(), 0.5, jitter=0.01), 4000)
    gap = moved.matrix() - exact.matrix()
    copies = (gap != 0).any(axis=1)
    assert copies.sum() == 2000
    sd = draw(Blobs(), 50_000, seed=1).matrix().std(axis=0)
    # 2000 copies and a scale from 4096 rows: the ratio of sds is within 4.5 sd of 1, about 0.09.
    np.testing.assert_allclose(gap[copies].std(axis=0), 0.01 * sd, rtol=0.09)


def test_a_collapse_repeats_one_fixed_point() -> None:
    ill = wrapped("collapse", Blobs(), 0.3)
    ours, theirs = draw(ill, 5000), draw(Blobs(), 5000)
    changed = ~same_rows(ours, theirs)
    check_share(int(changed.sum()), 5000, 0.3)
    with pytest.raises(AssertionError, match="> 1e-05"):
        check_share(int(changed.sum()), 5000, 0.35)
    point = ill.point.matrix()[0]
    assert (ours.matrix()[changed] == point).all()
    assert (ours.labels[changed] == ill.point.labels[0]).all()
    other = draw(ill, 200, seed=5)
    assert (other.matrix() == point).all(axis=1).any()  # the same point in another draw
    assert not (wrapped("collapse", Blobs(), 0.3, seed=1).point.matrix() == point).all()


def test_a_full_collapse_is_a_single_point() -> None:
    samples = draw(wrapped("collapse", images(), 1), 60)
    assert (samples.matrix() == samples.matrix()[0]).all()


def test_a_full_memory_gives_training_rows_and_never_ends() -> None:
    source = finite()
    ill = wrapped("memorise", source, 1)
    assert ill.size is None
    samples = draw(ill, 1000)
    known = {row.tobytes(): label for row, label in zip(source.values, source.labels, strict=True)}
    assert [known[row.tobytes()] for row in samples.matrix()] == samples.labels.tolist()
    # With replacement: 1000 draws of 200 rows find 200 (1 - e^-5) = 198.7 of them, sd 1.1.
    assert 193 < len(np.unique(samples.matrix(), axis=0)) <= 200
    counts = np.unique(samples.matrix(), axis=0, return_counts=True)[1]
    assert counts.max() > 7


def test_the_memory_is_at_hand_and_fixed() -> None:
    ill = wrapped("memorise", Blobs(), 1, size=50)
    assert len(ill.memory) == 50
    known = {row.tobytes() for row in ill.memory.matrix()}
    for seed in (0, 1):
        assert {row.tobytes() for row in draw(ill, 400, seed=seed).matrix()} <= known
    again = wrapped("memorise", Blobs(), 0.5, size=50)
    np.testing.assert_array_equal(again.memory.matrix(), ill.memory.matrix())
    assert not same_rows(wrapped("memorise", Blobs(), 1, size=50, seed=1).memory, ill.memory).any()


def test_the_default_memory_is_all_of_a_finite_source_and_a_thousand_rows_of_an_endless_one() -> None:
    assert len(wrapped("memorise", finite(), 1).memory) == 200
    assert len(np.unique(wrapped("memorise", finite(), 1).memory.matrix(), axis=0)) == 200
    assert len(wrapped("memorise", Blobs(), 1).memory) == 1000
    assert len(wrapped("memorise", finite(), 1, size="30").memory) == 30


def test_a_part_of_the_draws_is_remembered() -> None:
    ill = wrapped("memorise", Blobs(), 0.4, size=20)
    ours, theirs = draw(ill, 5000), draw(Blobs(), 5000)
    known = {row.tobytes() for row in ill.memory.matrix()}
    remembered = np.array([row.tobytes() in known for row in ours.matrix()])
    check_share(int(remembered.sum()), 5000, 0.4)
    assert same_rows(ours, theirs)[~remembered].all()


def test_noisy_memories_lie_near_their_originals() -> None:
    ill = wrapped("memorise", Blobs(), 1, size=10, noise=0.01)
    samples, exact = draw(ill, 4000), draw(wrapped("memorise", Blobs(), 1, size=10), 4000)
    gap = samples.matrix() - exact.matrix()
    sd = draw(Blobs(), 50_000, seed=1).matrix().std(axis=0)
    np.testing.assert_allclose(gap.std(axis=0), 0.01 * sd, rtol=0.09)
    assert not same_rows(samples, exact).any()


def test_noise_replaces_the_asked_for_share_uniformly_in_the_declared_range() -> None:
    source = Blobs(value_range=(-12.0, 12.0))
    ours, theirs = draw(wrapped("noise", source, 0.25), 6000), draw(source, 6000)
    changed = ~same_rows(ours, theirs)
    check_share(int(changed.sum()), 6000, 0.25)
    for column in ours.matrix()[changed].T:
        assert stats.kstest(column, stats.uniform(-12, 24).cdf).pvalue > 1e-5
        assert stats.kstest(column, stats.uniform(-10, 20).cdf).pvalue < 1e-5


def test_noise_without_a_range_fills_the_bounding_box() -> None:
    samples = draw(wrapped("noise", Blobs(), 1), 4000).matrix()
    seen = draw(Blobs(), 4096, seed=3).matrix()
    for column in range(2):
        assert samples[:, column].min() == pytest.approx(seen[:, column].min(), abs=0.6)
        assert samples[:, column].max() == pytest.approx(seen[:, column].max(), abs=0.6)
        assert stats.kstest(samples[:, column], "uniform", args=_box(samples[:, column])).pvalue > 1e-5


def _box(column: np.ndarray) -> tuple[float, float]:
    return column.min(), np.ptp(column)


def test_gaussian_noise_has_the_moments_of_the_source() -> None:
    samples = draw(wrapped("noise", Blobs(), 1, law="gauss"), 4000).matrix()
    source = draw(Blobs(), 50_000, seed=1).matrix()
    for column in range(2):
        mean, sd = source[:, column].mean(), source[:, column].std()
        # 4000 draws, and moments from 4096 rows: errors of sd / sqrt(2000) and of 1.6 %.
        assert samples[:, column].mean() == pytest.approx(mean, abs=4.5 * sd / math.sqrt(2000))
        assert samples[:, column].std() == pytest.approx(sd, rel=0.07)
        assert (
            stats.kstest((samples[:, column] - samples[:, column].mean()) / samples[:, column].std(), "norm").pvalue
            > 1e-4
        )
    assert abs(np.corrcoef(samples.T)[0, 1]) < 4.5 / math.sqrt(4000)


def test_noise_on_images_is_pixel_noise_in_the_grey_range() -> None:
    digits = DATASETS.get("digits").open(split="test")
    samples = draw(wrapped("noise", digits, 1), 200)
    assert samples.shape == (8, 8)
    assert stats.kstest(samples.matrix().ravel(), stats.uniform(0, 16).cdf).pvalue > 1e-5


def test_noise_on_whole_numbers_is_uniform_up_to_both_ends() -> None:
    source = Rows(np.full((3000, 1), 2), kind="discrete", value_range=(0.0, 5.0))
    counts = np.bincount(draw(wrapped("noise", source, 1), 3000).values[:, 0], minlength=6)
    assert stats.chisquare(counts).pvalue > 1e-5


def test_one_percent_data_lies_within_ln_100_of_the_true_log_likelihood() -> None:
    """The lectures' case 2: hardly a sample is good, yet the likelihood gap is bounded in every dimension."""
    for dim in (2, 20):
        law = DATASETS.get("gauss").open(dim=dim)
        x = law.sample(500, rng=np.random.default_rng(0)).values
        ill = wrapped("noise", law, 0.99)
        low, high = ill.box(draw(law, 1))
        inside = ((x >= low) & (x <= high)).all(axis=1)
        log_noise = np.where(inside, -np.log(high - low).sum(), -np.inf)
        log_q = np.logaddexp(math.log(0.01) + law.log_density(x), math.log(0.99) + log_noise)
        gap = law.log_density(x) - log_q
        assert gap.max() <= math.log(100) + 1e-12
        check_share(int((~same_rows(draw(ill, 3000), draw(law, 3000))).sum()), 3000, 0.99)


def test_options_of_replaced_rows_are_checked() -> None:
    with pytest.raises(ConfigError, match="`law` must be one of gauss, uniform; got salt"):
        wrapped("noise", Blobs(), 0.5, law="salt")
    with pytest.raises(ConfigError, match="`severity` must be a finite number, at least 0 and at most 1"):
        wrapped("collapse", Blobs(), 1.1)
    with pytest.raises(ConfigError, match=r"`size` must not exceed the rows of a finite source; got 201 of 200"):
        wrapped("memorise", finite(), 1, size=201)
    with pytest.raises(ConfigError, match="`jitter` must be a finite number, at least 0"):
        wrapped("duplicate", finite(), 0.5, jitter=-1)


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [
        ("duplicate", {"jitter": 0.1}, "`jitter`"),
        ("memorise", {"noise": 0.1}, "`noise`"),
        ("noise", {"law": "gauss"}, "`law=gauss`"),
    ],
)
def test_options_that_move_values_are_refused_for_discrete_samples(name: str, options: dict, what: str) -> None:
    with pytest.raises(ConfigError, match=f"{what} must have vectors or images.*Leave it out"):
        draw(wrapped(name, dice(), 0.5, **options), 40)
